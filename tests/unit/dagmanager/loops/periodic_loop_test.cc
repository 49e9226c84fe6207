// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/loops/periodic_loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>

#include "dagmanager/loops/limits.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "server/system_clock.h"
#include "tests/unit/dagmanager/loops/loop_fixture.h"

namespace weir::dagmanager {
namespace {

class CountingObserver final : public LoopObserver {
 public:
  void loop_ran(const std::string& /*loop*/, Instant at) override {
    ++ran;
    last = at;
  }
  void loop_took(const std::string& /*loop*/, Duration took) override { pass = took; }
  void loop_failed(const std::string& /*loop*/) override { ++failed; }
  void loop_left(const std::string& /*loop*/) override { ++left; }

  int left = 0;
  int ran = 0;
  int failed = 0;
  Duration pass{};
  Instant last{};
};

class PeriodicLoopTest : public testing::Test {
 protected:
  PeriodicLoopTest()
      : rows_(clock_),
        keeper_({rows_, clock_, server::log(), "one"}),
        loop_({.keeper = keeper_,
               .clock = clock_,
               .log = server::log(),
               .observer = observer_,
               .loop = "gc",
               .period = std::chrono::seconds(60),
               .work = [this](const LoopFence& fence) -> Result<void> {
                 fences_.push_back(fence.fence);
                 if (fails_) return base::unavailable("graph_unavailable", "no store");
                 clock_.sleep_for(std::chrono::seconds(2));
                 return {};
               }}) {}

  weir::test::HandClock clock_;
  MemoryLoopLeases rows_;
  LoopKeeper keeper_;
  CountingObserver observer_;
  bool fails_ = false;
  std::vector<std::int64_t> fences_;
  PeriodicLoop loop_;
};

TEST_F(PeriodicLoopTest, DoesNothingWhileAnotherInstanceRunsTheLoop) {
  ASSERT_TRUE(rows_.renew("other", std::vector<LoopClaim>{{"gc"}}).ok());
  keeper_.run_once();
  EXPECT_FALSE(loop_.run_once());
  EXPECT_TRUE(fences_.empty());
  EXPECT_EQ(observer_.ran + observer_.failed, 0);
}

TEST_F(PeriodicLoopTest, SaysThatTheLoopIsAnothersWhenItsNextPassWouldBeDue) {
  keeper_.run_once();
  loop_.run_once();
  EXPECT_EQ(observer_.left, 0);
  clock_.sleep_for(std::chrono::seconds(60));
  ASSERT_TRUE(rows_.renew("other", std::vector<LoopClaim>{{"gc"}}).ok());
  keeper_.run_once();
  EXPECT_FALSE(loop_.run_once());
  EXPECT_EQ(observer_.left, 1);
}

TEST_F(PeriodicLoopTest, RunsUnderItsFenceAndIsDueAPeriodAfterItBegan) {
  keeper_.run_once();
  const Duration began = clock_.monotonic();
  EXPECT_EQ(loop_.run_once(), began + std::chrono::seconds(60));
  EXPECT_EQ(fences_, std::vector<std::int64_t>{1});
  EXPECT_EQ(observer_.ran, 1);
  EXPECT_EQ(observer_.last, clock_.now());
  EXPECT_EQ(observer_.pass, std::chrono::seconds(2));
  EXPECT_EQ(keeper_.seen().front().last_run, clock_.now());
}

TEST_F(PeriodicLoopTest, WaitsLongerAfterEachFailureUpToAMinute) {
  fails_ = true;
  std::vector<Duration> waits;
  for (int i = 0; i < 8; ++i) {
    keeper_.run_once();
    const auto due = loop_.run_once();
    ASSERT_TRUE(due);
    waits.push_back(*due - clock_.monotonic());
  }
  EXPECT_EQ(waits.front(), kLoopWaitFirst);
  EXPECT_EQ(waits[3], 8 * kLoopWaitFirst);
  EXPECT_EQ(waits.back(), kLoopWaitMax);
  EXPECT_EQ(observer_.failed, 8);
  EXPECT_EQ(observer_.ran, 0);
  fails_ = false;
  loop_.run_once();
  fails_ = true;
  const auto due = loop_.run_once();
  EXPECT_EQ(*due - clock_.monotonic(), kLoopWaitFirst) << "from the first wait again";
}

TEST(PeriodicLoopThread, RunsWhenTheRowIsWonAndWhenNudged) {
  server::SystemClock clock;
  MemoryLoopLeases rows(clock);
  LoopKeeper keeper({rows, clock, server::log(), "one"});
  CountingObserver observer;
  std::atomic<int> passes = 0;
  PeriodicLoop loop({.keeper = keeper,
                     .clock = clock,
                     .log = server::log(),
                     .observer = observer,
                     .loop = "gc",
                     .period = std::chrono::hours(1),
                     .work = [&](const LoopFence&) -> Result<void> {
                       ++passes;
                       passes.notify_all();
                       return {};
                     }});
  loop.start();
  keeper.start();
  passes.wait(0);
  loop.nudge();
  passes.wait(1);
  EXPECT_EQ(passes, 2);
  loop.stop();
  keeper.stop();
}

}  // namespace
}  // namespace weir::dagmanager
