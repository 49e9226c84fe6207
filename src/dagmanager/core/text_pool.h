// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "dagmanager/core/packed.h"

namespace weir::dagmanager {

/// Number of a text in a pool. 0: the empty one.
using TextId = std::uint32_t;

/// Texts that many records share, each kept once and for as long as the pool is.
class TextPool {
 public:
  /// The number of a text, which is kept from now on.
  TextId id_of(std::string_view text);
  /// The number of a text that was kept before.
  std::optional<TextId> find(std::string_view text) const;
  std::string_view text(TextId id) const { return id == 0 ? std::string_view() : texts_[id - 1]; }

  /// About how many bytes the texts take.
  std::size_t resident_bytes() const { return bytes_; }

 private:
  ByteArena arena_;
  std::vector<std::string_view> texts_;
  absl::flat_hash_map<std::string_view, TextId> ids_;
  std::size_t bytes_ = 0;
};

}  // namespace weir::dagmanager
