// SPDX-License-Identifier: Apache-2.0
#include "worker/child/last_line.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "worker/child/limits.h"

namespace weir::worker {

void LastLine::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const std::string_view piece = bytes.substr(0, end);
    const std::size_t room = kLastLineBytesMax - current_.size();
    current_ += piece.substr(0, room);
    if (piece.size() > room) current_cut_ = true;
    if (end == std::string_view::npos) return;
    end_line();
    bytes.remove_prefix(end + 1);
  }
}

void LastLine::end_line() {
  if (current_.find_first_not_of(" \t\r") != std::string::npos) {
    last_ = std::move(current_);
    last_cut_ = current_cut_;
  }
  current_.clear();
  current_cut_ = false;
}

}  // namespace weir::worker
