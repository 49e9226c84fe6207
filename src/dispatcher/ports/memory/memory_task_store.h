// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "dispatcher/ports/memory/memory_task_plane.h"
#include "dispatcher/ports/task_store.h"

namespace weir::dispatcher {

class MemoryTransaction;

/// The task store over memory: what tests and simulations run, and what the rules of the port mean
/// where the port's text leaves room. The items of a call are decided one after the other in the
/// order of the request; each sees what the ones before it did. Never fails as a whole. Any thread.
class MemoryTaskStore final : public TaskStore {
 public:
  /// `plane` outlives the store. `waiting` is TaskStorePorts'.
  explicit MemoryTaskStore(MemoryTaskPlane& plane, FindWaitingClaims waiting = {})
      : plane_(plane), waiting_(std::move(waiting)) {}

  Result<std::vector<ClaimAnswer>> claim(std::span<const ClaimRequest> requests) override;
  Result<std::vector<Answer<HeartbeatReply>>> heartbeat(
      std::span<const TaskItem<HeartbeatCommand>> items) override;
  Result<std::vector<Answer<CompleteReply>>> complete(
      std::span<const TaskItem<CompleteCommand>> items) override;
  Result<std::vector<Answer<AcceptReply>>> accept(std::span<const AcceptRequest> requests) override;
  Result<std::vector<Answer<RunReply>>> start_runs(std::span<const RunRequest> requests) override;
  Result<Answer<StateReply>> command(const UserRequest& request) override;
  Result<TaskContext> fetch(const TaskId& task) override;
  Result<Answer<StateRow>> read_state(const StateRead& request) override;
  Result<ChorePage> run_chore(Chore chore, std::size_t limit) override;
  Result<DueInstants> due() override;

 private:
  MemoryTaskPlane& plane_;
  const FindWaitingClaims waiting_;
};

}  // namespace weir::dispatcher
