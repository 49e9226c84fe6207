// SPDX-License-Identifier: Apache-2.0
// Tasks that run in the process of the dispatcher, within the claim that gives them (contract
// section 2.6).
#include "tests/conformance/task_store/tables_text.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class TaskInProcess : public TaskStoreSuite {
 protected:
  using Run = std::function<std::optional<InProcessWork>(const TaskContext&, const StateRow&)>;

  /// Claims up to `max` tasks and runs each by `run`.
  ClaimAnswer run_claimed(Run run, std::size_t max = 8,
                          QueueRuntime runtime = QueueRuntime::EcsPlatform) {
    return claim(
        {.worker_id = "inline",
         .max = max,
         .runtime = runtime,
         .in_process = std::make_shared<InProcess>(InProcess{
             .wants_state = [](const TaskContext&) { return true; }, .run = std::move(run)})});
  }
  static Run of_job(const std::string& job, Run run) {
    return [job, run = std::move(run)](const TaskContext& context, const StateRow& state) {
      return context.job->job == job ? run(context, state) : std::nullopt;
    };
  }
  static std::optional<InProcessWork> nothing(const TaskContext& /*context*/,
                                              const StateRow& /*state*/) {
    return InProcessWork{};
  }
  std::size_t completed(const ClaimAnswer& answer) {
    return static_cast<std::size_t>(std::ranges::count_if(
        answer.tasks, [](const ClaimedTask& task) { return task.completed.has_value(); }));
  }
};

TEST_P(TaskInProcess, LeavesTheRowsOfAClaimAndACompletion) {
  const TaskId task = task_of("relay", run_source(5));
  const ClaimAnswer answer = run_claimed(of_job("relay", nothing));
  EXPECT_EQ(completed(answer), 1U);
  EXPECT_EQ(state_of(task), TaskState::Completed);
  const AttemptRecord attempt = attempt_row(task, 1);
  EXPECT_EQ(attempt.state, AttemptState::Closed);
  EXPECT_EQ(attempt.outcome, Outcome::Success);
  EXPECT_EQ(attempt.worker_id, "inline");
  EXPECT_GT(attempt.fence_no, 0);
  EXPECT_TRUE(attempt.ended_at);
  EXPECT_FALSE(tables().leases.contains(task));
  EXPECT_TRUE(row(task).life.scope.frozen);
  EXPECT_EQ(counts("relay").completed, 1);
  EXPECT_EQ(counts("relay").queued, 0);
  EXPECT_EQ(counts("relay").running, 0);
  EXPECT_EQ(tables().cursors.begin()->second, Cursor(std::int64_t{5}));
}

TEST_P(TaskInProcess, EmitsWhatBecomesTasks) {
  run_source(5);
  run_claimed(of_job("relay", [](const TaskContext& context, const StateRow&) {
    InProcessWork work;
    work.events.push_back(cursor_event(*context.trigger->cursor));
    work.state = StateWrite{.state_json = R"({"h":5})"};
    return std::optional(work);
  }));
  EXPECT_EQ(state_of(tasks_of("relay").front()), TaskState::Completed);
  const TaskRecord follower = row(queued_task("last"));
  EXPECT_EQ(follower.life.scope.cursor_to, Cursor(std::int64_t{5}));
  const auto states = tables().operator_state;
  ASSERT_EQ(states.size(), 1U);
  EXPECT_EQ(states.begin()->second.revision, 1);

  run_source(6);
  StateRow seen;
  run_claimed(of_job("relay", [&](const TaskContext&, const StateRow& state) {
    seen = state;
    return std::optional(InProcessWork{});
  }));
  EXPECT_EQ(seen.state_json, R"({"h":5})");
  EXPECT_EQ(seen.revision, 1);
}

TEST_P(TaskInProcess, KeepsAnyOtherTaskForItsExecutor) {
  const TaskId task = task_of("relay", run_source(5));
  const ClaimAnswer answer = run_claimed(
      [](const TaskContext&, const StateRow&) { return std::optional<InProcessWork>(); });
  EXPECT_EQ(completed(answer), 0U);
  EXPECT_EQ(state_of(task), TaskState::Running);
  EXPECT_TRUE(tables().leases.contains(task));
  const auto mine = std::ranges::find(answer.tasks, task, &ClaimedTask::task_id);
  const ClaimReply& reply = mine->answer.reply;
  EXPECT_TRUE(complete({task, {reply.attempt, reply.lease_token}}).ok());
}

TEST_P(TaskInProcess, DoesNothingOfWorkThatIsAtFault) {
  const TaskId task = task_of("relay", run_source(5));
  const ClaimAnswer answer = run_claimed(of_job("relay", [](const TaskContext&, const StateRow&) {
    InProcessWork work;
    work.events.push_back(cursor_event(std::int64_t{1}));
    work.state = StateWrite{.expect_revision = 7};
    return std::optional(work);
  }));
  EXPECT_EQ(completed(answer), 0U);
  EXPECT_EQ(state_of(task), TaskState::Running);
  EXPECT_TRUE(tasks_of("last").empty());
  EXPECT_TRUE(tables().operator_state.empty());
}

TEST_P(TaskInProcess, EmitsAPageOfEventsInAllAndLeavesTheRest) {
  run_source(1);
  run_source(2);
  const ClaimAnswer answer = run_claimed(of_job("relay",
                                                [](const TaskContext&, const StateRow&) {
                                                  InProcessWork work;
                                                  for (std::int64_t at = 0; at < 600; ++at)
                                                    work.events.push_back(cursor_event(at));
                                                  return std::optional(work);
                                                }),
                                         16);
  EXPECT_EQ(completed(answer), 1U);
  EXPECT_EQ(tasks_of("last").size(), 600U);
}

TEST_P(TaskInProcess, FailuresWaitForTheirRetry) {
  const TaskId task = task_of("relay", run_source(5));
  const ClaimAnswer answer = run_claimed(of_job("relay", [](const TaskContext&, const StateRow&) {
    InProcessWork work;
    work.end.outcome = Outcome::RetryableError;
    work.end.error = TaskError{.code = "busy", .type = "", .message = "later"};
    return std::optional(work);
  }));
  EXPECT_EQ(completed(answer), 1U);
  EXPECT_EQ(state_of(task), TaskState::RetryWait);
  EXPECT_EQ(attempt_row(task, 1).error->code, "busy");
  EXPECT_EQ(counts("relay").retry_wait, 1);
}

TEST_P(TaskInProcess, OwesTheNextInOrderItsWakeUp) {
  run_source(1);
  run_source(2);
  const std::vector<TaskId> tasks = tasks_of("ordered");
  run_claimed(of_job("ordered", nothing), 32, QueueRuntime::Dispatcher);
  EXPECT_EQ(state_of(tasks[0]), TaskState::Completed);
  EXPECT_EQ(state_of(tasks[1]), TaskState::Queued);
  EXPECT_TRUE(row(tasks[1]).life.woken_at || owed(row(tasks[1]).queue));
  run_claimed(of_job("ordered", nothing), 32, QueueRuntime::Dispatcher);
  EXPECT_EQ(state_of(tasks[1]), TaskState::Completed);
}

WEIR_TASK_ENGINES(TaskInProcess);

}  // namespace
}  // namespace weir::dispatcher
