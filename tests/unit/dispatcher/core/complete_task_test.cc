// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>

#include "dispatcher/core/transitions.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

Decision<CompleteReply> report(const TaskView& view, Outcome outcome,
                               const BuildFacts& build = open_build()) {
  return decide(view, build, report_of(view, outcome), kNow);
}

TEST(Complete, EndsTheTaskWithSuccess) {  // T4
  TaskView view = running();
  view.task.order_seq = 3;
  view.task.invalidation_id = InvalidationId(numbered(8, 1));
  CompleteCommand command = report_of(view, Outcome::Success);
  command.result = "{\"rows\":3}";
  BuildFacts build = open_build();
  build.max_concurrency = 1;
  const auto decision = decide(view, build, command, kNow);
  const Change& change = decision.change;
  EXPECT_EQ(change.transition, Transition::T4Completed);
  EXPECT_EQ(change.life->state, TaskState::Completed);
  EXPECT_EQ(change.life->finished_at, kNow);
  EXPECT_EQ(change.life->result, "{\"rows\":3}");
  EXPECT_FALSE(change.life->deadline_at);
  EXPECT_EQ(change.lease_change, LeaseChange::Deleted);
  EXPECT_EQ(change.ended->state, AttemptState::Closed);
  EXPECT_EQ(change.ended->outcome, Outcome::Success);
  EXPECT_EQ(change.cursor_to, Cursor(std::int64_t{42}));
  EXPECT_TRUE(change.invalidation_done);
  EXPECT_TRUE(change.next_in_order);
  EXPECT_TRUE(change.slot_freed);
  EXPECT_EQ(change.counts, (CountDelta{.running = -1, .completed = 1}));
  EXPECT_EQ(decision.reply.status, TaskState::Completed);
}

TEST(Complete, WaitsForARetryAfterARetryableError) {  // T5
  const TaskView view = running(2);
  CompleteCommand command = report_of(view, Outcome::RetryableError);
  command.error = TaskError{"source_missing", "", "gone"};
  const auto decision = decide(view, open_build(), command, kNow);
  EXPECT_EQ(decision.change.life->state, TaskState::RetryWait);
  EXPECT_EQ(decision.change.life->next_retry_at, kNow + 60 * kSecond);
  EXPECT_EQ(decision.change.life->attempt, 2);
  EXPECT_EQ(decision.change.life->last_error, command.error);
  EXPECT_EQ(decision.change.ended->state, AttemptState::Closed);
  EXPECT_EQ(decision.change.ended->error, command.error);
  EXPECT_EQ(decision.reply.next_retry_at, kNow + 60 * kSecond);
  EXPECT_TRUE(decision.change.outbox.empty());
}

TEST(Complete, FailsWhenTheAttemptsAreUsedUp) {  // T6
  const auto decision = report(running(3), Outcome::RetryableError);
  EXPECT_EQ(decision.change.life->state, TaskState::Failed);
  EXPECT_EQ(decision.change.life->finished_at, kNow);
  EXPECT_FALSE(decision.change.cursor_to);
}

TEST(Complete, RetriesARunWithoutALimitForEver) {
  TaskView view = running(1000);
  view.task.life.max_attempts.reset();
  const auto decision = report(view, Outcome::RetryableError);
  EXPECT_EQ(decision.change.life->state, TaskState::RetryWait);
  EXPECT_EQ(decision.change.life->next_retry_at, kNow + 600 * kSecond);
}

TEST(Complete, FailsAtOnceAfterAFatalError) {  // T6
  EXPECT_EQ(report(running(), Outcome::FatalError).change.life->state, TaskState::Failed);
}

TEST(Complete, TakesCanceledByNobodysRequestForARetryableError) {
  TaskView view = running();
  const auto decision = report(view, Outcome::Canceled);
  EXPECT_EQ(decision.change.life->state, TaskState::RetryWait);
  EXPECT_EQ(decision.change.ended->outcome, Outcome::RetryableError);
  EXPECT_TRUE(report(after(view, decision.change), Outcome::Canceled).reply.duplicate);
}

TEST(Complete, GivesAReleasedTaskBackUncharged) {  // T14
  const TaskView view = running(3);
  const auto decision = report(view, Outcome::Released);
  const TaskLife& life = *decision.change.life;
  EXPECT_EQ(life.state, TaskState::Queued);
  EXPECT_EQ(life.attempt, 4);
  EXPECT_EQ(life.max_attempts, 4);
  EXPECT_EQ(life.rank_at, view.task.life.rank_at);
  EXPECT_EQ(life.available_at, view.task.life.available_at);
  EXPECT_EQ(decision.change.ended->attempt, 3);
  EXPECT_EQ(decision.change.ended->outcome, Outcome::Released);
  EXPECT_EQ(decision.change.lease_change, LeaseChange::Deleted);
  ASSERT_EQ(decision.change.outbox.size(), 1U);
  EXPECT_EQ(life.woken_at, kNow);
  EXPECT_EQ(life.wakeups, 2);
  EXPECT_EQ(decision.change.meter, (MeterDelta{.outstanding = 1, .owed = false}));
}

TEST(Complete, CancelsWhateverIsReportedAfterACancelRequest) {  // T11
  for (const Outcome outcome : {Outcome::Success, Outcome::RetryableError, Outcome::FatalError,
                                Outcome::Canceled, Outcome::Released}) {
    const auto decision = report(canceling(CancelReason::User), outcome);
    EXPECT_EQ(decision.change.transition, Transition::T11CanceledRunning);
    EXPECT_EQ(decision.change.life->state, TaskState::Canceled);
    EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::User);
    EXPECT_FALSE(decision.change.cursor_to);
    const auto stopped = report(running(), outcome, stopped_build());
    EXPECT_EQ(stopped.change.life->cancel_reason, CancelReason::Superseded);
  }
}

