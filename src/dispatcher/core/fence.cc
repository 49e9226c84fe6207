// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/fence.h"

namespace weir::dispatcher {
namespace {

bool creates_data(FencedCall call) {
  return call != FencedCall::Heartbeat && call != FencedCall::Complete &&
         call != FencedCall::ReadState;
}

bool late_rule_covers(FencedCall call) {
  return call == FencedCall::Events || call == FencedCall::Publish || call == FencedCall::Complete;
}

Refusal refuse_finished(const TaskLife& life) {
  Refusal refusal = refuse(RefusalCode::TaskFinished);
  refusal.state = life.state;
  if (life.state == TaskState::Canceled) refusal.cancel_reason = life.cancel_reason;
  return refusal;
}

Refusal refuse_canceled(CancelReason reason) {
  Refusal refusal = refuse(RefusalCode::TaskCanceled);
  refusal.cancel_reason = reason;
  return refusal;
}

/// Rows of the table that are about who calls: attempt and token.
std::optional<Refusal> check_holder(const TaskView& view, const Fence& fence) {
  if (view.presence == Presence::Unknown) return refuse(RefusalCode::TaskNotFound);
  if (view.presence == Presence::Archived) return refuse_finished(view.task.life);
  if (fence.attempt < view.task.life.attempt) return refuse(RefusalCode::StaleAttempt);
  const bool right = fence.attempt == view.task.life.attempt && view.attempt &&
                     view.attempt->lease_token == fence.lease_token;
  if (right) return std::nullopt;
  // A token of this task under another attempt's number: it is an older attempt's.
  if (view.earlier && view.earlier->lease_token == fence.lease_token) {
    return refuse(RefusalCode::StaleAttempt);
  }
  if (!view.attempt && is_terminal(view.task.life.state)) return refuse_finished(view.task.life);
  return refuse(RefusalCode::LeaseMismatch);
}

}  // namespace

std::optional<CancelReason> stop_reason(const TaskView& view, const BuildFacts& build) {
  const auto asked = view.task.life.cancel_reason;
  if (asked && *asked != CancelReason::Timeout) return asked;
  const bool stopped = build.dispatch == Dispatch::Stopped;
  if (stopped && !outlives_its_build(view.task.kind)) return build.stop_reason;
  return asked;
}

bool is_late(const TaskView& view) {
  return view.task.life.state == TaskState::RetryWait && view.attempt &&
         view.attempt->state == AttemptState::Expired;
}

std::optional<Refusal> check_fence(const TaskView& view, const BuildFacts& build,
                                   const Fence& fence, FencedCall call) {
  if (auto refusal = check_holder(view, fence)) return refusal;
  const bool late = is_late(view);
  if (late && !late_rule_covers(call)) return refuse(RefusalCode::LeaseExpired);
  if (!late && view.task.life.state != TaskState::Running) return refuse_finished(view.task.life);
  if (!creates_data(call)) return std::nullopt;
  if (const auto reason = stop_reason(view, build)) return refuse_canceled(*reason);
  // Before it was reaped its data was refused for the time-out; reaping gives no right back.
  if (late && view.attempt->outcome == Outcome::Timeout) {
    return refuse_canceled(CancelReason::Timeout);
  }
  return std::nullopt;
}

}  // namespace weir::dispatcher
