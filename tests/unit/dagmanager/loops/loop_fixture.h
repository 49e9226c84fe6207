// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dagmanager/ports/loops/loop_leases.h"
#include "tests/hand_clock.h"

/// What tests of loops share.
namespace weir::dagmanager::test {

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
    if (leases.ok()) {
      for (LoopLease& lease : *leases) lease.asked = asked;
    }
    return leases;
  }
  Result<std::vector<LoopFence>> seize(const std::string& holder,
                                       std::span<const std::string> loops) override {
    return inner_.seize(holder, loops);
  }
  Result<void> give_back(const std::string& holder) override { return inner_.give_back(holder); }

  bool reachable = true;
  bool asked = false;  ///< every loop
  Duration takes{};    ///< on its way back

 private:
  LoopLeases& inner_;
  Clock* clock_;
};

}  // namespace weir::dagmanager::test
