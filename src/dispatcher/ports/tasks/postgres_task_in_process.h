// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <optional>
#include <span>
#include <vector>

#include "dispatcher/ports/tasks/postgres_task_accept.h"

namespace weir::dispatcher {

/// The tasks that an executor of this process runs within the claim that gives them (contract
/// section 2.6): after the claims are decided, before they are written. Only for the sources of
/// PostgresTaskStore.
class InProcessRuns {
 public:
  explicit InProcessRuns(TaskTransaction& transaction) : transaction_(transaction) {}

  /// Runs what requests with an InProcess have claimed, and decides its events and its end.
  /// `answers`: those of the requests, in their order.
  Result<void> run(std::span<const ClaimRequest> requests, std::span<ClaimAnswer> answers);
  /// Queues what was emitted; what has ended stands in the transaction's writes.
  void write(postgres::Pipeline& pipeline) const;

 private:
  struct Run {
    const InProcess* executor = nullptr;
    ClaimedTask* task = nullptr;
    StateRow state = {};
    InProcessWork work = {};
    std::optional<std::size_t> producer = {};  ///< of what emits
  };

  Result<void> read_states(std::deque<Run>& runs);
  Result<void> load_outputs(std::deque<Run>& runs);
  void end(Run& run);

  TaskTransaction& transaction_;
  std::deque<Run> done_;  ///< whose events the acceptance refers to
  std::vector<Acceptance::Producer> producers_;
  std::optional<Acceptance> acceptance_;
};

}  // namespace weir::dispatcher
