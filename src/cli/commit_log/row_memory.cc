// SPDX-License-Identifier: Apache-2.0
#include "cli/commit_log/row_memory.h"

namespace weir::cli {

bool RowMemory::add(std::string_view identity) {
  const base::Digest row = base::blake3(identity);
  if (const auto known = rows_.find(row); known != rows_.end()) {
    order_.splice(order_.end(), order_, known->second);
    return false;
  }
  rows_.emplace(row, order_.insert(order_.end(), row));
  if (rows_.size() > rows_max_) {
    rows_.erase(order_.front());
    order_.pop_front();
  }
  return true;
}

}  // namespace weir::cli
