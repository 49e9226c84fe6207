// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dispatcher/core/transitions.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

CreateCommand routed() {
  CreateCommand command;
  command.task_id = task_id(1);
  command.trigger_event_id = event_id(1);
  command.root_event_id = event_id(2);
  command.input_index = 0;
  command.scope.partition_key = "0-99";
  return command;
}

BuildFacts another_world() {
  BuildFacts build = open_build();
  build.live_world = false;
  return build;
}

TEST(Create, QueuesTheTaskAndWakesSomebody) {  // T1
  const auto decision = decide(open_build(), routed(), kNow);
  ASSERT_TRUE(decision.change.created);
  const TaskRecord& task = *decision.change.created;
  EXPECT_EQ(task.build_id, build_id());
  EXPECT_EQ(task.queue.text(), "tasks.ecs_platform.normal");
  EXPECT_EQ(task.priority, 1);
  EXPECT_EQ(task.life.state, TaskState::Queued);
  EXPECT_EQ(task.life.effects, Effects::Fire);
  EXPECT_EQ(task.life.attempt, 1);
  EXPECT_EQ(task.life.max_attempts, 3);
  EXPECT_EQ(task.life.rank_at, kNow - 300 * kSecond);
  EXPECT_EQ(task.life.scope.partition_key, "0-99");
  EXPECT_EQ(task.life.woken_at, kNow);
  EXPECT_EQ(task.life.wakeups, 1);
  EXPECT_FALSE(decision.change.life);
  ASSERT_EQ(decision.change.outbox.size(), 1U);
  EXPECT_EQ(decision.change.counts, (CountDelta{.queued = 1}));
  EXPECT_EQ(decision.change.meter, (MeterDelta{.outstanding = 1, .owed = false}));
}

TEST(Create, MakesNoSecondTaskOfTheSameWork) {
  CreateCommand command = routed();
  command.exists = true;
  const auto decision = decide(open_build(), command, kNow);
  EXPECT_TRUE(decision.reply.duplicate);
  EXPECT_TRUE(decision.change.empty());
}

TEST(Create, OwesAHeldTaskItsWakeUp) {
  BuildFacts build = open_build();
  build.dispatch = Dispatch::Building;
  const auto decision = decide(build, routed(), kNow);
  EXPECT_TRUE(decision.change.outbox.empty());
  EXPECT_TRUE(decision.change.meter.owed);
  EXPECT_FALSE(decision.change.created->life.effects);
  EXPECT_EQ(decision.change.created->life.wakeups, 0);
}

TEST(Create, QueuesABackfillApart) {
  CreateCommand command = routed();
  command.task_class = TaskClass::Backfill;
  command.level = QueueLevel::High;
  BuildFacts build = open_build();
  build.dispatch = Dispatch::Building;
  const auto decision = decide(build, command, kNow);
  EXPECT_EQ(decision.change.created->queue.text(), "tasks.ecs_platform.backfill");
  EXPECT_EQ(decision.change.created->priority, -1);
  EXPECT_EQ(decision.change.created->life.rank_at, kNow + 300 * kSecond);
  EXPECT_EQ(decision.change.created->life.effects, Effects::Suppress);
  EXPECT_EQ(decision.change.outbox.size(), 1U);
}

TEST(Create, PutsAnotherWorldsTasksLow) {
  CreateCommand command = routed();
  command.level = QueueLevel::High;
  EXPECT_EQ(decide(another_world(), command, kNow).change.created->queue.level, QueueLevel::Low);
  command.task_class = TaskClass::Backfill;
  EXPECT_EQ(decide(another_world(), command, kNow).change.created->queue.level,
            QueueLevel::Backfill);
}

TEST(Create, GivesAStoppedBuildNothingButItsPublishes) {
  auto decision = decide(stopped_build(), routed(), kNow);
  ASSERT_TRUE(decision.refused);
  EXPECT_EQ(decision.refused->code, RefusalCode::TaskCanceled);
  EXPECT_TRUE(decision.change.empty());
  CreateCommand publish = routed();
  publish.kind = TaskKind::Sink;
  publish.runtime = QueueRuntime::Sink;
  decision = decide(stopped_build(), publish, kNow);
  ASSERT_TRUE(decision.change.created);
  EXPECT_EQ(decision.change.created->life.max_attempts, 10);
  EXPECT_EQ(decision.change.outbox.size(), 1U);
}

TEST(Create, LetsAnAlwaysOnRunTryForEver) {
  CreateCommand command = routed();
  command.kind = TaskKind::SourceRun;
  command.unlimited_attempts = true;
  EXPECT_FALSE(decide(open_build(), command, kNow).change.created->life.max_attempts);
}

