// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "dispatcher/core/change.h"
#include "dispatcher/core/records.h"

/// What several transitions have in common. Only for the sources of this folder.
namespace weir::dispatcher {

/// A change being put together: the row, and `life`, its columns as they become. `done` closes the
/// books: counters, the answered wake-up, who may come next.
class Step {
 public:
  Step(const TaskView& view, const BuildFacts& build, Instant now)
      : life(view.task.life), view_(view), build_(build), now_(now) {}

  /// The attempt is over, and with it the lease if there is one.
  void end_attempt(AttemptState state, std::optional<Outcome> outcome,
                   const std::optional<TaskError>& error);
  /// Into a final state.
  void finish(TaskState state);
  /// Into the queue, claimable from now on, its cancel request forgotten.
  void enqueue();
  /// Wakes somebody for the queued task, or notes the debt (6.4): rings if the meter has room and
  /// the gate looks open.
  void ring_or_owe();
  /// Records the request; a weaker earlier one gives way (strength: time-out, switch, user).
  /// False if it changed nothing.
  bool request_cancel(CancelReason reason);
  void forget_cancel();

  Change done(Transition transition);

  Change change;
  TaskLife life;

 private:
  const TaskView& view_;  // the decision's; outlives the step
  const BuildFacts& build_;
  Instant now_;
};

/// T5 or T6 of an attempt that ended without success; `state` is Closed if it was reported, Expired
/// if it was reaped.
struct AttemptFailure {
  Outcome outcome = Outcome::RetryableError;
  AttemptState state = AttemptState::Closed;
  std::optional<TaskError> error;
  std::uint64_t draw = 0;
};
Change fail_attempt(const TaskView& view, const BuildFacts& build, const AttemptFailure& failure,
                    Instant now);

/// T5, T6 or T11 of a running task whose lease has expired.
Change reap(const TaskView& view, const BuildFacts& build, std::uint64_t draw, Instant now);

}  // namespace weir::dispatcher
