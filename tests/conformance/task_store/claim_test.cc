// SPDX-License-Identifier: Apache-2.0
// Claims (contract section 3.3.1) and the gate (5.1.1).
#include <set>
#include <thread>

#include "tests/conformance/task_store/tables_text.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class TaskClaims : public TaskStoreSuite {
 protected:
  ClaimAnswer pull(std::size_t max, QueueRuntime runtime = QueueRuntime::EcsPlatform) {
    return claim({.worker_id = "w", .max = max, .runtime = runtime});
  }
  NotClaimedReason reason(const TaskId& task) {
    const auto answer = try_claim(task);
    EXPECT_TRUE(answer.refused);
    EXPECT_TRUE(answer.refused->reason);
    return answer.refused && answer.refused->reason ? *answer.refused->reason
                                                    : NotClaimedReason::AlreadyRunning;
  }
  static std::vector<TaskId> claimed(const ClaimAnswer& answer) {
    std::vector<TaskId> ids;
    for (const ClaimedTask& task : answer.tasks) {
      if (task.answer.ok()) ids.push_back(task.task_id);
    }
    return ids;
  }
};

TEST_P(TaskClaims, A1GivesOneLeaseToOneOfTwoCallers) {
  for (int round = 0; round < 20; ++round) {
    const TaskId task = task_of("relay", run_source(round));
    std::vector<Answer<ClaimReply>> answers(2);
    std::vector<std::thread> callers;
    for (std::size_t at = 0; at < answers.size(); ++at) {
      callers.emplace_back([&, at] {
        const ClaimRequest request{.worker_id = "w" + std::to_string(at), .task_ids = {task}};
        const auto answer = store().claim(std::span(&request, 1));
        if (answer.ok()) answers[at] = answer->front().tasks.front().answer;
      });
    }
    for (std::thread& caller : callers) caller.join();
    ASSERT_NE(answers[0].ok(), answers[1].ok());
    const auto& loser = answers[0].ok() ? answers[1] : answers[0];
    ASSERT_TRUE(loser.refused);
    EXPECT_EQ(loser.refused->reason, NotClaimedReason::AlreadyRunning);
    const TaskTables all = tables();
    EXPECT_TRUE(all.leases.contains(task));
    EXPECT_EQ(all.attempts.at({task, 1}).state, AttemptState::Active);
    EXPECT_FALSE(all.attempts.contains({task, 2}));
  }
}

TEST_P(TaskClaims, B10GiveARepeatedClaimItsLeasesAgain) {
  run_source(1);
  run_source(2);
  const std::vector<TaskId> tasks = tasks_of("relay");
  const ClaimRequest request{.worker_id = "w",
                             .claim_id = id_named<ClaimId>("once"),
                             .task_ids = {tasks[0]},
                             .max = 2,
                             .runtime = QueueRuntime::EcsPlatform};
  const ClaimAnswer first = claim(request);
  ASSERT_EQ(claimed(first).size(), 2U);
  const auto before = test::describe(tables());
  for (int again = 0; again < 3; ++again) {
    const ClaimAnswer repeat = claim(request);
    ASSERT_EQ(claimed(repeat), claimed(first));
    for (std::size_t at = 0; at < first.tasks.size(); ++at) {
      const ClaimReply& reply = repeat.tasks[at].answer.reply;
      EXPECT_TRUE(reply.duplicate);
      EXPECT_EQ(reply.lease_token, first.tasks[at].answer.reply.lease_token);
      EXPECT_EQ(reply.fence_no, first.tasks[at].answer.reply.fence_no);
      EXPECT_TRUE(repeat.tasks[at].context);
    }
    EXPECT_EQ(repeat.more, first.more);
  }
  EXPECT_EQ(test::describe(tables()), before) << "claims nothing else, changes nothing";
}

TEST_P(TaskClaims, ForgetAClaimOnceItsLeasesAreOver) {
  const ClaimId once = id_named<ClaimId>("once");
  const TaskId first = task_of("relay", run_source(1));
  const auto answer = claim({.worker_id = "w", .claim_id = once, .task_ids = {first}});
  ASSERT_TRUE(answer.tasks.front().answer.ok());
  complete({first, {1, answer.tasks.front().answer.reply.lease_token}});
  const TaskId second = task_of("relay", run_source(2));
  const auto later = claim({.worker_id = "w", .claim_id = once, .task_ids = {second}});
  ASSERT_TRUE(later.tasks.front().answer.ok());
  EXPECT_FALSE(later.tasks.front().answer.reply.duplicate);
}

