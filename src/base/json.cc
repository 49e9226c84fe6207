// SPDX-License-Identifier: Apache-2.0
#include "base/json.h"

#include "base/assert.h"

namespace weir::base {

JsonDocument::JsonDocument() = default;
JsonDocument::JsonDocument(JsonDocument&&) noexcept = default;
JsonDocument& JsonDocument::operator=(JsonDocument&&) noexcept = default;
JsonDocument::~JsonDocument() = default;

JsonKind JsonValue::kind() const {
  WEIR_ASSERT(!missing());
  return document_->nodes_[index_].kind;
}

bool JsonValue::is_null() const { return missing() || kind() == JsonKind::Null; }
bool JsonValue::is_object() const { return !missing() && kind() == JsonKind::Object; }
bool JsonValue::is_array() const { return !missing() && kind() == JsonKind::Array; }
bool JsonValue::is_text() const { return !missing() && kind() == JsonKind::Text; }
bool JsonValue::is_number() const {
  return !missing() && (kind() == JsonKind::Integer || kind() == JsonKind::Double);
}
bool JsonValue::is_bool() const {
  return !missing() && (kind() == JsonKind::True || kind() == JsonKind::False);
}

std::string_view JsonValue::text() const {
  return missing() ? std::string_view{} : document_->nodes_[index_].text;
}

std::string_view JsonValue::key() const {
  return missing() ? std::string_view{} : document_->nodes_[index_].key;
}

std::size_t JsonValue::size() const { return missing() ? 0 : document_->nodes_[index_].size; }

JsonValue JsonValue::find(std::string_view name) const {
  if (!is_object()) return {};
  JsonValue found;
  for (const JsonValue member : *this) {
    if (member.key() == name) found = member;
  }
  return found;
}

JsonValue::Iterator JsonValue::begin() const {
  if (missing()) return {nullptr, 0};
  return {document_, document_->nodes_[index_].first};
}

JsonValue::Iterator JsonValue::end() const { return {document_, 0}; }

JsonValue::Iterator& JsonValue::Iterator::operator++() {
  index_ = document_->nodes_[index_].next;
  return *this;
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
