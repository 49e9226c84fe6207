// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "operators/failure.h"
#include "tests/unit/operators/child/bench.h"

namespace weir::operators {
namespace {

using test::reason_of;

class ParquetCompact : public test::OperatorBench {
 protected:
  /// A window of a table whose cursor column is `block`.
  static TaskPayload compact(std::string config = "{}",
                             CursorRange range = {.start = 0, .end = 9}) {
    auto payload = test::at_range(
        test::payload_of("parquet_compact", std::move(config)), range,
        R"({"manifest_version":1,"source":{"dataset_uuid":")" +
            test::named<DatasetUuid>("rows").text() + R"(","dataset_version":")" +
            test::named<DatasetVersionId>("rows").text() + R"("},"cursor_column":"block"})");
    payload.outputs[0].kind = DatasetKind::Parquet;
    payload.inputs.push_back({.relation = "source",
                              .dataset = test::named<DatasetUuid>("rows"),
                              .version = test::named<DatasetVersionId>("rows"),
                              .kind = DatasetKind::Table,
                              .columns = {{.name = "block", .type = "bigint"},
                                          {.name = "amount", .type = "numeric"},
                                          {.name = "note", .type = "text", .nullable = true}}});
    return payload;
  }
  /// Rows of the table as the wrapper sends them, those of the range alone.
  void lay_rows(const std::vector<std::int64_t>& blocks) {
    api_.rows = [blocks](const RowsQuery& query, RowsFormat) {
      std::string text;
      for (const std::int64_t block : blocks) {
        if (query.start && block < *query.start) continue;
        if (query.end && block > *query.end) continue;
        text += R"({"block":)" + std::to_string(block) + R"(,"amount":)" + std::to_string(block) +
                R"(.000000000000000001,"note":null,"_weir_order":3})" + "\n";
      }
      return text;
    };
  }
  std::string outcome(const TaskPayload& payload) {
    const auto result = run_parquet_compact(context(payload));
    EXPECT_TRUE(work_is_empty());
    if (!result.ok()) message_ = result.error().message();
    return reason_of(result);
  }
  std::string message_;
};

TEST_F(ParquetCompact, WritesTheRowsOfTheWindowSortedInFiles) {
  lay_rows({7, 3, 12, 1, 9, 0});
  const auto payload = compact(R"({"chunk_size":2})");
  const auto result = run_parquet_compact(context(payload));
  ASSERT_TRUE(result.ok()) << result.error().describe();
  EXPECT_EQ(*result, R"({"rows":5,"files":3})");
  const auto commit = committed(payload);
  EXPECT_EQ(commit.row_count, 5);
  ASSERT_EQ(commit.objects.size(), 3U);
  EXPECT_EQ(commit.objects[1].key, "part_0_9_1.parquet");
  EXPECT_EQ(commit.objects[2].rows, 1);
  EXPECT_EQ(query(commit, "string_agg(block, ',')"), duckdb::Value(std::string("0,1,3,7,9")));
  EXPECT_EQ(query(commit, "sum(amount)::VARCHAR"),
            duckdb::Value(std::string("20.000000000000000005")));
  EXPECT_EQ(api_.events.at(0).partition_key, "0-9");
  EXPECT_EQ(api_.asked.at(0).relation, "source");
}

TEST_F(ParquetCompact, CommitsAnEmptyPartitionOfAnEmptyWindow) {
  const auto payload = compact();
  ASSERT_EQ(outcome(payload), "ok") << message_;
  const auto commit = committed(payload);
  EXPECT_EQ(commit.row_count, 0);
  EXPECT_TRUE(commit.objects.empty());
}

TEST_F(ParquetCompact, CountsATimestampInMilliseconds) {
  auto payload = compact(R"({"cursor_column":"at"})", {.start = 1000, .end = 1999});
  payload.inputs[1].columns = {{.name = "at", .type = "timestamptz"}};
  api_.rows = [](const RowsQuery&, RowsFormat) {
    return std::string(
        "{\"at\":\"1970-01-01T00:00:01.999999Z\"}\n{\"at\":\"1970-01-01T00:00:02.000000Z\"}\n"
        "{\"at\":\"1970-01-01T00:00:00.999999Z\"}\n{\"at\":\"1970-01-01T00:00:01.000000Z\"}\n");
  };
  ASSERT_EQ(outcome(payload), "ok") << message_;
  EXPECT_EQ(committed(payload).row_count, 2);
}

