// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/change.h"

#include <array>
#include <cstddef>

#include "base/assert.h"
#include "dispatcher/core/derived_ids.h"

namespace weir::dispatcher {
namespace {

constexpr std::array<std::string_view, kTransitions> kTransitionWords = {"none",
                                                                         "T1 created",
                                                                         "T2 claimed",
                                                                         "T3 extended",
                                                                         "T4 completed",
                                                                         "T5 waits for retry",
                                                                         "T6 failed",
                                                                         "T7 retry queued",
                                                                         "T8 late report",
                                                                         "T9 canceled waiting",
                                                                         "T10 cancel requested",
                                                                         "T11 canceled running",
                                                                         "T12 reopened",
                                                                         "T13 retried",
                                                                         "T14 released",
                                                                         "bell answered",
                                                                         "bell rung"};

int& count_of(CountDelta& counts, TaskState state) {
  switch (state) {
    case TaskState::Queued:
      return counts.queued;
    case TaskState::Running:
      return counts.running;
    case TaskState::RetryWait:
      return counts.retry_wait;
    case TaskState::Completed:
      return counts.completed;
    case TaskState::Failed:
      return counts.failed;
    case TaskState::Canceled:
      return counts.canceled;
  }
  return counts.queued;
}

}  // namespace

std::string_view word(Transition transition) {
  return kTransitionWords.at(static_cast<std::size_t>(transition));
}

CountDelta CountDelta::of(std::optional<TaskState> before, std::optional<TaskState> after) {
  CountDelta delta;
  if (before) --count_of(delta, *before);
  if (after) ++count_of(delta, *after);
  return delta;
}

CountDelta& CountDelta::operator+=(const CountDelta& other) {
  queued += other.queued;
  running += other.running;
  retry_wait += other.retry_wait;
  completed += other.completed;
  failed += other.failed;
  canceled += other.canceled;
  return *this;
}

void apply(TaskView& view, const Change& change) {
  if (change.created) view.task = *change.created;
  if (change.life) view.task.life = *change.life;
  if (change.opened) {
    WEIR_ASSERT(change.opened->attempt == view.task.life.attempt);
    view.attempt = change.opened;
  }
  if (change.ended) {
    WEIR_ASSERT(view.attempt && view.attempt->attempt == change.ended->attempt);
    view.attempt->state = change.ended->state;
    view.attempt->outcome = change.ended->outcome;
    view.attempt->error = change.ended->error;
    view.attempt->ended_at = change.ended->ended_at;
  }
  if (view.attempt && view.attempt->attempt != view.task.life.attempt) view.attempt.reset();
  if (change.lease_change == LeaseChange::Put) view.lease = change.lease;
  if (change.lease_change == LeaseChange::Deleted) view.lease.reset();
}

void apply(BuildFacts& build, const Change& change) { build.running += change.counts.running; }

OutboxRecord wakeup_row(const TaskRecord& task, int attempt, int number, Instant now) {
  OutboxRecord row;
  row.outbox_id = wakeup_id(task.task_id, attempt, number);
  row.kind = OutboxKind::TaskWakeup;
  row.topic = task.queue.text();
  row.payload = "{\"task_id\":\"" + task.task_id.text() + "\"}";
  row.available_at = now;
  row.created_at = now;
  return row;
}

}  // namespace weir::dispatcher