TEST_P(TaskClaims, AnswerEveryReasonWhyATaskIsNotClaimed) {
  const Held running = held_task("relay");
  EXPECT_EQ(reason(running.task_id), NotClaimedReason::AlreadyRunning);
  const Held waiting = held_task("relay");
  complete(waiting, Outcome::RetryableError);
  const auto not_due = try_claim(waiting.task_id);
  EXPECT_EQ(not_due.refused->reason, NotClaimedReason::NotDue);
  EXPECT_EQ(not_due.refused->retry_after, *row(waiting.task_id).life.next_retry_at - now());
  const Held completed = held_task("relay");
  complete(completed);
  EXPECT_EQ(reason(completed.task_id), NotClaimedReason::Completed);
  const Held failed = held_task("relay");
  complete(failed, Outcome::FatalError);
  EXPECT_EQ(reason(failed.task_id), NotClaimedReason::Failed);
  const TaskId canceled = task_of("relay", run_source(1));
  command(canceled, UserCommand::Cancel);
  EXPECT_EQ(reason(canceled), NotClaimedReason::Canceled);

  const TaskId queued = task_of("relay", run_source(1));
  engine().pause({.build_id = build_of("relay")});
  EXPECT_EQ(reason(queued), NotClaimedReason::Paused);
  engine().unpause({.build_id = build_of("relay")});
  engine().set_dispatch(build_of("relay"), Dispatch::Building, CancelReason::Superseded);
  EXPECT_EQ(reason(queued), NotClaimedReason::Held);
  engine().set_dispatch(build_of("relay"), Dispatch::Stopped, CancelReason::Superseded);
  EXPECT_EQ(reason(queued), NotClaimedReason::Stopped);
  engine().set_dispatch(build_of("relay"), Dispatch::Open, CancelReason::Superseded);
  EXPECT_TRUE(try_claim(queued).ok());

  held_task("single");
  EXPECT_EQ(reason(task_of("single", run_source(1))), NotClaimedReason::Concurrency);
  const TaskId first = task_of("ordered", run_source(1));
  EXPECT_EQ(reason(task_of("ordered", run_source(2))), NotClaimedReason::Order);
  EXPECT_EQ(state_of(first), TaskState::Queued);
}

TEST_P(TaskClaims, LeaveTheWakeupOfAnotherOperatorsTask) {
  const TaskId task = task_of("relay", run_source(1));
  const auto answer = claim({.worker_id = "w",
                             .task_ids = {task},
                             .operators = std::vector<OperatorName>{{"parquet_compact", ""}}});
  EXPECT_EQ(answer.tasks.front().answer.refused->reason, NotClaimedReason::UnsupportedOperator);
  EXPECT_TRUE(row(task).life.woken_at);
  const auto version = claim({.worker_id = "w",
                              .task_ids = {task},
                              .operators = std::vector<OperatorName>{{"table_ingest", "2"}}});
  EXPECT_EQ(version.tasks.front().answer.refused->reason, NotClaimedReason::UnsupportedOperator);
  const auto right = claim({.worker_id = "w",
                            .task_ids = {task},
                            .operators = std::vector<OperatorName>{{"table_ingest", "1"}}});
  EXPECT_TRUE(right.tasks.front().answer.ok());
}

TEST_P(TaskClaims, ReapFirstWhatHasExpired) {
  const Held held = held_task("relay");
  advance(seconds(61));
  const auto answer = try_claim(held.task_id, "other");
  EXPECT_EQ(answer.refused->reason, NotClaimedReason::NotDue);
  EXPECT_EQ(state_of(held.task_id), TaskState::RetryWait);
  EXPECT_EQ(attempt_row(held.task_id, 1).outcome, Outcome::LeaseExpired);
}

TEST_P(TaskClaims, FollowTheClaimOrder) {
  run_source(1);
  advance(seconds(10));
  run_source(2);  // of `single`, priority high: five minutes ahead of what is older than it
  const auto relays = tasks_of("relay");
  const auto singles = tasks_of("single");
  const ClaimAnswer first = pull(1);
  EXPECT_EQ(claimed(first), std::vector{singles[0]});
  EXPECT_TRUE(first.more);
  const ClaimAnswer rest = pull(16);
  std::vector<Instant> ranks;
  for (const TaskId& id : claimed(rest)) {
    ranks.push_back(row(id).life.rank_at);
    EXPECT_NE(id, singles[1]) << "one of them runs already";
  }
  EXPECT_TRUE(std::ranges::is_sorted(ranks));
  EXPECT_EQ(claimed(rest).size(), 4U) << "relay and buffer, twice";
  EXPECT_FALSE(rest.more);
}

