// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/text_pool.h"

namespace weir::dagmanager {

TextId TextPool::id_of(std::string_view text) {
  if (text.empty()) return 0;
  if (const auto known = ids_.find(text); known != ids_.end()) return known->second;
  const std::string_view kept(arena_.keep(text), text.size());
  texts_.push_back(kept);
  const auto id = static_cast<TextId>(texts_.size());
  ids_.emplace(kept, id);
  bytes_ += ByteArena::rounded(text.size()) + sizeof(kept) + sizeof(*ids_.begin());
  return id;
}

std::optional<TextId> TextPool::find(std::string_view text) const {
  if (text.empty()) return TextId{0};
  const auto known = ids_.find(text);
  return known == ids_.end() ? std::nullopt : std::optional(known->second);
}

}  // namespace weir::dagmanager
