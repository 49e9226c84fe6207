// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dagmanager/ports/loops/loop_leases.h"

/// What tests of loops share.
namespace weir::dagmanager::test {

/// A clock that is set by hand.
class HandClock final : public Clock {
 public:
  Instant now() const override { return Instant(time_); }
  Duration monotonic() const override { return time_; }
  void sleep_for(Duration time) override { time_ += time; }

 private:
  Duration time_ = std::chrono::hours(1000);
};

/// Rows that cannot always be reached.
class UnreachableLeases final : public LoopLeases {
 public:
  explicit UnreachableLeases(LoopLeases& inner, Clock* clock = nullptr)
      : inner_(inner), clock_(clock) {}

  Result<std::vector<LoopLease>> renew(const std::string& holder,
                                       std::span<const LoopClaim> claims) override {
    if (!reachable) return base::unavailable("graph_unavailable", "no store");
    auto leases = inner_.renew(holder, claims);
    if (clock_ != nullptr) clock_->sleep_for(takes);
    return leases;
  }
  Result<void> give_back(const std::string& holder) override { return inner_.give_back(holder); }

  bool reachable = true;
  Duration takes{};  ///< on its way back

 private:
  LoopLeases& inner_;
  Clock* clock_;
};

}  // namespace weir::dagmanager::test
