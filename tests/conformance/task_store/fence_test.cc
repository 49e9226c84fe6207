// SPDX-License-Identifier: Apache-2.0
// Every refusal of contract sections 3.2 and 3.3 through the port, and that it changes nothing.
#include "tests/conformance/task_store/tables_text.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class TaskFence : public TaskStoreSuite {
 protected:
  /// Asks for everything by the fence; each must be refused with the code and change nothing.
  void expect_all_refused(const Held& held, RefusalCode code) {
    const auto before = test::describe(tables());
    const auto beat = heartbeat(held);
    const auto done = complete(held);
    const auto data = emit(held, {cursor_event(std::int64_t{1})});
    const StateRead read{.task_id = held.task_id, .fence = held.fence};
    const auto state = store().read_state(read);
    ASSERT_TRUE(state.ok());
    for (const auto& refused : {beat.refused, done.refused, data.refused, state->refused}) {
      ASSERT_TRUE(refused);
      EXPECT_EQ(word(refused->code), word(code));
    }
    EXPECT_EQ(test::describe(tables()), before);
  }
  RefusalCode code_of(const std::optional<Refusal>& refused) {
    EXPECT_TRUE(refused);
    return refused ? refused->code : RefusalCode::NotSupported;
  }
};

TEST_P(TaskFence, KnowsNoSuchTask) {
  const Held nobody{id_named<TaskId>("nobody"), {1, id_named<LeaseToken>("x")}};
  expect_all_refused(nobody, RefusalCode::TaskNotFound);
  EXPECT_EQ(code_of(try_claim(nobody.task_id).refused), RefusalCode::TaskNotFound);
  EXPECT_EQ(code_of(command(nobody.task_id, UserCommand::Cancel).refused),
            RefusalCode::TaskNotFound);
  const auto fetched = store().fetch(nobody.task_id);
  ASSERT_FALSE(fetched.ok());
  EXPECT_EQ(fetched.error().reason(), "task_not_found");
  EXPECT_TRUE(tables().tasks.empty()) << "a claim never creates a task";
}

TEST_P(TaskFence, ForeignOrganisationsKnowNoSuchTask) {
  const Held held = held_task("relay");
  for (const auto what : {UserCommand::Cancel, UserCommand::Retry}) {
    const auto answer = store().command(
        {.org_id = id_named<OrgId>("other"), .task_id = held.task_id, .command = what});
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(code_of(answer->refused), RefusalCode::TaskNotFound);
  }
  EXPECT_EQ(state_of(held.task_id), TaskState::Running);
  EXPECT_FALSE(row(held.task_id).life.cancel_reason);
}

TEST_P(TaskFence, A4RefusesAWrongLeaseToken) {
  Held held = held_task("relay");
  held.fence.lease_token = id_named<LeaseToken>("guessed");
  expect_all_refused(held, RefusalCode::LeaseMismatch);
}

TEST_P(TaskFence, RefusesAnAttemptThatIsOver) {
  const Held first = held_task("relay");
  complete(first, Outcome::Released);
  const Held second = hold(first.task_id);
  Held old = first;
  const auto refused = heartbeat(old);
  EXPECT_EQ(code_of(refused.refused), RefusalCode::StaleAttempt);
  old.fence.attempt = second.fence.attempt;  // the old token under the new number
  EXPECT_EQ(code_of(heartbeat(old).refused), RefusalCode::StaleAttempt);
  EXPECT_TRUE(heartbeat(second).ok());
}

TEST_P(TaskFence, RefusesAHeartbeatAfterReapingButTakesItsData) {
  const Held held = held_task("relay");
  advance(seconds(61));
  run_all(Chore::ExpireLeases);
  EXPECT_EQ(code_of(heartbeat(held).refused), RefusalCode::LeaseExpired);
  const auto emitted = emit(held, {cursor_event(std::int64_t{1})});
  EXPECT_TRUE(emitted.ok()) << "the late rule";
  EXPECT_TRUE(complete(held).ok());
}

