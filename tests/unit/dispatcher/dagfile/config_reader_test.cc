// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dispatcher/dagfile/validate.h"
#include "tests/unit/dispatcher/dagfile/fault_cases.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

/// Contract section 2.6, the column `config`, and 6.19.
namespace weir::dispatcher {
namespace {

TEST(ConfigReader, TellsFaultsOfAnOperatorsConfig) {
  constexpr FaultCase kCases[] = {
      {"ingest", "format: csv", "format: «E_CONFIG»xml"},
      {"ingest", "format: csv", "format: «E_CONFIG»5"},
      {"ingest", "format: csv", "format: csv\n      «E_CONFIG»formt: csv"},
      {"ingest", "format: csv", "«E_TYPE»format:"},
      {"ingest", "format: csv", "format: csv\n      header: «E_CONFIG»\"true\""},
      {"ingest", "format: csv", "format: csv\n      delimiter: «E_CONFIG»;;"},
      {"ingest", "format: csv", "format: csv\n      «E_CONFIG»columns_order: [price, at]"},
      {"ingest", "format: csv", "format: csv\n      null_text: «E_CONFIG»0"},
      {"ingest", "format: csv", "format: csv\n      missing: «E_CONFIG»skip"},
      {"ingest", "      path: trades/*.csv\n      format", "      «E_CONFIG»format"},
      {"ingest", "path: trades/*.csv", "path: «E_CONFIG»/trades.csv"},
      {"ingest", "path: trades/*.csv", "path: «E_CONFIG»a/../b.csv"},
      {"ingest", "path: trades/*.csv", "path: «E_CONFIG»./b.csv"},
      {"ingest", "path: trades/*.csv", "path: «E_CONFIG»a//b.csv"},
      {"ingest", "path: trades/*.csv", "path: «E_CONFIG»a\\b.csv"},
      {"ingest", "path: trades/*.csv", "path: «E_CONFIG»'*/b.csv'"},
      {"ingest", "path: trades/*.csv", "path: «E_CONFIG»\"a\\tb\""},
      {"ingest", "path: trades/*.csv", "path: «E_CONFIG»'t-{day}.csv'"},
      {"ingest", "path: trades/*.csv", "path: 't-{date}-{start}.csv'"},
      {"ingest", "at: bigint", "at: «E_CONFIG»int"},
      {"ingest", "at: bigint", "at: bigint\n        «E_CONFIG»_weir_x: text"},
      {"ingest", "at: bigint", "at: bigint\n        «E_CONFIG»Upper: text"},
      {"ingest", "{type: double, nullable: true}", "{type: double, «E_CONFIG»null: true}"},
      {"ingest", "{type: double, nullable: true}", "«E_CONFIG»{nullable: true}"},
      {"ingest", "cursor_column: at\n  - name: w", "cursor_column: «E_CONFIG»price\n  - name: w"},
      {"ingest", "cursor_column: at\n  - name: w", "cursor_column: «E_CONFIG»when\n  - name: w"},
      {"ingest", "unique_key: [at]", "unique_key: «E_UNIQUE_MISMATCH»[price]"},
      {"ingest", "unique_key: [at]", "unique_key: «E_UNIQUE_MISMATCH»[other]"},
      {"ingest", "      range_size: 60", "      range_size: «E_CONFIG»0"},
      {"ingest", "      cursor_column: at\n      range_size: 60",
       "      «E_CONFIG»cursor_column: at"},
      {"ingest", "      range_size: 60", "      range_size: 60\n      «E_CONFIG»batch_size: 5"},
      {"ingest", "      cursor_column: at\n      range_size: 60",
       "      «E_CONFIG»cursor_column: at\n      mode: count"},
      {"ingest", "      range_size: 60", "      mode: count\n      batch_size: 5"},
      {"ingest", "operator: parquet_compact",
       "operator: parquet_compact\n    config: {chunk_size: «E_CONFIG»many}"},
      {"ingest", "operator: parquet_compact", "operator: parquet_compact\n    config: «E_TYPE»[]"},
      {"alerts", "config: {sql: SELECT 1}", "config: «E_CONFIG»{}"},
      {"alerts", "destination: ops", "destination: ops, max_delivery_age: «E_CONFIG»7 days"},
      {"alerts", "config: {channel: pager, destination: ops}",
       "config: «E_CONFIG»{channel: pager}"},
      {"cron", "operator: noop", "operator: noop\n    config: {«E_CONFIG»a: 1}"},
  };
  check_cases(kCases);
}

TEST(ConfigReader, TellsWhatIsMissingAtTheJobWhereThereIsNoConfig) {
  const Marked document =
      marked(changed_document({"alerts", "  - name: view\n", "  - «E_CONFIG»name: view\n"}));
  std::string text = document.text;
  const std::string_view config = "    config: {sql: SELECT 1}\n";
  text.erase(text.find(config), config.size());
  const ValidationReport report = validated(text);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_EQ(place_text(report.errors[0]), document.expected[0]);
  EXPECT_EQ(report.errors[0].path, "jobs[3].config");
}

TEST(ConfigReader, BoundsFreeConfigs) {
  const std::string large(std::size_t{64} << 10, 'x');
  std::string text = changed_document({"udf", "depth: [1, {two: \"2\"}]", "a: MARK"});
  text.replace(text.find("MARK"), 4, large);
  const ValidationReport report = validated(text);
  ASSERT_EQ(report.errors.size(), 1U);
  EXPECT_EQ(place_text(report.errors[0]), "E_LIMIT 25:7");
}

}  // namespace
}  // namespace weir::dispatcher
