// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "dispatcher/core/claim_gate.h"
#include "dispatcher/core/limits.h"
#include "dispatcher/core/steps.h"
#include "dispatcher/core/transitions.h"

namespace weir::dispatcher {
namespace {

bool lease_expired(const TaskView& view, Instant now) {
  return view.task.life.state == TaskState::Running && view.lease && view.lease->expires_at <= now;
}

/// Why a task that is not queued, or not yet, is not claimed.
std::optional<Refusal> refuse_state(const TaskLife& life, Instant now) {
  switch (life.state) {
    case TaskState::Queued:
      if (life.available_at <= now) return std::nullopt;
      return not_claimed(NotClaimedReason::NotDue, life.available_at - now);
    case TaskState::Running:
      return not_claimed(NotClaimedReason::AlreadyRunning);
    case TaskState::RetryWait:
      return not_claimed(NotClaimedReason::NotDue,
                         std::max(Duration{}, life.next_retry_at.value_or(now) - now));
    case TaskState::Completed:
      return not_claimed(NotClaimedReason::Completed);
    case TaskState::Failed:
      return not_claimed(NotClaimedReason::Failed);
    case TaskState::Canceled:
      return not_claimed(NotClaimedReason::Canceled);
  }
  return std::nullopt;
}

/// Whether this is the claim that got the lease, come again because its answer was lost.
bool is_repeat(const TaskView& view, const ClaimCommand& command) {
  return view.task.life.state == TaskState::Running && view.attempt && command.claim_id &&
         view.attempt->claim_id == command.claim_id && view.attempt->worker_id == command.worker_id;
}

ClaimReply granted(const AttemptRecord& attempt, const LeaseRecord& lease, const TaskLife& life,
                   const LeaseTerms& terms) {
  return {.lease_token = attempt.lease_token,
          .fence_no = attempt.fence_no,
          .attempt = attempt.attempt,
          .lease_expires_at = lease.expires_at,
          .deadline_at = life.deadline_at,
          .heartbeat_interval = terms.lease / kHeartbeatsPerLease,
          .duplicate = false};
}

/// T2.
Decision<ClaimReply> claim(const TaskView& view, const BuildFacts& build,
                           const ClaimCommand& command, Instant now) {
  const LeaseTerms terms = lease_terms(view.task.kind, build);
  Step step(view, build, now);
  TaskLife& life = step.life;
  life.state = TaskState::Running;
  life.started_at = now;
  life.deadline_at.reset();
  if (terms.timeout) life.deadline_at = now + *terms.timeout;
  if (!life.scope.frozen) {
    life.scope.cursor_from = command.frozen_scope.cursor_from;
    life.scope.pinned = command.frozen_scope.pinned;
    life.scope.frozen = true;
  }
  if (!life.effects) {  // The verdict is written down, so that the whole chain agrees (6.11).
    life.effects = effects_at_claim(view, build);
    life.task_class = *life.effects == Effects::Fire ? TaskClass::Live : TaskClass::Replay;
  }
  AttemptRecord attempt;
  attempt.task_id = view.task.task_id;
  attempt.attempt = life.attempt;
  attempt.lease_token = command.lease_token;
  attempt.worker_id = command.worker_id;
  attempt.claim_id = command.claim_id;
  attempt.started_at = now;
  const LeaseRecord lease{.task_id = view.task.task_id,
                          .attempt = life.attempt,
                          .worker_id = command.worker_id,
                          .expires_at = lease_end(now + terms.lease, life.deadline_at),
                          .last_heartbeat_at = now};
  Decision<ClaimReply> decision;
  decision.reply = granted(attempt, lease, life, terms);
  step.change.opened = std::move(attempt);
  step.change.lease_change = LeaseChange::Put;
  step.change.lease = lease;
  decision.change = step.done(Transition::T2Claimed);
  return decision;
}

/// A claim answers the wake-up even when it is refused; what stays queued is owed one (6.4).
Decision<ClaimReply> refuse_queued(const TaskView& view, const BuildFacts& build,
                                   const Refusal& refusal, Instant now) {
  Decision<ClaimReply> decision;
  decision.refused = refusal;
  if (view.task.life.state != TaskState::Queued) return decision;
  Step step(view, build, now);
  step.life.woken_at.reset();
  step.change.meter.owed = true;
  decision.change = step.done(Transition::BellAnswered);
  return decision;
}

}  // namespace

Decision<ClaimReply> decide(const TaskView& view, const BuildFacts& build,
                            const ClaimCommand& command, Instant now) {
  Decision<ClaimReply> decision;
  if (view.presence == Presence::Unknown) {
    decision.refused = refuse(RefusalCode::TaskNotFound);
    return decision;
  }
  if (view.presence == Presence::Archived) {
    decision.refused = refuse_state(view.task.life, now);
    return decision;
  }
  if (lease_expired(view, now)) {  // The reaper's work first (3.3.1).
    decision.change = reap(view, build, command.draw, now);
    decision.refused = refuse_state(*decision.change.life, now);
    return decision;
  }
  if (is_repeat(view, command) && view.lease) {
    decision.reply =
        granted(*view.attempt, *view.lease, view.task.life, lease_terms(view.task.kind, build));
    decision.reply.duplicate = true;
    return decision;
  }
  if (auto refusal = refuse_state(view.task.life, now)) {
    return refuse_queued(view, build, *refusal, now);
  }
  if (!command.operator_supported) {  // Leaves the wake-up to whoever can serve it.
    decision.refused = not_claimed(NotClaimedReason::UnsupportedOperator);
    return decision;
  }
  if (const auto held = closed_gate(view, build)) {
    return refuse_queued(view, build, not_claimed(*held), now);
  }
  return claim(view, build, command, now);
}

// T3, T10.
Decision<HeartbeatReply> decide(const TaskView& view, const BuildFacts& build,
                                const HeartbeatCommand& command, Instant now) {
  Decision<HeartbeatReply> decision;
  decision.refused = check_fence(view, build, command.fence, FencedCall::Heartbeat);
  if (decision.refused) return decision;
  WEIR_ASSERT(view.lease);  // I1: what runs is leased
  auto stop = stop_reason(view, build);
  const auto deadline = view.task.life.deadline_at;
  if (!stop && deadline && *deadline <= now) stop = CancelReason::Timeout;

  Step step(view, build, now);
  const bool asked_now = stop && step.request_cancel(*stop);
  // The lease is extended as usual; once asked to stop, by the grace, and by that only once.
  LeaseRecord lease = *view.lease;
  const auto asked_at = view.task.life.cancel_requested_at;
  const bool grace = !asked_at || lease.last_heartbeat_at < *asked_at;
  const Duration more = stop ? kCancelGrace : lease_terms(view.task.kind, build).lease;
  if (!stop || grace) {
    lease.expires_at = std::max(lease.expires_at, lease_end(now + more, deadline));
  }
  lease.last_heartbeat_at = now;
  step.change.lease_change = LeaseChange::Put;
  step.change.lease = lease;
  decision.reply = {.status = stop ? TaskState::Canceled : TaskState::Running,
                    .cancel_reason = stop,
                    .lease_expires_at = lease.expires_at,
                    .paused = build.paused};
  decision.change = step.done(asked_now ? Transition::T10CancelRequested : Transition::T3Extended);
  return decision;
}

}  // namespace weir::dispatcher
