// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "dispatcher/core/claim_gate.h"
#include "dispatcher/core/limits.h"
#include "dispatcher/core/steps.h"
#include "dispatcher/core/transitions.h"

namespace weir::dispatcher {
namespace {

/// Where the task queues: class backfill apart, another world's builds at most low (6.4, 6.17).
QueueName queue_of(const BuildFacts& build, const CreateCommand& command) {
  if (command.task_class == TaskClass::Backfill) return {command.runtime, QueueLevel::Backfill};
  if (!build.live_world) return {command.runtime, std::min(command.level, QueueLevel::Low)};
  return {command.runtime, command.level};
}

TaskRecord new_row(const BuildFacts& build, const CreateCommand& command, Instant now) {
  TaskRecord task;
  task.task_id = command.task_id;
  task.org_id = command.org_id;
  task.build_id = build.build_id;
  task.dag_version_id = command.dag_version_id;
  task.kind = command.kind;
  task.queue = queue_of(build, command);
  task.priority = static_cast<int>(task.queue.level);
  task.trigger_event_id = command.trigger_event_id;
  task.root_event_id = command.root_event_id;
  task.input_index = command.input_index;
  task.invalidation_id = command.invalidation_id;
  task.order_seq = command.order_seq;
  task.created_at = now;
  task.life.task_class = command.task_class;
  task.life.effects = effects_at_creation(command.task_class, command.effects, build);
  if (!command.unlimited_attempts) task.life.max_attempts = attempts_allowed(command.kind, build);
  task.life.scope = command.scope;
  task.life.available_at = now;
  task.life.rank_at = now - kRankPerPriority * task.priority;
  return task;
}

/// The row as the following transitions of the same transaction see it.
TaskView view_of(const CreateCommand& command, TaskRecord task) {
  TaskView view;
  view.task = std::move(task);
  view.order_blocked = command.order_blocked;
  view.may_ring = command.may_ring;
  return view;
}

/// The last of several transitions of a row that is created in the state they lead to. Nobody is
/// woken for it; the wake-up was never written.
Change created_as(TaskView& view, const Change& last) {
  view.task.life.wakeups = 0;
  Change change = last;
  change.created = view.task;
  change.life.reset();
  change.outbox.clear();
  change.counts = CountDelta::of(std::nullopt, view.task.life.state);
  change.meter = {};
  change.slot_freed = false;
  return change;
}

}  // namespace

// T1. Stopped builds get no task (I11), but a sink's publish was accepted before they stopped.
Decision<CreateReply> decide(const BuildFacts& build, const CreateCommand& command, Instant now) {
  Decision<CreateReply> decision;
  decision.reply = {.task_id = command.task_id, .duplicate = command.exists};
  if (command.exists) return decision;
  if (build.dispatch == Dispatch::Stopped && command.kind != TaskKind::Sink) {
    decision.refused = refuse(RefusalCode::TaskCanceled);
    decision.refused->cancel_reason = build.stop_reason;
    return decision;
  }
  TaskView view = view_of(command, new_row(build, command, now));
  Step step(view, build, now);
  step.ring_or_owe();
  decision.change = step.done(Transition::T1Created);
  view.task.life = decision.change.life.value_or(view.task.life);
  decision.change.created = std::move(view.task);
  decision.change.life.reset();
  decision.change.counts = CountDelta::of(std::nullopt, TaskState::Queued);
  return decision;
}

// T1, and with an open gate T2 and T4, as one change.
Decision<InlineReply> decide(const BuildFacts& build, const InlineRun& run, Instant now) {
  Decision<InlineReply> decision;
  Decision<CreateReply> created = decide(build, run.create, now);
  decision.reply = {.task_id = run.create.task_id,
                    .duplicate = created.reply.duplicate,
                    .state = TaskState::Queued};
  decision.refused = created.refused;
  decision.change = std::move(created.change);
  if (decision.change.empty()) return decision;

  TaskView view = view_of(run.create, *decision.change.created);
  const Decision<ClaimReply> claimed = decide(view, build, run.claim, now);
  if (claimed.refused) return decision;
  apply(view, claimed.change);
  view.attempt = claimed.change.opened;
  const Decision<CompleteReply> completed =
      decide(view, build,
             CompleteCommand{
                 .fence = {.attempt = view.task.life.attempt, .lease_token = run.claim.lease_token},
                 .outcome = Outcome::Success,
                 .error = {},
                 .result = run.result,
                 .event_accepted = true,
                 .draw = 0},
             now);
  if (completed.refused) return decision;
  apply(view, completed.change);

  decision.reply.state = view.task.life.state;
  decision.change = created_as(view, completed.change);
  decision.change.opened = view.attempt;
  decision.change.ended.reset();
  decision.change.lease_change = LeaseChange::Kept;
  return decision;
}

// T1, and with an open gate T2, as one change.
Decision<ClaimedAtOnceReply> decide(const BuildFacts& build, const ClaimedAtOnce& both,
                                    Instant now) {
  Decision<ClaimedAtOnceReply> decision;
  Decision<CreateReply> created = decide(build, both.create, now);
  decision.reply.created = created.reply;
  decision.refused = created.refused;
  decision.change = std::move(created.change);
  if (!decision.change.created) return decision;

  TaskView view = view_of(both.create, *decision.change.created);
  const Decision<ClaimReply> claimed = decide(view, build, both.claim, now);
  if (claimed.refused) return decision;
  apply(view, claimed.change);
  decision.reply.claimed = claimed.reply;
  decision.change = created_as(view, claimed.change);
  return decision;
}

}  // namespace weir::dispatcher
