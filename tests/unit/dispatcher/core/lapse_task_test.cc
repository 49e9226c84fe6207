// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dispatcher/core/transitions.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

TEST(Expire, LetsALateReportCount) {  // T5
  const auto decision = decide(lapsed(), open_build(), ExpireCommand{kMiddleDraw}, kNow);
  EXPECT_EQ(decision.change.transition, Transition::T5WaitsForRetry);
  EXPECT_EQ(decision.change.ended->state, AttemptState::Expired);
  EXPECT_EQ(decision.change.ended->outcome, Outcome::LeaseExpired);
  EXPECT_EQ(decision.change.life->next_retry_at, kNow + 30 * kSecond);
  EXPECT_EQ(decision.change.life->last_error->code, "lease_expired");
  EXPECT_EQ(decision.change.lease_change, LeaseChange::Deleted);
  EXPECT_TRUE(is_late(after(lapsed(), decision.change)));
}

TEST(Expire, ComesAtTheInstantOfTheLeasesEnd) {
  TaskView view = running();
  view.lease->expires_at = kNow;
  EXPECT_FALSE(decide(view, open_build(), ExpireCommand{}, kNow).change.empty());
  EXPECT_TRUE(decide(view, open_build(), ExpireCommand{}, kNow - Duration(1)).change.empty());
}

TEST(Expire, FailsTheLastAttempt) {  // T6
  const auto decision = decide(lapsed(3), open_build(), ExpireCommand{}, kNow);
  EXPECT_EQ(decision.change.life->state, TaskState::Failed);
  EXPECT_EQ(decision.change.ended->state, AttemptState::Closed);
}

TEST(Expire, CancelsWhatWasAskedToStop) {  // T11
  TaskView view = canceling(CancelReason::User);
  view.lease->expires_at = kNow;
  auto decision = decide(view, open_build(), ExpireCommand{}, kNow);
  EXPECT_EQ(decision.change.transition, Transition::T11CanceledRunning);
  EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::User);
  decision = decide(lapsed(), stopped_build(), ExpireCommand{}, kNow);
  EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::Superseded);
}

TEST(Expire, CountsATimeOutAsOne) {
  TaskView view = canceling(CancelReason::Timeout);
  view.lease->expires_at = kNow;
  const auto decision = decide(view, open_build(), ExpireCommand{}, kNow);
  EXPECT_EQ(decision.change.ended->outcome, Outcome::Timeout);
  EXPECT_EQ(decision.change.life->state, TaskState::RetryWait);
  // Its wrapper's report comes after: known, and it moves nothing.
  view = after(view, decision.change);
  EXPECT_TRUE(decide(view, open_build(), report_of(view, Outcome::Success), kNow).reply.duplicate);
}

TEST(RetryDue, QueuesTheNextAttempt) {  // T7
  TaskView view = late(2);
  view.task.life.next_retry_at = kNow;
  const auto decision = decide(view, open_build(), RetryDueCommand{}, kNow);
  const TaskLife& life = *decision.change.life;
  EXPECT_EQ(life.state, TaskState::Queued);
  EXPECT_EQ(life.attempt, 3);
  EXPECT_EQ(life.available_at, kNow);
  EXPECT_EQ(life.rank_at, kNow - 300 * kSecond);
  EXPECT_FALSE(life.next_retry_at);
  EXPECT_EQ(decision.change.ended->attempt, 2);
  EXPECT_EQ(decision.change.ended->state, AttemptState::Closed);
  EXPECT_EQ(decision.change.ended->outcome, Outcome::LeaseExpired);
  ASSERT_EQ(decision.change.outbox.size(), 1U);
  EXPECT_EQ(decision.change.outbox[0].topic, "tasks.ecs_platform.normal");
  EXPECT_EQ(decision.change.outbox[0].payload, "{\"task_id\":\"" + task_id().text() + "\"}");
  EXPECT_FALSE(after(view, decision.change).attempt);
}

TEST(RetryDue, OwesTheWakeUpOfAClosedGateAndOfAFullMeter) {
  TaskView view = waiting();
  view.task.life.next_retry_at = kNow;
  BuildFacts paused = open_build();
  paused.paused = true;
  auto decision = decide(view, paused, RetryDueCommand{}, kNow);
  EXPECT_TRUE(decision.change.outbox.empty());
  EXPECT_EQ(decision.change.meter, (MeterDelta{.outstanding = 0, .owed = true}));
  view.may_ring = false;
  decision = decide(view, open_build(), RetryDueCommand{}, kNow);
  EXPECT_TRUE(decision.change.outbox.empty());
  EXPECT_TRUE(decision.change.meter.owed);
  EXPECT_FALSE(decision.change.life->woken_at);
}

TEST(Deadline, AsksTheTaskToStop) {  // T10
  TaskView view = running();
  view.task.life.deadline_at = kNow;
  const auto decision = decide(view, open_build(), DeadlineCommand{}, kNow);
  EXPECT_EQ(decision.change.transition, Transition::T10CancelRequested);
  EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::Timeout);
  EXPECT_EQ(decision.change.life->state, TaskState::Running);
  EXPECT_EQ(decision.change.lease_change, LeaseChange::Kept);
}

