// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_in_process.h"

#include <map>
#include <utility>

#include "dispatcher/core/fence.h"
#include "dispatcher/ports/task_limits.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

// Without a lock: versions come before states in the order of locks, and whoever writes a state
// names the revision that was read.
constexpr Statement kReadStates = {
    "task_read_states",
    "SELECT t.task_id, s.state, s.revision FROM unnest($1::uuid[]) AS w (id)"
    " JOIN state.tasks t ON t.task_id = w.id JOIN state.operator_state s"
    " ON s.build_id = t.build_id AND s.state_key = 'default'"};

Fence fence_of(const ClaimedTask& task) {
  return {task.answer.reply.attempt, task.answer.reply.lease_token};
}

}  // namespace

Result<void> InProcessRuns::run(std::span<const ClaimRequest> requests,
                                std::span<ClaimAnswer> answers) {
  std::deque<Run> runs;
  for (std::size_t at = 0; at < requests.size(); ++at) {
    if (!requests[at].in_process) continue;
    for (ClaimedTask& task : answers[at].tasks) {
      if (!task.answer.ok() || task.answer.reply.duplicate || !task.context) continue;
      runs.push_back({.executor = requests[at].in_process.get(), .task = &task});
    }
  }
  if (runs.empty()) return {};
  WEIR_CHECK(read_states(runs));
  std::size_t events = 0;
  for (Run& run : runs) {
    auto work = run.executor->run(*run.task->context, run.state);
    if (!work || events + work->events.size() > kInProcessEventsMax) continue;
    events += work->events.size();
    run.work = *std::move(work);
    done_.push_back(std::move(run));
  }
  WEIR_CHECK(load_outputs(done_));
  for (Run& run : done_) end(run);
  return {};
}

Result<void> InProcessRuns::read_states(std::deque<Run>& runs) {
  std::map<TaskId, Run*> wanting;
  for (Run& run : runs) {
    if (run.executor->wants_state(*run.task->context)) wanting.emplace(run.task->task_id, &run);
  }
  if (wanting.empty()) return {};
  Params params;
  params.uuid_array(wanting, [](const auto& entry) { return entry.first.uuid(); });
  const std::size_t at = transaction_.pipeline().add(kReadStates, std::move(params));
  WEIR_TRY(const std::vector<Rows> results, transaction_.pipeline().run());
  for (std::size_t row = 0; row < results[at].size(); ++row) {
    wanting.at(id_of<TaskId>(results[at], row, 0))->state = {
        .state_json = canonical(results[at].text(row, 1)), .revision = results[at].int64(row, 2)};
  }
  return {};
}

/// Locks and reads what is emitted to. Subscribers of a DAG that is switching are not waited for,
/// since the tasks are locked already: what they would be told is left to be emitted as usual.
Result<void> InProcessRuns::load_outputs(std::deque<Run>& runs) {
  for (Run& run : runs) {
    if (run.work.events.empty() && !run.work.state) continue;
    run.producer = producers_.size();
    producers_.push_back({.task = run.task->task_id,
                          .build = {},
                          .events = run.work.events,
                          .state = run.work.state ? &*run.work.state : nullptr});
  }
  if (producers_.empty()) return {};
  acceptance_.emplace(transaction_, producers_, Acceptance::Switches::Try);
  acceptance_->queue_reads();
  WEIR_TRY(const std::vector<Rows> results, transaction_.pipeline().run());
  acceptance_->take(results);
  return {};
}

void InProcessRuns::end(Run& run) {
  const TaskView view = transaction_.view(run.task->task_id);
  if (run.producer) {
    if (acceptance_->must_start_over()) return;
    const auto accepted =
        acceptance_->accept(view.task, view.task.life.attempt, producers_[*run.producer]);
    if (!accepted.ok()) return;
  }
  CompleteCommand command = run.work.end;
  command.fence = fence_of(*run.task);
  auto decision = decide(view, transaction_.facts(view), command, transaction_.now());
  if (decision.refused) return;
  // The next in order was not locked; its executor comes back anyway.
  if (std::exchange(decision.change.next_in_order, false)) decision.change.meter.owed = true;
  transaction_.write(view, decision.change);
  run.task->completed = decision.reply;
}

void InProcessRuns::write(postgres::Pipeline& pipeline) const {
  if (acceptance_ && !acceptance_->must_start_over()) acceptance_->write(pipeline);
}

}  // namespace weir::dispatcher
