// SPDX-License-Identifier: Apache-2.0
#include "base/crc32.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

TEST(Crc32, GivesTheCheckValueOfTheStandard) { EXPECT_EQ(crc32(0, "123456789"), 0xcbf43926U); }

TEST(Crc32, ContinuesOverPieces) { EXPECT_EQ(crc32(crc32(0, "1234"), "56789"), 0xcbf43926U); }

TEST(Crc32, LeavesTheValueAsItIsForNoBytes) {
  EXPECT_EQ(crc32(0, ""), 0U);
  EXPECT_EQ(crc32(0xcbf43926U, {}), 0xcbf43926U);
}

}  // namespace
}  // namespace weir::base
