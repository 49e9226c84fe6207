// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/steps.h"

#include <string>
#include <utility>

#include "dispatcher/core/claim_gate.h"
#include "dispatcher/core/fence.h"
#include "dispatcher/core/limits.h"
#include "dispatcher/core/retry_delay.h"

namespace weir::dispatcher {
namespace {

/// Which of two requests to stop stays. A time-out only ends the attempt. What a user stopped, or
/// what left the DAG, does not come back with a reopened build.
int strength(CancelReason reason) {
  switch (reason) {
    case CancelReason::Timeout:
      return 0;
    case CancelReason::Rollback:
    case CancelReason::Superseded:
      return 1;
    case CancelReason::User:
    case CancelReason::DagRemoved:
      return 2;
  }
  return 0;
}

/// The error of an attempt that gave none.
TaskError silence(Outcome outcome) {
  if (outcome == Outcome::Timeout) return {"timeout", "", "the task's time is up"};
  if (outcome == Outcome::LeaseExpired) return {"lease_expired", "", "its worker fell silent"};
  return {std::string(word(outcome)), "", "the operator gave no reason"};
}

void settle_publish(TaskKind kind, Transition transition, Change& change) {
  if (kind != TaskKind::Sink) return;
  if (change.life->state == TaskState::Completed) change.publish = PublishState::Committed;
  if (change.life->state == TaskState::Failed) change.publish = PublishState::Dead;
  if (transition == Transition::T13Retried) change.publish = PublishState::Accepted;
}

void settle_check(TaskKind kind, Change& change) {
  if (kind != TaskKind::Check) return;
  if (change.life->state == TaskState::Running) change.check = CheckMove::Running;
  if (change.life->state == TaskState::Completed) change.check = CheckMove::Measured;
  if (change.life->state == TaskState::Failed) change.check = CheckMove::Error;
}

}  // namespace

void Step::end_attempt(AttemptState state, std::optional<Outcome> outcome,
                       const std::optional<TaskError>& error) {
  change.ended = AttemptEnd{.attempt = life.attempt,
                            .state = state,
                            .outcome = outcome,
                            .error = error,
                            .ended_at = now_};
  if (view_.lease) change.lease_change = LeaseChange::Deleted;
  life.deadline_at.reset();
}

void Step::finish(TaskState state) {
  life.state = state;
  life.next_retry_at.reset();
  life.deadline_at.reset();
  life.finished_at = now_;
}

void Step::enqueue() {
  life.state = TaskState::Queued;
  life.next_retry_at.reset();
  life.finished_at.reset();
  life.available_at = now_;
  life.rank_at = now_ - kRankPerPriority * view_.task.priority;
  forget_cancel();
  ring_or_owe();
}

void Step::ring_or_owe() {
  TaskView after = view_;
  after.task.life = life;
  if (!view_.may_ring || closed_gate(after, build_)) {
    change.meter.owed = true;
    return;
  }
  change.outbox.push_back(wakeup_row(view_.task, life.attempt, life.wakeups, now_));
  life.woken_at = now_;
  ++life.wakeups;
}

bool Step::request_cancel(CancelReason reason) {
  if (life.cancel_reason && strength(*life.cancel_reason) >= strength(reason)) return false;
  if (!life.cancel_requested_at) life.cancel_requested_at = now_;
  life.cancel_reason = reason;
  return true;
}

void Step::forget_cancel() {
  life.cancel_requested_at.reset();
  life.cancel_reason.reset();
}

Change Step::done(Transition transition) {
  const TaskLife& before = view_.task.life;
  if (life.state != TaskState::Queued) life.woken_at.reset();
  change.transition = transition;
  change.counts = CountDelta::of(before.state, life.state);
  change.meter.outstanding = (life.woken_at ? 1 : 0) - (before.woken_at ? 1 : 0);
  change.next_in_order =
      view_.task.order_seq && is_terminal(life.state) && !is_terminal(before.state);
  change.slot_freed = build_.max_concurrency && change.counts.running < 0;
  if (life != before) change.life = std::move(life);
  if (change.life && change.life->state != before.state) {
    settle_publish(view_.task.kind, transition, change);
    settle_check(view_.task.kind, change);
  }
  return std::move(change);
}

Change fail_attempt(const TaskView& view, const BuildFacts& build, const AttemptFailure& failure,
                    Instant now) {
  Step step(view, build, now);
  const bool spent = step.life.max_attempts && step.life.attempt >= *step.life.max_attempts;
  const bool final = spent || failure.outcome == Outcome::FatalError;
  const TaskError error = failure.error ? *failure.error : silence(failure.outcome);
  // A late report is of use only while a retry waits.
  const AttemptState state = final ? AttemptState::Closed : failure.state;
  step.end_attempt(state, failure.outcome, error);
  step.life.last_error = error;
  step.forget_cancel();
  if (final) {  // T6
    step.finish(TaskState::Failed);
    return step.done(Transition::T6Failed);
  }
  step.life.state = TaskState::RetryWait;  // T5
  step.life.next_retry_at =
      now + retry_delay(backoff_of(view.task.kind), step.life.attempt, failure.draw);
  return step.done(Transition::T5WaitsForRetry);
}

Change reap(const TaskView& view, const BuildFacts& build, std::uint64_t draw, Instant now) {
  const auto stop = stop_reason(view, build);
  if (stop && *stop != CancelReason::Timeout) {  // T11
    Step step(view, build, now);
    step.request_cancel(*stop);
    step.end_attempt(AttemptState::Closed, Outcome::LeaseExpired, silence(Outcome::LeaseExpired));
    step.finish(TaskState::Canceled);
    return step.done(Transition::T11CanceledRunning);
  }
  return fail_attempt(view, build,
                      {.outcome = stop ? Outcome::Timeout : Outcome::LeaseExpired,
                       .state = AttemptState::Expired,
                       .error = {},
                       .draw = draw},
                      now);
}

}  // namespace weir::dispatcher
