// SPDX-License-Identifier: Apache-2.0
#include "server/system_clock.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace weir::server {
namespace {

TEST(SystemClock, TellsAPlausibleTimeThatNeverGoesBack) {
  SystemClock clock;
  // 2024-01-01, before which this was not built, and 2200.
  EXPECT_GT(clock.now().time_since_epoch(), std::chrono::seconds(1'704'067'200));
  EXPECT_LT(clock.now().time_since_epoch(), std::chrono::seconds(7'258'118'400));
  Duration last = clock.monotonic();
  for (int round = 0; round < 1000; ++round) {
    const Duration now = clock.monotonic();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClock, WaitsAtLeastAsLongAsAsked) {
  SystemClock clock;
  const Duration before = clock.monotonic();
  clock.sleep_for(std::chrono::milliseconds(2));
  EXPECT_GE(clock.monotonic() - before, std::chrono::milliseconds(2));
}

TEST(SystemRandom, NeverRepeatsAcrossBlocksAndThreads) {
  SystemRandom random;
  std::vector<std::vector<std::uint64_t>> seen(4);
  std::vector<std::thread> threads;
  for (auto& numbers : seen) {
    threads.emplace_back([&random, &numbers] {
      for (int round = 0; round < 1000; ++round) numbers.push_back(random.next());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::uint64_t> all;
  for (const auto& numbers : seen) all.insert(numbers.begin(), numbers.end());
  EXPECT_EQ(all.size(), 4000U);
}

TEST(SystemRandom, DiffersBetweenInstances) {
  SystemRandom one;
  SystemRandom other;
  EXPECT_NE(base::uuid_v4(one), base::uuid_v4(other));
}

}  // namespace
}  // namespace weir::server
