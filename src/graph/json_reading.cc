// SPDX-License-Identifier: Apache-2.0
#include "graph/json_reading.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/canonical_json.h"
#include "base/canonical_number.h"
#include "base/text.h"

namespace weir::graph {
namespace {

struct FieldName {
  std::string_view name;
  JsonValue NodeFields::* field;
};

constexpr std::array<FieldName, 19> kFieldNames = {{
    {"node_id", &NodeFields::node_id},
    {"node_type", &NodeFields::node_type},
    {"code_hash", &NodeFields::code_hash},
    {"schema_hash", &NodeFields::schema_hash},
    {"schema_compat_id", &NodeFields::schema_compat_id},
    {"schema_id", &NodeFields::schema_id},
    {"config_hash", &NodeFields::config_hash},
    {"interval", &NodeFields::interval},
    {"period", &NodeFields::period},
    {"tags", &NodeFields::tags},
    {"inputs", &NodeFields::inputs},
    {"dependencies", &NodeFields::dependencies},
    {"params", &NodeFields::params},
    {"config", &NodeFields::config},
    {"match_mode", &NodeFields::match_mode},
    {"bucket", &NodeFields::bucket},
    {"name", &NodeFields::name},
    {"artifacts", &NodeFields::artifacts},
    {"global", &NodeFields::global},
}};

IntegerReading integer_from_digits(std::string_view digits) {
  const bool has_sign = digits.starts_with('+') || digits.starts_with('-');
  const std::string_view unsigned_digits = digits.substr(has_sign ? 1 : 0);
  if (digits.starts_with('+')) digits = unsigned_digits;
  const bool decimal = !unsigned_digits.empty() && std::ranges::all_of(unsigned_digits, [](char c) {
    return c >= '0' && c <= '9';
  });
  if (!decimal) return {.value = 0, .state = IntegerState::NotAnInteger};
  IntegerReading reading;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), reading.value);
  if (read.ec != std::errc{}) reading = {.value = 0, .state = IntegerState::OutOfRange};
  return reading;
}

IntegerReading integer_from_double(std::string_view token) {
  constexpr double kBeyond = 9223372036854775808.0;  // 2^63, the first double outside int64
  const double value = std::trunc(base::parse_double(token));
  if (!(value >= -kBeyond && value < kBeyond))
    return {.value = 0, .state = IntegerState::OutOfRange};
  return {.value = static_cast<std::int64_t>(value), .state = IntegerState::Ok};
}

bool is_zero(JsonValue number) { return base::parse_double(number.text()) == 0.0; }

}  // namespace

std::optional<std::string> scalar_text(JsonValue value) {
  if (value.missing()) return "";
  switch (value.kind()) {
    case JsonKind::Null:
      return "None";
    case JsonKind::False:
      return "False";
    case JsonKind::True:
      return "True";
    case JsonKind::Text:
      return std::string(value.text());
    case JsonKind::Integer:
    case JsonKind::Double: {
      std::string text;
      base::append_canonical_number(text, value.text());
      // As plain text the SDK spells infinity otherwise than in JSON.
      if (text == "Infinity") return "inf";
      if (text == "-Infinity") return "-inf";
      return text;
    }
    case JsonKind::Array:
    case JsonKind::Object:
      break;
  }
  return std::nullopt;
}

std::optional<std::string> scalar_text_or_empty(JsonValue value) {
  if (is_blank(value)) return "";
  return scalar_text(value);
}

bool is_blank(JsonValue value) {
  if (value.is_null()) return true;
  if (value.is_text()) return value.text().empty();
  return value.kind() == JsonKind::False || (value.is_number() && is_zero(value));
}

IntegerReading read_integer(JsonValue value) {
  if (value.is_null()) return {};
  switch (value.kind()) {
    case JsonKind::False:
      return {};
    case JsonKind::True:
      return {.value = 1, .state = IntegerState::Ok};
    case JsonKind::Integer:
      return integer_from_digits(value.text());
    case JsonKind::Double:
      return integer_from_double(value.text());
    case JsonKind::Text:
      return value.text().empty() ? IntegerReading{}
                                  : integer_from_digits(base::trim(value.text()));
    default:
      return {.value = 0, .state = IntegerState::NotAnInteger};
  }
}

bool is_list_or_null(JsonValue value) { return value.is_null() || value.is_array(); }

NodeFields node_fields(JsonValue node) {
  NodeFields fields;
  fields.node = node;
  for (const JsonValue member : node) {
    const std::string_view key = member.key();
    const auto* const found = std::ranges::find(kFieldNames, key, &FieldName::name);
    if (found != kFieldNames.end()) fields.*(found->field) = member;
  }
  return fields;
}

bool is_sentinel(const NodeFields& fields) {
  return fields.node_type.is_text() && fields.node_type.text() == "VersionSentinel";
}

JsonValue dependency_list(const NodeFields& fields) {
  return fields.inputs.is_array() && fields.inputs.size() > 0 ? fields.inputs : fields.dependencies;
}

std::vector<Dependency> read_dependencies(JsonValue list) {
  std::vector<Dependency> dependencies;
  if (!list.is_array()) return dependencies;
  dependencies.reserve(list.size());
  std::uint32_t index = 0;
  for (const JsonValue item : list) {
    std::optional<std::string> id = item.is_null() ? std::nullopt : scalar_text(item);
    if (id && !id->empty()) dependencies.push_back({std::move(*id), index});
    ++index;
  }
  return dependencies;
}

}  // namespace weir::graph
