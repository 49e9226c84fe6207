// SPDX-License-Identifier: Apache-2.0
#include "worker/child/last_line.h"

#include <gtest/gtest.h>

#include <string>

#include "worker/child/limits.h"

namespace weir::worker {
namespace {

TEST(LastLine, IsTheLastThatIsNotBlank) {
  LastLine line;
  line.feed("one\ntw");
  line.feed("o\n \n\n");
  EXPECT_EQ(line.text(), "two");
}

TEST(LastLine, NeedsNoLineEnd) {
  LastLine line;
  line.feed("one\n{\"rows\":");
  line.feed("2}");
  EXPECT_EQ(line.text(), "{\"rows\":2}");
  EXPECT_FALSE(line.too_long());
}

TEST(LastLine, SaysThatItWasCutAndForgetsItWithAShorterOne) {
  LastLine line;
  line.feed(std::string(kLastLineBytesMax + 1, 'x') + "\n");
  EXPECT_TRUE(line.too_long());
  EXPECT_EQ(line.text().size(), kLastLineBytesMax);
  line.feed("short\n");
  EXPECT_FALSE(line.too_long());
  EXPECT_EQ(line.text(), "short");
}

}  // namespace
}  // namespace weir::worker
