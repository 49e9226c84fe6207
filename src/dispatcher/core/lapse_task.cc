// SPDX-License-Identifier: Apache-2.0
// What time does to a task, and who stops or revives it: the loops of section 6.5 and the user.
#include <utility>

#include "dispatcher/core/claim_gate.h"
#include "dispatcher/core/limits.h"
#include "dispatcher/core/steps.h"
#include "dispatcher/core/transitions.h"

namespace weir::dispatcher {
namespace {

Decision<StateReply> decided(const TaskView& view, Change change) {
  Decision<StateReply> decision;
  decision.change = std::move(change);
  decision.reply.state = decision.change.life ? decision.change.life->state : view.task.life.state;
  return decision;
}

Decision<StateReply> refused(const TaskView& view, RefusalCode code) {
  Decision<StateReply> decision;
  Refusal refusal = refuse(code);
  if (code == RefusalCode::TaskFinished) {
    refusal.state = view.task.life.state;
    refusal.cancel_reason = view.task.life.cancel_reason;
  }
  decision.refused = refusal;
  return decision;
}

bool in_state(const TaskView& view, TaskState state) {
  return view.presence == Presence::Live && view.task.life.state == state;
}

/// An attempt that was reaped is over once its task moves on: no late report counts any more.
void close_expired(const TaskView& view, Step& step, Instant now) {
  if (!is_late(view)) return;
  step.change.ended = AttemptEnd{.attempt = view.attempt->attempt,
                                 .state = AttemptState::Closed,
                                 .outcome = view.attempt->outcome,
                                 .error = view.attempt->error,
                                 .ended_at = view.attempt->ended_at.value_or(now)};
}

bool passes_over(CancelCause cause, TaskKind kind) {
  if (kind == TaskKind::Sink) return cause != CancelCause::User;
  return kind == TaskKind::Check && cause == CancelCause::BuildStopped;
}

}  // namespace

// T5, T6, T11.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const ExpireCommand& command, Instant now) {
  const bool expired =
      in_state(view, TaskState::Running) && view.lease && view.lease->expires_at <= now;
  return decided(view, expired ? reap(view, build, command.draw, now) : Change{});
}

// T7.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const RetryDueCommand& /*command*/, Instant now) {
  if (!in_state(view, TaskState::RetryWait) || *view.task.life.next_retry_at > now) {
    return decided(view, {});
  }
  Step step(view, build, now);
  close_expired(view, step, now);
  ++step.life.attempt;
  step.enqueue();
  return decided(view, step.done(Transition::T7RetryQueued));
}

// T10, the hard time-out.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const DeadlineCommand& /*command*/, Instant now) {
  const TaskLife& life = view.task.life;
  const bool passed =
      in_state(view, TaskState::Running) && life.deadline_at && *life.deadline_at <= now;
  Step step(view, build, now);
  if (!passed || !step.request_cancel(CancelReason::Timeout)) return decided(view, {});
  return decided(view, step.done(Transition::T10CancelRequested));
}

// T9, T10.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const CancelCommand& command, Instant now) {
  if (view.presence == Presence::Unknown) return refused(view, RefusalCode::TaskNotFound);
  if (passes_over(command.cause, view.task.kind)) return decided(view, {});
  if (view.task.kind == TaskKind::Sink) return refused(view, RefusalCode::NotSupported);
  const TaskState state = view.task.life.state;
  if (state == TaskState::Canceled) return decided(view, {});
  if (is_terminal(state)) return refused(view, RefusalCode::TaskFinished);
  Step step(view, build, now);
  if (!step.request_cancel(command.reason)) return decided(view, {});
  if (state == TaskState::Running) {
    return decided(view, step.done(Transition::T10CancelRequested));
  }
  close_expired(view, step, now);
  step.finish(TaskState::Canceled);
  return decided(view, step.done(Transition::T9CanceledWaiting));
}

// T12.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const ReopenCommand& /*command*/, Instant now) {
  const auto reason = view.task.life.cancel_reason;
  const bool by_switch = reason == CancelReason::Rollback || reason == CancelReason::Superseded;
  if (!in_state(view, TaskState::Canceled) || !by_switch || build.dispatch != Dispatch::Open ||
      outlives_its_build(view.task.kind)) {
    return decided(view, {});
  }
  Step step(view, build, now);
  if (view.attempt) {  // One was started; it is not held against the task.
    ++step.life.attempt;
    if (step.life.max_attempts) ++*step.life.max_attempts;
  }
  step.life.task_class = TaskClass::Replay;
  step.life.effects.reset();
  step.enqueue();
  return decided(view, step.done(Transition::T12Reopened));
}

// T13. A check is run again in a round of its own (6.18), not retried.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const RetryCommand& /*command*/, Instant now) {
  if (view.presence == Presence::Unknown) return refused(view, RefusalCode::TaskNotFound);
  if (view.presence == Presence::Archived) return refused(view, RefusalCode::TaskArchived);
  const TaskLife& life = view.task.life;
  if (view.task.kind == TaskKind::Check || !is_terminal(life.state)) {
    return refused(view, RefusalCode::NotSupported);
  }
  const bool by_user =
      life.state == TaskState::Canceled && life.cancel_reason == CancelReason::User;
  if (life.state != TaskState::Failed && !by_user) return refused(view, RefusalCode::TaskFinished);
  Step step(view, build, now);
  ++step.life.attempt;
  if (step.life.max_attempts) *step.life.max_attempts += attempts_allowed(view.task.kind, build);
  step.enqueue();
  return decided(view, step.done(Transition::T13Retried));
}

Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const RingCommand& /*command*/, Instant now) {
  const auto woken_at = view.task.life.woken_at;
  const bool waits = in_state(view, TaskState::Queued) && view.task.life.available_at <= now;
  const bool lost = woken_at && *woken_at + kWakeupLost <= now;
  if (!waits || (woken_at && !lost)) return decided(view, {});
  TaskView ringing = view;
  if (lost) ringing.may_ring = true;  // It counts as out already; ringing again takes no room.
  Step step(ringing, build, now);
  if (lost && closed_gate(view, build)) step.life.woken_at.reset();
  step.ring_or_owe();
  const bool rung = !step.change.outbox.empty();
  return decided(view, step.done(rung ? Transition::BellRung : Transition::BellAnswered));
}

}  // namespace weir::dispatcher
