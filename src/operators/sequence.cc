// SPDX-License-Identifier: Apache-2.0
#include "operators/sequence.h"

#include <algorithm>
#include <chrono>

#include "operators/failure.h"
#include "operators/json_members.h"
#include "operators/limits.h"

namespace weir::operators {

Result<Sequence> Sequence::parse(std::string_view config_json) {
  WEIR_TRY(const JsonDocument document, parse_object(config_json, "config"));
  const JsonValue root = document.root();
  WEIR_TRY(const auto start, optional_whole(root, "start"));
  WEIR_TRY(const auto end, optional_whole(root, "end"));
  WEIR_TRY(const auto step, optional_whole(root, "step"));
  WEIR_TRY(const auto interval, optional_whole(root, "interval_ms"));
  Sequence sequence;
  sequence.start_ = start.value_or(0);
  sequence.next_ = sequence.start_;
  sequence.end_ = end.value_or(kWholeMax);
  sequence.step_ = step.value_or(1);
  const std::int64_t milliseconds = interval.value_or(kSourceIntervalMillis);
  const auto is_whole = [](std::int64_t number) {
    return number >= -kWholeMax && number <= kWholeMax;
  };
  if (!is_whole(sequence.start_) || !is_whole(sequence.end_) || sequence.step_ < 1 ||
      !is_whole(sequence.step_) || milliseconds < 0 || milliseconds > kSourceIntervalMillisMax) {
    return fatal_error("config_invalid", "start, end, step or interval_ms is out of range");
  }
  sequence.interval_ = std::chrono::milliseconds(milliseconds);
  return sequence;
}

std::vector<std::int64_t> Sequence::due(Duration elapsed, std::size_t most) const {
  auto count = static_cast<std::int64_t>(most);
  if (interval_ > Duration::zero()) {
    count = std::min(count, elapsed / interval_ + 1 - paced_);
  }
  std::vector<std::int64_t> cursors;
  // Both ends are within 2^53, so that the sum cannot overflow.
  for (std::int64_t cursor = next_; count > 0 && cursor <= end_; cursor += step_, --count) {
    cursors.push_back(cursor);
  }
  return cursors;
}

Duration Sequence::next_due() const { return interval_ * paced_; }

void Sequence::skip_to(std::int64_t last) {
  if (last < next_) return;
  const std::int64_t steps = (last - next_) / step_ + 1;
  next_ += steps * step_;
  paced_ += steps;
}

}  // namespace weir::operators
