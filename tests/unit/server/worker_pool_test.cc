// SPDX-License-Identifier: Apache-2.0
#include "server/worker_pool.h"

#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/unit/server/signal_gate.h"

namespace weir::server {
namespace {

using std::chrono::seconds;

std::unique_ptr<WorkerPool> make_pool(WorkerPoolConfig config) {
  Result<std::unique_ptr<WorkerPool>> pool = WorkerPool::create(std::move(config));
  EXPECT_TRUE(pool.ok());
  EXPECT_TRUE((*pool)->start().ok());
  return *std::move(pool);
}

TEST(WorkerPool, RunsTasksInTheOrderTheyCame) {
  const auto pool = make_pool({.concurrency = 1});
  std::vector<int> order;
  for (int number = 0; number < 100; ++number) {
    ASSERT_TRUE(pool->submit(0, [&order, number] { order.push_back(number); }).ok());
  }
  ASSERT_TRUE(pool->drain(seconds(20)));
  std::vector<int> expected;
  for (int number = 0; number < 100; ++number) expected.push_back(number);
  EXPECT_EQ(order, expected);
}

TEST(WorkerPool, RunsAtMostItsConcurrencyAtOnce) {
  const auto pool = make_pool({.concurrency = 3});
  std::atomic<int> now = 0;
  std::atomic<int> most = 0;
  for (int number = 0; number < 200; ++number) {
    ASSERT_TRUE(pool->submit(0,
                             [&] {
                               const int running = ++now;
                               int seen = most;
                               while (running > seen &&
                                      !most.compare_exchange_weak(seen, running)) {
                               }
                               std::this_thread::yield();
                               --now;
                             })
                    .ok());
  }
  ASSERT_TRUE(pool->drain(seconds(20)));
  EXPECT_LE(most, 3);
}

TEST(WorkerPool, RefusesByNumberWithTheConfiguredReason) {
  Gate gate;
  const auto pool = make_pool({.concurrency = 2, .queue_max = 3, .full_reason = "diff_queue_full"});
  for (int number = 0; number < 5; ++number) {
    ASSERT_TRUE(pool->submit(10, [&gate] { gate.pass(); }).ok()) << number;
  }
  const auto refused = pool->submit(10, [] { FAIL() << "refused tasks never run"; });
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::ResourceExhausted);
  EXPECT_EQ(refused.error().reason(), "diff_queue_full");
  const WorkerPool::Counts counts = pool->counts();
  EXPECT_EQ(counts.running, 2U);
  EXPECT_EQ(counts.waiting, 3U);
  EXPECT_EQ(counts.waiting_bytes, 30U);
  gate.open();
  EXPECT_TRUE(pool->drain(seconds(20)));
}

TEST(WorkerPool, RefusesByWeightButNeverWhatRunsAtOnce) {
  Gate gate;
  const auto pool = make_pool({.concurrency = 1, .queue_max = 100, .queue_bytes_max = 100});
  const auto pass = [&gate] { gate.pass(); };
  ASSERT_TRUE(pool->submit(1'000'000, pass).ok());
  ASSERT_TRUE(pool->submit(60, pass).ok());
  EXPECT_FALSE(pool->submit(41, pass).ok());
  EXPECT_FALSE(pool->submit(static_cast<std::size_t>(-1), pass).ok());
  EXPECT_TRUE(pool->submit(40, pass).ok());
  EXPECT_FALSE(pool->submit(1, pass).ok());
  gate.open();
  EXPECT_TRUE(pool->drain(seconds(20)));
}

TEST(WorkerPool, TakesWorkWithoutALineWhileAThreadIsFree) {
  Gate gate;
  const auto pool = make_pool({.concurrency = 2, .queue_max = 0});
  ASSERT_TRUE(pool->submit(1, [&gate] { gate.pass(); }).ok());
  ASSERT_TRUE(pool->submit(1, [&gate] { gate.pass(); }).ok());
  EXPECT_FALSE(pool->submit(1, [] {}).ok());
  gate.open();
  EXPECT_TRUE(pool->drain(seconds(20)));
}

TEST(WorkerPool, ForgetsATaskWhoseCallerGaveUp) {
  Gate gate;
  std::vector<std::string> ran;
  const auto pool = make_pool({.concurrency = 1, .queue_max = 2});
  const auto first = pool->submit(5, [&gate] { gate.pass(); });
  ASSERT_TRUE(gate.await_arrivals(1));
  const auto captured = std::make_shared<int>(1);
  auto second = pool->submit(5, [&ran, captured] { ran.emplace_back("second"); });
  auto third = pool->submit(5, [&ran] { ran.emplace_back("third"); });
  ASSERT_TRUE(first.ok() && second.ok() && third.ok());
  EXPECT_EQ(captured.use_count(), 2);
  EXPECT_TRUE(second->abandon());
  EXPECT_EQ(captured.use_count(), 1);
  EXPECT_FALSE(second->abandon());
  EXPECT_EQ(pool->counts().waiting, 1U);
  EXPECT_EQ(pool->counts().waiting_bytes, 5U);
  // Its place in the line is free again.
  EXPECT_TRUE(pool->submit(5, [&ran] { ran.emplace_back("fourth"); }).ok());
  gate.open();
  EXPECT_TRUE(pool->drain(seconds(20)));
  EXPECT_THAT(ran, testing::ElementsAre("third", "fourth"));
  EXPECT_FALSE(third->abandon());
}

TEST(WorkerPool, CannotAbandonWhatRuns) {
  Gate gate;
  const auto pool = make_pool({.concurrency = 1});
  auto ticket = pool->submit(0, [&gate] { gate.pass(); });
  ASSERT_TRUE(ticket.ok());
  ASSERT_TRUE(gate.await_arrivals(1));
  EXPECT_FALSE(ticket->abandon());
  gate.open();
}

TEST(WorkerPool, DrainTakesNothingMoreAndRunsWhatWaits) {
  Gate gate;
  std::atomic<int> ran = 0;
  const auto pool = make_pool({.concurrency = 1});
  for (int number = 0; number < 3; ++number) {
    ASSERT_TRUE(pool->submit(0,
                             [&] {
                               gate.pass();
                               ++ran;
                             })
                    .ok());
  }
  std::thread drainer([&pool] { EXPECT_TRUE(pool->drain(seconds(20))); });
  Code code = Code::Unknown;
  // The drainer marks the pool at once; until then tasks are taken, and must run too.
  int more = 0;
  while (code == Code::Unknown) {
    const auto late = pool->submit(0, [&ran] { ++ran; });
    if (late.ok()) {
      ++more;
    } else if (late.error().reason() == "draining") {
      code = late.error().code();
    }
    std::this_thread::yield();
  }
  EXPECT_EQ(code, Code::Unavailable);
  gate.open();
  drainer.join();
  EXPECT_EQ(ran, 3 + more);
}

TEST(WorkerPool, DrainAbandonsWhatStillWaitsAtItsDeadline) {
  Gate gate;
  bool ran = false;
  const auto pool = make_pool({.concurrency = 1});
  ASSERT_TRUE(pool->submit(0, [&gate] { gate.pass(); }).ok());
  ASSERT_TRUE(gate.await_arrivals(1));
  auto waiting = pool->submit(0, [&ran] { ran = true; });
  ASSERT_TRUE(waiting.ok());
  EXPECT_FALSE(pool->drain(Duration::zero()));
  EXPECT_FALSE(waiting->abandon());
  EXPECT_EQ(pool->counts().running, 1U);
  gate.open();
  EXPECT_TRUE(pool->drain(seconds(20)));
  EXPECT_FALSE(ran);
}

TEST(WorkerPool, StopsTwiceAndBeforeStart) {
  Result<std::unique_ptr<WorkerPool>> pool = WorkerPool::create({});
  ASSERT_TRUE(pool.ok());
  (*pool)->stop();
  (*pool)->stop();
  EXPECT_FALSE((*pool)->start().ok());
  EXPECT_FALSE((*pool)->submit(0, [] {}).ok());
}

TEST(WorkerPool, RefusesAConfigurationThatCannotWork) {
  EXPECT_FALSE(WorkerPool::create({.concurrency = 0}).ok());
  EXPECT_FALSE(WorkerPool::create({.name = "a name longer than fifteen"}).ok());
}

TEST(WorkerPool, LetsATicketOutliveIt) {
  auto pool = make_pool({.concurrency = 1});
  auto ticket = pool->submit(0, [] {});
  ASSERT_TRUE(ticket.ok());
  pool.reset();
  EXPECT_FALSE(ticket->abandon());
}

TEST(WorkerPool, SurvivesStartStopAndAbandonFromManyThreads) {
  for (int round = 0; round < 50; ++round) {
    const auto pool = make_pool({.concurrency = 2, .queue_max = 8});
    std::atomic<int> ran = 0;
    std::atomic<int> gone = 0;
    std::atomic<int> taken = 0;
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
      callers.emplace_back([&] {
        for (int number = 0; number < 50; ++number) {
          auto ticket = pool->submit(1, [&ran] { ++ran; });
          if (!ticket.ok()) continue;
          ++taken;
          if (number % 3 == 0 && ticket->abandon()) ++gone;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_TRUE(pool->drain(seconds(20)));
    pool->stop();
    EXPECT_EQ(ran + gone, taken);
  }
}

}  // namespace
}  // namespace weir::server
