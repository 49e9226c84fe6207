// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/span.h"

#include <gmock/gmock.h>

#include <thread>

#include "server/tracing/limits.h"
#include "tests/unit/server/tracing/recording_tracer.h"

namespace weir::server {
namespace {

using test::RecordingTracer;
using test::sampled_trace;

TEST(Span, TellsOfItsWorkWhenItEnds) {
  RecordingTracer recorder;
  const Instant began = recorder.clock.now();
  {
    Span span(&recorder.tracer, sampled_trace(), "work", SpanKind::Server);
    ASSERT_TRUE(span);
    span.set("nodes", std::int64_t{7});
    span.set("world", "w1");
    span.set_flag("plan", true);
    span.fail("cycle");
    recorder.clock.sleep_for(std::chrono::milliseconds(3));
    EXPECT_TRUE(recorder.taken().empty()) << "not before its end";
  }
  const SpanRecord span = recorder.taken().at("work");
  EXPECT_EQ(span.context.parent_id, "b7ad6b7169203331");
  EXPECT_EQ(span.kind, SpanKind::Server);
  EXPECT_EQ(span.start, began);
  EXPECT_EQ(span.end - span.start, std::chrono::milliseconds(3));
  EXPECT_EQ(span.failure, "cycle");
  ASSERT_EQ(span.attributes.size(), 3U);
  EXPECT_EQ(std::get<std::int64_t>(span.attributes[0].value), 7);
  EXPECT_EQ(std::get<std::string>(span.attributes[1].value), "w1");
  EXPECT_TRUE(std::get<bool>(span.attributes[2].value));
}

TEST(Span, OfAnUnsampledTraceOrWithoutATracerTellsOfNothing) {
  RecordingTracer recorder;
  TraceContext unsampled = sampled_trace();
  unsampled.sampled = false;
  {
    Span quiet(&recorder.tracer, unsampled, "quiet", SpanKind::Server);
    EXPECT_FALSE(quiet);
    quiet.set("world", "w1");
    const Span none(nullptr, sampled_trace(), "none", SpanKind::Server);
    EXPECT_FALSE(none);
    const ScopedTrace scope(unsampled, &recorder.tracer);
    EXPECT_EQ(ScopedTrace::tracer(), nullptr);
    EXPECT_EQ(ScopedTrace::current(), "0af7651916cd43dd8448eb211c80319c") << "for logs and SQL";
    StepSpan step("step");
    EXPECT_FALSE(step.span());
    EXPECT_FALSE(child_span("child", SpanKind::Client));
  }
  EXPECT_TRUE(recorder.taken().empty());
}

TEST(Span, StepsNestInTheCallOfTheirThread) {
  RecordingTracer recorder;
  {
    const ScopedTrace scope(sampled_trace(), &recorder.tracer);
    {
      const StepSpan outer("outer");
      const StepSpan inner("inner");
      child_span("sql", SpanKind::Client).end();
    }
    const StepSpan second("second");
    std::thread([] { const StepSpan elsewhere("elsewhere"); }).join();
  }
  const StepSpan outside("outside");
  const auto spans = recorder.taken();
  ASSERT_EQ(spans.size(), 4U);
  EXPECT_EQ(spans.at("outer").context.parent_id, "00f067aa0ba902b7");
  EXPECT_EQ(spans.at("inner").context.parent_id, spans.at("outer").context.span_id);
  EXPECT_EQ(spans.at("sql").context.parent_id, spans.at("inner").context.span_id);
  EXPECT_EQ(spans.at("second").context.parent_id, "00f067aa0ba902b7");
  for (const auto& [name, span] : spans) {
    EXPECT_EQ(span.context.trace_id, "0af7651916cd43dd8448eb211c80319c") << name;
  }
}

TEST(Span, HoldsNoMoreThanItsBoundsWhateverItIsGiven) {
  RecordingTracer recorder;
  {
    Span span(&recorder.tracer, sampled_trace(), "work", SpanKind::Server);
    // The bound falls into the middle of a letter of two bytes.
    span.set("text", std::string(kSpanTextBytesMax - 1, 'x') + "\xC3\xA4 and more");
    for (int i = 0; i < 100; ++i) span.set("number", std::int64_t{i});
  }
  const SpanRecord span = recorder.taken().at("work");
  EXPECT_EQ(span.attributes.size(), kSpanAttributesMax);
  EXPECT_EQ(std::get<std::string>(span.attributes[0].value),
            std::string(kSpanTextBytesMax - 1, 'x'));
}

TEST(Span, EndsOnceAndMovesWhole) {
  RecordingTracer recorder;
  Span first(&recorder.tracer, sampled_trace(), "first", SpanKind::Server);
  Span moved = std::move(first);
  moved.end();
  moved.end();
  EXPECT_EQ(recorder.taken().size(), 1U);
  Span second(&recorder.tracer, sampled_trace(), "second", SpanKind::Server);
  second = Span();
  EXPECT_EQ(recorder.taken().count("second"), 1U) << "what is written over has ended";
}

}  // namespace
}  // namespace weir::server
