// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "dispatcher/core/source_run.h"
#include "dispatcher/ports/tasks/postgres_task_accept.h"

namespace weir::dispatcher {

/// Source runs inside a TaskTransaction (contract section 5.2): the run, its event and the tasks of
/// its subscribers. Only for the sources of PostgresTaskStore.
class SourceRuns {
 public:
  /// Queues all that is to be locked and read; `requests` outlives this.
  SourceRuns(TaskTransaction& transaction, std::span<const RunRequest> requests);
  /// Runs it, with what the caller queued besides, and gives all results. Nothing: a DAG subscribed
  /// meanwhile, start over.
  Result<std::optional<std::vector<postgres::Rows>>> load();

  Answer<RunReply> start(std::size_t index);
  /// An always_on run, which workers claim. False if it exists.
  bool start_always_on(std::size_t index);

  Result<void> commit(const std::function<void(postgres::Pipeline&)>& more = {});

 private:
  static std::vector<RunRequest> with_outputs(std::span<const RunRequest> requests);
  static std::vector<Acceptance::Producer> producers_of(std::span<const RunRequest> requests);
  void name_runs();

  TaskTransaction& transaction_;
  std::vector<RunRequest> requests_;
  std::vector<Acceptance::Producer> producers_;
  Acceptance acceptance_;
};

}  // namespace weir::dispatcher
