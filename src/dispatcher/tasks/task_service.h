// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dispatcher/ports/dataset_reader.h"
#include "dispatcher/ports/task_store.h"
#include "dispatcher/tasks/capability_mint.h"
#include "dispatcher/tasks/nudges.h"
#include "dispatcher/wire/task_wire.h"
#include "operators/task_payload.h"
#include "storage/object_store.h"

namespace weir::dispatcher {

struct SharedCalls;

/// A claimed task as its executor gets it.
struct Assignment {
  TaskId task_id;
  Answer<ClaimReply> answer;
  operators::TaskPayload payload;        ///< of a claimed task, as all below
  std::optional<Capability> capability;  ///< nothing for the inline executor
  /// Of a task that ran within its claim, which has no payload then.
  std::optional<CompleteReply> completed = {};
};
struct Assignments {
  std::vector<Assignment> tasks;
  bool more = false;
};

/// Whether a claim is to come with capability tokens.
enum class WithCapability : std::uint8_t { Yes, No };

struct TaskServiceParts {
  TaskStore& store;
  DatasetReader& datasets;
  storage::ObjectStore& objects;
  CapabilityMint& mint;
  Nudges& nudges;
  std::size_t sessions;  ///< that the store may use at once
};

/// What executors ask for: claims, heartbeats, events, completions, state. Concurrent calls share
/// transactions (contract section 6.1); what must be looked at outside of them, commits and
/// payloads, is looked at here. The listeners and the inline executor stand on it. Any thread.
class TaskService {
 public:
  explicit TaskService(TaskServiceParts parts);
  ~TaskService();
  TaskService(const TaskService&) = delete;
  TaskService& operator=(const TaskService&) = delete;

  Result<Assignments> claim(const ClaimRequest& request, WithCapability with);
  /// What a claim that waited is answered with: payloads and tokens of what was claimed for it.
  Result<Assignments> assign(ClaimAnswer claims);
  /// In the order of the items, each with its own refusal or fault.
  std::vector<Answer<HeartbeatReply>> heartbeat(std::vector<TaskItem<HeartbeatCommand>> items);
  std::vector<Answer<CompleteReply>> complete(std::vector<TaskItem<CompleteCommand>> items);
  Result<Answer<AcceptReply>> accept(const AcceptDraft& draft);
  Result<Answer<RunReply>> start_run(const RunRequest& request);
  Result<Answer<StateReply>> command(const UserRequest& request);
  Result<Answer<StateRow>> read_state(const StateRead& request);

  /// The task and its payload, as task-fetch tells it: `fence_no` is 0.
  struct Look {
    TaskContext context;
    operators::TaskPayload payload;
  };
  Result<Look> look(const TaskId& task);

  /// The payload of a task that is being claimed in this process, as far as its claim knows it;
  /// nothing where more must be looked up. `fence_no` is 0.
  std::optional<operators::TaskPayload> payload_within(const TaskContext& context) const;

  /// A token for a running attempt whose first one nears its end.
  Result<Capability> renew(const TaskId& task);

  /// Takes nothing more; calls under way end.
  void stop();

 private:
  using Prepared = std::map<TaskId, std::pair<operators::TaskPayload, Capability>>;

  void prepare(const TaskContext& context, Prepared& prepared);
  Result<Assignments> assign(ClaimAnswer claims, WithCapability with, Prepared prepared);
  Result<operators::TaskPayload> payload_of(const TaskContext& context, std::int64_t fence_no);
  Result<std::vector<NewEvent>> verified(const AcceptDraft& draft);
  void note_end(const CompleteReply& reply);

  TaskServiceParts parts_;
  std::unique_ptr<SharedCalls> calls_;
};

}  // namespace weir::dispatcher
