// SPDX-License-Identifier: Apache-2.0
// T1 to T14 of contract section 5.1, through the port: which rows each leaves.
#include "dispatcher/core/limits.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class TaskTransitions : public TaskStoreSuite {
 protected:
  /// Lets the lease run out and the reaper come by.
  void lapse(Duration span = seconds(61)) {
    advance(span);
    EXPECT_EQ(run_all(Chore::ExpireLeases), 1U);
  }
  /// Lets the longest back-off pass and the retry scheduler come by.
  void retry_due() {
    advance(minutes(16));
    EXPECT_EQ(run_all(Chore::QueueRetries), 1U);
  }
};

TEST_P(TaskTransitions, T1PutsATaskInTheQueueWithItsWakeup) {
  const RunReply run = run_source(7);
  const TaskRecord task = row(queued_task("relay"));
  EXPECT_EQ(task.kind, TaskKind::Reactive);
  EXPECT_EQ(task.queue, kEcsNormal);
  EXPECT_EQ(task.priority, 1);
  EXPECT_EQ(task.org_id, org());
  EXPECT_EQ(task.trigger_event_id, run.event_id);
  EXPECT_EQ(task.root_event_id, run.event_id);
  EXPECT_EQ(task.input_index, 0);
  EXPECT_EQ(task.created_at, now());
  EXPECT_EQ(task.life.task_class, TaskClass::Manual);
  EXPECT_EQ(task.life.effects, Effects::Fire);
  EXPECT_EQ(task.life.attempt, 1);
  EXPECT_EQ(task.life.max_attempts, 3);
  EXPECT_EQ(task.life.scope.cursor_to, Cursor(std::int64_t{7}));
  EXPECT_EQ(task.life.available_at, now());
  EXPECT_EQ(task.life.rank_at, now() - seconds(300));
  EXPECT_EQ(task.life.woken_at, now());
  EXPECT_EQ(task.life.wakeups, 1);
  const TaskTables all = tables();
  const auto rung = all.outbox.find(wakeup_id(task.task_id, 1, 0));
  ASSERT_NE(rung, all.outbox.end());
  EXPECT_EQ(rung->second.topic, "tasks.ecs_platform.normal");
  EXPECT_EQ(counts("relay").queued, 1);
}

TEST_P(TaskTransitions, T2LeasesTheTaskAndFreezesItsScope) {
  run_source(7);
  const TaskId id = queued_task("relay");
  const ClaimAnswer answer =
      claim({.worker_id = "w", .claim_id = id_named<ClaimId>("c"), .task_ids = {id}});
  ASSERT_TRUE(answer.tasks.front().answer.ok());
  const ClaimReply& reply = answer.tasks.front().answer.reply;
  EXPECT_EQ(reply.attempt, 1);
  EXPECT_GT(reply.fence_no, 0);
  EXPECT_EQ(reply.lease_expires_at, now() + seconds(60));
  EXPECT_EQ(reply.deadline_at, now() + seconds(1800));
  EXPECT_EQ(reply.heartbeat_interval, seconds(20));
  EXPECT_FALSE(reply.duplicate);

  const TaskRecord task = row(id);
  EXPECT_EQ(task.life.state, TaskState::Running);
  EXPECT_EQ(task.life.started_at, now());
  EXPECT_FALSE(task.life.woken_at);
  EXPECT_TRUE(task.life.scope.frozen);
  EXPECT_FALSE(task.life.scope.cursor_from);
  ASSERT_EQ(task.life.scope.pinned.size(), 1U);
  EXPECT_EQ(task.life.scope.pinned.front().version, version_of("manual"));
  const AttemptRecord attempt = attempt_row(id, 1);
  EXPECT_EQ(attempt.state, AttemptState::Active);
  EXPECT_EQ(attempt.lease_token, reply.lease_token);
  EXPECT_EQ(attempt.fence_no, reply.fence_no);
  EXPECT_EQ(attempt.claim_id, id_named<ClaimId>("c"));
  EXPECT_EQ(tables().leases.at(id).expires_at, reply.lease_expires_at);
  EXPECT_EQ(counts("relay").running, 1);
  EXPECT_EQ(counts("relay").queued, 0);
}

TEST_P(TaskTransitions, T2StartsWhereTheLastCompletedTaskEnded) {
  EXPECT_TRUE(complete(held_task("relay", 7)).ok());
  const Held second = held_task("relay", 9);
  EXPECT_EQ(row(second.task_id).life.scope.cursor_from, Cursor(std::int64_t{7}));
  EXPECT_EQ(row(second.task_id).life.scope.cursor_to, Cursor(std::int64_t{9}));
}

