// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/otlp_json.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "base/json_dump.h"

namespace weir::server {
namespace {

using nlohmann::json;

constexpr int kStatusError = 2;

std::string nanoseconds(Instant at) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::nanoseconds>(at.time_since_epoch()).count());
}

json attribute(std::string_view name, json value) {
  return {{"key", name}, {"value", std::move(value)}};
}

json value_of(const SpanAttribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute.value)) {
    return {{"stringValue", *text}};
  }
  if (const auto* number = std::get_if<std::int64_t>(&attribute.value)) {
    return {{"intValue", std::to_string(*number)}};  // 64 bits are text in protobuf's JSON
  }
  return {{"boolValue", std::get<bool>(attribute.value)}};
}

json span_of(const SpanRecord& record) {
  json span = {{"traceId", record.context.trace_id.view()},
               {"spanId", record.context.span_id.view()},
               {"name", record.name},
               {"kind", static_cast<int>(record.kind)},
               {"startTimeUnixNano", nanoseconds(record.start)},
               {"endTimeUnixNano", nanoseconds(record.end)}};
  if (!record.context.parent_id.empty()) span["parentSpanId"] = record.context.parent_id.view();
  json& attributes = span["attributes"] = json::array();
  for (const SpanAttribute& one : record.attributes) {
    attributes.push_back(attribute(one.name, value_of(one)));
  }
  if (!record.failure.empty()) {
    attributes.push_back(attribute("error.type", {{"stringValue", record.failure}}));
    span["status"] = {{"code", kStatusError}, {"message", record.failure}};
  }
  return span;
}

}  // namespace

std::string otlp_json(const TraceResource& resource, std::span<const SpanRecord> spans) {
  json list = json::array();
  for (const SpanRecord& record : spans) list.push_back(span_of(record));
  const json attributes = {
      attribute("service.name", {{"stringValue", resource.service}}),
      attribute("service.instance.id", {{"stringValue", resource.instance}}),
  };
  const json scope = {{"scope", {{"name", "weir"}}}, {"spans", std::move(list)}};
  const json body = {{"resourceSpans", json::array({{{"resource", {{"attributes", attributes}}},
                                                     {"scopeSpans", json::array({scope})}}})}};
  return base::dump_json(body);
}

std::size_t rejected_spans(std::string_view body) {
  const json answer = json::parse(body, nullptr, false);
  if (!answer.is_object()) return 0;
  const json partial = answer.value("partialSuccess", json());
  if (!partial.is_object() || !partial.contains("rejectedSpans")) return 0;
  const json& count = partial["rejectedSpans"];
  if (count.is_number_unsigned()) return count.get<std::size_t>();
  if (!count.is_string()) return 0;
  const auto& text = count.get_ref<const std::string&>();
  const bool digits = !text.empty() && text.size() <= 9 &&
                      text.find_first_not_of("0123456789") == std::string::npos;
  return digits ? std::stoul(text) : 0;
}

}  // namespace weir::server
