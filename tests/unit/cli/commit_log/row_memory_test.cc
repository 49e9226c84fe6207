// SPDX-License-Identifier: Apache-2.0
#include "cli/commit_log/row_memory.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(RowMemory, TakesEachRowOnceInWhateverOrder) {
  RowMemory memory;
  EXPECT_TRUE(memory.add("a"));
  EXPECT_TRUE(memory.add("b"));
  EXPECT_FALSE(memory.add("a"));
  EXPECT_TRUE(memory.add("c"));
  EXPECT_FALSE(memory.add("b"));
  EXPECT_EQ(memory.size(), 3U);
}

TEST(RowMemory, ForgetsTheOneThatCameLongestAgo) {
  RowMemory memory(2);
  EXPECT_TRUE(memory.add("a"));
  EXPECT_TRUE(memory.add("b"));
  EXPECT_FALSE(memory.add("a"));
  EXPECT_TRUE(memory.add("c"));  // b goes
  EXPECT_EQ(memory.size(), 2U);
  EXPECT_FALSE(memory.add("a"));
  EXPECT_TRUE(memory.add("b"));
}

}  // namespace
}  // namespace weir::cli
