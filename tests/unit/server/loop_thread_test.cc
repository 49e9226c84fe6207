// SPDX-License-Identifier: Apache-2.0
#include "server/loop_thread.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/hand_clock.h"

namespace weir::server {
namespace {

constexpr auto kWaitMax = std::chrono::seconds(30);

class LoopThreadTest : public testing::Test {
 protected:
  /// A turn that counts itself and is due again at once until `turns` were taken, then never.
  LoopThread::Turn counted(int turns) {
    return [this, turns]() -> std::optional<Duration> {
      if (++taken_ < turns) return clock_.monotonic();
      reached_.set_value();
      return std::nullopt;
    };
  }
  bool all_taken() { return reached_.get_future().wait_for(kWaitMax) == std::future_status::ready; }

  test::HandClock clock_;
  int taken_ = 0;  // of the thread's own, until it has stopped
  std::promise<void> reached_;
  LoopThread thread_{clock_};
};

TEST_F(LoopThreadTest, TakesATurnForANudgeFromBeforeItsStart) {
  thread_.nudge();
  thread_.start(std::nullopt, counted(1));
  EXPECT_TRUE(all_taken());
}

TEST_F(LoopThreadTest, TakesTheNextTurnWhenTheLastOneSaid) {
  thread_.start(clock_.monotonic(), counted(5));
  EXPECT_TRUE(all_taken());
  thread_.stop();
  EXPECT_EQ(taken_, 5);
}

TEST_F(LoopThreadTest, TakesNoTurnBeforeItIsDue) {
  thread_.start(clock_.monotonic() + std::chrono::hours(1), counted(1));
  thread_.stop();
  EXPECT_EQ(taken_, 0);
}

TEST_F(LoopThreadTest, LetsATurnThatRunsEndWhenItIsStopped) {
  std::promise<void> runs;
  bool ended = false;
  thread_.start(clock_.monotonic(), [&]() -> std::optional<Duration> {
    runs.set_value();
    while (!thread_.stopping()) std::this_thread::yield();
    ended = true;
    return clock_.monotonic();
  });
  ASSERT_EQ(runs.get_future().wait_for(kWaitMax), std::future_status::ready);
  thread_.stop();
  thread_.stop();
  EXPECT_TRUE(ended);
}

TEST_F(LoopThreadTest, CanBeStoppedBeforeItIsStarted) { thread_.stop(); }

}  // namespace
}  // namespace weir::server