TEST_P(TaskTransitions, T3ExtendsTheLease) {
  const Held held = held_task("relay");
  advance(seconds(20));
  const auto answer = heartbeat(held);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.reply.status, TaskState::Running);
  EXPECT_EQ(answer.reply.lease_expires_at, now() + seconds(60));
  EXPECT_FALSE(answer.reply.paused);
  EXPECT_EQ(tables().leases.at(held.task_id).expires_at, now() + seconds(60));
  EXPECT_EQ(tables().leases.at(held.task_id).last_heartbeat_at, now());
}

TEST_P(TaskTransitions, T4ClosesTheAttemptAndMovesTheCursor) {
  const Held held = held_task("relay", 7);
  advance(seconds(3));
  TaskItem<CompleteCommand> item{held.task_id, {}};
  item.command.fence = held.fence;
  item.command.result = R"({"rows":3})";
  const auto answers = store().complete(std::span(&item, 1));
  ASSERT_TRUE(answers.ok());
  EXPECT_EQ(answers->front().reply.status, TaskState::Completed);
  EXPECT_EQ(answers->front().reply.attempt, 1);
  EXPECT_FALSE(answers->front().reply.duplicate);

  const TaskRecord task = row(held.task_id);
  EXPECT_EQ(task.life.state, TaskState::Completed);
  EXPECT_EQ(task.life.result, R"({"rows":3})");
  EXPECT_EQ(task.life.finished_at, now());
  EXPECT_EQ(attempt_row(held.task_id, 1).state, AttemptState::Closed);
  EXPECT_EQ(attempt_row(held.task_id, 1).outcome, Outcome::Success);
  EXPECT_EQ(attempt_row(held.task_id, 1).ended_at, now());
  EXPECT_FALSE(tables().leases.contains(held.task_id));
  EXPECT_EQ(tables().cursors.at({build_of("relay"), 0, version_of("manual")}),
            Cursor(std::int64_t{7}));
  EXPECT_EQ(counts("relay").completed, 1);
}

TEST_P(TaskTransitions, T4NeverMovesACursorBack) {
  const Held first = held_task("relay", 9);
  const Held second = held_task("relay", 7);
  EXPECT_TRUE(complete(first).ok());
  EXPECT_TRUE(complete(second).ok());
  EXPECT_EQ(tables().cursors.at({build_of("relay"), 0, version_of("manual")}),
            Cursor(std::int64_t{9}));
}

TEST_P(TaskTransitions, T5WaitsAfterAReportedFailure) {
  const Held held = held_task("relay");
  const auto answer = complete(held, Outcome::RetryableError);
  EXPECT_EQ(answer.reply.status, TaskState::RetryWait);
  const TaskRecord task = row(held.task_id);
  EXPECT_EQ(task.life.next_retry_at, answer.reply.next_retry_at);
  EXPECT_GE(*task.life.next_retry_at, now() + seconds(15));
  EXPECT_LT(*task.life.next_retry_at, now() + seconds(45));
  EXPECT_EQ(task.life.last_error, (TaskError{"boom", "Boom", "it broke"}));
  EXPECT_EQ(attempt_row(held.task_id, 1).state, AttemptState::Closed);
  EXPECT_EQ(attempt_row(held.task_id, 1).outcome, Outcome::RetryableError);
  EXPECT_EQ(counts("relay").retry_wait, 1);
}

TEST_P(TaskTransitions, A10LosesItsLeaseWithItsWorkerAndIsQueuedAgain) {
  const Held held = held_task("relay");
  lapse();
  EXPECT_EQ(state_of(held.task_id), TaskState::RetryWait);
  EXPECT_EQ(attempt_row(held.task_id, 1).state, AttemptState::Expired);
  EXPECT_EQ(attempt_row(held.task_id, 1).outcome, Outcome::LeaseExpired);
  retry_due();
  const TaskRecord task = row(held.task_id);
  EXPECT_EQ(task.life.state, TaskState::Queued);
  EXPECT_EQ(task.life.attempt, 2);
  EXPECT_EQ(task.life.woken_at, now());
  EXPECT_TRUE(tables().outbox.contains(wakeup_id(held.task_id, 2, 1)));
  EXPECT_EQ(attempt_row(held.task_id, 1).state, AttemptState::Closed);
  EXPECT_EQ(hold(held.task_id).fence.attempt, 2);
}

TEST_P(TaskTransitions, A10FailsAfterMaxAttemptsCrashes) {
  const Held held = held_task("relay");
  lapse();
  retry_due();
  hold(held.task_id);
  lapse();
  retry_due();
  hold(held.task_id);
  lapse();
  EXPECT_EQ(state_of(held.task_id), TaskState::Failed);
  EXPECT_EQ(attempt_row(held.task_id, 3).outcome, Outcome::LeaseExpired);
  EXPECT_EQ(attempt_row(held.task_id, 3).state, AttemptState::Closed);
}

