// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "operators/failure.h"
#include "tests/unit/operators/child/bench.h"

namespace weir::operators {
namespace {

class SequenceSource : public test::OperatorBench {
 protected:
  static TaskPayload sequence(std::string config) {
    auto payload = test::payload_of("sequence_source", std::move(config));
    payload.kind = "source_run";
    return payload;
  }
  std::vector<std::int64_t> cursors() const {
    std::vector<std::int64_t> all;
    for (const auto& event : api_.events) all.push_back(std::get<std::int64_t>(*event.cursor));
    return all;
  }
};

TEST_F(SequenceSource, EmitsFromStartToEndOneEveryInterval) {
  const auto payload = sequence(R"({"start":5,"end":11,"step":2,"interval_ms":1000})");
  const auto result = run_sequence_source(context(payload));
  ASSERT_TRUE(result.ok()) << result.error().describe();
  EXPECT_EQ(*result, R"({"emitted":4})");
  EXPECT_EQ(cursors(), (std::vector<std::int64_t>{5, 7, 9, 11}));
  EXPECT_EQ(api_.emit_calls, 4);
  EXPECT_GE(clock_.monotonic(), std::chrono::seconds(3));
  EXPECT_LT(clock_.monotonic(), std::chrono::seconds(4));
}

TEST_F(SequenceSource, SendsWithoutAnIntervalAThousandACall) {
  const auto payload = sequence(R"({"end":2499,"interval_ms":0})");
  ASSERT_TRUE(run_sequence_source(context(payload)).ok());
  EXPECT_EQ(api_.events.size(), 2500U);
  EXPECT_EQ(api_.emit_calls, 3);
}

TEST_F(SequenceSource, GoesOnBehindItsLastAcceptedCursor) {
  const auto payload = sequence(R"({"end":9,"interval_ms":1})");
  int calls = 0;
  api_.before = [&](std::string_view call) -> Result<void> {
    if (call == "emit" && ++calls == 2) return base::unavailable("http_reply_lost", "gone");
    return {};
  };
  EXPECT_FALSE(run_sequence_source(context(payload)).ok());
  const std::size_t before = api_.events.size();
  ASSERT_GT(before, 0U);
  ASSERT_TRUE(run_sequence_source(context(payload)).ok());
  EXPECT_EQ(cursors(), (std::vector<std::int64_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
}

TEST_F(SequenceSource, BeginsAgainWhereItsStateCannotBeRead) {
  const auto payload = sequence(R"({"end":3,"interval_ms":1})");
  api_.before = [](std::string_view call) -> Result<void> {
    if (call == "operator_state") return base::not_found("not_found", "no such route");
    return {};
  };
  ASSERT_TRUE(run_sequence_source(context(payload)).ok());
  ASSERT_TRUE(run_sequence_source(context(payload)).ok());  // all of it are duplicates
  EXPECT_EQ(api_.events.size(), 4U);
}

TEST_F(SequenceSource, BeginsAgainForANewVersionOfItsOutput) {
  auto payload = sequence(R"({"end":3,"interval_ms":1})");
  ASSERT_TRUE(run_sequence_source(context(payload)).ok());
  api_.events.clear();
  payload.outputs[0].version = test::named<DatasetVersionId>("reset");
  ASSERT_TRUE(run_sequence_source(context(payload)).ok());
  EXPECT_EQ(api_.events.size(), 4U);
}

TEST_F(SequenceSource, StopsWhenItsProcessIsToldTo) {
  const auto payload = sequence(R"({"interval_ms":10})");
  auto running = context(payload);
  running.stopping = [&] { return api_.events.size() >= 3; };
  const auto result = run_sequence_source(running);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().reason(), "stopped");
  EXPECT_TRUE(is_retryable(result.error()));
}

TEST_F(SequenceSource, ProducesNothingWhilePaused) {
  const auto payload = sequence(R"({"end":1,"interval_ms":1000})");
  api_.heard.paused = true;
  int heartbeats = 0;
  api_.before = [&](std::string_view call) {
    if (call == "heartbeat" && ++heartbeats == 5) api_.heard.paused = false;
    EXPECT_FALSE(call == "emit" && api_.heard.paused);
    return Result<void>();
  };
  ASSERT_TRUE(run_sequence_source(context(payload)).ok());
  EXPECT_EQ(api_.events.size(), 2U);
  EXPECT_GE(heartbeats, 5);
}

TEST_F(SequenceSource, RefusesAConfigOutOfRange) {
  EXPECT_FALSE(run_sequence_source(context(sequence(R"({"step":0})"))).ok());
  EXPECT_FALSE(run_sequence_source(context(sequence(R"({"interval_ms":-1})"))).ok());
}

}  // namespace
}  // namespace weir::operators
