// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/rate_limiter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/hand_clock.h"

namespace weir::dispatcher {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

int taken(RateLimiter& limiter, std::string_view key, int tries) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += limiter.take(key) ? 0 : 1;
  return count;
}

TEST(RateLimiter, LetsAMinutesRequestsThroughAtOnceAndNoMore) {
  weir::test::HandClock clock;
  RateLimiter limiter(100, 10, clock);
  EXPECT_EQ(taken(limiter, "a", 150), 100);
}

TEST(RateLimiter, RefillsEvenly) {
  weir::test::HandClock clock;
  RateLimiter limiter(60, 10, clock);
  EXPECT_EQ(taken(limiter, "a", 60), 60);
  EXPECT_EQ(limiter.take("a"), seconds(1));
  clock.sleep_for(milliseconds(999));
  EXPECT_EQ(limiter.take("a"), seconds(1));
  clock.sleep_for(milliseconds(1));
  EXPECT_EQ(limiter.take("a"), std::nullopt);
  clock.sleep_for(seconds(10));
  EXPECT_EQ(taken(limiter, "a", 60), 10);
  clock.sleep_for(seconds(600));
  EXPECT_EQ(taken(limiter, "a", 100), 60);
}

TEST(RateLimiter, SaysHowLongToWait) {
  weir::test::HandClock clock;
  RateLimiter limiter(2, 10, clock);
  EXPECT_EQ(taken(limiter, "a", 2), 2);
  EXPECT_EQ(limiter.take("a"), seconds(30));
  clock.sleep_for(seconds(20));
  EXPECT_EQ(limiter.take("a"), seconds(10));
}

TEST(RateLimiter, KeepsKeysApart) {
  weir::test::HandClock clock;
  RateLimiter limiter(5, 10, clock);
  EXPECT_EQ(taken(limiter, "a", 9), 5);
  EXPECT_EQ(taken(limiter, "b", 9), 5);
}

TEST(RateLimiter, RemembersABoundedNumberAndForgetsTheIdle) {
  weir::test::HandClock clock;
  RateLimiter limiter(5, 3, clock);
  for (const char* key : {"a", "b", "c"}) EXPECT_EQ(taken(limiter, key, 5), 5);
  // Further ones share one allowance, so that nobody gets more by taking a new name.
  EXPECT_EQ(taken(limiter, "d", 3) + taken(limiter, "e", 5), 5);
  EXPECT_EQ(limiter.keys(), 3U);
  clock.sleep_for(seconds(60));
  EXPECT_EQ(taken(limiter, "f", 9), 5);
  EXPECT_EQ(limiter.keys(), 1U);
}

TEST(RateLimiter, GivesAsManyToThreadsAsToOne) {
  weir::test::HandClock clock;
  RateLimiter limiter(100, 10, clock);
  std::atomic<int> count = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&] { count += taken(limiter, "a", 60); });
    }
  }
  EXPECT_EQ(count, 100);
}

}  // namespace
}  // namespace weir::dispatcher