TEST_P(TaskClaims, GoOnInOneBuildUntilAnotherOffersToo) {
  for (int at = 1; at <= 6; ++at) run_source(at);
  for (const TaskId& relay : tasks_of("relay")) {
    const Held held = hold(relay);
    emit(held, {cursor_event(row(relay).life.available_at.time_since_epoch().count())});
    complete(held);
  }
  for (const std::string_view job : {"buffer", "single"}) {
    for (const TaskId& task : tasks_of(job)) complete(hold(task));
  }
  const auto lasts = tasks_of("last");  // alone now
  ASSERT_EQ(lasts.size(), 6U);
  std::set<TaskId> had;
  for (int at = 0; at < 4; ++at) {
    const ClaimAnswer answer = pull(1);
    for (const TaskId& task : claimed(answer)) had.insert(task);
    EXPECT_TRUE(answer.more);
  }
  EXPECT_EQ(had.size(), 4U);
  run_source(7);
  EXPECT_EQ(claimed(pull(1)), std::vector{tasks_of("single").back()}) << "of priority high";
  for (const TaskId& task : claimed(pull(2))) had.insert(task);
  EXPECT_EQ(had, std::set<TaskId>(lasts.begin(), lasts.end()));
  EXPECT_EQ(claimed(pull(8)).size(), 2U) << "relay and buffer of the last run";
}

TEST_P(TaskClaims, CountNamedTasksAndFillUpTheRest) {
  for (int at = 1; at <= 3; ++at) run_source(at);
  const auto relays = tasks_of("relay");
  complete(hold(relays[0]));
  const ClaimAnswer answer = claim({.worker_id = "w",
                                    .task_ids = {relays[1], relays[0]},
                                    .max = 2,
                                    .runtime = QueueRuntime::EcsPlatform,
                                    .operators = std::vector<OperatorName>{{"table_ingest", ""}}});
  ASSERT_EQ(answer.tasks.size(), 3U) << "the named ones, and one more for the one that is over";
  EXPECT_EQ(answer.tasks[0].task_id, relays[1]);
  EXPECT_TRUE(answer.tasks[0].answer.ok());
  EXPECT_EQ(answer.tasks[1].task_id, relays[0]);
  EXPECT_EQ(answer.tasks[1].answer.refused->reason, NotClaimedReason::Completed);
  EXPECT_TRUE(answer.tasks[2].answer.ok());
  EXPECT_TRUE(answer.more);
}

TEST_P(TaskClaims, SayNothingMoreWithoutMax) {
  for (int at = 1; at <= 3; ++at) run_source(at);
  const auto relays = tasks_of("relay");
  EXPECT_FALSE(claim({.worker_id = "w", .task_ids = {relays[0]}}).more);
}

TEST_P(TaskClaims, TakeOnlyOperatorsThatTheWorkerRuns) {
  run_source(1);
  const auto none = claim({.worker_id = "w",
                           .max = 8,
                           .runtime = QueueRuntime::EcsPlatform,
                           .operators = std::vector<OperatorName>{{"noop", ""}}});
  EXPECT_TRUE(none.tasks.empty());
  EXPECT_FALSE(none.more);
  const auto aggregator = claim({.worker_id = "w",
                                 .max = 8,
                                 .runtime = QueueRuntime::Dispatcher,
                                 .operators = std::vector<OperatorName>{{"range_aggregator", ""}}});
  ASSERT_EQ(aggregator.tasks.size(), 1U);
  EXPECT_EQ(aggregator.tasks.front().task_id, tasks_of("ordered").front());
}

TEST_P(TaskClaims, KeepToTheRuntimeOfItsQueues) {
  run_source(1);
  EXPECT_EQ(claimed(pull(8, QueueRuntime::Lambda)).size(), 0U);
  EXPECT_EQ(claimed(pull(8, QueueRuntime::Dispatcher)), tasks_of("ordered"));
}