TEST_P(TaskTransitions, A6FencesOffTheAttemptThatWasReplaced) {
  const Held first = held_task("relay");
  lapse();
  retry_due();
  const Held second = hold(first.task_id, "other");
  EXPECT_EQ(second.fence.attempt, 2);
  const auto late = complete(first);
  ASSERT_TRUE(late.refused);
  EXPECT_EQ(late.refused->code, RefusalCode::StaleAttempt);
  const auto emitted = emit(first, {cursor_event(std::int64_t{1})});
  ASSERT_TRUE(emitted.refused);
  EXPECT_EQ(emitted.refused->code, RefusalCode::StaleAttempt);
  EXPECT_EQ(state_of(first.task_id), TaskState::Running);
  EXPECT_EQ(row(first.task_id).life.attempt, 2);
  EXPECT_EQ(tables().events.size(), 1U) << "the source's own";
}

TEST_P(TaskTransitions, T6EndsWithAFatalError) {
  const Held held = held_task("relay");
  EXPECT_EQ(complete(held, Outcome::FatalError).reply.status, TaskState::Failed);
  EXPECT_EQ(row(held.task_id).life.finished_at, now());
  EXPECT_EQ(counts("relay").failed, 1);
  EXPECT_TRUE(tables().cursors.empty());
}

TEST_P(TaskTransitions, T7DoesNothingBeforeTheRetryIsDue) {
  const Held held = held_task("relay");
  complete(held, Outcome::RetryableError);
  EXPECT_EQ(run_all(Chore::QueueRetries), 0U);
  advance(seconds(14));
  EXPECT_EQ(run_all(Chore::QueueRetries), 0U);
  advance(seconds(40));
  EXPECT_EQ(run_all(Chore::QueueRetries), 1U);
  EXPECT_EQ(state_of(held.task_id), TaskState::Queued);
}

TEST_P(TaskTransitions, T8TakesALateSuccessUntilTheRetryIsQueued) {
  const Held held = held_task("relay", 7);
  lapse();
  const auto answer = complete(held);
  ASSERT_TRUE(answer.ok());
  EXPECT_EQ(answer.reply.status, TaskState::Completed);
  EXPECT_EQ(attempt_row(held.task_id, 1).state, AttemptState::Closed);
  EXPECT_EQ(tables().cursors.at({build_of("relay"), 0, version_of("manual")}),
            Cursor(std::int64_t{7}));
}

TEST_P(TaskTransitions, T8TakesALateFatalErrorAndALateRetryableOne) {
  const Held fatal = held_task("relay");
  lapse();
  EXPECT_EQ(complete(fatal, Outcome::FatalError).reply.status, TaskState::Failed);
  const Held retryable = held_task("relay");
  lapse();
  const auto waits = row(retryable.task_id).life.next_retry_at;
  EXPECT_EQ(complete(retryable, Outcome::RetryableError).reply.status, TaskState::RetryWait);
  EXPECT_EQ(row(retryable.task_id).life.next_retry_at, waits);
  EXPECT_EQ(attempt_row(retryable.task_id, 1).state, AttemptState::Closed);
}

TEST_P(TaskTransitions, T9CancelsWhatIsQueuedOrWaits) {
  run_source(1);
  const TaskId queued = queued_task("relay");
  const auto answer = command(queued, UserCommand::Cancel);
  EXPECT_EQ(answer.reply.state, TaskState::Canceled);
  EXPECT_EQ(row(queued).life.cancel_reason, CancelReason::User);
  EXPECT_EQ(outstanding(kEcsNormal), woken(kEcsNormal));
  const Held held = held_task("relay");
  complete(held, Outcome::RetryableError);
  EXPECT_EQ(command(held.task_id, UserCommand::Cancel).reply.state, TaskState::Canceled);
  EXPECT_FALSE(row(held.task_id).life.next_retry_at);
  EXPECT_EQ(command(held.task_id, UserCommand::Cancel).reply.state, TaskState::Canceled);
}

TEST_P(TaskTransitions, T10AndT11StopARunningTaskByItsHeartbeats) {
  const Held held = held_task("relay");
  EXPECT_EQ(command(held.task_id, UserCommand::Cancel).reply.state, TaskState::Running);
  EXPECT_EQ(row(held.task_id).life.cancel_requested_at, now());
  const auto told = heartbeat(held);
  EXPECT_EQ(told.reply.status, TaskState::Canceled);
  EXPECT_EQ(told.reply.cancel_reason, CancelReason::User);
  const auto fetched = store().fetch(held.task_id);
  ASSERT_TRUE(fetched.ok());
  EXPECT_EQ(fetched->task.life.cancel_reason, CancelReason::User);
  EXPECT_EQ(complete(held).reply.status, TaskState::Canceled) << "whatever is reported";
  EXPECT_EQ(attempt_row(held.task_id, 1).outcome, Outcome::Canceled);
  EXPECT_EQ(counts("relay").canceled, 1);
}

