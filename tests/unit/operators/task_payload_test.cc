// SPDX-License-Identifier: Apache-2.0
#include "operators/task_payload.h"

#include <gtest/gtest.h>

#include "tests/unit/operators/payloads.h"

namespace weir::operators {
namespace {

using test::reason_of;

/// The example of the contract's appendix A.1, with ids.
constexpr std::string_view kExample = R"({
  "task_id": "0190f2b2-0000-7000-8000-000000000001", "attempt": 1, "kind": "reactive",
  "class": "live", "effects": "fire", "org_id": "0190f2b2-0000-7000-8000-000000000002",
  "dag_name": "cross-chain-analytics", "dag_version_id": "0190f2b2-0000-7000-8000-000000000003",
  "build_id": "0190f2b2-0000-7000-8000-000000000004", "world": "live", "fence_no": 1234,
  "job": "compact_blocks", "operator": "parquet_compact", "operator_version": "1",
  "runtime": "ecs_platform", "config": {"a": [1.50, "é\n"]}, "execution_strategy": "PerPartition",
  "update_strategy": "replace", "unique_key": null, "deadline_at": "2026-01-02T03:04:05.000Z",
  "heartbeat_interval_seconds": 20, "max_attempts": 3,
  "trigger": {"input": 0, "event_id": "0190f2b2-0000-7000-8000-000000000005", "seq": 7,
    "kind": "partition", "partition_key": "0-9999", "start": 0, "end": 9999, "payload": {}},
  "scope": {"partition_key": "0-9999", "start": 0, "end": 9999}, "invalidation": null,
  "inputs": [{"index": 0, "relation": "input_0",
    "dataset_uuid": "0190f2b2-0000-7000-8000-000000000006",
    "dataset_version": "0190f2b2-0000-7000-8000-000000000007", "dataset_id": "blocks_hot",
    "kind": "table", "storage_ref": null, "where": {"chain_id": 1}}],
  "outputs": [{"output": 0, "dataset_uuid": "0190f2b2-0000-7000-8000-000000000008",
    "dataset_version": "0190f2b2-0000-7000-8000-000000000009", "kind": "parquet",
    "staging_prefix": "file:///objects/datasets/u/v/_staging/t/1/"}],
  "udf": null, "endpoints": {"task_api": "unix:/run/w.sock", "query_api": ""}, "later": true})";

TEST(TaskPayload, ReadsTheExampleOfTheContract) {
  const auto payload = parse_task_payload(kExample);
  ASSERT_TRUE(payload.ok()) << payload.error().message();
  EXPECT_EQ(payload->op, "parquet_compact");
  EXPECT_EQ(payload->config, R"({"a":[1.50,"é\n"]})");
  EXPECT_EQ(payload->fence_no, 1234);
  ASSERT_TRUE(payload->trigger.has_value());
  EXPECT_EQ(payload->trigger->range, (CursorRange{.start = 0, .end = 9999}));
  EXPECT_EQ(payload->inputs.at(0).kind, DatasetKind::Table);
  EXPECT_EQ(payload->inputs.at(0).where, R"({"chain_id":1})");
  EXPECT_EQ(payload->outputs.at(0).staging_prefix, "file:///objects/datasets/u/v/_staging/t/1/");
  EXPECT_EQ(payload->task_api, "unix:/run/w.sock");
}

TEST(TaskPayload, IsTheSameAfterWritingAndReading) {
  auto payload = *parse_task_payload(kExample);
  payload.unique_key = {"ts", "pair"};
  payload.inputs[0].max_cursor = 41;
  payload.inputs[0].columns = {{.name = "time", .type = "timestamptz", .nullable = true}};
  payload.inputs[0].partitions = {
      {{.partition_key = "a", .location = "file:///x/", .manifest_sha256 = "00"}}};
  payload.inputs.push_back(payload.inputs[0]);
  payload.inputs[1].index.reset();
  payload.inputs[1].relation = "source";
  payload.invalidation = R"({"scope":"partition"})";
  const auto again = parse_task_payload(write_task_payload(payload));
  ASSERT_TRUE(again.ok()) << again.error().message();
  EXPECT_EQ(*again, payload);
  EXPECT_EQ(again->input("source")->max_cursor, 41);
}

TEST(TaskPayload, KeepsCursorsOfBothKindsAndOfAnySize) {
  for (const Cursor& cursor :
       {Cursor(std::int64_t{-5}), Cursor(std::int64_t{9'007'199'254'740'993}),
        Cursor(std::int64_t{-9'223'372'036'854'775'807}), Cursor(std::string("42")),
        Cursor(std::string("a\"b"))}) {
    auto payload = test::at_cursor(test::payload_of("noop", "{}"), cursor, 9);
    payload.scope.cursor_from = Cursor(std::int64_t{1});
    const auto again = parse_task_payload(write_task_payload(payload));
    ASSERT_TRUE(again.ok()) << again.error().message();
    EXPECT_EQ(*again, payload);
  }
}

TEST(TaskPayload, OfASourceRunHasNoTrigger) {
  auto payload = test::payload_of("sequence_source", "{}");
  payload.kind = "source_run";
  payload.inputs.clear();
  payload.execution_strategy.reset();
  payload.update_strategy.reset();
  payload.max_attempts.reset();
  const auto again = parse_task_payload(write_task_payload(payload));
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(*again, payload);
}

TEST(TaskPayload, NamesTheMemberThatIsWrong) {
  const auto broken = [](std::string_view from, std::string_view to) {
    std::string text(kExample);
    text.replace(text.find(from), from.size(), to);
    const auto payload = parse_task_payload(text);
    return payload.ok() ? std::string("ok") : payload.error().message();
  };
  EXPECT_NE(broken("\"attempt\": 1", "\"attempt\": \"1\"").find("`attempt`"), std::string::npos);
  EXPECT_NE(broken("\"kind\": \"table\"", "\"kind\": \"heap\"").find("`kind`"), std::string::npos);
  EXPECT_NE(broken("\"seq\": 7", "\"seq\": 7.5").find("`seq`"), std::string::npos);
  EXPECT_NE(broken("\"start\": 0, \"end\": 9999, \"payload\"", "\"start\": 1, \"payload\"")
                .find("`start`"),
            std::string::npos);
  EXPECT_NE(broken("{\"a\": [1.50, \"é\\n\"]}", "[]").find("`config`"), std::string::npos);
  EXPECT_EQ(reason_of(parse_task_payload("")), "payload_invalid");
  EXPECT_EQ(reason_of(parse_task_payload("[]")), "payload_invalid");
}

}  // namespace
}  // namespace weir::operators
