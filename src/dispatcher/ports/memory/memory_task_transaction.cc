// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/memory/memory_task_transaction.h"

#include <algorithm>
#include <memory>

#include "dispatcher/core/claim_gate.h"

namespace weir::dispatcher {

MemoryTransaction::MemoryTransaction(MemoryTaskState& state, Random& random, Instant now,
                                     const FindWaitingClaims& waiting)
    : state_(state), random_(random), now_(now), immediate_(waiting) {
  for (const auto runtime : kQueueRuntimes) {
    for (const auto level : kQueueLevels) {
      const QueueName queue{runtime, level};
      const auto meter = state_.tables.meters.find(queue);
      const MeterRow row = meter == state_.tables.meters.end() ? MeterRow{} : meter->second;
      budget_.read(queue, row.outstanding, row.more_until && *row.more_until > now);
    }
  }
}

TaskView MemoryTransaction::view(const TaskId& task, const std::optional<LeaseToken>& token) {
  TaskView view;
  const TaskRecord* row = state_.find_task(task);
  if (row == nullptr) {
    const auto archived = state_.tables.history.find(task);
    view.presence =
        archived == state_.tables.history.end() ? Presence::Unknown : Presence::Archived;
    if (view.presence == Presence::Archived) view.task = archived->second;
    return view;
  }
  view.task = *row;
  const auto& attempts = state_.tables.attempts;
  for (auto at = attempts.lower_bound({task, 0}); at != attempts.end() && at->first.first == task;
       ++at) {
    if (at->first.second == row->life.attempt) {
      view.attempt = at->second;
    } else if (token && at->second.lease_token == *token) {
      view.earlier = at->second;
    }
  }
  const auto lease = state_.tables.leases.find(task);
  if (lease != state_.tables.leases.end()) view.lease = lease->second;
  view.order_blocked = state_.order_blocked(*row);
  view.may_ring = budget_.may_ring(row->queue);
  return view;
}

BuildFacts MemoryTransaction::facts(const TaskView& view) {
  return view.presence == Presence::Unknown ? BuildFacts{} : state_.facts(view.task.build_id);
}

bool MemoryTransaction::gate_open(const TaskRecord& task) {
  TaskView view;
  view.task = task;
  view.order_blocked = state_.order_blocked(task);
  return !closed_gate(view, state_.facts(task.build_id));
}

void MemoryTransaction::write(const TaskRecord& task, const Change& change) {
  if (change.empty()) return;
  TaskTables& tables = state_.tables;
  TaskRecord row = change.created ? *change.created : task;
  if (change.life) row.life = *change.life;
  if (change.created || change.life) state_.put_task(row);
  if (change.opened) {
    AttemptRecord attempt = *change.opened;
    attempt.fence_no = ++state_.last_fence_no;
    state_.put_attempt(attempt);
  }
  if (change.ended) {
    AttemptRecord attempt = tables.attempts.at({row.task_id, change.ended->attempt});
    attempt.state = change.ended->state;
    attempt.outcome = change.ended->outcome;
    attempt.error = change.ended->error;
    attempt.ended_at = change.ended->ended_at;
    state_.put_attempt(attempt);
  }
  if (change.lease_change == LeaseChange::Put) state_.put_lease(*change.lease);
  if (change.lease_change == LeaseChange::Deleted) state_.delete_lease(row.task_id);
  for (const OutboxRecord& wakeup : change.outbox) {
    tables.outbox.emplace(wakeup.outbox_id, wakeup);
  }
  tables.counts[{row.build_id, row.queue}] += change.counts;
  MeterRow& meter = tables.meters[row.queue];
  meter.outstanding += change.meter.outstanding;
  meter.owed = meter.owed || change.meter.owed;
  budget_.note(row.queue, change);
  if (change.cursor_to) advance_cursor(row, *change.cursor_to);
  if (change.next_in_order) next_in_order_.emplace(row.build_id, row.input_index.value_or(0));
  if (change.slot_freed) slots_freed_.insert(row.build_id);
}

std::optional<DatasetVersionId> MemoryTransaction::trigger_version(const TaskRecord& task) const {
  if (!task.trigger_event_id) return std::nullopt;
  return state_.tables.events.at(*task.trigger_event_id).version;
}

void MemoryTransaction::advance_cursor(const TaskRecord& task, const Cursor& cursor) {
  const auto version = trigger_version(task);
  if (!version || !task.input_index) return;  // A source's run reads nothing.
  const auto [row, fresh] =
      state_.tables.cursors.try_emplace({task.build_id, *task.input_index, *version}, cursor);
  if (!fresh) row->second = std::max(row->second, cursor);
}

TaskContext MemoryTransaction::context(const TaskRecord& task) {
  TaskContext context;
  context.task = task;
  context.build = state_.facts(task.build_id);
  context.job = std::make_shared<const JobContext>(state_.job_context(task.build_id));
  if (task.trigger_event_id) {
    const EventRow& event = state_.tables.events.at(*task.trigger_event_id);
    context.trigger = EventContext{.event_id = event.event_id,
                                   .version = event.version,
                                   .seq = event.seq,
                                   .partition_key = {},
                                   .cursor = event.cursor,
                                   .start = event.start,
                                   .end = event.end,
                                   .payload_json = event.payload_json};
    if (event.key.partition) context.trigger->partition_key = event.key.scope_key;
  }
  const auto lease = state_.tables.leases.find(task.task_id);
  if (lease != state_.tables.leases.end()) context.lease = lease->second;
  return context;
}

void MemoryTransaction::finish() {
  for (const auto& [build, input] : next_in_order_) {
    const TaskRecord* next = state_.first_in_order(build, input);
    if (next != nullptr) run(view(next->task_id), RingCommand{});
  }
  for (const BuildId& build : slots_freed_) state_.owe_queues(build);
  immediate_.answer([&](ClaimedTask& claimed) {
    const TaskRecord& task = *state_.find_task(claimed.task_id);
    claimed.answer.reply.fence_no =
        state_.tables.attempts.at({task.task_id, task.life.attempt}).fence_no;
    claimed.context = context(task);
  });
}

}  // namespace weir::dispatcher
