// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "dispatcher/dagfile/validate.h"
#include "tests/unit/dispatcher/dagfile/fault_cases.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

/// Contract sections 2.7 and 6.18: published outputs.
namespace weir::dispatcher {
namespace {

TEST(PublishChecks, TellsFaultsOfNamesAndOrigins) {
  constexpr FaultCase kCases[] = {
      {"cron", "  relayed:\n", "  «E_PATTERN»\" \":\n"},
      {"cron", "  relayed:\n", "  «E_PATTERN»\"a\\tb\":\n"},
      {"cron", "  relayed:\n", "  «W_DATASET_NAME_STYLE»Relayed:\n"},
      {"cron", "  relayed:\n    from: {job: relay, output: 0}",
       "  relayed:\n    from: «E_VALUE»{dataset: relayed}"},
      {"cron", "  relayed:\n    from: {job: relay, output: 0}", "  relayed: «E_MISSING_FIELD»{}"},
      {"cron", "  relayed:\n    from: {job: relay, output: 0}", "  relayed: «E_TYPE»[]"},
      {"cron", "{job: relay, output: 0}", "{job: relay, output: «E_OUTPUT_RANGE»1}"},
      {"cron", "{job: relay, output: 0}",
       "{job: relay, output: 0}\n    «E_UNKNOWN_FIELD»stroage: s3"},
      {"cron", "{job: relay, output: 0}",
       "{job: relay, output: 0}\n  twice:\n    from: «E_OUTPUT_PUBLISHED_TWICE»{job: relay, "
       "output: 0}"},
      {"cron", "publish:\n  relayed:\n    from: {job: relay, output: 0}",
       "publish: {relayed: {from: {job: relay, output: 0}}, b: {from: {job: «E_UNKNOWN_JOB»realy, "
       "output: 0}}}"},
  };
  check_cases(kCases);
}

TEST(PublishChecks, TellsFaultsOfStorageAndWriteModes) {
  constexpr FaultCase kCases[] = {
      {"cron", "{job: relay, output: 0}", "{job: relay, output: 0}\n    «E_STORAGE»storage: s3"},
      {"cron", "{job: relay, output: 0}",
       "{job: relay, output: 0}\n    «E_NOT_APPLICABLE»write_mode: direct"},
      {"cron", "{job: relay, output: 0}", "{job: relay, output: 0}\n    storage: «E_VALUE»disk"},
      {"cron", "{job: relay, output: 0}",
       "{job: relay, output: 0}\n    «E_NOT_APPLICABLE»schema: {columns: {a: text}, unique: [a]}"},
      {"alerts", "{job: view, output: 0}", "{job: view, output: 0}\n    «E_STORAGE»storage: s3"},
      {"alerts", "  alerts:\n    from: {job: judge, output: 0}",
       "  alerts:\n    from: {job: judge, output: 0}\n    storage: «E_STORAGE»s3"},
      {"alerts", "    from: {job: judge, output: 0}",
       "    «E_MISSING_FIELD»from: {job: judge, output: 0}\n    storage: postgres"},
      {"alerts", "  alerts:\n    from: {job: judge, output: 0}",
       "  alerts:\n    from: {job: judge, output: 0}\n    write_mode: «E_WRITE_MODE»direct"},
      {"ingest", "    storage: s3\n", "    storage: «E_STORAGE»postgres\n    write_mode: direct\n"},
      {"ingest", "    storage: s3\n",
       "    storage: s3\n    «E_NOT_APPLICABLE»write_mode: direct\n"},
      {"ingest", "raw:\n    from: {job: load, output: 0}\n",
       "raw:\n    from: {job: load, output: 0}\n    storage: «E_STORAGE»s3\n"},
      {"ingest", "raw:\n    from: {job: load, output: 0}\n",
       "raw:\n    from: {job: load, output: 0}\n    write_mode: «E_WRITE_MODE»buffered\n"},
      {"ingest", "raw:\n    from: {job: load, output: 0}\n",
       "raw:\n    from: {job: load, output: 0}\n    storage: postgres\n    write_mode: direct\n"},
      {"ingest", "raw:\n    from: {job: load, output: 0}\n",
       "raw:\n    from: {job: load, output: 0}\n    «E_NOT_APPLICABLE»schema: {columns: {a: text}, "
       "unique: [a]}\n"},
      {"udf", "    storage: postgres\n    write_mode: buffered\n    schema: {",
       "    storage: postgres\n    write_mode: «E_WRITE_MODE»direct\n    schema: {"},
      {"udf",
       "  other:\n    from: {job: code, output: 1}\n    storage: postgres\n    write_mode: "
       "buffered\n    schema: {columns: {id: uuid}, unique: [id]}",
       "  other:\n    «E_MISSING_FIELD»from: {job: code, output: 1}"},
      {"udf",
       "  other:\n    from: {job: code, output: 1}\n    storage: postgres\n    write_mode: "
       "buffered\n    schema: {columns: {id: uuid}, unique: [id]}",
       "  other:\n    «E_MISSING_FIELD»from: {job: code, output: 1}\n    storage: postgres"},
      {"udf",
       "  other:\n    from: {job: code, output: 1}\n    storage: postgres\n    write_mode: "
       "buffered\n    schema: {columns: {id: uuid}, unique: [id]}",
       "  other:\n    «E_MISSING_FIELD»from: {job: code, output: 1}\n    storage: postgres\n    "
       "write_mode: buffered"},
      {"udf", "    update_strategy: append\n    unique_key: [id]\n",
       "    update_strategy: replace\n"},
  };
  check_cases(std::span(kCases).first(std::size(kCases) - 1));
  const ValidationReport report = validated(changed_document(kCases[std::size(kCases) - 1]));
  ASSERT_EQ(report.errors.size(), 2U);
  EXPECT_EQ(place_text(report.errors[0]), "E_BUFFERED_APPEND 39:17");
  EXPECT_EQ(place_text(report.errors[1]), "E_BUFFERED_APPEND 52:17");
}

TEST(PublishChecks, TellsFaultsOfSchemas) {
  constexpr FaultCase kCases[] = {
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: «E_SCHEMA»uid}, unique: [id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {«E_SCHEMA»Id: uuid}, unique: [id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}", "{columns: «E_SCHEMA»{}, unique: [id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}", "{columns: «E_TYPE»[id], unique: [id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}", "«E_MISSING_FIELD»{columns: {id: uuid}}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}", "«E_MISSING_FIELD»{unique: [id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: uuid}, unique: [«E_SCHEMA»di]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}", "{columns: {id: uuid}, unique: «E_SCHEMA»[]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: {type: uuid, nullable: true}}, unique: [«E_SCHEMA»id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: {type: uuid, nullable: «E_TYPE»1}}, unique: [id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: {type: uuid, «E_UNKNOWN_FIELD»nul: true}}, unique: [id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: uuid, x: text}, unique: «E_UNIQUE_MISMATCH»[id, x]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: uuid}, unique: [id], indexes: [[«E_SCHEMA»x]]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: uuid}, unique: [id], indexes: [«E_SCHEMA»[]]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: uuid}, unique: [id], indexes: [«E_TYPE»id]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: uuid}, unique: [id], indexes: [[id, «E_DUPLICATE_ITEM»id]]}"},
      {"udf", "{columns: {id: uuid}, unique: [id]}",
       "{columns: {id: uuid}, unique: [id], «E_UNKNOWN_FIELD»index: []}"},
      {"alerts", "unique_key: [dedupe_key]\n    udf",
       "unique_key: «E_UNIQUE_MISMATCH»[payload]\n    udf"},
      {"alerts", "{job: judge, output: 0}\n  view",
       "{job: judge, output: 0}\n    schema: «E_SCHEMA»{columns: {dedupe_key: text}, unique: "
       "[dedupe_key]}\n  view"},
  };
  check_cases(kCases);
}

