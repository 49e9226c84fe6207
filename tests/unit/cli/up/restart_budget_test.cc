// SPDX-License-Identifier: Apache-2.0
#include "cli/up/restart_budget.h"

#include <gtest/gtest.h>

#include "cli/up/limits.h"

namespace weir::cli {
namespace {

TEST(RestartBudget, IsSmallForAChildThatWasNeverReady) {
  RestartBudget budget;
  for (int i = 0; i < kRestartsBeforeReadyMax; ++i) EXPECT_TRUE(budget.spend({}));
  EXPECT_FALSE(budget.spend({}));
}

TEST(RestartBudget, DoublesTheWaitUpToItsBound) {
  RestartBudget budget;
  budget.was_ready();
  Duration expected = kRestartWaitFirst;
  for (int i = 0; i < kRestartsMax; ++i) {
    const auto wait = budget.spend({});
    ASSERT_TRUE(wait);
    EXPECT_EQ(*wait, expected);
    expected = std::min(expected * 2, kRestartWaitMax);
  }
  EXPECT_EQ(expected, kRestartWaitMax);
}

TEST(RestartBudget, IsSpentAfterSoManyDeathsInARow) {
  RestartBudget budget;
  budget.was_ready();
  for (int i = 0; i < kRestartsMax; ++i) EXPECT_TRUE(budget.spend(kRestartForget - Duration(1)));
  EXPECT_FALSE(budget.spend({}));
  EXPECT_FALSE(budget.spend({}));
}

TEST(RestartBudget, ForgivesAChildThatRanLongEnough) {
  RestartBudget budget;
  budget.was_ready();
  for (int i = 0; i < kRestartsMax; ++i) EXPECT_TRUE(budget.spend({}));
  EXPECT_EQ(budget.spend(kRestartForget), kRestartWaitFirst);
}

}  // namespace
}  // namespace weir::cli