TEST_F(ParquetCompact, ReadsTheFilesOfTheCommitsThatItIsGranted) {
  lay_rows({1, 2, 15});
  const auto first = compact("{}", {.start = 0, .end = 99});
  ASSERT_EQ(outcome(first), "ok") << message_;
  const auto source = committed(first);
  api_.events.clear();
  auto payload = compact();
  payload.task_id = test::named<TaskId>("again");
  payload.inputs[1].kind = DatasetKind::Parquet;
  payload.inputs[1].columns.clear();
  payload.inputs[1].partitions = {{{.partition_key = "0-99",
                                    .location = source.location,
                                    .manifest_sha256 = source.manifest_sha256}}};
  ASSERT_EQ(outcome(payload), "ok") << message_;
  const auto commit = committed(payload);
  EXPECT_EQ(query(commit, "string_agg(block, ',')"), duckdb::Value(std::string("1,2")));
  payload.inputs[1].partitions->at(0).manifest_sha256 = std::string(64, '0');
  payload.task_id = test::named<TaskId>("damaged");
  EXPECT_EQ(outcome(payload), "commit_damaged");
}

TEST_F(ParquetCompact, TakesParquetWhereTheColumnsAreNotTold) {
  lay_rows({4, 5});
  const auto first = compact("{}", {.start = 0, .end = 99});
  ASSERT_EQ(outcome(first), "ok") << message_;
  const auto source = committed(first);
  const std::string path =
      source.location.substr(std::string("file://").size()) + source.objects.at(0).key;
  api_.rows = [path](const RowsQuery&, RowsFormat format) {
    EXPECT_EQ(format, RowsFormat::Parquet);
    std::ifstream file(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  api_.events.clear();
  auto payload = compact();
  payload.task_id = test::named<TaskId>("again");
  payload.inputs[1].columns.clear();
  ASSERT_EQ(outcome(payload), "ok") << message_;
  EXPECT_EQ(committed(payload).row_count, 2);
}

TEST_F(ParquetCompact, WaitsUntilTheWindowIsFinal) {
  lay_rows({9, 14});
  auto payload = compact(R"({"finality_depth":5})");
  payload.inputs[1].max_cursor = 13;
  EXPECT_EQ(outcome(payload), "not_final");
  payload.inputs[1].max_cursor = 14;
  EXPECT_EQ(outcome(payload), "ok");
  // Where the payload does not say how far the source is, its rows do.
  api_.events.clear();
  payload.inputs[1].max_cursor.reset();
  EXPECT_EQ(outcome(payload), "ok");
  lay_rows({9, 13});
  const auto late = run_parquet_compact(context(payload));
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().reason(), "not_final");
  EXPECT_TRUE(is_retryable(late.error()));
}

TEST_F(ParquetCompact, DeletesExactlyTheWindowAfterItsEvent) {
  lay_rows({1});
  const auto payload = compact(R"({"delete_after_compact":true})");
  api_.before = [&](std::string_view call) -> Result<void> {
    EXPECT_TRUE(call != "delete_rows" || api_.events.size() == 1);
    return {};
  };
  const auto result = run_parquet_compact(context(payload));
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(*result, R"({"rows":1,"files":1,"deleted":5})");
  ASSERT_EQ(api_.deleted.size(), 1U);
  EXPECT_EQ(api_.deleted[0].start, 0);
  EXPECT_EQ(api_.deleted[0].end, 9);
}

TEST_F(ParquetCompact, TellsWhyItCannot) {
  auto payload = compact();
  payload.inputs[1].kind = DatasetKind::Events;
  EXPECT_EQ(outcome(payload), "nothing_to_compact");
  payload.inputs.pop_back();
  EXPECT_EQ(outcome(payload), "source_not_granted");
  payload = compact();
  payload.trigger->payload = "{}";
  EXPECT_EQ(outcome(payload), "cursor_column_missing");
  payload = compact();
  payload.scope.range.reset();
  payload.trigger->range.reset();
  EXPECT_EQ(outcome(payload), "range_missing");
  EXPECT_EQ(outcome(compact(R"({"cursor_column":"note"})")), "cursor_column_invalid");
  EXPECT_EQ(outcome(compact(R"({"cursor_column":"none"})")), "cursor_column_invalid");
}

}  // namespace
}  // namespace weir::operators
