// SPDX-License-Identifier: Apache-2.0
// Tasks that are claimed by the transaction that makes them, for claims that wait (3.3.6).
#include <algorithm>
#include <vector>

#include "tests/conformance/task_store/tables_text.h"
#include "tests/conformance/task_store/task_fixture.h"
#include "tests/integration/dispatcher/waiting_line.h"

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class TaskLine : public TaskStoreSuite {
 protected:
  TaskLine() { engine().wait_in(line_); }
  void TearDown() override {
    EXPECT_FALSE(line_.has_taken()) << "neither answered nor given back";
    EXPECT_THAT(line_.failed(), IsEmpty());
    TaskStoreSuite::TearDown();
  }

  static ClaimId claim_id(std::uint64_t ticket) {
    return id_named<ClaimId>("claim " + std::to_string(ticket));
  }
  void wait(std::uint64_t ticket, std::size_t max = 1,
            std::optional<std::vector<OperatorName>> operators = {},
            std::vector<QueueName> queues = {kEcsHigh, kEcsNormal}) {
    line_.wait({.ticket = ticket,
                .claim = {.worker_id = "w" + std::to_string(ticket),
                          .claim_id = claim_id(ticket),
                          .runtime = QueueRuntime::EcsPlatform,
                          .operators = std::move(operators)},
                .queues = std::move(queues),
                .max = max});
  }
  std::vector<TaskId> got(std::uint64_t ticket) {
    std::vector<TaskId> tasks;
    const auto answer = line_.answers().find(ticket);
    if (answer == line_.answers().end()) return tasks;
    for (const ClaimedTask& task : answer->second.tasks) tasks.push_back(task.task_id);
    return tasks;
  }

  test::WaitingLine line_;
};

TEST_P(TaskLine, GetsATaskAsAClaimWouldHaveGotIt) {
  // What a claim gets of an equal task, nobody waiting.
  const RunReply before = run_source(std::int64_t{41});
  const ClaimAnswer claimed =
      claim({.worker_id = "w1", .claim_id = claim_id(9), .task_ids = {task_of("relay", before)}});
  advance(seconds(1));

  wait(1, 2);
  const RunReply run = run_source(std::int64_t{42});
  const TaskId task = task_of("relay", run);
  ASSERT_THAT(got(1), UnorderedElementsAre(task, task_of("buffer", run)));
  const ClaimAnswer& answer = line_.answers().at(1);
  EXPECT_TRUE(answer.more) << "it had no room for more";
  const ClaimedTask& ours_claimed = *std::ranges::find(answer.tasks, task, &ClaimedTask::task_id);

  const ClaimReply& reply = ours_claimed.answer.reply;
  const ClaimReply& usual = claimed.tasks[0].answer.reply;
  EXPECT_NE(reply.lease_token, usual.lease_token);
  EXPECT_GT(reply.fence_no, usual.fence_no);
  EXPECT_EQ(reply.lease_expires_at, usual.lease_expires_at + seconds(1));
  EXPECT_EQ(reply.attempt, usual.attempt);
  EXPECT_EQ(reply.heartbeat_interval, usual.heartbeat_interval);

  ASSERT_TRUE(ours_claimed.context);
  const TaskContext& context = *ours_claimed.context;
  const TaskContext& usual_context = *claimed.tasks[0].context;
  EXPECT_EQ(*context.job, *usual_context.job);
  ASSERT_TRUE(context.trigger);
  EventContext trigger = *context.trigger;
  EXPECT_EQ(trigger.event_id, run.event_id);
  EXPECT_EQ(trigger.cursor, Cursor(std::int64_t{42}));
  trigger.event_id = usual_context.trigger->event_id;
  trigger.cursor = usual_context.trigger->cursor;
  trigger.seq = usual_context.trigger->seq;
  EXPECT_EQ(trigger, *usual_context.trigger);
  EXPECT_EQ(context.task.life.scope.cursor_from, usual_context.task.life.scope.cursor_from);
  EXPECT_EQ(context.task.life.scope.pinned, usual_context.task.life.scope.pinned);
  ASSERT_TRUE(context.lease);
  EXPECT_EQ(context.lease->worker_id, "w1");

  // The rows end as those of a claim, and what the executor does counts.
  const TaskRecord ours = row(task);
  EXPECT_EQ(ours.life.state, TaskState::Running);
  EXPECT_EQ(ours.life.effects, row(task_of("relay", before)).life.effects);
  EXPECT_EQ(ours.life.started_at, now());
  EXPECT_EQ(attempt_row(task, 1).claim_id, claim_id(1));
  EXPECT_EQ(attempt_row(task, 1).fence_no, reply.fence_no);
  const Held held{task, {reply.attempt, reply.lease_token}};
  EXPECT_TRUE(heartbeat(held).ok());
  EXPECT_TRUE(emit(held, {cursor_event(std::int64_t{7})}).ok());
  EXPECT_TRUE(complete(held).ok());
  EXPECT_EQ(state_of(task), TaskState::Completed);
}

TEST_P(TaskLine, WakesNobodyForWhatWasClaimed) {
  wait(1, 8);
  run_source(std::int64_t{1});
  ASSERT_THAT(got(1), SizeIs(2)) << "relay and buffer; single has a limit, ordered is elsewhere";
  EXPECT_FALSE(line_.answers().at(1).more);
  const TaskTables all = tables();
  for (const TaskId& task : got(1)) {
    EXPECT_EQ(all.tasks.at(task).life.wakeups, 0);
    for (const auto& [id, rung] : all.outbox) {
      EXPECT_EQ(rung.payload.find(task.text()), std::string::npos);
    }
  }
  EXPECT_EQ(outstanding(kEcsNormal), 0);
  EXPECT_EQ(outstanding(kEcsNormal), woken(kEcsNormal));
  EXPECT_EQ(outstanding(kEcsHigh), 1) << "single";
  EXPECT_EQ(counts("relay").running, 1);
  EXPECT_EQ(counts("relay").queued, 0);
}

