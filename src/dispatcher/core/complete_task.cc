// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/assert.h"
#include "dispatcher/core/fence.h"
#include "dispatcher/core/steps.h"
#include "dispatcher/core/transitions.h"

namespace weir::dispatcher {
namespace {

/// Whether an attempt that ended as `recorded` may have been reported as `sent`. While a stop was
/// asked for, every report is recorded as canceled or timeout; canceled by nobody's request is
/// recorded as a retryable error.
bool same_report(Outcome recorded, Outcome sent) {
  if (recorded == Outcome::Canceled || recorded == Outcome::Timeout) return true;
  if (recorded == Outcome::RetryableError && sent == Outcome::Canceled) return true;
  return recorded == sent;
}

const AttemptRecord* ended_attempt(const TaskView& view, const Fence& fence) {
  for (const auto* attempt : {&view.attempt, &view.earlier}) {
    if (!*attempt || (*attempt)->state == AttemptState::Active) continue;
    if ((*attempt)->attempt == fence.attempt && (*attempt)->lease_token == fence.lease_token) {
      return &**attempt;
    }
  }
  return nullptr;
}

CompleteReply reply_of(const TaskLife& life, int attempt) {
  return {.status = life.state,
          .attempt = attempt,
          .duplicate = false,
          .next_retry_at = life.next_retry_at};
}

bool misses_its_event(const TaskView& view, const CompleteCommand& command) {
  return view.task.kind == TaskKind::Sink && command.outcome == Outcome::Success &&
         !command.event_accepted;
}

/// T4, from running or late.
Change succeed(const TaskView& view, const BuildFacts& build, const CompleteCommand& command,
               Instant now) {
  Step step(view, build, now);
  step.end_attempt(AttemptState::Closed, Outcome::Success, {});
  step.finish(TaskState::Completed);
  step.life.result = command.result;
  step.change.cursor_to = view.task.life.scope.cursor_to;
  step.change.invalidation_done = view.task.invalidation_id.has_value();
  return step.done(is_late(view) ? Transition::T8LateReport : Transition::T4Completed);
}

/// T11, or T9 of a late report: a stop was asked for, whatever is reported.
Change cancel(const TaskView& view, const BuildFacts& build, const CompleteCommand& command,
              CancelReason reason, Instant now) {
  Step step(view, build, now);
  step.request_cancel(reason);
  step.end_attempt(AttemptState::Closed, Outcome::Canceled, command.error);
  step.finish(TaskState::Canceled);
  return step.done(is_late(view) ? Transition::T9CanceledWaiting : Transition::T11CanceledRunning);
}

/// T14. Not charged: the task may be tried once more than before.
Change release(const TaskView& view, const BuildFacts& build, Instant now) {
  Step step(view, build, now);
  const Instant available_at = step.life.available_at;
  const Instant rank_at = step.life.rank_at;
  step.end_attempt(AttemptState::Closed, Outcome::Released, {});
  ++step.life.attempt;
  if (step.life.max_attempts) ++*step.life.max_attempts;
  step.enqueue();
  // It was its turn already; giving it back costs it no place.
  step.life.available_at = available_at;
  step.life.rank_at = rank_at;
  return step.done(Transition::T14Released);
}

/// T8. Success and fatal error decide the task. Anything else ends the attempt: its retry is on its
/// way already.
Change report_late(const TaskView& view, const BuildFacts& build, const CompleteCommand& command,
                   Instant now) {
  if (command.outcome == Outcome::Success) return succeed(view, build, command, now);
  Change change;
  if (command.outcome == Outcome::FatalError) {
    change = fail_attempt(view, build,
                          {.outcome = Outcome::FatalError,
                           .state = AttemptState::Closed,
                           .error = command.error,
                           .draw = command.draw},
                          now);
  } else {
    Step step(view, build, now);
    const bool released = command.outcome == Outcome::Released;
    step.end_attempt(AttemptState::Closed, released ? Outcome::Released : Outcome::RetryableError,
                     command.error);
    if (command.error) step.life.last_error = command.error;
    change = step.done(Transition::T8LateReport);
  }
  change.transition = Transition::T8LateReport;
  return change;
}

Change report(const TaskView& view, const BuildFacts& build, const CompleteCommand& command,
              Instant now) {
  const auto stop = stop_reason(view, build);
  if (stop && *stop != CancelReason::Timeout) return cancel(view, build, command, *stop, now);
  if (is_late(view)) return report_late(view, build, command, now);
  AttemptFailure failure{.outcome = Outcome::RetryableError,
                         .state = AttemptState::Closed,
                         .error = command.error,
                         .draw = command.draw};
  if (stop) {  // Whatever is reported after the hard time-out, it is one (3.3.5).
    failure.outcome = Outcome::Timeout;
    failure.error.reset();
    return fail_attempt(view, build, failure, now);
  }
  switch (command.outcome) {
    case Outcome::Success:
      return succeed(view, build, command, now);
    case Outcome::Released:
      return release(view, build, now);
    case Outcome::FatalError:
      failure.outcome = Outcome::FatalError;
      return fail_attempt(view, build, failure, now);
    case Outcome::RetryableError:
    case Outcome::Canceled:  // By nobody's request.
    case Outcome::LeaseExpired:
    case Outcome::Timeout:
      return fail_attempt(view, build, failure, now);
  }
  return {};
}

}  // namespace

Decision<CompleteReply> decide(const TaskView& view, const BuildFacts& build,
                               const CompleteCommand& command, Instant now) {
  WEIR_ASSERT(command.outcome <= Outcome::Released);
  Decision<CompleteReply> decision;
  const AttemptRecord* ended = ended_attempt(view, command.fence);
  const bool known = view.presence == Presence::Live && ended != nullptr && ended->outcome;
  if (known && same_report(*ended->outcome, command.outcome)) {
    decision.reply = reply_of(view.task.life, command.fence.attempt);
    decision.reply.duplicate = true;
    return decision;
  }
  decision.refused = check_fence(view, build, command.fence, FencedCall::Complete);
  if (decision.refused) return decision;
  if (misses_its_event(view, command) && !stop_reason(view, build)) {
    decision.refused = refuse(RefusalCode::EventMissing);
    return decision;
  }
  decision.change = report(view, build, command, now);
  const TaskLife& after = decision.change.life ? *decision.change.life : view.task.life;
  decision.reply = reply_of(after, command.fence.attempt);
  return decision;
}

}  // namespace weir::dispatcher
