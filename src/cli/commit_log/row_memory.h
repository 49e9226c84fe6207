// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <list>
#include <string_view>

#include "base/blake3.h"

namespace weir::cli {

/// How many rows a consumer remembers (contract section 1.5): about 120 MiB when it is full.
inline constexpr std::size_t kRowsRemembered = 1'000'000;

/// The last rows that came, by a hash of what makes two of them equal. A repeat counts as come
/// anew; beyond the bound the one that came longest ago is forgotten.
class RowMemory {
 public:
  explicit RowMemory(std::size_t rows_max = kRowsRemembered) : rows_max_(rows_max) {}

  /// Takes a row in; false if it came before.
  bool add(std::string_view identity);
  std::size_t size() const { return rows_.size(); }

 private:
  using Order = std::list<base::Digest>;  // the oldest first

  const std::size_t rows_max_;
  Order order_;
  absl::flat_hash_map<base::Digest, Order::iterator> rows_;
};

}  // namespace weir::cli
