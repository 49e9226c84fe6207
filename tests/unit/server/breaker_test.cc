// SPDX-License-Identifier: Apache-2.0
#include "server/breaker.h"

#include <gtest/gtest.h>

#include <vector>

#include "tests/hand_clock.h"

namespace weir::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class BreakerTest : public testing::Test {
 protected:
  void fail(int times) {
    for (int i = 0; i < times; ++i) breaker_.failed();
  }
  bool admits() { return breaker_.admit().ok(); }

  test::HandClock clock_;
  Breaker breaker_{"graph", clock_};
};

TEST_F(BreakerTest, OpensAfterThreeFailuresInARow) {
  fail(2);
  EXPECT_TRUE(admits());
  breaker_.succeeded();
  fail(2);
  EXPECT_TRUE(admits()) << "the success began the count anew";
  fail(1);
  EXPECT_FALSE(admits());
  EXPECT_EQ(breaker_.admit().error().reason(), "breaker_open");
  EXPECT_EQ(breaker_.state(), BreakerState::Open);
  EXPECT_EQ(breaker_.times_opened(), 1U);
}

TEST_F(BreakerTest, ProbesAfterOneTwoFourEightAndThenEveryEightSeconds) {
  fail(3);
  for (const int wait : {1, 2, 4, 8, 8, 8}) {
    EXPECT_EQ(breaker_.probe_due(), clock_.monotonic() + seconds(wait));
    clock_.sleep_for(seconds(wait) - milliseconds(1));
    EXPECT_FALSE(breaker_.take_probe()) << "before " << wait << " s";
    clock_.sleep_for(milliseconds(1));
    EXPECT_TRUE(breaker_.take_probe());
    EXPECT_EQ(breaker_.state(), BreakerState::Probing);
    EXPECT_FALSE(breaker_.take_probe()) << "one at a time";
    EXPECT_FALSE(admits());
    breaker_.failed();
    EXPECT_EQ(breaker_.state(), BreakerState::Open);
  }
  EXPECT_EQ(breaker_.times_opened(), 1U);
}

TEST_F(BreakerTest, AHealthyProbeClosesItAndTheNextFaultBeginsAtOneSecond) {
  fail(3);
  clock_.sleep_for(seconds(1));
  ASSERT_TRUE(breaker_.take_probe());
  breaker_.failed();
  clock_.sleep_for(seconds(2));
  ASSERT_TRUE(breaker_.take_probe());
  breaker_.succeeded();
  EXPECT_TRUE(admits());
  EXPECT_FALSE(breaker_.probe_due());
  EXPECT_FALSE(breaker_.take_probe()) << "every call is one";
  fail(3);
  EXPECT_EQ(breaker_.probe_due(), clock_.monotonic() + seconds(1));
  EXPECT_EQ(breaker_.times_opened(), 2U);
}

TEST_F(BreakerTest, LateFailuresOfEarlierCallsDoNotMoveTheSchedule) {
  fail(3);
  clock_.sleep_for(milliseconds(900));
  fail(10);
  clock_.sleep_for(milliseconds(100));
  EXPECT_TRUE(breaker_.take_probe());
  EXPECT_EQ(breaker_.times_opened(), 1U);
}

TEST_F(BreakerTest, AProbeOfWhichNothingIsHeardIsGivenToAnother) {
  fail(3);
  clock_.sleep_for(seconds(1));
  ASSERT_TRUE(breaker_.take_probe());
  clock_.sleep_for(seconds(29));
  EXPECT_FALSE(breaker_.take_probe());
  clock_.sleep_for(seconds(1));
  EXPECT_TRUE(breaker_.take_probe());
}

TEST_F(BreakerTest, SaysWhenItOpensAndOnlyThen) {
  int opened = 0;
  breaker_.when_opened([&] { ++opened; });
  fail(5);
  EXPECT_EQ(opened, 1);
  clock_.sleep_for(seconds(1));
  ASSERT_TRUE(breaker_.take_probe());
  breaker_.failed();
  EXPECT_EQ(opened, 1);
}

TEST(BreakerStateText, HasAWordForEachState) {
  EXPECT_EQ(breaker_state_text(BreakerState::Closed), "closed");
  EXPECT_EQ(breaker_state_text(BreakerState::Probing), "probing");
  EXPECT_EQ(breaker_state_text(BreakerState::Open), "open");
}

}  // namespace
}  // namespace weir::server
