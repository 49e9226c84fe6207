// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/memory/memory_task_claim.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "dispatcher/ports/task_limits.h"

namespace weir::dispatcher {

ClaimAnswer MemoryClaim::run() {
  ClaimAnswer answer;
  if (repeat(answer)) return answer;
  std::size_t claimed = 0;
  for (const TaskId& task : request_.task_ids) {
    answer.tasks.push_back(claim_one(task));
    if (answer.tasks.back().answer.ok()) ++claimed;
  }
  if (request_.max == 0) return answer;
  WEIR_ASSERT(request_.runtime);
  const std::size_t wanted = std::max(request_.max, request_.task_ids.size());
  while (claimed < wanted) {
    const auto next = next_ready();
    if (!next) break;
    answer.tasks.push_back(claim_one(*next));
    WEIR_ASSERT(answer.tasks.back().answer.ok());  // its gate was just seen open
    ++claimed;
  }
  answer.more = next_ready().has_value();
  promise(answer.more);
  return answer;
}

bool MemoryClaim::repeat(ClaimAnswer& answer) {
  if (!request_.claim_id) return false;
  MemoryTaskState& state = transaction_.state();
  const auto held = state.claims.find({request_.worker_id, *request_.claim_id});
  if (held == state.claims.end()) return false;
  std::vector<TaskId> living;
  for (const auto& [fence_no, task] : held->second) {
    if (state.tables.leases.at(task).expires_at > transaction_.now()) living.push_back(task);
  }
  if (living.empty()) return false;
  for (const TaskId& task : request_.task_ids) answer.tasks.push_back(look_at(task));
  for (const TaskId& task : living) {
    if (std::ranges::find(request_.task_ids, task) != request_.task_ids.end()) continue;
    answer.tasks.push_back(look_at(task));
  }
  if (request_.max > 0) answer.more = next_ready().has_value();
  return true;
}

ClaimedTask MemoryClaim::claim_one(const TaskId& task) {
  const TaskView view = transaction_.view(task);
  auto decision = transaction_.run(view, command(view));
  ClaimedTask claimed{.task_id = task, .answer = {}, .context = {}};
  claimed.answer.refused = decision.refused;
  if (decision.refused) return claimed;
  claimed.answer.reply = decision.reply;
  const TaskRecord& row = *transaction_.state().find_task(task);
  claimed.answer.reply.fence_no =
      transaction_.state().tables.attempts.at({task, row.life.attempt}).fence_no;
  claimed.context = transaction_.context(row);
  return claimed;
}

ClaimedTask MemoryClaim::look_at(const TaskId& task) {
  const TaskView view = transaction_.view(task);
  const auto decision = decide(view, transaction_.facts(view), command(view), transaction_.now());
  ClaimedTask claimed{.task_id = task, .answer = {}, .context = {}};
  claimed.answer.refused = decision.refused;
  if (decision.refused) return claimed;
  if (!decision.reply.duplicate) {  // It could be had, but not by this request.
    claimed.answer.refused = not_claimed(NotClaimedReason::NotDue, Duration{});
    return claimed;
  }
  claimed.answer.reply = decision.reply;
  claimed.context = transaction_.context(view.task);
  return claimed;
}

ClaimCommand MemoryClaim::command(const TaskView& view) {
  ClaimCommand command;
  command.worker_id = request_.worker_id;
  command.claim_id = request_.claim_id;
  command.lease_token = transaction_.fresh<LeaseToken>();
  command.draw = transaction_.draw();
  if (view.presence != Presence::Live) return command;
  command.operator_supported = supports(view.task);
  MemoryTaskState& state = transaction_.state();
  for (const auto& [input, version] : state.build(view.task.build_id).inputs) {
    command.frozen_scope.pinned.push_back({.input_index = input, .version = version});
  }
  if (view.task.life.scope.cursor_to && view.task.trigger_event_id && view.task.input_index) {
    const auto cursor =
        state.tables.cursors.find({view.task.build_id, *view.task.input_index,
                                   state.tables.events.at(*view.task.trigger_event_id).version});
    if (cursor != state.tables.cursors.end()) command.frozen_scope.cursor_from = cursor->second;
  }
  return command;
}

bool MemoryClaim::supports(const TaskRecord& task) {
  const JobSeed& job = transaction_.state().build(task.build_id).job;
  return runs(request_, job.operator_name, job.operator_version);
}

std::optional<TaskId> MemoryClaim::next_ready() {
  MemoryTaskState& state = transaction_.state();
  std::optional<MemoryTaskState::Rank> first;
  for (const auto level : kQueueLevels) {
    for (const MemoryTaskState::Rank& rank : state.ready[{*request_.runtime, level}]) {
      if (first && *first <= rank) break;
      const TaskRecord& task = *state.find_task(rank.second);
      if (task.life.available_at > transaction_.now()) continue;
      if (!supports(task) || !transaction_.gate_open(task)) continue;
      first = rank;
      break;
    }
  }
  if (!first) return std::nullopt;
  return first->second;
}

void MemoryClaim::run_claimed(ClaimAnswer& answer, std::size_t& events) {
  if (!request_.in_process) return;
  // All states before the first run: of two tasks that write one state the second finds another
  // revision and stays claimed, as where states are read together.
  std::vector<std::pair<ClaimedTask*, StateRow>> runs;
  for (ClaimedTask& task : answer.tasks) {
    if (!task.answer.ok() || task.answer.reply.duplicate) continue;
    runs.emplace_back(&task, state_of(task));
  }
  for (const auto& [task, state] : runs) task->completed = run_one(*task, state, events);
}

StateRow MemoryClaim::state_of(const ClaimedTask& task) const {
  if (!request_.in_process->wants_state(*task.context)) return {};
  const auto& rows = transaction_.state().tables.operator_state;
  const auto row = rows.find({task.context->task.build_id, "default"});
  if (row == rows.end()) return {};
  return {row->second.state_json, row->second.revision};
}

std::optional<CompleteReply> MemoryClaim::run_one(const ClaimedTask& task, const StateRow& state,
                                                  std::size_t& events) {
  auto work = request_.in_process->run(*task.context, state);
  if (!work || work->events.size() > events) return std::nullopt;
  events -= work->events.size();
  const Fence fence = {task.answer.reply.attempt, task.answer.reply.lease_token};
  const TaskView view = transaction_.view(task.task_id);
  if (!work->events.empty() || work->state) {
    const AcceptRequest request{.task_id = task.task_id,
                                .fence = fence,
                                .events = std::move(work->events),
                                .state = std::move(work->state)};
    if (!transaction_.accept(view.task, fence.attempt, request).ok()) return std::nullopt;
  }
  CompleteCommand command = std::move(work->end);
  command.fence = fence;
  auto decision = decide(view, transaction_.facts(view), command, transaction_.now());
  if (decision.refused) return std::nullopt;
  // As where the next in order is not locked.
  if (std::exchange(decision.change.next_in_order, false)) decision.change.meter.owed = true;
  transaction_.write(view.task, decision.change);
  return decision.reply;
}

void MemoryClaim::promise(bool more) {
  for (const auto level : kQueueLevels) {
    MeterRow& meter = transaction_.state().tables.meters[{*request_.runtime, level}];
    meter.more_until.reset();
    if (more) meter.more_until = transaction_.now() + kPulledPromise;
  }
}

}  // namespace weir::dispatcher
