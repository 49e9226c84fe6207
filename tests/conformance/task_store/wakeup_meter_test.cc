// SPDX-License-Identifier: Apache-2.0
// Metering of wake-ups (contract section 6.4), chores by page (6.5) and when they are due.
#include "dispatcher/ports/task_limits.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class WakeupMeter : public TaskStoreSuite {
 protected:
  /// Emits events until `last` has so many tasks.
  void fill_last(std::int64_t tasks) {
    const Held held = held_task("relay");
    std::vector<NewEvent> events;
    for (std::int64_t at = 1; at <= tasks; ++at) {
      events.push_back(cursor_event(at));
      if (events.size() < 1000 && at < tasks) continue;
      ASSERT_TRUE(emit(held, std::move(events)).ok());
      events.clear();
    }
    complete(held);
  }
  void expect_meter_right() { EXPECT_EQ(outstanding(kEcsNormal), woken(kEcsNormal)); }
  std::optional<Instant> due(Chore chore) {
    const auto due = store().due();
    EXPECT_TRUE(due.ok()) << due.error().describe();
    if (!due.ok()) return std::nullopt;
    EXPECT_EQ(due->now, now());
    return due->chores.at(static_cast<std::size_t>(chore));
  }
  std::int64_t rung_in_all() {
    std::int64_t rung = 0;
    for (const auto& [id, row] : tables().outbox) rung += row.kind == OutboxKind::TaskWakeup;
    return rung;
  }
};

TEST_P(WakeupMeter, B23KeepsItsBoundWhateverIsReady) {
  fill_last(2500);
  EXPECT_LE(outstanding(kEcsNormal), kWakeupsOutstandingMax + kWakeupsPageMax);
  EXPECT_GE(outstanding(kEcsNormal), kWakeupsOutstandingMax);
  EXPECT_TRUE(owed(kEcsNormal));
  expect_meter_right();
  EXPECT_EQ(run_all(Chore::RefillWakeups), 0U) << "half of it must be answered first";
  EXPECT_FALSE(due(Chore::RefillWakeups));
}

TEST_P(WakeupMeter, B23RefillsWhenHalfIsAnswered) {
  fill_last(2500);
  // By id alone: each claim answers one, and nobody pulls.
  std::vector<TaskId> woken_tasks;
  for (const auto& [id, task] : tables().tasks) {
    if (task.life.woken_at && task.queue == kEcsNormal) woken_tasks.push_back(id);
  }
  const std::size_t answered = woken_tasks.size() - 400;
  for (std::size_t at = 0; at < answered; at += 256) {
    const std::size_t end = std::min(at + 256, answered);
    claim({.worker_id = "w", .task_ids = {woken_tasks.data() + at, woken_tasks.data() + end}});
  }
  EXPECT_EQ(outstanding(kEcsNormal), 400);
  expect_meter_right();
  EXPECT_EQ(due(Chore::RefillWakeups), now());
  const std::size_t rung = run_all(Chore::RefillWakeups);
  EXPECT_EQ(rung, 500U) << "a page; then more than half is out";
  EXPECT_EQ(outstanding(kEcsNormal), 900);
  EXPECT_TRUE(owed(kEcsNormal));
  expect_meter_right();
}

TEST_P(WakeupMeter, ForgetsADebtThatIsPaid) {
  engine().pause({.build_id = build_of("relay")});
  run_source(1);
  run_source(2);
  EXPECT_TRUE(owed(kEcsNormal)) << "a gate that looked closed";
  EXPECT_EQ(run_all(Chore::RefillWakeups), 0U) << "it still is";
  EXPECT_FALSE(owed(kEcsNormal));
  engine().unpause({.build_id = build_of("relay")});
  EXPECT_TRUE(owed(kEcsNormal)) << "who opens a gate owes";
  EXPECT_EQ(run_all(Chore::RefillWakeups), 2U);
  EXPECT_FALSE(owed(kEcsNormal));
  for (const TaskId& task : tasks_of("relay")) EXPECT_TRUE(row(task).life.woken_at);
  expect_meter_right();
}

TEST_P(WakeupMeter, RingsAllWhoseGateIsOpenAlsoOfABuildWithALimit) {
  engine().pause({.build_id = build_of("single")});
  for (int at = 1; at <= 4; ++at) run_source(at);
  engine().unpause({.build_id = build_of("single")});
  EXPECT_GE(run_all(Chore::RefillWakeups), 4U);
  EXPECT_EQ(outstanding(kEcsHigh), 4) << "none runs: each of them may be claimed";
  EXPECT_FALSE(owed(kEcsHigh));
}

TEST_P(WakeupMeter, OwesWhatARefusedClaimLeavesInTheQueue) {
  const TaskId task = task_of("relay", run_source(1));
  engine().pause({.build_id = build_of("relay")});
  EXPECT_FALSE(try_claim(task).ok());
  EXPECT_FALSE(row(task).life.woken_at) << "answered";
  EXPECT_TRUE(owed(kEcsNormal));
  expect_meter_right();
}

