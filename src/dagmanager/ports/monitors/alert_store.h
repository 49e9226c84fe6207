// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/monitors/alerts.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// The loop whose holder writes alerts.
inline constexpr const char* kHealthLoop = "health";

/// Port: conditions and alerts. Of one graph store, whose faults it has; any thread.
class AlertStore {
 public:
  virtual ~AlertStore() = default;

  /// Says that the conditions stand: a new one is kept, as long as there are fewer than
  /// kConditionsMax, a known one lasts longer. One transaction.
  virtual Result<void> raise(std::span<const Condition> conditions) = 0;

  /// All conditions, by key, and all alerts that are not settled, in the order they were opened.
  virtual Result<AlertBook> read() = 0;

  /// Writes what a pass decided, whole alerts by their ids, takes away the conditions that are gone
  /// and have not been said again, and forgets alerts that were settled long before `now`. One
  /// transaction; ABORTED `loop_lost` if the fence is another's by now.
  virtual Result<void> write(const LoopFence& fence, const AlertChange& change, Instant now) = 0;
};

}  // namespace weir::dagmanager
