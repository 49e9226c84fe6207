// SPDX-License-Identifier: Apache-2.0
#include "server/config/config.h"

#include <set>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "server/config/config_key_table.h"
#include "server/config/config_value.h"

namespace weir::server {
namespace {

/// True if a concrete key could be one of the pattern's: a check of our own spelling only.
bool fits_pattern(std::string_view key, std::string_view pattern) {
  const std::size_t open = pattern.find('<');
  if (open == std::string_view::npos) return key == pattern;
  const std::string_view tail = pattern.substr(pattern.find('>', open) + 1);
  return key.size() > open + tail.size() && key.starts_with(pattern.substr(0, open)) &&
         key.ends_with(tail);
}

template <class T>
const T& value_or_empty(const ConfigValue& value) {
  static const T kEmpty = {};
  const T* found = std::get_if<T>(&value);
  return found == nullptr ? kEmpty : *found;
}

}  // namespace

bool Config::has(std::string_view key) const {
  const Entry* entry = find(key);
  return entry != nullptr && entry->has;
}

bool Config::given(std::string_view key) const {
  const Entry* entry = find(key);
  return entry != nullptr && entry->given;
}

const std::string& Config::text(std::string_view key) const {
  const Entry* entry = at(key, ValueKind::Text);
  static const std::string kEmpty;
  if (entry == nullptr) return kEmpty;
  WEIR_ASSERT(!entry->description->secret);
  return value_or_empty<std::string>(entry->value);
}

Secret Config::secret(std::string_view key) const {
  const Entry* entry = at(key, ValueKind::Text);
  if (entry == nullptr) return {};
  WEIR_ASSERT(entry->description->secret);
  return Secret(value_or_empty<std::string>(entry->value));
}

const std::vector<std::string>& Config::text_list(std::string_view key) const {
  static const ConfigValue kNone = std::vector<std::string>{};
  const Entry* entry = at(key, ValueKind::TextList);
  return value_or_empty<std::vector<std::string>>(entry == nullptr ? kNone : entry->value);
}

const std::map<std::string, std::string>& Config::text_map(std::string_view key) const {
  static const ConfigValue kNone = std::map<std::string, std::string>{};
  const Entry* entry = at(key, ValueKind::TextMap);
  return value_or_empty<std::map<std::string, std::string>>(entry == nullptr ? kNone
                                                                             : entry->value);
}

std::int64_t Config::integer(std::string_view key) const {
  const Entry* entry = at(key, ValueKind::Integer);
  WEIR_ASSERT(entry != nullptr && entry->has);
  return std::get<std::int64_t>(entry->value);
}

double Config::number(std::string_view key) const {
  const Entry* entry = find(key);
  WEIR_ASSERT(entry != nullptr && entry->has);
  if (const auto* whole = std::get_if<std::int64_t>(&entry->value)) {
    return static_cast<double>(*whole);
  }
  WEIR_ASSERT(entry->description->kind == ValueKind::Number);
  return std::get<double>(entry->value);
}

bool Config::boolean(std::string_view key) const {
  const Entry* entry = at(key, ValueKind::Boolean);
  WEIR_ASSERT(entry != nullptr && entry->has);
  return std::get<bool>(entry->value);
}

std::vector<std::string> Config::names(std::string_view pattern) const {
  const std::string below = std::string(pattern).append(".<");
  std::set<std::string> found;
  for (const auto& [key, entry] : entries_) {
    const std::string& described = entry.description->key;
    if (entry.given && (described == pattern || described.starts_with(below))) {
      found.insert(entry.name);
    }
  }
  return {found.begin(), found.end()};
}

std::string Config::origin(std::string_view key) const {
  const Entry* entry = find(key);
  return entry == nullptr ? "default" : entry->origin;
}

std::vector<ConfigLine> Config::lines() const {
  std::vector<ConfigLine> lines;
  for (const KeyDescription& description : *table_) {
    for (const auto& [key, entry] : entries_) {
      if (entry.description != &description) continue;
      lines.push_back({key, entry.has ? show_value(description, entry.value) : "", entry.origin});
    }
  }
  return lines;
}

const Config::Entry* Config::find(std::string_view key) const {
  const auto found = entries_.find(key);
  if (found != entries_.end()) return &found->second;
  bool known = false;
  for (const KeyDescription& description : *table_) {
    known = known || fits_pattern(key, description.key);
  }
  WEIR_ASSERT(known);
  return nullptr;
}

const Config::Entry* Config::at(std::string_view key, ValueKind kind) const {
  const Entry* entry = find(key);
  WEIR_ASSERT(entry == nullptr || entry->description->kind == kind);
  return entry;
}

}  // namespace weir::server
