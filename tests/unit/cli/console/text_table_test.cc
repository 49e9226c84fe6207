// SPDX-License-Identifier: Apache-2.0
#include "cli/console/text_table.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(TextTable, PutsCellsUnderEachOther) {
  TextTable table({{"job"}, {"rows", Align::Right}, {"note"}});
  table.add({"load", "7", "a"});
  table.add({"compact", "1,234", ""});
  EXPECT_EQ(table.text(),
            "JOB       ROWS  NOTE\n"
            "load         7  a\n"
            "compact  1,234\n");
}

TEST(TextTable, CountsCharactersNotBytes) {
  TextTable table({{"name"}, {"n", Align::Right}});
  table.add({"\xc3\xa9t\xc3\xa9", "1"});
  table.add({"abcd", "2"});
  EXPECT_EQ(table.text(), "NAME  N\n\xc3\xa9t\xc3\xa9   1\nabcd  2\n");
}

TEST(TextTable, LetsNoCellMoveTheCursorOrBreakALine) {
  TextTable table({{"error"}});
  table.add({"a\nb\x1b[2Jc"});
  EXPECT_EQ(table.text(), "ERROR\na b [2Jc\n");
}

TEST(TextTable, FillsMissingCells) {
  TextTable table({{"a"}, {"b"}});
  EXPECT_TRUE(table.empty());
  table.add({"x"});
  EXPECT_FALSE(table.empty());
  EXPECT_EQ(table.text(), "A  B\nx\n");
}

}  // namespace
}  // namespace weir::cli