TEST(Cancel, EndsWhatWaits) {  // T9
  for (const TaskView& view : {queued(), waiting(), late()}) {
    const auto decision = decide(view, open_build(), CancelCommand{}, kNow);
    EXPECT_EQ(decision.change.life->state, TaskState::Canceled);
    EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::User);
    EXPECT_EQ(decision.change.life->finished_at, kNow);
    EXPECT_FALSE(decision.change.life->woken_at);
    EXPECT_EQ(decision.change.meter.outstanding, view.task.life.woken_at ? -1 : 0);
    EXPECT_EQ(decision.change.ended.has_value(), is_late(view));
  }
}

TEST(Cancel, AsksWhatRuns) {  // T10
  const auto decision = decide(running(), open_build(), CancelCommand{}, kNow);
  EXPECT_EQ(decision.change.life->state, TaskState::Running);
  EXPECT_EQ(decision.change.life->cancel_requested_at, kNow);
  EXPECT_EQ(decision.change.counts, CountDelta{});
}

TEST(Cancel, LetsTheStrongerRequestStay) {
  const CancelCommand stop{CancelCause::BuildStopped, CancelReason::Superseded};
  EXPECT_TRUE(decide(canceling(CancelReason::User), open_build(), stop, kNow).change.empty());
  auto decision = decide(canceling(CancelReason::Superseded), open_build(), CancelCommand{}, kNow);
  EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::User);
  decision = decide(canceling(CancelReason::Timeout), open_build(), stop, kNow);
  EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::Superseded);
  EXPECT_EQ(decision.change.life->cancel_requested_at, kNow - 5 * kSecond);
}

TEST(Reopen, BringsBackWhatASwitchCanceled) {  // T12
  const TaskView view = canceled(CancelReason::Superseded, 3);
  const auto decision = decide(view, open_build(), ReopenCommand{}, kNow);
  const TaskLife& life = *decision.change.life;
  EXPECT_EQ(life.state, TaskState::Queued);
  EXPECT_EQ(life.attempt, 4);
  EXPECT_EQ(life.max_attempts, 4);
  EXPECT_EQ(life.task_class, TaskClass::Replay);
  EXPECT_FALSE(life.effects);
  EXPECT_FALSE(life.cancel_reason);
  EXPECT_FALSE(life.cancel_requested_at);
  EXPECT_FALSE(life.finished_at);
  EXPECT_EQ(decision.change.counts, (CountDelta{.queued = 1, .canceled = -1}));
}

TEST(Reopen, CountsNoAttemptThatWasNotStarted) {
  TaskView view = canceled(CancelReason::Rollback, 2);
  view.attempt.reset();
  const auto decision = decide(view, open_build(), ReopenCommand{}, kNow);
  EXPECT_EQ(decision.change.life->attempt, 2);
  EXPECT_EQ(decision.change.life->max_attempts, 3);
}

TEST(Reopen, WaitsUntilTheBuildIsOpen) {
  const TaskView view = canceled(CancelReason::Superseded);
  EXPECT_TRUE(decide(view, stopped_build(), ReopenCommand{}, kNow).change.empty());
}

TEST(Retry, GivesAFreshBudget) {  // T13
  for (const TaskView& view : {failed(3), canceled(CancelReason::User, 3)}) {
    const auto decision = decide(view, open_build(), RetryCommand{}, kNow);
    EXPECT_EQ(decision.change.life->state, TaskState::Queued);
    EXPECT_EQ(decision.change.life->attempt, 4);
    EXPECT_EQ(decision.change.life->max_attempts, 6);
    EXPECT_FALSE(decision.change.life->cancel_reason);
    EXPECT_EQ(decision.change.outbox.size(), 1U);
  }
}

TEST(Retry, AcceptsTheDeadPublishAgain) {
  TaskView view = failed(10);
  view.task.kind = TaskKind::Sink;
  view.task.life.max_attempts = 10;
  const auto decision = decide(view, stopped_build(), RetryCommand{}, kNow);
  EXPECT_EQ(decision.change.publish, PublishState::Accepted);
  EXPECT_EQ(decision.change.life->max_attempts, 20);
}

TEST(Ring, RingsAgainAfterAMinute) {
  TaskView view = queued();
  view.task.life.woken_at = kNow - 60 * kSecond;
  view.may_ring = false;  // It counts as out already.
  const auto decision = decide(view, open_build(), RingCommand{}, kNow);
  ASSERT_EQ(decision.change.outbox.size(), 1U);
  EXPECT_EQ(decision.change.life->wakeups, 2);
  EXPECT_EQ(decision.change.life->woken_at, kNow);
  EXPECT_EQ(decision.change.meter, MeterDelta{});
}

TEST(Ring, TakesTheBellFromWhatCannotBeClaimed) {
  TaskView view = queued();
  view.task.life.woken_at = kNow - 60 * kSecond;
  const auto decision = decide(view, stopped_build(), RingCommand{}, kNow);
  EXPECT_FALSE(decision.change.life->woken_at);
  EXPECT_EQ(decision.change.meter, (MeterDelta{.outstanding = -1, .owed = true}));
}

}  // namespace
}  // namespace weir::dispatcher
