// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>

#include "base/clock.h"

namespace weir::test {

/// Time that moves when a test says so, and by what is waited on it. Safe from any thread.
class HandClock final : public Clock {
 public:
  /// `since_start` is what the monotonic clock begins with; the wall clock was `zero` at its 0.
  explicit HandClock(Duration since_start = std::chrono::hours(1000), Instant zero = {})
      : zero_(zero), since_start_(since_start.count()) {}

  Instant now() const override { return zero_ + monotonic(); }
  Duration monotonic() const override { return Duration(since_start_.load()); }
  void sleep_for(Duration span) override { since_start_ += span.count(); }

 private:
  const Instant zero_;
  std::atomic<Duration::rep> since_start_;
};

}  // namespace weir::test