TEST_P(WakeupMeter, RingsTheNextInOrderWhenOneIsOver) {
  run_source(1);
  run_source(2);
  run_source(3);
  const auto tasks = tasks_of("ordered");
  EXPECT_TRUE(row(tasks[0]).life.woken_at);
  EXPECT_FALSE(row(tasks[1]).life.woken_at);
  complete(hold(tasks[0]));
  EXPECT_TRUE(row(tasks[1]).life.woken_at);
  EXPECT_FALSE(row(tasks[2]).life.woken_at);
  command(tasks[1], UserCommand::Cancel);
  EXPECT_TRUE(row(tasks[2]).life.woken_at);
  EXPECT_EQ(outstanding(kInlineNormal), 1);
}

TEST_P(WakeupMeter, RingsAgainWhatWasLost) {
  const TaskId task = task_of("relay", run_source(1));
  EXPECT_EQ(due(Chore::RingLost), now() + kWakeupLost);
  advance(seconds(59));
  EXPECT_EQ(run_all(Chore::RingLost), 0U);
  advance(seconds(1));
  EXPECT_GE(run_all(Chore::RingLost), 1U);
  EXPECT_EQ(row(task).life.woken_at, now());
  EXPECT_EQ(row(task).life.wakeups, 2);
  EXPECT_TRUE(tables().outbox.contains(wakeup_id(task, 1, 1)));
  expect_meter_right();
}

TEST_P(WakeupMeter, TakesBackALostWakeupWhoseGateHasClosed) {
  const TaskId task = task_of("relay", run_source(1));
  engine().pause({.build_id = build_of("relay")});
  advance(seconds(60));
  run_all(Chore::RingLost);
  EXPECT_FALSE(row(task).life.woken_at);
  EXPECT_TRUE(owed(kEcsNormal));
  expect_meter_right();
}

TEST_P(WakeupMeter, OnlyOwesWhileWorkersPull) {
  fill_last(10);
  const auto pulled = claim({.worker_id = "w", .max = 4, .runtime = QueueRuntime::EcsPlatform});
  ASSERT_TRUE(pulled.more);
  EXPECT_EQ(tables().meters.at(kEcsNormal).more_until, now() + kPulledPromise);
  const std::int64_t before = rung_in_all();
  run_source(9);
  EXPECT_EQ(rung_in_all(), before);
  EXPECT_TRUE(owed(kEcsNormal));
  const auto page = store().run_chore(Chore::RefillWakeups, 500);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->done, 1U) << "which brings in an idle worker";
  EXPECT_TRUE(owed(kEcsNormal));
  const Instant next_ring = now() + kPulledRing;
  EXPECT_EQ(due(Chore::RefillWakeups), next_ring);
  advance(kPulledRing / 2);
  EXPECT_EQ(due(Chore::RefillWakeups), next_ring) << "asking again does not put it off";

  const auto rest = claim({.worker_id = "w", .max = 256, .runtime = QueueRuntime::EcsPlatform});
  EXPECT_FALSE(rest.more);
  EXPECT_FALSE(tables().meters.at(kEcsNormal).more_until);
  expect_meter_right();
}

TEST_P(WakeupMeter, B23DrainsAnyBacklogOnAboutTheFirstThousandWakeups) {
  fill_last(2500);
  const std::int64_t before = rung_in_all();
  std::size_t claimed = 0;
  for (bool more = true; more;) {
    const auto answer = claim({.worker_id = "w", .max = 256, .runtime = QueueRuntime::EcsPlatform});
    claimed += answer.tasks.size();
    more = answer.more;
    store().run_chore(Chore::RefillWakeups, 500).ok();
  }
  EXPECT_GE(claimed, 2500U);
  EXPECT_LE(rung_in_all() - before, 20);
  EXPECT_EQ(outstanding(kEcsNormal), 0);
  expect_meter_right();
}

TEST_P(WakeupMeter, WorksByThePage) {
  std::vector<TaskId> tasks;
  for (int at = 1; at <= 7; ++at) tasks.push_back(task_of("relay", run_source(at)));
  claim({.worker_id = "w", .task_ids = tasks});
  advance(seconds(61));
  const auto page = store().run_chore(Chore::ExpireLeases, 3);
  ASSERT_TRUE(page.ok());
  EXPECT_EQ(page->done, 3U);
  EXPECT_TRUE(page->more);
  EXPECT_EQ(run_all(Chore::ExpireLeases, 3), 4U);
  EXPECT_EQ(counts("relay").retry_wait, 7);
}

TEST_P(WakeupMeter, KnowsWhenEachLoopHasWork) {
  run_all(Chore::FireSources);
  EXPECT_EQ(due(Chore::FireSources), test::kEngineStart + minutes(5));
  EXPECT_FALSE(due(Chore::ExpireLeases));
  const Held held = held_task("relay");
  EXPECT_EQ(due(Chore::ExpireLeases), now() + seconds(60));
  EXPECT_EQ(due(Chore::TimeOut), now() + seconds(1800));
  EXPECT_FALSE(due(Chore::QueueRetries));
  const auto failed = complete(held, Outcome::RetryableError);
  EXPECT_EQ(due(Chore::QueueRetries), failed.reply.next_retry_at);
  EXPECT_FALSE(due(Chore::ExpireLeases));
  const auto all = store().due();
  ASSERT_TRUE(all.ok());
  EXPECT_EQ(all->outbox, now()) << "wake-ups wait to be sent";
}

WEIR_TASK_ENGINES(WakeupMeter);

}  // namespace
}  // namespace weir::dispatcher
