// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "dispatcher/core/ids.h"
#include "dispatcher/core/task_words.h"
#include "dispatcher/ports/task_requests.h"
#include "dispatcher/ports/tasks/postgres_task_marks.h"

namespace weir::postgres {
class Pipeline;
class Rows;
}  // namespace weir::postgres

/// How ready tasks are found: per build, through the index tasks_ready, over builds whose counters
/// show queued tasks and whose gate is open, merged in claim order (contract section 6.4).
namespace weir::dispatcher {

/// What a search is for.
struct ReadySearch {
  std::vector<std::string> queues;
  std::size_t limit = 0;
  /// Of builds that run one of these; nothing: any.
  std::optional<std::vector<OperatorName>> operators = {};
  bool unrung_only = false;                  ///< those without a wake-up
  std::vector<ReadyMarks::Mark> marks = {};  ///< where it begins; elsewhere at the first
  /// Begins the names of the transaction's settings that keep what it found.
  std::string window = "weir.window";
};

/// The queues of a runtime.
std::vector<QueueName> queues_of(QueueRuntime runtime);

/// Queues the search, which locks nothing, for the first ready tasks in claim order that are not in
/// weir.tasks: the window. Gives the index of its result.
std::size_t queue_window(postgres::Pipeline& pipeline, const ReadySearch& search);
/// The same for a search with a mark, where one build alone may offer: the window is the first
/// tasks from the mark on, as many as are wanted, and is not looked at; the pick finds them, or
/// fewer. Where it is not so, or that build offers less, `marks_of` the result is empty and nothing
/// will be picked.
std::size_t queue_alone(postgres::Pipeline& pipeline, const ReadySearch& search);
/// The tasks of a window.
std::vector<TaskId> window_of(const postgres::Rows& rows);
/// Where what gave the window begins: of builds that offer all they have.
std::vector<ReadyMarks::Mark> marks_of(const postgres::Rows& rows);
/// Queues the shared switch locks of the DAGs of weir.tasks and of all windows so far.
void queue_window_switches(postgres::Pipeline& pipeline);
/// Queues what locks as many tasks of each build as the window has of it, the first ones that are
/// free, adds them to weir.tasks and notes their jobs. `search` is the one that made the window.
/// Gives the index of its result: their rows, then whether their root was handed over, then, with
/// `triggers`, the columns of their events.
std::size_t queue_pick(postgres::Pipeline& pipeline, const ReadySearch& search, bool triggers);

}  // namespace weir::dispatcher