TEST_P(TaskClaims, RunOrderedTasksOneByOneInTheirOrder) {
  for (int at = 1; at <= 3; ++at) run_source(at);
  std::vector<std::int64_t> order;
  for (int at = 0; at < 3; ++at) {
    const ClaimAnswer answer = pull(8, QueueRuntime::Dispatcher);
    ASSERT_EQ(answer.tasks.size(), 1U) << "one at a time";
    EXPECT_FALSE(answer.more);
    const ClaimedTask& task = answer.tasks.front();
    order.push_back(*row(task.task_id).order_seq);
    complete({task.task_id, {task.answer.reply.attempt, task.answer.reply.lease_token}});
  }
  EXPECT_EQ(order, (std::vector<std::int64_t>{1, 2, 3}));
}

TEST_P(TaskClaims, WaitForARetryInOrder) {
  run_source(1);
  run_source(2);
  const ClaimAnswer first = pull(8, QueueRuntime::Dispatcher);
  const ClaimedTask& task = first.tasks.front();
  complete({task.task_id, {1, task.answer.reply.lease_token}}, Outcome::RetryableError);
  EXPECT_TRUE(pull(8, QueueRuntime::Dispatcher).tasks.empty()) << "it is not over";
  advance(minutes(1));
  run_all(Chore::QueueRetries);
  EXPECT_EQ(claimed(pull(8, QueueRuntime::Dispatcher)), std::vector{task.task_id});
}

TEST_P(TaskClaims, KeepToMaxConcurrencyWithinOneCall) {
  for (int at = 1; at <= 3; ++at) run_source(at);
  const auto singles = tasks_of("single");
  const ClaimAnswer answer = claim({.worker_id = "w", .task_ids = singles});
  EXPECT_EQ(claimed(answer), std::vector{singles[0]});
  EXPECT_EQ(answer.tasks[1].answer.refused->reason, NotClaimedReason::Concurrency);
  EXPECT_EQ(counts("single").running, 1);
  complete({singles[0], {1, answer.tasks[0].answer.reply.lease_token}});
  EXPECT_TRUE(owed(kEcsHigh)) << "the others may come now";
  EXPECT_TRUE(try_claim(singles[1]).ok());
}

TEST_P(TaskClaims, TellTheExecutorEverything) {
  const RunReply run = run_source(7);
  const TaskId id = task_of("relay", run);
  const ClaimAnswer answer = claim({.worker_id = "w", .task_ids = {id}});
  ASSERT_TRUE(answer.tasks.front().context);
  const TaskContext& context = *answer.tasks.front().context;
  EXPECT_EQ(context.task, row(id));
  EXPECT_EQ(context.build.dispatch, Dispatch::Open);
  ASSERT_TRUE(context.job);
  EXPECT_EQ(context.job->dag_name, "demo");
  EXPECT_EQ(context.job->job, "relay");
  EXPECT_EQ(context.job->operator_name, "table_ingest");
  EXPECT_EQ(context.job->operator_version, "1");
  EXPECT_EQ(context.job->runtime, "ecs_platform");
  EXPECT_EQ(context.job->config_json, R"({"depth":2})");
  EXPECT_EQ(context.job->execution_strategy, "PerUpdate");
  ASSERT_EQ(context.job->inputs.size(), 1U);
  EXPECT_EQ(context.job->inputs.front().version, version_of("manual"));
  EXPECT_EQ(context.job->inputs.front().dataset, dataset_of("manual"));
  EXPECT_EQ(context.job->inputs.front().where_json, R"({"chain_id":1})");
  ASSERT_EQ(context.job->outputs.size(), 1U);
  EXPECT_EQ(context.job->outputs.front().version, version_of("relay"));
  EXPECT_EQ(context.job->outputs.front().dataset_id, "relayed");
  ASSERT_TRUE(context.trigger);
  EXPECT_EQ(context.trigger->event_id, run.event_id);
  EXPECT_EQ(context.trigger->seq, 1);
  EXPECT_EQ(context.trigger->cursor, Cursor(std::int64_t{7}));

  const auto fetched = store().fetch(id);
  ASSERT_TRUE(fetched.ok());
  EXPECT_EQ(fetched->task, context.task);
  EXPECT_EQ(*fetched->job, *context.job);
  EXPECT_EQ(fetched->trigger, context.trigger);
  ASSERT_TRUE(fetched->lease);
  EXPECT_EQ(fetched->lease->expires_at, answer.tasks.front().answer.reply.lease_expires_at);
}

WEIR_TASK_ENGINES(TaskClaims);

}  // namespace
}  // namespace weir::dispatcher