TEST(PublishChecks, TellsFaultsOfChecks) {
  constexpr FaultCase kCases[] = {
      {"udf", "- kind: row_count", "- kind: «E_VALUE»rows"},
      {"udf", "- kind: row_count", "- «E_MISSING_FIELD»name: x"},
      {"udf", "- kind: row_count", "- kind: row_count\n        max_drift: «E_RANGE»101"},
      {"udf", "- kind: row_count", "- kind: row_count\n        max_drift: «E_TYPE»lots"},
      {"udf", "- kind: row_count", "- kind: row_count\n        «E_NOT_APPLICABLE»column: id"},
      {"udf", "- kind: row_count", "- kind: row_count\n        on_fail: «E_VALUE»stop"},
      {"udf", "- kind: row_count", "- kind: row_count\n        name: «E_PATTERN»Rows"},
      {"udf", "- kind: row_count", "- kind: row_count\n      - «E_DUPLICATE_ITEM»kind: row_count"},
      {"udf", "- kind: row_count",
       "- kind: row_count\n      - kind: row_count\n        name: «E_DUPLICATE_ITEM»row_count"},
      {"udf", "{kind: null_share, column: kind, max: 0.5}",
       "«E_MISSING_FIELD»{kind: null_share, column: kind}"},
      {"udf", "{kind: null_share, column: kind, max: 0.5}",
       "{kind: null_share, column: «E_CHECK»kin, max: 0}"},
      {"udf", "{kind: null_share, column: kind, max: 0.5}",
       "{kind: freshness, max_lag: 1h, column: «E_CHECK»kind}"},
      {"udf", "{kind: null_share, column: kind, max: 0.5}", "{kind: freshness, max_lag: 1h}"},
      {"udf", "{kind: null_share, column: kind, max: 0.5}", "{kind: sql, sql: SELECT true}"},
      {"udf", "{kind: null_share, column: kind, max: 0.5}",
       "{kind: freshness, max_lag: «E_PATTERN»soon}"},
      {"udf", "{kind: null_share, column: kind, max: 0.5}", "«E_TYPE»row_count"},
      {"udf", "{job: after, output: 0}",
       "{job: after, output: 0}\n    checks: [{kind: «E_CHECK»row_count}, {kind: freshness, "
       "max_lag: 1h}]"},
      {"udf", "{job: after, output: 0}",
       "{job: after, output: 0}\n    checks: [{kind: freshness, max_lag: 1h, «E_CHECK»column: "
       "at}]"},
      {"udf", "{job: after, output: 0}", "{job: after, output: 0}\n    checks: «E_LIMIT»[]"},
  };
  check_cases(kCases);
}

}  // namespace
}  // namespace weir::dispatcher
