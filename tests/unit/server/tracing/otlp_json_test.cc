// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/otlp_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/server/tracing/recording_tracer.h"

namespace weir::server {
namespace {

using nlohmann::json;

SpanRecord record() {
  const Instant start(std::chrono::microseconds(1'700'000'000'000'001));
  return {.context = test::sampled_trace(),
          .name = "DiffService/Diff",
          .kind = SpanKind::Server,
          .start = start,
          .end = start + std::chrono::microseconds(250),
          .attributes = {{"world", std::string("w1")},
                         {"nodes", std::int64_t{9'007'199'254'740'993}},
                         {"plan", true}}};
}

TEST(OtlpJson, IsWhatACollectorReads) {
  const std::vector<SpanRecord> spans = {record()};
  const json expected = json::parse(R"({"resourceSpans":[{
    "resource":{"attributes":[
      {"key":"service.name","value":{"stringValue":"weir-dagmanager"}},
      {"key":"service.instance.id","value":{"stringValue":"i-1"}}]},
    "scopeSpans":[{"scope":{"name":"weir"},"spans":[{
      "traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"00f067aa0ba902b7",
      "parentSpanId":"b7ad6b7169203331","name":"DiffService/Diff","kind":2,
      "startTimeUnixNano":"1700000000000001000","endTimeUnixNano":"1700000000000251000",
      "attributes":[
        {"key":"world","value":{"stringValue":"w1"}},
        {"key":"nodes","value":{"intValue":"9007199254740993"}},
        {"key":"plan","value":{"boolValue":true}}]}]}]}]})");
  EXPECT_EQ(json::parse(otlp_json({"weir-dagmanager", "i-1"}, spans)), expected);
}

TEST(OtlpJson, TellsOfAFailureByItsReasonAndOfARootWithoutParent) {
  std::vector<SpanRecord> spans = {record()};
  spans[0].context.parent_id = {};
  spans[0].failure = "cycle";
  spans[0].attributes.clear();
  const json body = json::parse(otlp_json({}, spans));
  const json& span = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
  EXPECT_FALSE(span.contains("parentSpanId"));
  EXPECT_EQ(span["status"], json::parse(R"({"code":2,"message":"cycle"})"));
  EXPECT_EQ(span["attributes"][0]["key"], "error.type");
}

TEST(OtlpJson, StaysJsonWhateverBytesATextHas) {
  std::vector<SpanRecord> spans = {record()};
  spans[0].attributes = {{"world", std::string("a\xFF\"\n\x01")}};
  const json body = json::parse(otlp_json({}, spans));
  const json& value = body["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["attributes"][0];
  EXPECT_EQ(value["value"]["stringValue"], "a\xEF\xBF\xBD\"\n\x01");
}

TEST(OtlpJson, ReadsHowManySpansWereRefused) {
  EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":"3"}})"), 3U);
  EXPECT_EQ(rejected_spans(R"({"partialSuccess":{"rejectedSpans":4}})"), 4U);
  for (const char* quiet : {"", "{}", "[]", R"({"partialSuccess":{}})", R"({"partialSuccess":1})",
                            R"({"partialSuccess":{"rejectedSpans":"many"}})",
                            R"({"partialSuccess":{"rejectedSpans":-1}})"}) {
    EXPECT_EQ(rejected_spans(quiet), 0U) << quiet;
  }
}

}  // namespace
}  // namespace weir::server
