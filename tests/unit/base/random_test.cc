// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir::base {
namespace {

TEST(UuidV4, HasItsVersionAndVariantAndIsNewEachTime) {
  SeededRandom random(1);
  std::set<std::string> seen;
  for (int round = 0; round < 1000; ++round) {
    const std::string uuid = uuid_v4(random);
    ASSERT_EQ(uuid.size(), 36U);
    for (const std::size_t dash : {8U, 13U, 18U, 23U}) ASSERT_EQ(uuid[dash], '-');
    ASSERT_EQ(uuid[14], '4');
    ASSERT_NE(std::string("89ab").find(uuid[19]), std::string::npos);
    ASSERT_EQ(uuid.find_first_not_of("0123456789abcdef-"), std::string::npos);
    ASSERT_TRUE(seen.insert(uuid).second);
  }
}

TEST(SeededRandom, GivesTheSequenceOfSplitMix64) {
  SeededRandom random(1234567);
  EXPECT_EQ(random.next(), 6457827717110365317ULL);
  EXPECT_EQ(random.next(), 3203168211198807973ULL);
}

TEST(SeededRandom, RepeatsItselfFromOneSeed) {
  SeededRandom one(42);
  SeededRandom other(42);
  for (int round = 0; round < 100; ++round) EXPECT_EQ(one.below(10), other.below(10));
}

}  // namespace
}  // namespace weir::base
