// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dagfile/faults.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "base/utf8.h"
#include "dispatcher/dagfile/codes.h"
#include "dispatcher/dagfile/limits.h"

namespace weir::dispatcher {
namespace {

/// Lines and columns of bytes that are asked for in rising order.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}

  YamlPlace of(std::size_t offset) {
    offset = std::min(offset, text_.size());
    while (at_ < offset) {
      const bool line_ends = text_[at_] == '\n';
      base::next_character(text_, at_);
      if (line_ends) {
        ++place_.line;
        place_.column = 1;
      } else {
        ++place_.column;
      }
    }
    return place_;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
  YamlPlace place_;
};

constexpr auto kOrder = [](const auto& found) { return std::pair(found.offset, found.number); };

}  // namespace

void FaultList::at_key(YamlValue value, std::string_view code, Told told) {
  add({value.key_offset(), 0, code, value, {}, std::move(told)});
}

void FaultList::at_value(YamlValue value, std::string_view code, Told told) {
  add({value.offset(), 0, code, value, {}, std::move(told)});
}

void FaultList::missing_from(YamlValue mapping, std::string_view name, std::string_view code,
                             std::string detail) {
  add({mapping.offset(), 0, code, mapping, std::string(name), {.detail = std::move(detail)}});
}

void FaultList::at_byte(std::size_t offset, std::string_view code, std::string detail) {
  add({offset, 0, code, {}, {}, {.detail = std::move(detail)}});
}

void FaultList::add(Found found) {
  found.number = added_++;
  found_.push_back(std::move(found));
  if (found_.size() >= 2 * kFaultsKeptMax) keep_first(kFaultsKeptMax);
}

void FaultList::keep_first(std::size_t count) {
  std::ranges::sort(found_, {}, kOrder);
  if (found_.size() > count) found_.resize(count);
}

bool FaultList::wants_hints() const { return added_ < kHintedFaultsMax; }

std::vector<DagFault> FaultList::in_order(std::string_view text, bool tell_more) && {
  const bool too_many = tell_more && found_.size() > kFaultsMax;
  keep_first(kFaultsMax + (too_many ? 1 : 0));
  Places places(text);
  std::vector<DagFault> faults;
  faults.reserve(found_.size());
  for (Found& found : found_) {
    const YamlPlace place = places.of(found.offset);
    if (faults.size() == kFaultsMax) {
      faults.push_back({std::string(code::kTooMany), "", place.line, place.column,
                        std::to_string(added_ - kFaultsMax) + " more faults are not shown"});
      break;
    }
    std::string path = found.value.path();
    if (!found.missing.empty()) append_path_step(path, found.missing);
    faults.push_back({std::string(found.code), std::move(path), place.line, place.column,
                      std::move(found.told.detail), std::move(found.told.hint)});
  }
  found_.clear();
  return faults;
}

std::string nearest_of(std::string_view written, std::span<const std::string_view> legal) {
  std::size_t least = kHintEditsMax + 1;
  std::string_view nearest;
  for (const std::string_view word : legal) {
    const std::size_t longer = std::max(word.size(), written.size());
    if (longer - std::min(word.size(), written.size()) > kHintEditsMax) continue;
    const std::size_t edits = base::edits_between(written, word);
    if (edits >= least) continue;
    least = edits;
    nearest = word;
  }
  return std::string(nearest);
}

std::string one_of(std::span<const std::string_view> legal) {
  if (legal.size() > kNamesShownMax) return std::to_string(legal.size()) + " others";
  std::string text;
  for (std::size_t i = 0; i < legal.size(); ++i) {
    if (i > 0) text += i + 1 == legal.size() ? " or " : ", ";
    text += '`' + std::string(legal[i]) + '`';
  }
  return text;
}

std::string shown(std::string_view text) {
  constexpr std::size_t kCharactersMax = 60;
  std::string out = "`";
  std::size_t characters = 0;
  for (std::size_t at = 0; at < text.size(); ++characters) {
    const std::size_t from = at;
    const char32_t character = base::next_character(text, at);
    if (characters == kCharactersMax) return out + "…`";
    const bool control = character < 0x20 || (character >= 0x7f && character < 0xa0);
    control ? out += ' ' : out += text.substr(from, at - from);
  }
  return out + '`';
}

}  // namespace weir::dispatcher
