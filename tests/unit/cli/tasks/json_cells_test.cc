// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/json_cells.h"

#include <gtest/gtest.h>

namespace weir::cli {
namespace {

TEST(JsonCells, SayADashForWhatIsNotThere) {
  const JsonTree body = JsonTree::parse(R"({"a":{"b":null},"c":3})");
  EXPECT_EQ(cell(body, {"a", "b"}), "-");
  EXPECT_EQ(cell(body, {"a", "x", "y"}), "-");
  EXPECT_EQ(cell(body, {"c", "d"}), "-");
  EXPECT_EQ(number_at(body, {"a"}), 0);
  EXPECT_TRUE(list_at(body, {"c"}).empty());
}

TEST(JsonCells, SayValuesAsTheyAre) {
  const JsonTree body = JsonTree::parse(R"({"t":"x","n":-5,"y":true,"o":{"k":1}})");
  EXPECT_EQ(cell(body, {"t"}), "x");
  EXPECT_EQ(cell(body, {"n"}), "-5");
  EXPECT_EQ(cell(body, {"y"}), "yes");
  EXPECT_EQ(cell(body, {"o"}), R"({"k":1})");
}

TEST(JsonCells, GroupDigits) {
  EXPECT_EQ(grouped(0), "0");
  EXPECT_EQ(grouped(999), "999");
  EXPECT_EQ(grouped(1'000), "1,000");
  EXPECT_EQ(grouped(-1'234'567), "-1,234,567");
  EXPECT_EQ(count_cell(JsonTree()), "-");
}

TEST(JsonCells, SayBytesAndSpansInTheirUnits) {
  EXPECT_EQ(bytes_cell(JsonTree(512)), "512 B");
  EXPECT_EQ(bytes_cell(JsonTree(1536)), "1.5 KiB");
  EXPECT_EQ(bytes_cell(JsonTree(3LL << 30)), "3.0 GiB");
  EXPECT_EQ(span_cell(JsonTree(250)), "250 ms");
  EXPECT_EQ(span_cell(JsonTree(119'000)), "119 s");
  EXPECT_EQ(span_cell(JsonTree(3'600'000)), "60 min");
  EXPECT_EQ(span_cell(JsonTree(172'800'000)), "2 d");
  EXPECT_EQ(span_cell(JsonTree()), "-");
}

}  // namespace
}  // namespace weir::cli
