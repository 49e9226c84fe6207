// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace weir::operators {

/// The cursors of a sequence_source and when each is due (contract section 2.6): `start`,
/// `start + step`, … up to `end`, one every interval, the first at once. Pure.
class Sequence {
 public:
  /// Fatal `config_invalid`.
  static Result<Sequence> parse(std::string_view config_json);

  /// Whether there is nothing left.
  bool done() const { return next_ > end_; }
  /// The cursors that are due `elapsed` after the pace began, at most `most`. Asking changes
  /// nothing: `skip_to` does, once they were accepted.
  std::vector<std::int64_t> due(Duration elapsed, std::size_t most) const;
  /// How long after the pace began the next one is due.
  Duration next_due() const;
  /// Goes on behind `last`.
  void skip_to(std::int64_t last);
  /// The pace begins now: the next one is due at once, and none that was missed is made up for.
  void restart_pace() { paced_ = 0; }

 private:
  std::int64_t next_ = 0;
  std::int64_t end_ = 0;  // the last one there may be
  std::int64_t step_ = 1;
  Duration interval_{};
  std::int64_t start_ = 0;
  std::int64_t paced_ = 0;  // how many were passed since the pace began
};

}  // namespace weir::operators
