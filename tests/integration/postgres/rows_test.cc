// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/rows.h"

#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "tests/integration/postgres/test_support.h"

namespace weir::postgres {
namespace {

class RowsTest : public PostgresTest {
 protected:
  Rows query(const std::string& sql, const Params& params = {}) {
    auto rows = first_->execute(sql, params);
    EXPECT_TRUE(succeeded(rows)) << sql;
    return rows.ok() ? *std::move(rows) : Rows();
  }
};

TEST_F(RowsTest, GivesBackEveryScalarAsItWasSent) {
  const std::vector<std::byte> bytes = {std::byte{0}, std::byte{1}, std::byte{255}};
  const Instant instant(Duration(1'700'000'000'123'456));
  Params params;
  params.text("añ\n'\"").int64(std::numeric_limits<std::int64_t>::min()).int32(-5).number(0.1);
  params.boolean(true).bytes(bytes).instant(instant).json("{\"a\": [1, null]}");
  const Rows rows = query("SELECT $1, $2, $3, $4, $5, $6, $7, $8", params);
  ASSERT_EQ(rows.size(), 1U);
  ASSERT_EQ(rows.columns(), 8U);
  EXPECT_EQ(rows.text(0, 0), "añ\n'\"");
  EXPECT_EQ(rows.int64(0, 1), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(rows.int64(0, 2), -5);
  EXPECT_EQ(rows.number(0, 3), 0.1);
  EXPECT_TRUE(rows.boolean(0, 4));
  ASSERT_EQ(rows.bytes(0, 5).size(), 3U);
  EXPECT_EQ(std::memcmp(rows.bytes(0, 5).data(), bytes.data(), 3), 0);
  EXPECT_EQ(rows.instant(0, 6), instant);
  EXPECT_EQ(rows.text(0, 7), "{\"a\": [1, null]}");
}

TEST_F(RowsTest, ReadsTheTypesThatTheServerMayAnswerWith) {
  const Rows rows = query(
      "SELECT 7::smallint, 8::oid, 0.5::real, 'v'::varchar, 'n'::name, '{}'::json, 'c'::\"char\", "
      "'infinity'::timestamptz, '-infinity'::timestamptz, '1970-01-01T00:00:01Z'::timestamptz");
  EXPECT_EQ(rows.int64(0, 0), 7);
  EXPECT_EQ(rows.int64(0, 1), 8);
  EXPECT_EQ(rows.number(0, 2), 0.5);
  EXPECT_EQ(rows.text(0, 3), "v");
  EXPECT_EQ(rows.text(0, 4), "n");
  EXPECT_EQ(rows.text(0, 5), "{}");
  EXPECT_EQ(rows.text(0, 6), "c");
  EXPECT_EQ(rows.instant(0, 7), Instant::max());
  EXPECT_EQ(rows.instant(0, 8), Instant::min());
  EXPECT_EQ(rows.instant(0, 9), Instant(Duration(1'000'000)));
}

TEST_F(RowsTest, ReadsAnEnumByItsLabel) {
  script("CREATE TYPE mood AS ENUM ('calm', 'busy')");
  EXPECT_EQ(query("SELECT 'busy'::mood").text(0, 0), "busy");
}

TEST_F(RowsTest, TellsNullFromEmpty) {
  Params params;
  params.null(Type::Text).text("").null(Type::Int8);
  const Rows rows = query("SELECT $1, $2, $3, NULL::timestamptz", params);
  EXPECT_TRUE(rows.is_null(0, 0));
  EXPECT_FALSE(rows.is_null(0, 1));
  EXPECT_EQ(rows.text_if(0, 0), std::nullopt);
  EXPECT_EQ(rows.text_if(0, 1), "");
  EXPECT_EQ(rows.int64_if(0, 2), std::nullopt);
  EXPECT_EQ(rows.instant_if(0, 3), std::nullopt);
}

TEST_F(RowsTest, GivesBackLargeArraysOfEveryType) {
  constexpr std::int64_t kCount = 10'000;
  std::vector<std::int64_t> numbers;
  std::vector<std::string> texts;
  for (std::int64_t i = 0; i < kCount; ++i) {
    numbers.push_back(i * 1'000'000'007);
    texts.push_back("topic-" + std::to_string(i));
  }
  Params params;
  params.text_array(texts).int64_array(numbers);
  params.int32_array(numbers, [](std::int64_t n) { return n % 1'000; });
  params.number_array(numbers, [](std::int64_t n) { return static_cast<double>(n) / 2; });
  params.boolean_array(numbers, [](std::int64_t n) { return n % 2 == 0; });
  params.bytes_array(texts, [](const std::string& text) {
    return std::span(reinterpret_cast<const std::byte*>(text.data()), text.size());
  });
  const Rows rows = query(
      "SELECT t, n, i::bigint, d, b, convert_from(y, 'UTF8') FROM "
      "unnest($1, $2, $3, $4, $5, $6) AS u(t, n, i, d, b, y)",
      params);
  ASSERT_EQ(rows.size(), static_cast<std::size_t>(kCount));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_EQ(rows.text(i, 0), texts[i]);
    ASSERT_EQ(rows.int64(i, 1), numbers[i]);
    ASSERT_EQ(rows.int64(i, 2), numbers[i] % 1'000);
    ASSERT_EQ(rows.number(i, 3), static_cast<double>(numbers[i]) / 2);
    ASSERT_EQ(rows.boolean(i, 4), numbers[i] % 2 == 0);
    ASSERT_EQ(rows.text(i, 5), texts[i]);
  }
}

TEST_F(RowsTest, ReadsArraysBack) {
  const std::vector<std::string> texts = {"a", "", "añ"};
  const std::vector<std::int64_t> none;
  Params params;
  params.text_array(texts).int64_array(none);
  const Rows rows = query("SELECT $1, $2, ARRAY[1, -2]::int[], ARRAY[3]::bigint[]", params);
  EXPECT_EQ(rows.text_array(0, 0), (std::vector<std::string_view>{"a", "", "añ"}));
  EXPECT_TRUE(rows.int64_array(0, 1).empty());
  EXPECT_EQ(rows.int64_array(0, 2), (std::vector<std::int64_t>{1, -2}));
  EXPECT_EQ(rows.int64_array(0, 3), (std::vector<std::int64_t>{3}));
}

TEST_F(RowsTest, SendsNullElements) {
  const std::vector<std::optional<std::string>> texts = {"a", std::nullopt};
  const Rows rows = query("SELECT u FROM unnest($1) AS u", Params().text_array(texts));
  EXPECT_EQ(rows.text(0, 0), "a");
  EXPECT_TRUE(rows.is_null(1, 0));
}

TEST_F(RowsTest, CountsAffectedRows) {
  script("CREATE TABLE t (a int)");
  EXPECT_EQ(query("CREATE TABLE u (a int)").affected(), 0);
  const Rows inserted = query("INSERT INTO t SELECT generate_series(1, 3)");
  EXPECT_EQ(inserted.affected(), 3);
  EXPECT_EQ(inserted.tag(), "INSERT 0 3");
  EXPECT_TRUE(inserted.empty());
  EXPECT_EQ(query("UPDATE t SET a = 0 WHERE a > 1").affected(), 2);
}

TEST_F(RowsTest, StaysValidWhenMovedAndAfterTheConnectionIsGone) {
  Rows rows = query("SELECT 'kept'");
  const std::string_view view = rows.text(0, 0);
  const Rows moved = std::move(rows);
  first_.reset();
  EXPECT_EQ(view, "kept");
  EXPECT_EQ(moved.text(0, 0).data(), view.data());
}

using RowsDeathTest = RowsTest;

TEST_F(RowsDeathTest, StopsTheProgramOverACellThatIsNotWhatItWasTakenFor) {
  const Rows rows = query("SELECT 1 AS one, NULL::text AS nothing, ARRAY['a', NULL] AS some");
  EXPECT_DEATH(static_cast<void>(rows.text(0, 0)), "column 0 of 3 \\(one, type 23\\) is not text");
  EXPECT_DEATH(static_cast<void>(rows.text(0, 1)), "\\(nothing, type 25\\) is not a value");
  EXPECT_DEATH(static_cast<void>(rows.int64(1, 0)), "row 1 of 1");
  EXPECT_DEATH(static_cast<void>(rows.int64(0, 3)), "column 3 of 3");
  EXPECT_DEATH(static_cast<void>(rows.text_array(0, 2)), "without NULLs");
  EXPECT_DEATH(static_cast<void>(rows.int64_array(0, 2)), "array of integers");
}

}  // namespace
}  // namespace weir::postgres
