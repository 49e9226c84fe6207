// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/integration/dispatcher/stored_tasks.h"

namespace weir::dispatcher {
namespace {

using test::StoredTasks;

TEST(PostgresTaskStore, RunsATaskFromItsEventToItsEnd) {
  StoredTasks tasks;
  const RunReply run = tasks.run(1);
  ASSERT_TRUE(run.event_id);
  const ClaimAnswer claimed = tasks.claim_ready(10);
  ASSERT_EQ(claimed.tasks.size(), 1U);
  const ClaimedTask& task = claimed.tasks.front();
  ASSERT_TRUE(task.answer.ok());
  EXPECT_GT(task.answer.reply.fence_no, 0);
  EXPECT_FALSE(claimed.more);
  ASSERT_TRUE(task.context && task.context->job && task.context->trigger);
  EXPECT_EQ(task.context->job->job, "bars");
  EXPECT_EQ(task.context->trigger->event_id, *run.event_id);
  EXPECT_EQ(task.context->trigger->cursor, Cursor(std::int64_t{1}));
  EXPECT_EQ(task.context->job->inputs.size(), 1U);
  const auto beaten = tasks.heartbeat(task);
  ASSERT_TRUE(beaten.ok());
  EXPECT_EQ(beaten.reply.status, TaskState::Running);
  const auto completed = tasks.complete(task, Outcome::Success);
  ASSERT_TRUE(completed.ok());
  EXPECT_EQ(completed.reply.status, TaskState::Completed);
  EXPECT_EQ(tasks.plane().number("SELECT cursor_int FROM state.dataset_cursors"), 1);
  const auto again = tasks.complete(task, Outcome::Success);
  EXPECT_TRUE(again.ok() && again.reply.duplicate);
  test::expect_clean_audit(tasks.plane());
}

std::vector<AcceptRequest> accept_one(const ClaimedTask& task, NewEvent event) {
  if (!event.output) event.output = 0;
  AcceptRequest request;
  request.task_id = task.task_id;
  request.fence = {task.answer.reply.attempt, task.answer.reply.lease_token};
  request.events = {std::move(event)};
  return {request};
}

TEST(PostgresTaskStore, AcceptsAnEventOnceWithItsStateAndItsTasks) {
  StoredTasks tasks;
  tasks.run(1);
  const ClaimedTask task = tasks.claim_ready(1).tasks.at(0);
  NewEvent event;
  event.partition_key = "1-5";
  event.start = 1;
  event.end = 5;
  auto requests = accept_one(task, event);
  requests.front().state = StateWrite{.expect_revision = 0, .state_json = R"({"a":1})"};
  const auto first = tasks.store().accept(requests);
  ASSERT_TRUE(first.ok()) << first.error().describe();
  ASSERT_TRUE(first->at(0).ok()) << first->at(0).fault->describe();
  EXPECT_EQ(first->at(0).reply.events.at(0).seq, 1);
  EXPECT_EQ(first->at(0).reply.state_revision, 1);
  const auto second = tasks.store().accept(requests);
  ASSERT_TRUE(second.ok() && second->at(0).ok());
  EXPECT_TRUE(second->at(0).reply.events.at(0).duplicate);
  EXPECT_EQ(second->at(0).reply.state_revision, 1);
  const auto state = tasks.store().read_state(
      {.task_id = task.task_id, .fence = requests.front().fence, .state_key = "default"});
  ASSERT_TRUE(state.ok() && state->ok());
  EXPECT_EQ(state->reply.state_json, R"({"a":1})");
  requests.front().events.clear();
  requests.front().state->expect_revision = 7;
  const auto wrong = tasks.store().accept(requests);
  ASSERT_TRUE(wrong.ok());
  ASSERT_TRUE(wrong->at(0).fault);
  EXPECT_EQ(wrong->at(0).fault->reason(), "revision_conflict");
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.tasks"), 3);
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, SupersedesAPartitionAndKeepsItsRevisions) {
  StoredTasks tasks;
  tasks.run_many(1, 3);
  std::vector<AcceptRequest> requests;
  for (const ClaimedTask& task : tasks.claim_ready(3).tasks) {
    NewEvent event;
    event.partition_key = "all";
    requests.push_back(accept_one(task, event).front());
  }
  ASSERT_EQ(requests.size(), 3U);
  const std::vector first = {requests[0]};
  ASSERT_TRUE(tasks.store().accept(first)->at(0).ok());
  const std::vector others = {requests[1], requests[2]};
  for (const auto& answer : *tasks.store().accept(others)) EXPECT_TRUE(answer.ok());
  EXPECT_EQ(tasks.plane().number("SELECT max(revision) FROM state.partition_versions"), 3);
  EXPECT_EQ(tasks.plane().number(
                "SELECT count(*) FROM state.partition_versions WHERE superseded_at IS NULL"),
            1);
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, ReapsAndRetriesWhatWasAbandoned) {
  StoredTasks tasks;
  tasks.run(1);
  const ClaimedTask task = tasks.claim_ready(1).tasks.at(0);
  tasks.plane().script("UPDATE state.leases SET expires_at = now() - interval '1 second'");
  ASSERT_TRUE(tasks.store().due()->chores[0]);
  EXPECT_EQ(tasks.chore(Chore::ExpireLeases).done, 1U);
  EXPECT_EQ(tasks.chore(Chore::ExpireLeases).done, 0U);
  tasks.plane().script("UPDATE state.tasks SET next_retry_at = now() WHERE state = 'retry_wait'");
  EXPECT_EQ(tasks.chore(Chore::QueueRetries).done, 1U);
  const auto stale = tasks.complete(task, Outcome::Success);
  ASSERT_TRUE(stale.refused);
  EXPECT_EQ(stale.refused->code, RefusalCode::StaleAttempt);
  EXPECT_EQ(tasks.claim_ready(1).tasks.at(0).answer.reply.attempt, 2);
  tasks.plane().script("UPDATE state.tasks SET deadline_at = now() WHERE state = 'running'");
  EXPECT_EQ(tasks.chore(Chore::TimeOut).done, 1U);
  EXPECT_EQ(tasks.chore(Chore::TimeOut).done, 0U);
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, SweepsWhatAStoppedBuildLeftBehind) {
  StoredTasks tasks;
  tasks.run_many(1, 4);
  tasks.claim_ready(1);
  test::set_dispatch(tasks.plane(), BuildId(test::seed_id(21)), Dispatch::Stopped);
  ASSERT_TRUE(tasks.store().due()->chores[3]);
  EXPECT_EQ(tasks.chore(Chore::SweepStopped).done, 4U);
  EXPECT_FALSE(tasks.store().due()->chores[3]);
  EXPECT_TRUE(tasks.claim_ready(4).tasks.empty());
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, RingsWhatIsOwedOnceThereIsRoom) {
  StoredTasks tasks;
  test::pause(tasks.plane(), {.build_id = BuildId(test::seed_id(21))});
  tasks.run_many(1, 5);
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.outbox"), 0);
  EXPECT_EQ(tasks.chore(Chore::RefillWakeups).done, 0U);
  test::unpause(tasks.plane(), {.build_id = BuildId(test::seed_id(21))});
  ASSERT_TRUE(tasks.store().due()->chores[4]);
  EXPECT_EQ(tasks.chore(Chore::RefillWakeups, 3).done, 3U);
  EXPECT_EQ(tasks.chore(Chore::RefillWakeups).done, 2U);
  EXPECT_FALSE(tasks.store().due()->chores[4]);
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.outbox"), 5);
  tasks.plane().script(
      "UPDATE state.tasks SET woken_at = now() - interval '2 minutes'"
      " WHERE state = 'queued'");
  EXPECT_EQ(tasks.chore(Chore::RingLost).done, 5U);
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.outbox"), 10);
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, RunsTheTasksOfAnOrderedInputOneByOne) {
  StoredTasks tasks(test::trades_seed({.name = "bars", .ordered = true}));
  tasks.run_many(1, 5);
  for (int at = 1; at <= 5; ++at) {
    const ClaimAnswer claimed = tasks.claim_ready(10);
    ASSERT_EQ(claimed.tasks.size(), 1U);
    EXPECT_EQ(claimed.tasks[0].context->trigger->seq, at);
    EXPECT_TRUE(tasks.claim_ready(10).tasks.empty());
    ASSERT_TRUE(tasks.complete(claimed.tasks[0], Outcome::Success).ok());
    test::expect_clean_audit(tasks.plane());
  }
}

TEST(PostgresTaskStore, RunsNoMoreThanTheLimitOfABuild) {
  StoredTasks tasks(test::trades_seed({.name = "bars", .max_concurrency = 2}));
  tasks.run_many(1, 5);
  const ClaimAnswer claimed = tasks.claim_ready(10);
  EXPECT_EQ(claimed.tasks.size(), 2U);
  EXPECT_TRUE(tasks.claim_ready(10).tasks.empty());
  ASSERT_TRUE(tasks.complete(claimed.tasks.at(0), Outcome::Success).ok());
  EXPECT_EQ(tasks.claim_ready(10).tasks.size(), 1U);
  EXPECT_EQ(tasks.plane().number("SELECT max(slot) FROM state.task_counts WHERE build_id = '" +
                                 test::seed_id(21).text() + "'"),
            0);
  test::expect_clean_audit(tasks.plane());
}

/// The source fires each minute, and is due.
TaskSeed cron_seed() {
  TaskSeed seed = test::trades_seed();
  JobSeed& ticks = seed.dag_versions[0].jobs[0];
  ticks.source = SeedSource::Cron;
  ticks.operator_name = "trigger_cron";
  ticks.schedule = "rate(1 day)";  // none becomes due while a test runs
  seed.sources[0].kind = SeedSource::Cron;
  seed.sources[0].next_fire_at = Instant(std::chrono::seconds(1'700'000'040));
  return seed;
}

TEST(PostgresTaskStore, FiresACronSourceOnceAndMakesTheRunOfAnAlwaysOnSource) {
  StoredTasks tasks(cron_seed());
  const ChorePage page = tasks.chore(Chore::FireSources);
  EXPECT_EQ(page.done, 1U);
  EXPECT_EQ(page.notes.size(), 1U);
  EXPECT_EQ(tasks.chore(Chore::FireSources).done, 0U);
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.events"), 1);
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.tasks WHERE state = 'queued'"), 1);
  ASSERT_TRUE(tasks.store().due()->chores[6]);
  EXPECT_GT(*tasks.store().due()->chores[6], tasks.store().due()->now);
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, FiresTheOtherSourcesWhereOneScheduleCannotBeRead) {
  TaskSeed seed = cron_seed();
  JobSeed quotes = seed.dag_versions[0].jobs[0];
  quotes.name = "quotes";
  seed.dag_versions[0].jobs.push_back(quotes);
  BuildSeed built = seed.builds[0];
  built.build_id = BuildId(test::seed_id(77));
  built.job = quotes.name;
  seed.builds.push_back(built);
  DatasetSeed dataset = seed.datasets[0];
  dataset.dataset = DatasetUuid(test::seed_id(78));
  dataset.job = quotes.name;
  dataset.dataset_id = "quotes";
  seed.datasets.push_back(dataset);
  seed.dataset_versions.push_back({.version = DatasetVersionId(test::seed_id(79)),
                                   .dataset = dataset.dataset,
                                   .build_id = built.build_id});
  SourceSeed source = seed.sources[0];
  source.build_id = built.build_id;
  seed.sources.push_back(source);
  StoredTasks tasks(seed);
  const auto set_schedule = [&](const std::string& text) {
    tasks.plane().script(
        "UPDATE state.builds SET definition = jsonb_set(definition,"
        " '{source,schedule}', to_jsonb('" +
        text +
        "'::text))"
        " WHERE job_name = 'quotes'");
  };
  set_schedule("every full moon");
  const ChorePage page = tasks.chore(Chore::FireSources);
  EXPECT_EQ(page.done, 1U);
  const auto told = std::ranges::find_if(page.notes, [](const std::string& note) {
    return note.starts_with("trades/quotes does not fire: its schedule \"every full moon\"");
  });
  EXPECT_NE(told, page.notes.end());
  // It is told once, and makes nobody look again and again.
  const ChorePage again = tasks.chore(Chore::FireSources);
  EXPECT_EQ(again.done, 0U);
  EXPECT_TRUE(again.notes.empty());
  const auto due = tasks.store().due();
  ASSERT_TRUE(due.ok() && due->chores[6]);
  EXPECT_GT(*due->chores[6], due->now);
  set_schedule("rate(1 minute)");
  EXPECT_EQ(tasks.chore(Chore::FireSources).done, 1U);
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, MakesTheRunOfAnAlwaysOnSource) {
  TaskSeed seed = test::trades_seed();
  JobSeed& ticks = seed.dag_versions[0].jobs[0];
  ticks = {.name = "ticks", .operator_name = "sequence_source", .source = SeedSource::AlwaysOn};
  seed.sources[0].kind = SeedSource::AlwaysOn;
  StoredTasks tasks(seed);
  EXPECT_EQ(tasks.chore(Chore::FireSources).done, 1U);
  EXPECT_EQ(tasks.chore(Chore::FireSources).done, 0U);
  EXPECT_FALSE(tasks.store().due()->chores[6]);
  const ClaimAnswer claimed = tasks.claim_ready(1);
  ASSERT_EQ(claimed.tasks.size(), 1U);
  EXPECT_FALSE(claimed.tasks[0].context->task.life.max_attempts);
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, KeepsOneOrganisationFromTheTasksOfAnother) {
  StoredTasks tasks;
  tasks.run(1);
  const TaskId task = tasks.claim_ready(1).tasks.at(0).task_id;
  const auto foreign = tasks.store().command({.org_id = OrgId(test::seed_id(2)), .task_id = task});
  ASSERT_TRUE(foreign.ok() && foreign->refused);
  EXPECT_EQ(foreign->refused->code, RefusalCode::TaskNotFound);
  const auto own = tasks.store().command({.org_id = OrgId(test::seed_id(1)), .task_id = task});
  ASSERT_TRUE(own.ok() && own->ok());
  EXPECT_EQ(own->reply.state, TaskState::Running);
  EXPECT_EQ(tasks.store().fetch(task)->task.life.cancel_reason, CancelReason::User);
}

TEST(PostgresTaskStore, TellsOfATaskThatCanBeClaimedWhileItsCallIsUnderWay) {
  StoredTasks tasks;
  std::vector<ClaimedTask> claimed;
  const auto telling = tasks.another(tasks.pool(), [&](std::span<const RungTask> rung) {
    for (const RungTask& task : rung) {
      const std::vector<ClaimRequest> request = {{.worker_id = "worker",
                                                  .claim_id = {},
                                                  .task_ids = {task.wakeup.task_id},
                                                  .max = 0,
                                                  .runtime = {},
                                                  .operators = {}}};
      auto answers = tasks.store().claim(request);
      ASSERT_TRUE(answers.ok()) << answers.error().describe();
      claimed.push_back(answers->at(0).tasks.at(0));
    }
  });
  const RunReply run = tasks.run(1, *telling);
  ASSERT_EQ(claimed.size(), 1U);
  ASSERT_TRUE(claimed.front().answer.ok());
  EXPECT_EQ(claimed.front().context->trigger->event_id, run.event_id);
  EXPECT_TRUE(tasks.complete(claimed.front(), Outcome::Success).ok());
  test::expect_clean_audit(tasks.plane());
}

TEST(PostgresTaskStore, TellsOfATaskInHistory) {
  StoredTasks tasks;
  tasks.run(1);
  const ClaimedTask task = tasks.claim_ready(1).tasks.at(0);
  ASSERT_TRUE(tasks.complete(task, Outcome::Success).ok());
  test::archive(tasks.plane(), task.task_id);
  const auto context = tasks.store().fetch(task.task_id);
  ASSERT_TRUE(context.ok()) << context.error().describe();
  EXPECT_EQ(context->task.life.state, TaskState::Completed);
  EXPECT_EQ(context->job->job, "bars");
  const auto late = tasks.complete(task, Outcome::Success);
  ASSERT_TRUE(late.refused);
  EXPECT_EQ(late.refused->code, RefusalCode::TaskFinished);
  EXPECT_EQ(tasks.store().fetch(TaskId(test::seed_id(99))).error().reason(), "task_not_found");
}

}  // namespace
}  // namespace weir::dispatcher
