// SPDX-License-Identifier: Apache-2.0
#include "drivers/http/cancel_flag.h"

#include <gtest/gtest.h>

#include <optional>

namespace weir::http {
namespace {

TEST(CancelFlag, WakesWhoWatchesOnce) {
  CancelFlag flag;
  int first = 0;
  int second = 0;
  std::optional<CancelFlag::Watch> early(std::in_place, &flag, [&first] { ++first; });
  const CancelFlag::Watch kept(&flag, [&second] { ++second; });
  early.reset();
  EXPECT_FALSE(flag.is_set());
  flag.set();
  flag.set();
  EXPECT_TRUE(flag.is_set());
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
}

TEST(CancelFlag, WakesLateComersAtOnce) {
  CancelFlag flag;
  flag.set();
  int woken = 0;
  const CancelFlag::Watch late(&flag, [&woken] { ++woken; });
  const CancelFlag::Watch none(nullptr, [&woken] { ++woken; });
  EXPECT_EQ(woken, 1);
}

}  // namespace
}  // namespace weir::http
