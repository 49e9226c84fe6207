// SPDX-License-Identifier: Apache-2.0
#include "server/config/config_key_table.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/text.h"
#include "server/config/limits.h"

namespace weir::server {
namespace {

std::vector<std::string> segments_of(std::string_view key) {
  std::vector<std::string> segments;
  for (const std::string_view segment : base::split(key, '.')) segments.emplace_back(segment);
  return segments;
}

/// The member of a closed set that `written` means.
std::optional<std::string> name_of(const KeyDescription& description, const std::string& written,
                                   bool fold_case) {
  if (written.empty()) return {};
  if (description.wildcard_names.empty()) return written;
  for (const std::string& name : description.wildcard_names) {
    if (name == written || (fold_case && base::lower_ascii(name) == base::lower_ascii(written))) {
      return name;
    }
  }
  return {};
}

}  // namespace

bool is_wildcard(std::string_view segment) {
  return segment.size() > 2 && segment.starts_with('<') && segment.ends_with('>');
}

std::string with_name(std::string_view key, std::string_view name) {
  const std::size_t open = key.find('<');
  if (open == std::string_view::npos) return std::string(key);
  const std::size_t close = key.find('>', open);
  return std::string(key.substr(0, open)).append(name).append(key.substr(close + 1));
}

std::string KeyMatch::key() const { return with_name(description->key, name); }

KeyTable::KeyTable(std::shared_ptr<const std::vector<KeyDescription>> descriptions)
    : descriptions_(std::move(descriptions)) {
  const auto add = [this](const std::string& text, const KeyDescription& description, bool file) {
    const bool is_new = std::ranges::none_of(
        spellings_, [&](const Spelling& spelling) { return spelling.text == text; });
    // A key of the table may itself end in "_file"; then it is what that spelling means.
    WEIR_ASSERT(is_new || file);
    if (is_new) spellings_.push_back({segments_of(text), text, &description, file});
  };
  for (const KeyDescription& description : *descriptions_) {
    add(description.key, description, false);
    for (const std::string& name : description.second_names) add(name, description, false);
  }
  for (const KeyDescription& description : *descriptions_) {
    if (!description.secret) continue;
    add(description.key + "_file", description, true);
    for (const std::string& name : description.second_names) add(name + "_file", description, true);
  }
}

std::optional<KeyMatch> KeyTable::find(const KeyPath& path, bool fold_case) const {
  for (const Spelling& spelling : spellings_) {
    if (spelling.segments.size() != path.size()) continue;
    KeyMatch match = {spelling.description, "", spelling.file, spelling.text};
    bool fits = true;
    for (std::size_t at = 0; at < path.size() && fits; ++at) {
      if (is_wildcard(spelling.segments[at])) {
        const auto name = name_of(*spelling.description, path[at], fold_case);
        fits = name.has_value();
        match.name = name.value_or("");
      } else {
        fits = spelling.segments[at] == path[at];
      }
    }
    if (fits) return match;
  }
  return {};
}

bool KeyTable::has_below(const KeyPath& path) const {
  return std::ranges::any_of(spellings_, [&](const Spelling& spelling) {
    if (spelling.segments.size() <= path.size()) return false;
    for (std::size_t at = 0; at < path.size(); ++at) {
      const bool fits = is_wildcard(spelling.segments[at])
                            ? name_of(*spelling.description, path[at], false).has_value()
                            : spelling.segments[at] == path[at];
      if (!fits) return false;
    }
    return true;
  });
}

std::optional<std::string> KeyTable::nearest(std::string_view text) const {
  const std::size_t edits_max = std::min(kSuggestionEditsMax, std::max(text.size() / 3, 1UL));
  std::size_t least = edits_max + 1;
  std::optional<std::string> found;
  for (const Spelling& spelling : spellings_) {
    const std::size_t edits = base::edits_between(text, spelling.text);
    if (edits >= least) continue;
    least = edits;
    found = spelling.text;
  }
  return found;
}

}  // namespace weir::server
