// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace weir::worker {

/// The last line of a stream that is not blank. Used by one thread.
class LastLine {
 public:
  void feed(std::string_view bytes);

  /// Without its line end; empty if there was none. Of a line that is too long, its beginning.
  const std::string& text() const { return current_.empty() ? last_ : current_; }
  /// The line is longer than kLastLineBytesMax.
  bool too_long() const { return current_.empty() ? last_cut_ : current_cut_; }

 private:
  void end_line();

  std::string current_;
  std::string last_;
  bool current_cut_ = false;
  bool last_cut_ = false;
};

}  // namespace weir::worker
