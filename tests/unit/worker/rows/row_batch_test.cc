// SPDX-License-Identifier: Apache-2.0
#include "worker/rows/row_batch.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "worker/rows/limits.h"

namespace weir::worker {
namespace {

TableShape shape_of(ColumnType type, bool nullable = false) {
  return {.table = "data.d_1", .columns = {{"value", type, nullable}}, .key = {}};
}

/// What becomes of a value of that type; "refused" if it is none.
std::string taken(ColumnType type, const std::string& value) {
  const TableShape shape = shape_of(type);
  RowBatch batch(shape);
  if (!batch.add("{\"value\":" + value + "}", 1).ok()) return "refused";
  return batch.column(0).front().value_or("null");
}

std::string fault_of(const TableShape& shape, const std::string& line) {
  RowBatch batch(shape);
  const auto added = batch.add(line, 7);
  return added.ok() ? "taken" : added.error().message();
}

TEST(RowBatch, TakesValuesOfTheirColumnsTypes) {
  EXPECT_EQ(taken(ColumnType::Text, R"("a\"b")"), "a\"b");
  EXPECT_EQ(taken(ColumnType::Bigint, "-9223372036854775808"), "-9223372036854775808");
  EXPECT_EQ(taken(ColumnType::Bigint, "\"9223372036854775807\""), "9223372036854775807");
  EXPECT_EQ(taken(ColumnType::Double, "1.5e3"), "1.5e3");
  EXPECT_EQ(taken(ColumnType::Double, "\"NaN\""), "NaN");
  EXPECT_EQ(taken(ColumnType::Boolean, "true"), "true");
  EXPECT_EQ(taken(ColumnType::Numeric, "12345678901234567890.123"), "12345678901234567890.123");
  EXPECT_EQ(taken(ColumnType::Numeric, "\"-0.5\""), "-0.5");
  EXPECT_EQ(taken(ColumnType::Timestamptz, "\"2026-01-02T03:04:05.123456Z\""),
            "2026-01-02T03:04:05.123456Z");
  EXPECT_EQ(taken(ColumnType::Timestamptz, "\"2026-01-02 03:04:05+00\""), "2026-01-02 03:04:05+00");
  EXPECT_EQ(taken(ColumnType::Date, "\"2024-02-29\""), "2024-02-29");
  EXPECT_EQ(taken(ColumnType::Uuid, "\"01970000-0000-7000-8000-000000000001\""),
            "01970000-0000-7000-8000-000000000001");
  EXPECT_EQ(taken(ColumnType::Jsonb, R"({"b":1,"a":[null]})"), R"({"a":[null],"b":1})");
  EXPECT_EQ(taken(ColumnType::Bytea, R"("\\x00ff")"), "\\x00ff");
}

TEST(RowBatch, RefusesValuesOfOtherTypes) {
  const std::vector<std::pair<ColumnType, std::string>> wrong = {
      {ColumnType::Text, "1"},
      {ColumnType::Text, R"("a\u0000b")"},
      {ColumnType::Bigint, "1.0"},
      {ColumnType::Bigint, "9223372036854775808"},
      {ColumnType::Bigint, "\" 1\""},
      {ColumnType::Double, "1e999"},
      {ColumnType::Double, "\"1\""},
      {ColumnType::Boolean, "1"},
      {ColumnType::Numeric, "\"NaN\""},
      {ColumnType::Numeric, "\"1e99999\""},
      {ColumnType::Timestamptz, "\"2026-02-29T00:00:00Z\""},
      {ColumnType::Timestamptz, "\"2026-01-02\""},
      {ColumnType::Timestamptz, "\"2026-01-02T24:00:00Z\""},
      {ColumnType::Timestamptz, "\"now\""},
      {ColumnType::Date, "\"infinity\""},
      {ColumnType::Date, "\"2026-13-01\""},
      {ColumnType::Uuid, "\"x\""},
      {ColumnType::Jsonb, R"("\u0000")"},
      {ColumnType::Bytea, R"("\\x0")"},
      {ColumnType::Bytea, "\"abc\""},
  };
  for (const auto& [type, value] : wrong) EXPECT_EQ(taken(type, value), "refused") << value;
}

TEST(RowBatch, NamesTheLineAndTheColumnOfAFault) {
  const TableShape shape = shape_of(ColumnType::Bigint);
  EXPECT_EQ(fault_of(shape, "{"), "line 7: is not JSON");
  EXPECT_EQ(fault_of(shape, "[1]"), "line 7: is not an object");
  EXPECT_EQ(fault_of(shape, "{}"), "line 7: `value` must not be null");
  EXPECT_EQ(fault_of(shape, R"({"value":null})"), "line 7: `value` must not be null");
  EXPECT_EQ(fault_of(shape, R"({"value":"x"})"), "line 7: `value` needs a whole number of 64 bits");
  EXPECT_EQ(fault_of(shape, R"({"value":1,"other":2})"), "line 7: `other` is no column");
  EXPECT_EQ(fault_of(shape, R"({"value":1,"value":2})"), "line 7: names a column twice");
  EXPECT_EQ(fault_of(shape, R"({"value":1})"), "taken");
}

TEST(RowBatch, LeavesOutWhatMayBeNull) {
  const TableShape shape = shape_of(ColumnType::Text, true);
  RowBatch batch(shape);
  ASSERT_TRUE(batch.add("{}", 3).ok());
  ASSERT_TRUE(batch.add(R"({"value":null})", 4).ok());
  EXPECT_EQ(batch.rows(), 2U);
  EXPECT_EQ(batch.first_line(), 3U);
  EXPECT_FALSE(batch.column(0)[0].has_value());
}

TEST(RowBatch, IsFullByRowsAndByBytes) {
  const TableShape shape = shape_of(ColumnType::Text);
  RowBatch batch(shape);
  ASSERT_TRUE(batch.add("{\"value\":\"" + std::string(kBytesPerStatement, 'x') + "\"}", 1).ok());
  EXPECT_TRUE(batch.full());
  batch.clear();
  for (std::size_t row = 0; row < kRowsPerStatement; ++row) {
    EXPECT_FALSE(batch.full());
    ASSERT_TRUE(batch.add(R"({"value":""})", row + 1).ok());
  }
  EXPECT_TRUE(batch.full());
}

}  // namespace
}  // namespace weir::worker
