// SPDX-License-Identifier: Apache-2.0
#include "cli/console/console.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(Paint, LeavesTextsAloneWithoutColours) {
  const Paint plain(false);
  EXPECT_EQ(
      plain.added("a") + plain.changed("b") + plain.bad("c") + plain.faint("d") + plain.strong("e"),
      "abcde");
}

TEST(Paint, PutsColoursAroundTextsAndNotAroundNothing) {
  const Paint colours(true);
  EXPECT_EQ(colours.bad("no"), "\x1b[31mno\x1b[0m");
  EXPECT_EQ(colours.bad(""), "");
}

TEST(Console, ShowsNoColoursWhereOutputIsNoTerminal) {
  testing::internal::CaptureStdout();
  EXPECT_FALSE(out_shows_colours());
  print_out("text");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "text");
  EXPECT_FALSE(out_failed());
}

TEST(Console, WritesErrorsAsTheyDescribeThemselves) {
  testing::internal::CaptureStderr();
  print_error(base::not_found("unknown", "there is none"));
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "unknown: there is none\n");
}

}  // namespace
}  // namespace weir::cli
