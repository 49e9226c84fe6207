// SPDX-License-Identifier: Apache-2.0
#include "operators/json_members.h"

#include <charconv>
#include <utility>

#include "operators/limits.h"

namespace weir::operators {

Error member_invalid(std::string_view name, std::string_view must) {
  return base::invalid_argument("payload_invalid",
                                '`' + std::string(name) + "` must be " + std::string(must));
}

std::optional<std::int64_t> whole_of(std::string_view token) {
  std::int64_t number = 0;
  const char* begin = token.data();
  const char* end = begin + token.size();
  const auto [at, fault] = std::from_chars(begin, end, number);
  if (fault != std::errc() || at != end) return std::nullopt;
  return number;
}

Result<std::optional<std::string>> optional_text(JsonValue object, std::string_view name) {
  const JsonValue member = object.find(name);
  if (member.is_null()) return std::optional<std::string>();
  if (!member.is_text()) return member_invalid(name, "a text");
  return std::optional<std::string>(member.text());
}

Result<std::optional<std::int64_t>> optional_whole(JsonValue object, std::string_view name) {
  const JsonValue member = object.find(name);
  if (member.is_null()) return std::optional<std::int64_t>();
  const auto number = member.is_number() ? whole_of(member.text()) : std::nullopt;
  if (!number) return member_invalid(name, "an integer");
  return number;
}

Result<std::optional<bool>> optional_bool(JsonValue object, std::string_view name) {
  const JsonValue member = object.find(name);
  if (member.is_null()) return std::optional<bool>();
  if (!member.is_bool()) return member_invalid(name, "true or false");
  return std::optional<bool>(member.kind() == JsonKind::True);
}

Result<std::optional<JsonText>> optional_object(JsonValue object, std::string_view name) {
  const JsonValue member = object.find(name);
  if (member.is_null()) return std::optional<JsonText>();
  if (!member.is_object()) return member_invalid(name, "an object");
  return std::optional<JsonText>(json_of(member));
}

Result<std::string> needed_text(JsonValue object, std::string_view name) {
  WEIR_TRY(auto text, optional_text(object, name));
  if (!text) return member_invalid(name, "a text");
  return *std::move(text);
}

Result<std::int64_t> needed_whole(JsonValue object, std::string_view name) {
  WEIR_TRY(auto number, optional_whole(object, name));
  if (!number) return member_invalid(name, "an integer");
  return *number;
}

Result<Uuid> needed_uuid(JsonValue object, std::string_view name) {
  const JsonValue member = object.find(name);
  const auto id = member.is_text() ? Uuid::parse(member.text()) : std::nullopt;
  if (!id) return member_invalid(name, "a UUID");
  return *id;
}

Result<std::vector<ColumnSpec>> read_column_specs(JsonValue owner) {
  std::vector<ColumnSpec> columns;
  const JsonValue from = owner.find("columns");
  if (from.is_null()) return columns;
  if (!from.is_array() || from.size() > kColumnsMax) {
    return member_invalid("columns", "a list of columns");
  }
  for (const JsonValue item : from) {
    ColumnSpec column;
    WEIR_TRY(column.name, needed_text(item, "name"));
    WEIR_TRY(column.type, needed_text(item, "type"));
    WEIR_TRY(const auto nullable, optional_bool(item, "nullable"));
    column.nullable = nullable.value_or(false);
    columns.push_back(std::move(column));
  }
  return columns;
}

void append_json(std::string& out, JsonValue value) {
  if (value.is_text()) return base::append_json_text(out, value.text());
  if (value.is_array() || value.is_object()) {
    const bool object = value.is_object();
    out += object ? '{' : '[';
    bool first = true;
    for (const JsonValue child : value) {
      if (!first) out += ',';
      first = false;
      if (object) {
        base::append_json_text(out, child.key());
        out += ':';
      }
      append_json(out, child);
    }
    out += object ? '}' : ']';
    return;
  }
  if (value.is_bool()) {
    out += value.kind() == JsonKind::True ? "true" : "false";
  } else if (value.is_number()) {
    out += value.text();
  } else {
    out += "null";
  }
}

JsonText json_of(JsonValue value) {
  JsonText text;
  append_json(text, value);
  return text;
}

Result<JsonDocument> parse_object(std::string_view json, std::string_view name) {
  auto parsed =
      JsonDocument::parse(json, {.depth_max = kPayloadDepthMax, .bytes_max = kPayloadBytesMax});
  if (!parsed.ok() || !parsed->root().is_object()) return member_invalid(name, "a JSON object");
  return parsed;
}

}  // namespace weir::operators