InlineRun inline_run() {
  InlineRun run;
  run.create = routed();
  run.create.kind = TaskKind::SourceRun;
  run.create.runtime = QueueRuntime::Dispatcher;
  run.claim = claim_by(5);
  run.result = "{}";
  return run;
}

TEST(InlineRuns, AreCreatedClaimedAndCompletedAsOne) {
  const auto decision = decide(open_build(), inline_run(), kNow);
  EXPECT_EQ(decision.reply.state, TaskState::Completed);
  const Change& change = decision.change;
  ASSERT_TRUE(change.created);
  EXPECT_EQ(change.created->life.state, TaskState::Completed);
  EXPECT_EQ(change.created->life.finished_at, kNow);
  EXPECT_EQ(change.created->life.wakeups, 0);
  EXPECT_FALSE(change.created->life.woken_at);
  ASSERT_TRUE(change.opened);
  EXPECT_EQ(change.opened->state, AttemptState::Closed);
  EXPECT_EQ(change.opened->outcome, Outcome::Success);
  EXPECT_EQ(change.opened->ended_at, kNow);
  EXPECT_FALSE(change.ended);
  EXPECT_EQ(change.lease_change, LeaseChange::Kept);
  EXPECT_TRUE(change.outbox.empty());
  EXPECT_EQ(change.counts, (CountDelta{.completed = 1}));
  EXPECT_EQ(change.meter, MeterDelta{});
}

TEST(InlineRuns, WaitWhileTheirGateIsClosed) {
  BuildFacts paused = open_build();
  paused.paused = true;
  const auto decision = decide(paused, inline_run(), kNow);
  EXPECT_EQ(decision.reply.state, TaskState::Queued);
  EXPECT_EQ(decision.change.created->life.state, TaskState::Queued);
  EXPECT_FALSE(decision.change.opened);
  EXPECT_EQ(decision.change.counts, (CountDelta{.queued = 1}));
  EXPECT_TRUE(decision.change.meter.owed);
}

ClaimedAtOnce claimed_at_once() { return {.create = routed(), .claim = claim_by(5)}; }

TEST(ClaimsAtOnce, FindTheTaskRunningAndNobodyWoken) {
  const auto decision = decide(open_build(), claimed_at_once(), kNow);
  ASSERT_TRUE(decision.reply.claimed);
  EXPECT_EQ(decision.reply.created.task_id, task_id(1));
  EXPECT_EQ(decision.reply.claimed->lease_token, claim_by(5).lease_token);
  EXPECT_EQ(decision.reply.claimed->attempt, 1);
  const Change& change = decision.change;
  ASSERT_TRUE(change.created);
  EXPECT_FALSE(change.life);
  EXPECT_EQ(change.created->life.state, TaskState::Running);
  EXPECT_EQ(change.created->life.started_at, kNow);
  EXPECT_EQ(change.created->life.wakeups, 0);
  EXPECT_FALSE(change.created->life.woken_at);
  EXPECT_TRUE(change.created->life.scope.frozen);
  ASSERT_TRUE(change.opened);
  EXPECT_EQ(change.opened->state, AttemptState::Active);
  EXPECT_EQ(change.lease_change, LeaseChange::Put);
  EXPECT_EQ(change.lease->expires_at, decision.reply.claimed->lease_expires_at);
  EXPECT_TRUE(change.outbox.empty());
  EXPECT_EQ(change.counts, (CountDelta{.running = 1}));
  EXPECT_EQ(change.meter, MeterDelta{});
}

TEST(ClaimsAtOnce, LeaveATaskWhoseGateIsClosedAsItWouldBe) {
  BuildFacts paused = open_build();
  paused.paused = true;
  const auto decision = decide(paused, claimed_at_once(), kNow);
  EXPECT_FALSE(decision.reply.claimed);
  EXPECT_EQ(decision.change.created->life.state, TaskState::Queued);
  EXPECT_FALSE(decision.change.opened);
  EXPECT_EQ(decision.change.counts, (CountDelta{.queued = 1}));
  EXPECT_TRUE(decision.change.meter.owed);
}

TEST(ClaimsAtOnce, MakeNothingWhereNothingIsToBeMade) {
  ClaimedAtOnce both = claimed_at_once();
  EXPECT_TRUE(decide(stopped_build(), both, kNow).refused);
  both.create.exists = true;
  const auto decision = decide(open_build(), both, kNow);
  EXPECT_TRUE(decision.reply.created.duplicate);
  EXPECT_FALSE(decision.reply.claimed);
  EXPECT_TRUE(decision.change.empty());
}

TEST(InlineRuns, HappenOnce) {
  InlineRun run = inline_run();
  run.create.exists = true;
  const auto decision = decide(open_build(), run, kNow);
  EXPECT_TRUE(decision.reply.duplicate);
  EXPECT_TRUE(decision.change.empty());
}

}  // namespace
}  // namespace weir::dispatcher
