// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

namespace weir::base {

JsonDocument::JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

bool JsonValue::is_number() const {
  return !missing() && (kind() == JsonKind::Integer || kind() == JsonKind::Double);
}
bool JsonValue::is_bool() const {
  return !missing() && (kind() == JsonKind::True || kind() == JsonKind::False);
}

JsonValue JsonValue::find(std::string_view name) const {
  if (!is_object()) return {};
  JsonValue found;
  for (const JsonValue member : *this) {
    if (member.key() == name) found = member;
  }
  return found;
}

std::string json_pointer(std::string_view base, std::string_view step) {
  std::string pointer(base);
  pointer += '/';
  for (const char byte : step) {
    if (byte == '~') {
      pointer += "~0";
    } else if (byte == '/') {
      pointer += "~1";
    } else {
      pointer += byte;
    }
  }
  return pointer;
}

std::string json_pointer(std::string_view base, std::size_t step) {
  std::string pointer(base);
  pointer += '/';
  pointer += std::to_string(step);
  return pointer;
}

}  // namespace weir::base