TEST(Complete, TakesWhateverIsReportedAfterTheTimeOutForOne) {
  for (const Outcome outcome : {Outcome::Success, Outcome::FatalError, Outcome::Released}) {
    const TaskView view = canceling(CancelReason::Timeout);
    const auto decision = report(view, outcome);
    EXPECT_EQ(decision.change.life->state, TaskState::RetryWait);
    EXPECT_EQ(decision.change.ended->outcome, Outcome::Timeout);
    EXPECT_EQ(decision.change.life->last_error->code, "timeout");
    EXPECT_FALSE(decision.change.life->cancel_reason);
    EXPECT_FALSE(decision.change.life->cancel_requested_at);
    EXPECT_EQ(report(canceling(CancelReason::Timeout, 3), outcome).change.life->state,
              TaskState::Failed);
  }
}

TEST(Complete, AcceptsALateSuccessAndALateFatalError) {  // T8
  auto decision = report(late(), Outcome::Success);
  EXPECT_EQ(decision.change.transition, Transition::T8LateReport);
  EXPECT_EQ(decision.change.life->state, TaskState::Completed);
  EXPECT_FALSE(decision.change.life->next_retry_at);
  EXPECT_EQ(decision.change.cursor_to, Cursor(std::int64_t{42}));
  EXPECT_EQ(decision.change.counts, (CountDelta{.retry_wait = -1, .completed = 1}));
  decision = report(late(), Outcome::FatalError);
  EXPECT_EQ(decision.change.transition, Transition::T8LateReport);
  EXPECT_EQ(decision.change.life->state, TaskState::Failed);
}

TEST(Complete, LeavesTheRetryToALateErrorOrRelease) {
  for (const Outcome outcome : {Outcome::RetryableError, Outcome::Canceled, Outcome::Released}) {
    const TaskView view = late();
    const auto decision = report(view, outcome);
    EXPECT_EQ(decision.reply.status, TaskState::RetryWait);
    EXPECT_EQ(decision.reply.next_retry_at, view.task.life.next_retry_at);
    EXPECT_EQ(decision.change.ended->state, AttemptState::Closed);
    EXPECT_EQ(decision.change.counts, CountDelta{});
    EXPECT_TRUE(report(after(view, decision.change), outcome).reply.duplicate);
  }
}

TEST(Complete, AnswersARepeatAsItAnsweredFirst) {
  for (const Outcome outcome : {Outcome::Success, Outcome::RetryableError, Outcome::FatalError,
                                Outcome::Canceled, Outcome::Released}) {
    TaskView view = running();
    const CompleteCommand command = report_of(view, outcome);
    const AttemptRecord attempt = *view.attempt;
    const auto first = decide(view, open_build(), command, kNow);
    apply(view, first.change);
    if (!view.attempt) {  // Released: the row is an earlier attempt's now.
      view.earlier = attempt;
      view.earlier->state = AttemptState::Closed;
      view.earlier->outcome = outcome;
    }
    const auto second = decide(view, open_build(), command, kNow + kSecond);
    EXPECT_TRUE(second.reply.duplicate);
    EXPECT_TRUE(second.change.empty());
    EXPECT_EQ(second.reply.status, first.reply.status);
    EXPECT_EQ(second.reply.next_retry_at, first.reply.next_retry_at);
  }
}

TEST(Complete, RefusesAnotherOutcomeUnderTheSameFence) {
  const auto decision = report(completed(), Outcome::FatalError);
  ASSERT_TRUE(decision.refused);
  EXPECT_EQ(decision.refused->code, RefusalCode::TaskFinished);
  EXPECT_EQ(decision.refused->state, TaskState::Completed);
}

TEST(Complete, KnowsARepeatAfterTheRetryWasQueued) {
  TaskView view = queued(2);
  view.earlier = waiting(1).attempt;
  const auto decision =
      decide(view, open_build(), report_of(waiting(1), Outcome::RetryableError), kNow);
  EXPECT_TRUE(decision.reply.duplicate);
  const auto other = decide(view, open_build(), report_of(waiting(1), Outcome::Success), kNow);
  ASSERT_TRUE(other.refused);
  EXPECT_EQ(other.refused->code, RefusalCode::StaleAttempt);
}

TEST(Complete, AsksASinkForItsEvent) {
  TaskView view = running();
  view.task.kind = TaskKind::Sink;
  CompleteCommand command = report_of(view, Outcome::Success);
  command.event_accepted = false;
  const auto decision = decide(view, open_build(), command, kNow);
  ASSERT_TRUE(decision.refused);
  EXPECT_EQ(decision.refused->code, RefusalCode::EventMissing);
  EXPECT_TRUE(decision.change.empty());
}

TEST(Complete, SettlesThePublishOfASink) {
  TaskView view = running(10);
  view.task.kind = TaskKind::Sink;
  view.task.life.max_attempts = 10;
  EXPECT_EQ(report(view, Outcome::Success).change.publish, PublishState::Committed);
  EXPECT_EQ(report(view, Outcome::RetryableError).change.publish, PublishState::Dead);
  view.task.life.max_attempts = 11;
  const auto retried = report(view, Outcome::RetryableError);
  EXPECT_FALSE(retried.change.publish);
  EXPECT_EQ(retried.change.life->next_retry_at, kNow + 300 * kSecond);
}

TEST(Complete, SettlesTheRowOfACheck) {
  TaskView view = running(3);
  view.task.kind = TaskKind::Check;
  EXPECT_EQ(report(view, Outcome::Success, stopped_build()).change.check, CheckMove::Measured);
  EXPECT_EQ(report(view, Outcome::RetryableError).change.check, CheckMove::Error);
}

}  // namespace
}  // namespace weir::dispatcher