TEST_P(TaskFence, ExpiryAloneDoesNotFence) {
  const Held held = held_task("relay");
  advance(seconds(61));
  EXPECT_TRUE(heartbeat(held).ok());
  EXPECT_EQ(run_all(Chore::ExpireLeases), 0U) << "the executor came first";
}

TEST_P(TaskFence, RefusesWhatIsFinishedWithItsState) {
  const Held held = held_task("relay");
  complete(held);
  const auto refused = heartbeat(held);
  EXPECT_EQ(code_of(refused.refused), RefusalCode::TaskFinished);
  EXPECT_EQ(refused.refused->state, TaskState::Completed);
  EXPECT_EQ(code_of(emit(held, {cursor_event(std::int64_t{1})}).refused),
            RefusalCode::TaskFinished);
  EXPECT_EQ(code_of(complete(held, Outcome::FatalError).refused), RefusalCode::TaskFinished);
  EXPECT_EQ(code_of(command(held.task_id, UserCommand::Cancel).refused), RefusalCode::TaskFinished);
  EXPECT_EQ(code_of(command(held.task_id, UserCommand::Retry).refused), RefusalCode::TaskFinished);
  EXPECT_EQ(try_claim(held.task_id).refused->reason, NotClaimedReason::Completed);
}

TEST_P(TaskFence, RefusesWhatWasArchived) {
  const Held held = held_task("relay");
  complete(held, Outcome::FatalError);
  engine().archive(held.task_id);
  expect_all_refused(held, RefusalCode::TaskFinished);
  EXPECT_EQ(code_of(command(held.task_id, UserCommand::Retry).refused), RefusalCode::TaskArchived);
  EXPECT_EQ(try_claim(held.task_id).refused->reason, NotClaimedReason::Failed);
}

TEST_P(TaskFence, RefusesDataOfATaskThatIsToStop) {
  const Held asked = held_task("relay");
  command(asked.task_id, UserCommand::Cancel);
  const auto refused = emit(asked, {cursor_event(std::int64_t{1})});
  EXPECT_EQ(code_of(refused.refused), RefusalCode::TaskCanceled);
  EXPECT_EQ(refused.refused->cancel_reason, CancelReason::User);

  const Held stopped = held_task("single");
  engine().set_dispatch(build_of("single"), Dispatch::Stopped, CancelReason::Rollback);
  const auto after = emit(stopped, {cursor_event(std::int64_t{1})});
  EXPECT_EQ(code_of(after.refused), RefusalCode::TaskCanceled);
  EXPECT_EQ(after.refused->cancel_reason, CancelReason::Rollback);
  EXPECT_EQ(tables().events.size(), 2U) << "those of the source";
}

TEST_P(TaskFence, RetriesNothingThatIsNotOver) {
  const Held held = held_task("relay");
  EXPECT_EQ(code_of(command(held.task_id, UserCommand::Retry).refused), RefusalCode::NotSupported);
  EXPECT_EQ(state_of(held.task_id), TaskState::Running);
}

TEST_P(TaskFence, B10AnswersARepeatedCompletionAsItWas) {
  for (const Outcome outcome :
       {Outcome::Success, Outcome::RetryableError, Outcome::FatalError, Outcome::Released}) {
    const Held held = held_task("relay");
    const auto first = complete(held, outcome);
    ASSERT_TRUE(first.ok());
    const auto before = test::describe(tables());
    for (int again = 0; again < 3; ++again) {
      const auto repeat = complete(held, outcome);
      ASSERT_TRUE(repeat.ok()) << word(outcome);
      EXPECT_TRUE(repeat.reply.duplicate);
      EXPECT_EQ(repeat.reply.status, first.reply.status);
      EXPECT_EQ(repeat.reply.attempt, 1);
    }
    EXPECT_EQ(test::describe(tables()), before);
    command(held.task_id, UserCommand::Cancel);
  }
}

WEIR_TASK_ENGINES(TaskFence);

}  // namespace
}  // namespace weir::dispatcher
