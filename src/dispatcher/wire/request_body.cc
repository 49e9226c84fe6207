// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/wire/request_body.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/canonical_json.h"

namespace weir::dispatcher {
namespace {

constexpr std::int64_t kJsonIntegerMax = (std::int64_t{1} << 53) - 1;

}  // namespace

Result<JsonDocument> parse_body(std::string_view body) {
  auto document = JsonDocument::parse(body);
  if (!document.ok()) {
    return base::invalid_argument("invalid_request",
                                  "the body is not JSON: " + document.error().message());
  }
  if (!document->root().is_object()) {
    return base::invalid_argument("invalid_request", "the body is not a JSON object");
  }
  return document;
}

std::optional<std::int64_t> json_integer(JsonValue value) {
  if (!value.is_number()) return std::nullopt;
  const std::string_view token = value.text();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), number);
  if (error != std::errc() || end != token.data() + token.size()) return std::nullopt;
  if (number > kJsonIntegerMax || number < -kJsonIntegerMax) return std::nullopt;
  return number;
}

MembersReader::MembersReader(JsonValue object, std::string where,
                             std::initializer_list<std::string_view> members)
    : value_(object), where_(std::move(where)) {
  if (!object.is_object()) {
    fault_ = base::invalid_argument("invalid_request",
                                    (where_.empty() ? "the body" : where_) + " is not an object");
    return;
  }
  for (const JsonValue member : object) {
    if (std::ranges::find(members, member.key()) != members.end()) continue;
    fault_ = base::invalid_argument("unknown_field",
                                    path_of(member.key()) + " is not known to this route");
    return;
  }
}

std::string MembersReader::path_of(std::string_view name) const {
  return where_.empty() ? std::string(name) : where_ + "." + std::string(name);
}

void MembersReader::fail(std::string_view name, std::string_view what) {
  if (fault_) return;
  fault_ = base::invalid_argument("invalid_request", path_of(name) + " " + std::string(what));
}

Result<void> MembersReader::finish() const {
  if (fault_) return *fault_;
  return {};
}

std::string MembersReader::text(std::string_view name, std::size_t bytes_max) {
  std::optional<std::string> found = optional_text(name, bytes_max);
  if (!found) fail(name, "is missing");
  return found ? *std::move(found) : std::string();
}

std::optional<std::string> MembersReader::optional_text(std::string_view name,
                                                        std::size_t bytes_max) {
  const JsonValue member = value_.find(name);
  if (member.is_null()) return std::nullopt;
  if (!member.is_text()) {
    fail(name, "is not a text");
  } else if (member.text().empty() || member.text().size() > bytes_max) {
    fail(name, "has 1 to " + std::to_string(bytes_max) + " bytes");
  } else {
    return std::string(member.text());
  }
  return std::nullopt;
}

std::int64_t MembersReader::integer(std::string_view name, std::int64_t least, std::int64_t most) {
  const std::optional<std::int64_t> found = optional_integer(name, least, most);
  if (!found) fail(name, "is missing");
  return found.value_or(least);
}

std::optional<std::int64_t> MembersReader::optional_integer(std::string_view name,
                                                            std::int64_t least, std::int64_t most) {
  const JsonValue member = value_.find(name);
  if (member.is_null()) return std::nullopt;
  const std::optional<std::int64_t> number = json_integer(member);
  if (!number || *number < least || *number > most) {
    fail(name,
         "is not a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  return number;
}

std::optional<bool> MembersReader::optional_flag(std::string_view name) {
  const JsonValue member = value_.find(name);
  if (member.is_null()) return std::nullopt;
  if (!member.is_bool()) {
    fail(name, "is neither true nor false");
    return std::nullopt;
  }
  return member.kind() == JsonKind::True;
}

std::optional<std::string> MembersReader::optional_object(std::string_view name,
                                                          std::size_t bytes_max) {
  const JsonValue member = value_.find(name);
  if (member.is_null()) return std::nullopt;
  if (!member.is_object()) {
    fail(name, "is not an object");
    return std::nullopt;
  }
  std::string json = base::canonical_json(member);
  if (json.size() > bytes_max) {
    fail(name, "has more than " + std::to_string(bytes_max) + " bytes");
    return std::nullopt;
  }
  return json;
}

JsonValue MembersReader::array(std::string_view name, std::size_t most) {
  const JsonValue member = value_.find(name);
  if (member.is_null()) return {};
  if (!member.is_array()) {
    fail(name, "is not an array");
    return {};
  }
  if (member.size() > most) {
    fail(name, "has more than " + std::to_string(most) + " elements");
    return {};
  }
  return member;
}

Uuid MembersReader::required_uuid(std::string_view name) {
  const std::optional<Uuid> found = optional_uuid(name);
  if (!found) fail(name, "is missing");
  return found.value_or(Uuid{});
}

std::optional<Uuid> MembersReader::optional_uuid(std::string_view name) {
  const JsonValue member = value_.find(name);
  if (member.is_null()) return std::nullopt;
  const std::optional<Uuid> uuid = Uuid::parse(member.text());
  if (!member.is_text() || !uuid) {
    fail(name, "is not a UUID");
    return std::nullopt;
  }
  return uuid;
}

}  // namespace weir::dispatcher
