// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "dispatcher/ports/memory/memory_task_transaction.h"

namespace weir::dispatcher {

/// One claim request in a transaction of the memory store (contract section 3.3.1).
class MemoryClaim {
 public:
  MemoryClaim(MemoryTransaction& transaction, const ClaimRequest& request)
      : transaction_(transaction), request_(request) {}

  ClaimAnswer run();
  /// Runs what was claimed in this process (2.6), once all requests of the call have claimed;
  /// `events`: how many all of them may still emit.
  void run_claimed(ClaimAnswer& answer, std::size_t& events);
  /// As the request claims the task.
  ClaimCommand command(const TaskView& view);

 private:
  /// The answer to a claim that was answered before, while leases of it live: those leases. Writes
  /// nothing.
  bool repeat(ClaimAnswer& answer);
  ClaimedTask claim_one(const TaskId& task);
  ClaimedTask look_at(const TaskId& task);
  bool supports(const TaskRecord& task);
  /// The first ready task of the runtime in claim order that this worker may run.
  std::optional<TaskId> next_ready();
  void promise(bool more);
  StateRow state_of(const ClaimedTask& task) const;
  std::optional<CompleteReply> run_one(const ClaimedTask& task, const StateRow& state,
                                       std::size_t& events);

  MemoryTransaction& transaction_;
  const ClaimRequest& request_;
};

}  // namespace weir::dispatcher