TEST_P(TaskTransitions, T11CancelsWhatNeverAnswers) {
  const Held held = held_task("relay");
  command(held.task_id, UserCommand::Cancel);
  lapse();
  EXPECT_EQ(state_of(held.task_id), TaskState::Canceled);
  EXPECT_EQ(attempt_row(held.task_id, 1).outcome, Outcome::LeaseExpired);
}

TEST_P(TaskTransitions, T10EndsAnAttemptAtItsDeadlineAndRetriesIt) {
  const Held held = held_task("relay");
  for (int minute = 0; minute < 30; ++minute) {
    advance(seconds(59));
    EXPECT_TRUE(heartbeat(held).ok());
  }
  EXPECT_EQ(run_all(Chore::TimeOut), 0U);
  advance(seconds(30));
  EXPECT_EQ(run_all(Chore::TimeOut), 1U);
  EXPECT_EQ(run_all(Chore::TimeOut), 0U) << "it was asked once";
  EXPECT_EQ(row(held.task_id).life.cancel_reason, CancelReason::Timeout);
  EXPECT_EQ(heartbeat(held).reply.status, TaskState::Canceled);
  EXPECT_LE(tables().leases.at(held.task_id).expires_at,
            *row(held.task_id).life.deadline_at + seconds(10));
  EXPECT_EQ(complete(held, Outcome::Canceled).reply.status, TaskState::RetryWait);
  EXPECT_EQ(attempt_row(held.task_id, 1).outcome, Outcome::Timeout);
}

TEST_P(TaskTransitions, SweepsTheTasksOfAStoppedBuild) {
  run_source(1);
  run_source(2);
  const Held running = hold(tasks_of("relay").front());
  const TaskId queued = queued_task("relay");
  engine().set_dispatch(build_of("relay"), Dispatch::Stopped, CancelReason::Superseded);
  EXPECT_EQ(run_all(Chore::SweepStopped, 1), 2U);
  EXPECT_EQ(run_all(Chore::SweepStopped), 0U);
  EXPECT_EQ(state_of(queued), TaskState::Canceled);
  EXPECT_EQ(row(queued).life.cancel_reason, CancelReason::Superseded);
  EXPECT_EQ(heartbeat(running).reply.status, TaskState::Canceled);
  EXPECT_EQ(heartbeat(running).reply.cancel_reason, CancelReason::Superseded);
  const auto refused = command(queued, UserCommand::Retry);
  ASSERT_TRUE(refused.refused) << "what a switch canceled comes back with its build only";
  EXPECT_EQ(refused.refused->code, RefusalCode::TaskFinished);
}

TEST_P(TaskTransitions, T13RetriesWhatFailedOrWasCanceledByAUser) {
  const Held held = held_task("relay");
  complete(held, Outcome::FatalError);
  EXPECT_EQ(command(held.task_id, UserCommand::Retry).reply.state, TaskState::Queued);
  TaskRecord task = row(held.task_id);
  EXPECT_EQ(task.life.attempt, 2);
  EXPECT_EQ(task.life.max_attempts, 6);
  EXPECT_FALSE(task.life.finished_at);
  EXPECT_EQ(task.life.woken_at, now());
  command(held.task_id, UserCommand::Cancel);
  EXPECT_EQ(command(held.task_id, UserCommand::Retry).reply.state, TaskState::Queued);
  task = row(held.task_id);
  EXPECT_FALSE(task.life.cancel_reason);
  EXPECT_EQ(task.life.attempt, 3);
}

TEST_P(TaskTransitions, T14GivesTheTaskBackWithoutAChargeAndWithoutLosingItsPlace) {
  const Held held = held_task("relay");
  const TaskRecord before = row(held.task_id);
  advance(seconds(5));
  EXPECT_EQ(complete(held, Outcome::Released).reply.status, TaskState::Queued);
  const TaskRecord task = row(held.task_id);
  EXPECT_EQ(task.life.attempt, 2);
  EXPECT_EQ(task.life.max_attempts, 4);
  EXPECT_EQ(task.life.rank_at, before.life.rank_at);
  EXPECT_EQ(task.life.woken_at, now());
  EXPECT_EQ(attempt_row(held.task_id, 1).outcome, Outcome::Released);
  EXPECT_FALSE(tables().leases.contains(held.task_id));
  EXPECT_EQ(hold(held.task_id).fence.attempt, 2);
}

WEIR_TASK_ENGINES(TaskTransitions);

}  // namespace
}  // namespace weir::dispatcher
