// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/retry_delay.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::dispatcher {

Duration retry_delay(const Backoff& backoff, int attempt, std::uint64_t draw) {
  WEIR_ASSERT(attempt >= 1);
  Duration delay = std::min(backoff.base, backoff.cap);
  for (int doubled = 1; doubled < attempt && delay < backoff.cap; ++doubled) {
    delay = std::min(delay * 2, backoff.cap);
  }
  // Half of it for certain, and up to a whole more: 32 random bits as a fraction. An hour has 32
  // bits of microseconds, so the product fits.
  WEIR_ASSERT(delay < std::chrono::hours(1));
  const auto whole = static_cast<std::uint64_t>(delay.count());
  const std::uint64_t more = (whole * (draw >> 32U)) >> 32U;
  return delay / 2 + Duration(static_cast<Duration::rep>(more));
}

const Backoff& backoff_of(TaskKind kind) {
  return kind == TaskKind::Sink ? kSinkBackoff : kTaskBackoff;
}

}  // namespace weir::dispatcher
