// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

namespace weir::sim {

/// Virtual time: it passes where somebody sleeps.
class SimClock final : public Clock {
 public:
  Instant now() const override { return Instant(since_); }
  Duration monotonic() const override { return since_; }
  void sleep_for(Duration span) override { since_ += span; }

 private:
  Duration since_ = std::chrono::hours(480'000);
};

}  // namespace weir::sim
