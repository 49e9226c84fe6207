// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/sql_tracer.h"

#include <gtest/gtest.h>

#include <array>

#include "drivers/postgres/connection.h"
#include "tests/unit/server/tracing/recording_tracer.h"

namespace weir::server {
namespace {

using postgres::Request;
using postgres::Statement;

constexpr Statement kInsert = {"store_node", "INSERT INTO node VALUES ($1)"};

/// BEGIN, twice the same prepared statement, a text with a value in it, COMMIT.
const std::array<Request, 5> kExchange = {
    Request{.sql = "BEGIN", .kind = Request::Kind::Begin}, Request{.statement = &kInsert},
    Request{.statement = &kInsert}, Request{.sql = "SELECT 'secret'"},
    Request{.sql = "COMMIT", .kind = Request::Kind::Commit}};

TEST(SqlTracer, SaysNothingOutsideOfACall) {
  SqlTracer sql;
  const auto begun = sql.begin(kExchange, 1);
  EXPECT_TRUE(begun.traceparent.empty());
  EXPECT_EQ(begun.exchange, nullptr);
}

TEST(SqlTracer, HandsAnUnsampledTraceOnAndTellsOfNoSpan) {
  test::RecordingTracer recorder;
  TraceContext context = test::sampled_trace();
  context.sampled = false;
  const ScopedTrace scope(context, &recorder.tracer);
  SqlTracer sql;
  const auto begun = sql.begin(kExchange, 1);
  EXPECT_EQ(begun.traceparent, "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-00");
  EXPECT_EQ(begun.exchange, nullptr);
}

TEST(SqlTracer, MakesAClientSpanOfAnExchangeWithNoWordOfItsValues) {
  test::RecordingTracer recorder;
  const ScopedTrace scope(test::sampled_trace(), &recorder.tracer);
  SqlTracer sql;
  std::string traceparent;
  {
    const auto begun = sql.begin(kExchange, 4711);
    traceparent = begun.traceparent;
    const Error lost = base::unavailable("postgres_unavailable", "password of x is y");
    begun.exchange->ended(&lost);
  }
  const auto spans = recorder.taken();
  ASSERT_EQ(spans.size(), 1U);
  const SpanRecord& span = spans.at("store_node");
  EXPECT_EQ(span.kind, SpanKind::Client);
  EXPECT_EQ(span.context.parent_id, "00f067aa0ba902b7");
  EXPECT_EQ(traceparent, span.context.traceparent()) << "the server's log leads to this span";
  EXPECT_EQ(span.failure, "postgres_unavailable");
  ASSERT_EQ(span.attributes.size(), 4U);
  EXPECT_EQ(std::get<std::string>(span.attributes[1].value), "BEGIN store_node SELECT COMMIT");
  EXPECT_EQ(std::get<std::int64_t>(span.attributes[2].value), 5);
  EXPECT_EQ(std::get<std::int64_t>(span.attributes[3].value), 4711);
}

TEST(SqlTracer, EndsTheSpanOfAnExchangeThatNobodyWaitedFor) {
  test::RecordingTracer recorder;
  const ScopedTrace scope(test::sampled_trace(), &recorder.tracer);
  SqlTracer sql;
  static_cast<void>(sql.begin(kExchange, 1));
  EXPECT_EQ(recorder.taken().size(), 1U);
}

}  // namespace
}  // namespace weir::server
