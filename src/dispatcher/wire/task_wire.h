// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dispatcher/ports/task_requests.h"
#include "dispatcher/ports/wakeup_queue.h"
#include "storage/commit_verifier.h"

/// Bodies of the internal and the task listener (contract sections 3.3 and 3.4), read into typed
/// requests. Faults: INVALID_ARGUMENT with `invalid_request`, `unknown_field`, `duplicate_item`,
/// `scope_required`, `duplicate_scope`, `lifecycle_only`.
namespace weir::dispatcher {

/// An event as its emitter tells it; the commit is still to be verified.
struct EventDraft {
  NewEvent event;
  std::optional<storage::CommitNamed> commit;
};
struct AcceptDraft {
  TaskId task_id;
  Fence fence;
  std::vector<EventDraft> events;
  std::optional<StateWrite> state;
};

/// POST /internal/wakeups.
struct WakeupRequest {
  std::string worker_id;
  std::vector<QueueName> queues;
  std::size_t max = 1;
  Duration wait{};
  std::vector<WakeupReceipt> acknowledged;
  /// Claims the tasks of the messages that come, and others of `runtime` if the messages are as
  /// many as are asked for. It names no task yet.
  std::optional<ClaimRequest> claim = {};
};

/// Whether the route takes a batch, or the item alone (section 3.4).
enum class BodyForm : std::uint8_t { Batch, Single };

Result<ClaimRequest> read_claim(std::string_view body);
Result<std::vector<TaskItem<HeartbeatCommand>>> read_heartbeats(std::string_view body,
                                                                BodyForm form);
Result<std::vector<TaskItem<CompleteCommand>>> read_completions(std::string_view body,
                                                                BodyForm form);
Result<AcceptDraft> read_events(std::string_view body);
Result<StateRead> read_state_read(std::string_view body);
Result<WakeupRequest> read_wakeups(std::string_view body);

}  // namespace weir::dispatcher
