// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace weir::base {

/// A point on the wall clock, UTC, and a span. Milliseconds are what the wire carries; microseconds
/// keep order in logs.
using Instant = std::chrono::time_point<std::chrono::system_clock, std::chrono::microseconds>;
using Duration = std::chrono::microseconds;

/// Port: the passing of time. Everything that waits or stamps takes one; only `server/` holds the
/// real one (style guide, rule 28). Safe to call from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  /// Wall clock, for stamps people and other machines read. May jump.
  virtual Instant now() const = 0;

  /// Time since an arbitrary start that never goes back, for measuring and for deadlines.
  virtual Duration monotonic() const = 0;

  /// Waits. A test's clock moves on instead of waiting.
  virtual void sleep_for(Duration span) = 0;
};

}  // namespace weir::base

namespace weir {
using base::Clock;
using base::Duration;
using base::Instant;
}  // namespace weir
