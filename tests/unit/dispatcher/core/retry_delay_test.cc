// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/retry_delay.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

#include "base/random.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

TEST(RetryDelay, DoublesUpToItsCap) {
  EXPECT_EQ(retry_delay(kTaskBackoff, 1, kMiddleDraw), 30 * kSecond);
  EXPECT_EQ(retry_delay(kTaskBackoff, 2, kMiddleDraw), 60 * kSecond);
  EXPECT_EQ(retry_delay(kTaskBackoff, 5, kMiddleDraw), 480 * kSecond);
  EXPECT_EQ(retry_delay(kTaskBackoff, 6, kMiddleDraw), 600 * kSecond);
  EXPECT_EQ(retry_delay(kTaskBackoff, std::numeric_limits<int>::max(), kMiddleDraw), 600 * kSecond);
  EXPECT_EQ(retry_delay(kSinkBackoff, 1, kMiddleDraw), 5 * kSecond);
  EXPECT_EQ(retry_delay(kSinkBackoff, 10, kMiddleDraw), 300 * kSecond);
  EXPECT_EQ(retry_delay(kDeliveryBackoff, 12, kMiddleDraw), 1800 * kSecond);
}

TEST(RetryDelay, IsSpreadFromAHalfToOneAndAHalf) {
  EXPECT_EQ(retry_delay(kTaskBackoff, 1, 0), 15 * kSecond);
  const Duration longest = retry_delay(kTaskBackoff, 1, std::numeric_limits<std::uint64_t>::max());
  EXPECT_LT(longest, 45 * kSecond);
  EXPECT_GE(longest, 45 * kSecond - Duration(2));
  base::SeededRandom random(11);
  Duration sum{};
  for (int draw = 0; draw < 10'000; ++draw) {
    const Duration delay = retry_delay(kTaskBackoff, 1, random.next());
    EXPECT_GE(delay, 15 * kSecond);
    EXPECT_LT(delay, 45 * kSecond);
    sum += delay;
  }
  EXPECT_GT(sum / 10'000, 29 * kSecond);
  EXPECT_LT(sum / 10'000, 31 * kSecond);
}

TEST(RetryDelay, IsTheSinksOwnForSinks) {
  EXPECT_EQ(&backoff_of(TaskKind::Sink), &kSinkBackoff);
  EXPECT_EQ(&backoff_of(TaskKind::Reactive), &kTaskBackoff);
}

}  // namespace
}  // namespace weir::dispatcher
