// SPDX-License-Identifier: Apache-2.0
#include "drivers/duckdb/engine.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace weir::duckdb {
namespace {

class EngineTest : public ::testing::Test {
 protected:
  EngineTest() {
    std::string name = (std::filesystem::temp_directory_path() / "weir-duck-XXXXXX").string();
    folder_ = mkdtemp(name.data());
    const auto path = find_library("");
    EXPECT_TRUE(path.ok()) << path.error().describe();
    library_ = *Library::load(*path);
    engine_ = *Engine::open(library_, {.spill_folder = folder_ + "/spill", .folders = {folder_}});
  }
  ~EngineTest() override {
    engine_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::string reason(const std::string& sql) {
    const auto ran = engine_->run(sql);
    return ran.ok() ? "ok" : ran.error().reason();
  }

  std::string folder_;
  std::shared_ptr<const Library> library_;
  std::unique_ptr<Engine> engine_;
};

TEST_F(EngineTest, BindsParametersAndReadsEveryTypeBack) {
  const std::vector<Value> parameters = {true, std::int64_t{-7}, 1.5, std::string("it's é"),
                                         Value()};
  auto rows = engine_->query(
      "SELECT $1, $2, $3, $4 AS \"a b\", $5::VARCHAR, DATE '1970-01-03', "
      "TIMESTAMPTZ '1970-01-01 00:00:01+00', '\\x00a'::BLOB, repeat('x', 20)",
      parameters);
  ASSERT_TRUE(rows.ok()) << rows.error().describe();
  EXPECT_EQ(rows->columns(), 9U);
  EXPECT_EQ(rows->column(3), "a b");
  const auto chunk = rows->next();
  ASSERT_TRUE(chunk.ok()) << chunk.error().describe();
  ASSERT_EQ(chunk->size(), 1U);
  EXPECT_EQ(chunk->front(), (Row{true, std::int64_t{-7}, 1.5, std::string("it's é"), Value(),
                                 Day{.days = 2}, InstantValue{.microseconds = 1'000'000},
                                 Bytes{std::string("\0a", 2)}, std::string(20, 'x')}));
  EXPECT_TRUE(rows->next()->empty());
}

TEST_F(EngineTest, ReadsManyChunksInOrder) {
  auto rows =
      engine_->query("SELECT CASE WHEN range % 3 = 0 THEN NULL ELSE range END FROM range(10000)");
  ASSERT_TRUE(rows.ok());
  std::int64_t next = 0;
  for (;;) {
    const auto chunk = *rows->next();
    if (chunk.empty()) break;
    for (const Row& row : chunk) {
      EXPECT_EQ(row[0], next % 3 == 0 ? Value() : Value(next));
      ++next;
    }
  }
  EXPECT_EQ(next, 10'000);
}

TEST_F(EngineTest, FillsATableOfEveryTypeOverManyChunks) {
  ASSERT_TRUE(engine_
                  ->run("CREATE TABLE t (b BOOLEAN, i BIGINT, d DOUBLE, s VARCHAR, x BLOB, y DATE, "
                        "z TIMESTAMPTZ, n DECIMAL(38,18), u UUID)")
                  .ok());
  auto table = TableWriter::open(*engine_, "t",
                                 {ColumnType::Boolean, ColumnType::BigInt, ColumnType::Double,
                                  ColumnType::Text, ColumnType::Blob, ColumnType::Date,
                                  ColumnType::Instant, ColumnType::Decimal, ColumnType::Uuid});
  ASSERT_TRUE(table.ok()) << table.error().describe();
  for (std::int64_t i = 0; i < 5000; ++i) {
    const Row row = i % 2 == 0 ? Row(9)
                               : Row{true,
                                     i,
                                     0.5,
                                     std::string("a long text of its own"),
                                     Bytes{"x"},
                                     Day{.days = 1},
                                     InstantValue{.microseconds = 5},
                                     Wide{.lower = 1, .upper = 0},
                                     Wide{.lower = 2, .upper = std::int64_t{1} << 62}};
    ASSERT_TRUE((*table)->add(row).ok());
  }
  ASSERT_TRUE((*table)->flush().ok());
  EXPECT_EQ(*engine_->value("SELECT count(*) || ' ' || count(i) || ' ' || sum(i) || ' ' || "
                            "max(n) || ' ' || max(u) || ' ' || max(y) || ' ' || max(s) FROM t"),
            Value(std::string("5000 2500 6250000 0.000000000000000001 "
                              "c0000000-0000-0000-0000-000000000002 1970-01-02 "
                              "a long text of its own")));
  EXPECT_FALSE((*table)->add(Row(9, Value(std::int64_t{1}))).ok());
}

TEST_F(EngineTest, TouchesNothingOutsideItsFolders) {
  const std::string inside = quote_text(folder_ + "/a.parquet");
  EXPECT_EQ(reason("COPY (SELECT 1 AS one) TO " + inside + " (FORMAT parquet)"), "ok");
  EXPECT_EQ(*engine_->value("SELECT count(*) FROM read_parquet(" + inside + ")"),
            Value(std::int64_t{1}));
  for (const std::string sql :
       {"SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/hostname'",
        "COPY (SELECT 1) TO '/tmp/weir-escaped.parquet'", "ATTACH '/tmp/weir-escaped.db'",
        "INSTALL httpfs", "LOAD httpfs"}) {
    EXPECT_NE(reason(sql), "ok") << sql;
  }
  EXPECT_EQ(reason("SELECT * FROM read_csv(" +
                   quote_text(folder_ + "/../../../../../../etc/passwd") + ")"),
            "engine_denied");
  EXPECT_FALSE(std::filesystem::exists("/tmp/weir-escaped.parquet"));
}

TEST_F(EngineTest, LetsNobodyChangeItsConfiguration) {
  for (const std::string sql :
       {"SET threads=8", "SET enable_external_access=true", "SET memory_limit='8GB'",
        "SET lock_configuration=false", "SET allowed_directories=['/']", "RESET threads"}) {
    EXPECT_NE(reason(sql), "ok") << sql;
  }
}

TEST_F(EngineTest, TellsAFaultInOneLine) {
  const auto ran = engine_->run("SELECT nothing FROM nowhere");
  ASSERT_FALSE(ran.ok());
  EXPECT_EQ(ran.error().reason(), "engine_refused");
  EXPECT_EQ(ran.error().message().find('\n'), std::string::npos);
  EXPECT_EQ(reason("SELECT 'x'::BIGINT"), "engine_refused");
  EXPECT_EQ(reason("SELECT * FROM read_parquet(" + quote_text(folder_ + "/none") + ")"),
            "engine_failed");
}

TEST_F(EngineTest, SpillsWhatDoesNotFitIntoMemory) {
  auto small = Engine::open(
      library_,
      {.memory_bytes = std::uint64_t{64} << 20, .threads = 1, .spill_folder = folder_ + "/small"});
  ASSERT_TRUE(small.ok()) << small.error().describe();
  ASSERT_TRUE((*small)
                  ->run("CREATE TABLE big AS SELECT range AS i, md5(range::VARCHAR) AS t "
                        "FROM range(3000000)")
                  .ok());
  EXPECT_EQ(*(*small)->value("SELECT count(*) FROM big"), Value(std::int64_t{3'000'000}));
}

TEST(Quoting, DoublesWhatEndsAName) {
  EXPECT_EQ(quote_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quote_text("it's"), "'it''s'");
}

TEST(Library, IsMissedByName) {
  const auto path = find_library("/nowhere/libduckdb.so");
  ASSERT_FALSE(path.ok());
  EXPECT_EQ(path.error().reason(), "engine_missing");
  EXPECT_EQ(Library::load("/nowhere/libduckdb.so").error().reason(), "engine_missing");
  EXPECT_EQ(Library::load("libm.so.6").error().reason(), "engine_unsuitable");
}

}  // namespace
}  // namespace weir::duckdb
