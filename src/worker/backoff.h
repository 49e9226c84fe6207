// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

#include "base/clock.h"
#include "base/random.h"
#include "worker/limits.h"

namespace weir::worker {

/// Pauses between tries: doubling from kRetryFirst to kRetryMax, each times U[0.5, 1.5). One
/// thread at a time.
class Backoff {
 public:
  explicit Backoff(Random& random) : random_(random) {}

  Duration next() {
    const Duration base = pause_;
    pause_ = std::min(pause_ * 2, Duration(kRetryMax));
    return base / 2 + Duration(static_cast<Duration::rep>(
                          random_.next() % static_cast<std::uint64_t>(base.count())));
  }
  void reset() { pause_ = kRetryFirst; }

 private:
  Random& random_;
  Duration pause_ = kRetryFirst;
};

}  // namespace weir::worker
