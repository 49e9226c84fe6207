// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/loops/loop_keeper.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "base/random.h"
#include "dagmanager/loops/limits.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "tests/unit/dagmanager/loops/loop_fixture.h"

namespace weir::dagmanager {
namespace {

using test::UnreachableLeases;
using weir::test::HandClock;

class LoopKeeperTest : public testing::Test {
 protected:
  LoopKeeperTest() : rows_(clock_), leases_(rows_, &clock_) {}

  std::unique_ptr<LoopKeeper> make(const std::string& instance) {
    auto keeper =
        std::make_unique<LoopKeeper>(LoopKeeper::Parts{leases_, clock_, server::log(), instance});
    keeper->add("gc", [this] { ++gained_; });
    return keeper;
  }

  HandClock clock_;
  MemoryLoopLeases rows_;
  UnreachableLeases leases_;
  int gained_ = 0;
};

TEST_F(LoopKeeperTest, HoldsALoopThatNobodyRunsAndSaysSoOnce) {
  const auto keeper = make("one");
  EXPECT_FALSE(keeper->held("gc"));
  EXPECT_EQ(keeper->run_once(), kLoopRenewEvery);
  EXPECT_EQ(keeper->held("gc"), (LoopFence{"gc", 1}));
  EXPECT_FALSE(keeper->held("canary")) << "a loop that it was not told to run";
  clock_.sleep_for(kLoopRenewEvery);
  keeper->run_once();
  EXPECT_EQ(keeper->held("gc")->fence, 1);
  EXPECT_EQ(gained_, 1);
}

TEST_F(LoopKeeperTest, CallsALoopForWhichSomethingWasLeftAsLongAsItIsThere) {
  const auto one = make("one");
  const auto other = make("other");
  one->run_once();
  leases_.asked = true;
  other->run_once();
  EXPECT_EQ(gained_, 1) << "it is not the other's loop";
  one->run_once();
  one->run_once();
  EXPECT_EQ(gained_, 3);
  leases_.asked = false;
  one->run_once();
  EXPECT_EQ(gained_, 3);
}

TEST_F(LoopKeeperTest, LetsGoOfALoopAtOnceAndGivesItsRowBackWhenItsPassHasEnded) {
  const auto one = make("one");
  const auto other = make("other");
  one->run_once();
  one->let_go();
  EXPECT_FALSE(one->held("gc"));
  one->run_once();
  EXPECT_FALSE(one->held("gc")) << "for good";
  other->run_once();
  EXPECT_FALSE(other->held("gc")) << "a pass may still be ending";
  one->stop();
  other->run_once();
  EXPECT_EQ(other->held("gc"), (LoopFence{"gc", 3}));
}

TEST_F(LoopKeeperTest, LeavesALoopToItsHolderAndComesWhenTheRowLapses) {
  const auto one = make("one");
  const auto other = make("other");
  one->run_once();
  clock_.sleep_for(std::chrono::seconds(5));
  EXPECT_EQ(other->run_once(), std::chrono::seconds(4) + kLoopLapsed)
      << "earlier than the usual five seconds";
  EXPECT_FALSE(other->held("gc"));
  clock_.sleep_for(std::chrono::seconds(4) + kLoopLapsed);  // the holder is dead
  EXPECT_FALSE(one->held("gc"));
  other->run_once();
  EXPECT_EQ(other->held("gc"), (LoopFence{"gc", 2}));
  EXPECT_EQ(gained_, 2);
}

TEST_F(LoopKeeperTest, HoldsNothingSevenSecondsAfterTheStoreWasAskedLast) {
  const auto keeper = make("one");
  keeper->run_once();
  leases_.reachable = false;
  clock_.sleep_for(std::chrono::seconds(5));
  EXPECT_EQ(keeper->run_once(), kLoopRenewRetry);
  EXPECT_TRUE(keeper->held("gc"));
  clock_.sleep_for(std::chrono::milliseconds(1999));
  EXPECT_TRUE(keeper->held("gc"));
  clock_.sleep_for(std::chrono::milliseconds(1));
  EXPECT_FALSE(keeper->held("gc"));
  leases_.reachable = true;  // the row has not lapsed and is renewed under the same fence
  keeper->run_once();
  EXPECT_EQ(keeper->held("gc")->fence, 1);
  EXPECT_EQ(gained_, 2) << "the loop that stopped is told to go on";
}

TEST_F(LoopKeeperTest, CountsItsTrustFromBeforeItAsked) {
  const auto keeper = make("one");
  leases_.takes = std::chrono::seconds(3);
  keeper->run_once();
  clock_.sleep_for(std::chrono::milliseconds(3999));
  EXPECT_TRUE(keeper->held("gc"));
  clock_.sleep_for(std::chrono::milliseconds(1));
  EXPECT_FALSE(keeper->held("gc"));
}

TEST_F(LoopKeeperTest, GivesItsRowsBackWhenItStops) {
  const auto one = make("one");
  const auto other = make("other");
  one->run_once();
  one->stop();
  one->stop();
  EXPECT_FALSE(one->held("gc"));
  other->run_once();
  EXPECT_EQ(other->held("gc"), (LoopFence{"gc", 3})) << "given back under a fence of its own";
}

TEST_F(LoopKeeperTest, TellsOthersWhenALoopRan) {
  const auto one = make("one");
  const auto other = make("other");
  one->run_once();
  one->ran("gc", clock_.now());
  EXPECT_EQ(one->seen().front().last_run, clock_.now());
  const Instant ran = clock_.now();
  clock_.sleep_for(std::chrono::seconds(1));
  one->run_once();
  other->run_once();
  ASSERT_EQ(other->seen().size(), 1U);
  EXPECT_EQ(other->seen().front().holder, "one");
  EXPECT_EQ(other->seen().front().last_run, ran);
}

TEST_F(LoopKeeperTest, NeverLetsTwoHoldALoopWhateverTheyMiss) {
  base::SeededRandom random(7);
  std::vector<std::unique_ptr<LoopKeeper>> keepers;
  std::vector<Duration> due(3, clock_.monotonic());
  for (int i = 0; i < 3; ++i) keepers.push_back(make(std::to_string(i)));
  int unheld = 0;
  for (int step = 0; step < 20'000; ++step) {
    clock_.sleep_for(std::chrono::milliseconds(random.below(700)));
    for (std::size_t i = 0; i < keepers.size(); ++i) {
      if (clock_.monotonic() < due[i]) continue;
      leases_.reachable = !random.chance(30);
      leases_.takes = std::chrono::milliseconds(random.below(600));
      due[i] = keepers[i]->run_once() + clock_.monotonic();
      if (random.chance(2)) due[i] += std::chrono::seconds(20);  // it was stopped for a while
    }
    const auto holders = std::ranges::count_if(
        keepers, [](const auto& keeper) { return keeper->held("gc").has_value(); });
    EXPECT_LE(holders, 1);
    if (holders == 0) ++unheld;
  }
  EXPECT_LT(unheld, 6'000) << "somebody runs it most of the time";
}

TEST_F(LoopKeeperTest, StartsAndStopsAtAnyMoment) {
  for (int round = 0; round < 50; ++round) {
    const auto keeper = make(std::to_string(round));
    if (round % 3 != 0) keeper->start();
    keeper->stop();
  }
  const auto last = make("last");
  last->run_once();
  EXPECT_TRUE(last->held("gc"));
}

}  // namespace
}  // namespace weir::dagmanager
