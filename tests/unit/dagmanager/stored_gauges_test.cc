// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/stored_gauges.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <memory>

namespace weir::dagmanager {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

class StoredGaugesTest : public testing::Test {
 protected:
  StoredGaugesTest() : pool_(*server::WorkerPool::create({.name = "queries", .concurrency = 2})) {
    EXPECT_TRUE(pool_->start().ok());
  }

  std::unique_ptr<server::WorkerPool> pool_;
};

TEST_F(StoredGaugesTest, AreReadBeforeTheyAreTold) {
  std::atomic<int> read = 0;
  StoredGauges gauges(*pool_, [&] { ++read; });
  gauges.refresh(hours(1));
  gauges.refresh(hours(1));
  EXPECT_EQ(read, 2);
}

TEST_F(StoredGaugesTest, OfAStoreThatSaysNothingHoldUpNobodyAndAreAskedForOnce) {
  std::latch answers(1);
  std::atomic<int> asked = 0;
  std::atomic<int> read = 0;
  StoredGauges gauges(*pool_, [&] {
    ++asked;
    answers.wait();
    ++read;
  });
  for (int scrape = 0; scrape < 5; ++scrape) gauges.refresh(milliseconds(1));
  EXPECT_EQ(read, 0) << "nobody has waited for it";
  EXPECT_LE(asked, 1) << "one reading at a time";
  answers.count_down();
  while (read == 0) gauges.refresh(milliseconds(1));
  pool_->stop();
}

TEST_F(StoredGaugesTest, StayAsTheyAreWhereThePoolTakesNothingMore) {
  std::atomic<int> read = 0;
  StoredGauges gauges(*pool_, [&] { ++read; });
  pool_->drain({});
  gauges.refresh(hours(1));
  EXPECT_EQ(read, 0);
}

}  // namespace
}  // namespace weir::dagmanager
