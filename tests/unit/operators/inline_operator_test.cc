// SPDX-License-Identifier: Apache-2.0
#include "operators/inline_operator.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

#include "base/json.h"
#include "tests/unit/operators/payloads.h"

namespace weir::operators {
namespace {

using test::at_cursor;
using test::at_range;
using test::payload_of;
using test::reason_of;

constexpr std::string_view kWindows = R"({"cursor_column":"block","range_size":10})";

std::vector<EmitCall> all_calls(const TaskPayload& payload, const OperatorState& state = {}) {
  auto run = start_inline(payload, state);
  EXPECT_TRUE(run.ok()) << run.error().describe();
  std::vector<EmitCall> calls;
  while (auto call = (*run)->next()) calls.push_back(*std::move(call));
  return calls;
}

TEST(Noop, PassesTheTriggersScopeAndPayloadOn) {
  auto payload = at_range(payload_of("noop", "{}"), {.start = 0, .end = 9}, R"({"a":1})");
  const auto calls = all_calls(payload);
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_EQ(calls[0].events.at(0), (EmittedEvent{.partition_key = "0-9",
                                                 .range = CursorRange{.start = 0, .end = 9},
                                                 .payload = R"({"a":1})"}));
  EXPECT_FALSE(calls[0].state.has_value());
  EXPECT_EQ(all_calls(at_cursor(payload, Cursor(std::string("x")))).at(0).events.at(0).cursor,
            Cursor(std::string("x")));
}

TEST(Noop, TakesTheScopeWhereNothingTriggered) {
  auto payload = payload_of("noop", "{}");
  EXPECT_EQ(reason_of(start_inline(payload, {})), "scope_required");
  payload.scope.partition_key = "EU";
  EXPECT_EQ(all_calls(payload).at(0).events.at(0).partition_key, "EU");
}

TEST(RangeAggregator, SendsStateAloneInsideAWindowAndAManifestAtItsEnd) {
  const auto payload = payload_of("range_aggregator", std::string(kWindows));
  auto calls = all_calls(at_cursor(payload, Cursor(std::int64_t{3}), 11));
  ASSERT_EQ(calls.size(), 1U);
  EXPECT_TRUE(calls[0].events.empty());
  ASSERT_TRUE(calls[0].state.has_value());
  EXPECT_EQ(calls[0].state->expect_revision, 0);

  auto next = at_cursor(payload, Cursor(std::int64_t{25}), 12);
  next.task_id = test::named<TaskId>("another");
  next.inputs[0].dataset_id = "blocks";
  calls = all_calls(next, {.state = calls[0].state->state, .revision = 1});
  ASSERT_EQ(calls.size(), 1U);
  ASSERT_EQ(calls[0].events.size(), 2U);
  EXPECT_EQ(calls[0].state->expect_revision, 1);
  EXPECT_EQ(calls[0].events[0].partition_key, "0-9");
  EXPECT_EQ(calls[0].events[0].batch_no, 0);
  EXPECT_EQ(calls[0].events[0].payload,
            R"({"manifest_version":1,"source":{"dataset_uuid":")" + next.inputs[0].dataset.text() +
                R"(","dataset_id":"blocks","dataset_version":")" + next.inputs[0].version.text() +
                R"("},"cursor_column":"block","mode":"range","start":0,"end":9,"first_seq":11,)" +
                R"("last_seq":11,"count":1})");
  EXPECT_EQ(calls[0].events[1].partition_key, "10-19");
  EXPECT_EQ(calls[0].events[1].batch_no, 1);
  EXPECT_NE(calls[0].events[1].payload.find(R"("first_seq":null,"last_seq":null,"count":0)"),
            std::string::npos);
}

TEST(RangeAggregator, ChangesNothingForAnEventOutOfOrder) {
  const auto payload = payload_of("range_aggregator", std::string(kWindows));
  const auto first = all_calls(at_cursor(payload, Cursor(std::int64_t{5}), 1));
  const OperatorState state{.state = first[0].state->state, .revision = 1};
  auto late = at_cursor(payload, Cursor(std::int64_t{5}), 2);
  EXPECT_FALSE((*start_inline(late, state))->out_of_order());  // the same task: a retry
  late.task_id = test::named<TaskId>("late");
  auto run = start_inline(late, state);
  EXPECT_TRUE((*run)->out_of_order());
  EXPECT_FALSE((*run)->next().has_value());
}

TEST(RangeAggregator, KeepsTheVersionsThatItReadsApart) {
  auto payload = payload_of("range_aggregator", std::string(kWindows));
  payload.inputs.push_back(payload.inputs[0]);
  payload.inputs[1].index = 1;
  payload.inputs[1].relation = "input_1";
  payload.inputs[1].version = test::named<DatasetVersionId>("other");
  OperatorState state;
  const auto add = [&](int input, std::int64_t cursor) {
    auto task = at_cursor(payload, Cursor(cursor), cursor + 1);
    task.task_id = test::named<TaskId>(std::to_string(input) + ":" + std::to_string(cursor));
    task.trigger->input = input;
    std::size_t events = 0;
    for (const EmitCall& call : all_calls(task, state)) {
      events += call.events.size();
      state = {.state = call.state->state, .revision = state.revision + 1};
    }
    return events;
  };
  EXPECT_EQ(add(0, 100), 0U);
  EXPECT_EQ(add(1, 3), 0U);  // behind the other version's, but the first of its own
  EXPECT_EQ(add(1, 12), 1U);
  EXPECT_EQ(add(0, 111), 1U);
}

