// SPDX-License-Identifier: Apache-2.0
#include "storage/object_key.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "storage/limits.h"

namespace weir::storage {
namespace {

Error key_invalid(std::string_view what) {
  return base::invalid_argument("key_invalid", "an object's name " + std::string(what));
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         std::string_view("._=+,@:~-").contains(c);
}

Result<void> check(std::string_view text) {
  if (text.empty()) return key_invalid("is empty");
  if (text.size() > kObjectKeyBytesMax) return key_invalid("is too long");
  if (text.front() == '.') return key_invalid("begins with a dot");
  const auto segments = base::split(text, '/');
  if (segments.size() > kKeySegmentsMax) return key_invalid("has too many segments");
  for (const std::string_view segment : segments) {
    if (segment.empty()) return key_invalid("has an empty segment");
    if (segment == "." || segment == "..") return key_invalid("climbs");
    if (segment.size() > kKeySegmentBytesMax) return key_invalid("has a segment that is too long");
    if (!std::ranges::all_of(segment, is_plain)) {
      return key_invalid("has a character that is none of A-Z a-z 0-9 . _ = + , @ : ~ -");
    }
  }
  return {};
}

}  // namespace

Result<ObjectKey> ObjectKey::parse(std::string_view text) {
  WEIR_CHECK(check(text));
  return ObjectKey(std::string(text));
}

Result<ObjectPrefix> ObjectPrefix::parse(std::string_view text) {
  if (!text.ends_with('/')) return key_invalid("is a prefix and must end in /");
  WEIR_CHECK(check(text.substr(0, text.size() - 1)));
  return ObjectPrefix(std::string(text));
}

Result<ObjectKey> ObjectPrefix::key(std::string_view name) const {
  return ObjectKey::parse(text_ + std::string(name));
}

Result<ObjectPrefix> ObjectPrefix::below(std::string_view name) const {
  return parse(text_ + std::string(name) + "/");
}

}  // namespace weir::storage
