// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/trace_context.h"

#include <gmock/gmock.h>

namespace weir::server {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kSpan = "b7ad6b7169203331";

TEST(TraceContext, ReadsWhatItWrites) {
  const std::string header = "00-" + kTrace + "-" + kSpan + "-01";
  const auto context = parse_traceparent(header);
  ASSERT_TRUE(context);
  EXPECT_EQ(context->trace_id, kTrace);
  EXPECT_EQ(context->span_id, kSpan);
  EXPECT_TRUE(context->sampled);
  EXPECT_EQ(context->traceparent(), header);
}

TEST(TraceContext, ReadsOnlyTheLowestFlag) {
  for (const std::string flags : {"00", "02", "fe"}) {
    EXPECT_FALSE(parse_traceparent("00-" + kTrace + "-" + kSpan + "-" + flags)->sampled) << flags;
  }
  for (const std::string flags : {"01", "03", "ff"}) {
    EXPECT_TRUE(parse_traceparent("00-" + kTrace + "-" + kSpan + "-" + flags)->sampled) << flags;
  }
}

TEST(TraceContext, TakesTheKnownFieldsOfLaterVersions) {
  EXPECT_TRUE(parse_traceparent("01-" + kTrace + "-" + kSpan + "-01"));
  EXPECT_TRUE(parse_traceparent("cc-" + kTrace + "-" + kSpan + "-01-what-comes-then"));
}

TEST(TraceContext, RefusesMalformedHeaders) {
  const std::string zero_trace(32, '0');
  const std::string zero_span(16, '0');
  for (const std::string& header : {
           std::string(),
           std::string("00"),
           "ff-" + kTrace + "-" + kSpan + "-01",
           "0g-" + kTrace + "-" + kSpan + "-01",
           "00-" + kTrace + "-" + kSpan + "-01-more",
           "00-" + kTrace + "-" + kSpan + "-0",
           "00-" + kTrace + "-" + kSpan + "-0x",
           "01-" + kTrace + "-" + kSpan + "-01x",
           "00-" + zero_trace + "-" + kSpan + "-01",
           "00-" + kTrace + "-" + zero_span + "-01",
           "00-0AF7651916CD43DD8448EB211C80319C-" + kSpan + "-01",
           "00_" + kTrace + "-" + kSpan + "-01",
           "00-" + kTrace + "_" + kSpan + "-01",
           "00-" + kTrace + "-" + kSpan + "_01",
       }) {
    EXPECT_FALSE(parse_traceparent(header)) << header;
  }
}

TEST(TraceContext, ContinuesTheCallersTraceWithASpanOfItsOwn) {
  base::SeededRandom random(1);
  const TraceContext context = continue_trace("00-" + kTrace + "-" + kSpan + "-00", random);
  EXPECT_EQ(context.trace_id, kTrace);
  EXPECT_NE(context.span_id, kSpan);
  EXPECT_EQ(context.parent_id, kSpan);
  EXPECT_FALSE(context.sampled);
}

TEST(TraceContext, StartsATraceWhereThereIsNone) {
  base::SeededRandom random(1);
  const TraceContext one = continue_trace("", random);
  const TraceContext other = continue_trace("garbage", random);
  EXPECT_NE(one.trace_id, other.trace_id);
  EXPECT_TRUE(one.sampled);
  EXPECT_TRUE(one.parent_id.empty());
  EXPECT_TRUE(parse_traceparent(one.traceparent()));
}

/// A source of nothing but zeros, which no id may be.
class ZeroRandom final : public Random {
 public:
  std::uint64_t next() override { return 0; }
};

TEST(TraceContext, NeverMakesAnIdOfZeros) {
  ZeroRandom random;
  EXPECT_TRUE(parse_traceparent(new_trace(random).traceparent()));
}

}  // namespace
}  // namespace weir::server