TEST(RangeAggregator, WantsIntegerCursorsAndAStateOfItsOwn) {
  const auto payload = payload_of("range_aggregator", std::string(kWindows));
  EXPECT_EQ(reason_of(start_inline(at_cursor(payload, Cursor(std::string("a"))), {})),
            "cursor_not_integer");
  EXPECT_EQ(reason_of(start_inline(at_range(payload, {.start = 0, .end = 1}), {})),
            "cursor_not_integer");
  EXPECT_EQ(reason_of(start_inline(at_cursor(payload, Cursor(std::int64_t{1})),
                                   {.state = R"({"windows":{"x":7}})", .revision = 1})),
            "state_invalid");
}

TEST(RangeSplitter, EmitsContiguousChunksInPages) {
  const auto payload =
      at_range(payload_of("range_splitter", R"({"chunk_size":2})"), {.start = 0, .end = 4999});
  const auto calls = all_calls(payload);
  ASSERT_EQ(calls.size(), 3U);
  EXPECT_EQ(calls[0].events.size(), 1000U);
  EXPECT_EQ(calls[2].events.size(), 500U);
  EXPECT_EQ(calls[1].events[0].partition_key, "2000-2001");
  EXPECT_EQ(calls, all_calls(payload));  // so that retries are duplicates
}

TEST(RangeSplitter, HandsABatchManifestOnForEachChunk) {
  const auto payload =
      at_range(payload_of("range_splitter", R"({"chunk_size":5})"), {.start = 0, .end = 9},
               R"({"manifest_version":1,"source":{"dataset_uuid":"u"},"start":0,)"
               R"("end":9,"first_seq":1,"count":4})");
  EXPECT_EQ(all_calls(payload)[0].events.at(1).payload,
            R"({"manifest_version":1,"source":{"dataset_uuid":"u"},"start":5,"end":9})");
}

TEST(RangeSplitter, NeedsARange) {
  auto payload = payload_of("range_splitter", R"({"chunk_size":2})");
  payload.trigger = TaskTrigger{.partition_key = "EU"};
  EXPECT_EQ(reason_of(start_inline(payload, {})), "range_missing");
}

TEST(InlineOperators, AreThoseThatTheDispatcherRuns) {
  EXPECT_TRUE(is_inline_operator("noop"));
  EXPECT_TRUE(needs_state("range_aggregator"));
  EXPECT_FALSE(is_inline_operator("table_ingest"));
  EXPECT_EQ(reason_of(start_inline(payload_of("table_ingest", "{}"), {})), "unknown_operator");
}

TEST(Triggers, EmitWhatStartedThem) {
  EXPECT_EQ(cron_event(Instant(std::chrono::seconds(1'700'000'000))).cursor,
            Cursor(std::int64_t{1'700'000'000}));
  EXPECT_EQ(webhook_event(7, R"({"a":1})"),
            (EmittedEvent{.cursor = Cursor(std::int64_t{7}), .payload = R"({"a":1})"}));
  const auto manual =
      manual_event({.partition_key = "0-9", .range = CursorRange{.start = 0, .end = 9}});
  ASSERT_TRUE(manual.ok());
  EXPECT_EQ(manual->partition_key, "0-9");
  EXPECT_EQ(reason_of(manual_event({})), "scope_required");
  EXPECT_EQ(reason_of(manual_event({.cursor = Cursor(std::int64_t{1}), .partition_key = "a"})),
            "scope_required");
  EXPECT_EQ(reason_of(manual_event(
                {.cursor = Cursor(std::int64_t{1}), .range = CursorRange{.start = 0, .end = 9}})),
            "scope_required");
}

TEST(EmitCalls, AreWrittenAsTheWireHasThem) {
  EmitCall call{.events = {{.cursor = Cursor(std::int64_t{5}), .payload = R"({"a":1})"},
                           {.output = 1,
                            .partition_key = "0-9",
                            .range = CursorRange{.start = 0, .end = 9},
                            .batch_no = 3,
                            .commit = storage::CommitNamed{.prefix = "file:///x/",
                                                           .manifest_sha256 = "00",
                                                           .row_count = 2,
                                                           .bytes = {},
                                                           .schema_hash = {}}}},
                .state = StateChange{.expect_revision = 4, .state = "{}"}};
  EXPECT_EQ(write_emit_call(call),
            R"({"events":[{"output":0,"cursor":5,"payload":{"a":1}},{"output":1,"partition_key":)"
            R"("0-9","start":0,"end":9,"commit":{"prefix":"file:///x/","manifest_sha256":"00",)"
            R"("row_count":2},"batch_no":3}],"state":{"state_key":"default","expect_revision":4,)"
            R"("state":{}}})");
}

}  // namespace
}  // namespace weir::operators
