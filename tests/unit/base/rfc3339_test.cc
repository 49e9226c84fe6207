// SPDX-License-Identifier: Apache-2.0
#include "base/rfc3339.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

using std::chrono::microseconds;

TEST(Rfc3339, WritesUtcToTheMillisecond) {
  EXPECT_EQ(rfc3339(Instant(microseconds(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339(Instant(microseconds(1'767'323'045'678'901))), "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(rfc3339(Instant(microseconds(-1))), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(rfc3339(Instant(microseconds(1'709'164'800'000'000))), "2024-02-29T00:00:00.000Z");
}

TEST(Rfc3339, WritesUtcToTheMicrosecond) {
  const Instant at(microseconds(1'756'371'600'123'456));
  EXPECT_EQ(rfc3339_micros(at), "2025-08-28T09:00:00.123456Z");
  EXPECT_EQ(rfc3339_micros(at, "+00:00"), "2025-08-28T09:00:00.123456+00:00");
  EXPECT_EQ(rfc3339_micros(Instant()), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(rfc3339_micros(Instant(microseconds(-1))), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(rfc3339_micros(Instant(std::chrono::hours(24 * 59))), "1970-03-01T00:00:00.000000Z");
}

}  // namespace
}  // namespace weir::base