TEST_P(TaskLine, IsAnsweredAgainUnderItsClaimId) {
  wait(1);
  run_source(std::int64_t{1});
  ASSERT_THAT(got(1), SizeIs(1));
  const ClaimAnswer again = claim(
      {.worker_id = "w1", .claim_id = claim_id(1), .max = 1, .runtime = QueueRuntime::EcsPlatform});
  ASSERT_THAT(again.tasks, SizeIs(1));
  EXPECT_EQ(again.tasks[0].task_id, got(1)[0]);
  EXPECT_TRUE(again.tasks[0].answer.reply.duplicate);
  EXPECT_EQ(again.tasks[0].answer.reply.lease_token,
            line_.answers().at(1).tasks[0].answer.reply.lease_token);
}

TEST_P(TaskLine, IsServedByWhatTasksEmitToo) {
  const Held held = held_task("relay");
  wait(1, 2);
  wait(2, 2);
  std::vector<NewEvent> events;
  for (std::int64_t at = 1; at <= 5; ++at) events.push_back(cursor_event(at));
  ASSERT_TRUE(emit(held, events).ok());
  EXPECT_THAT(got(1), SizeIs(2));
  EXPECT_THAT(got(2), SizeIs(2));
  EXPECT_THAT(line_.waiting(), IsEmpty());
  EXPECT_EQ(counts("last").running, 4);
  EXPECT_EQ(counts("last").queued, 1);
  EXPECT_EQ(outstanding(kEcsNormal), woken(kEcsNormal));
}

TEST_P(TaskLine, PassesOverWhoDoesNotRunTheOperator) {
  wait(1, 1, {{{.name = "range_splitter"}}});
  wait(2, 1, {}, {kEcsHigh});
  wait(3, 1, {{{.name = "table_ingest"}}});
  run_source(std::int64_t{1});
  EXPECT_THAT(got(3), SizeIs(1));
  EXPECT_THAT(line_.waiting(), ElementsAre(1, 2)) << "as they stood";
  EXPECT_EQ(counts("relay").queued + counts("buffer").queued, 1);
}

TEST_P(TaskLine, LeavesOrderAndLimitsToClaimsThatSeeTheOthers) {
  wait(1, 8, {}, {kEcsHigh});
  wait(2, 8, {}, {kInlineNormal});
  const RunReply run = run_source(std::int64_t{1});
  EXPECT_EQ(state_of(task_of("single", run)), TaskState::Queued);
  EXPECT_EQ(state_of(task_of("ordered", run)), TaskState::Queued);
  EXPECT_THAT(line_.answers(), IsEmpty());
  EXPECT_THAT(line_.waiting(), ElementsAre(1, 2));
}

TEST_P(TaskLine, WaitsWhileTheGateIsClosed) {
  engine().set_dispatch(build_of("relay"), Dispatch::Building, {});
  engine().pause({.build_id = build_of("buffer")});
  wait(1, 8);
  const RunReply run = run_source(std::int64_t{1});
  EXPECT_EQ(state_of(task_of("relay", run)), TaskState::Queued);
  EXPECT_EQ(state_of(task_of("buffer", run)), TaskState::Queued);
  EXPECT_THAT(line_.waiting(), ElementsAre(1));
  EXPECT_TRUE(owed(kEcsNormal));
}

TEST_P(TaskLine, WaitsOnWhereNothingIsMade) {
  const Held held = held_task("relay");
  ASSERT_TRUE(emit(held, {cursor_event(std::int64_t{5})}).ok());
  wait(1);
  const auto before = test::describe(tables());
  ASSERT_TRUE(emit(held, {cursor_event(std::int64_t{5})}).ok()) << "a repeat";
  EXPECT_TRUE(emit(held, {cursor_event(std::int64_t{6}), cursor_event(std::int64_t{6})}).fault);
  const Held stale{held.task_id, {held.fence.attempt + 1, held.fence.lease_token}};
  EXPECT_TRUE(emit(stale, {cursor_event(std::int64_t{7})}).refused);
  EXPECT_EQ(test::describe(tables()), before);
  EXPECT_THAT(line_.waiting(), ElementsAre(1));
}

TEST_P(TaskLine, IsServedByASourceThatFires) {
  JobSeed tick;
  tick.name = "tick";
  tick.source = SeedSource::Cron;
  tick.operator_name = "trigger_cron";
  tick.inlined = true;
  tick.runtime = QueueRuntime::Dispatcher;
  tick.declared_runtime = "dispatcher";
  tick.schedule = "rate(5 minutes)";
  JobSeed reader;
  reader.name = "on_tick";
  reader.operator_name = "table_ingest";
  reader.inputs = {{.from_job = "tick"}};
  engine().seed(seed_of("timed", {tick, reader}));
  wait(1);
  advance(minutes(5));
  EXPECT_GT(run_all(Chore::FireSources), 0U);
  ASSERT_THAT(got(1), SizeIs(1));
  EXPECT_EQ(row(got(1)[0]).build_id, build_of("on_tick"));
  EXPECT_EQ(state_of(got(1)[0]), TaskState::Running);
}

WEIR_TASK_ENGINES(TaskLine);

}  // namespace
}  // namespace weir::dispatcher
