// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "dagmanager/ports/monitors/alert_store.h"
#include "server/breaker.h"

namespace weir::dagmanager {

/// What this instance's diffs have come to since it started.
struct DiffFigures {
  std::uint64_t diffs = 0;
  std::uint64_t ack_timeouts = 0;
  double p95_milliseconds = 0;  ///< of the last hundred
};

/// The health monitor (contract section 3.14): looks at what this instance alone can see, and says
/// which faults stand. Those of the graph store go to a store of this instance, as they cannot
/// stand in the one they are about. One caller at a time.
class HealthWatch {
 public:
  struct Parts {
    AlertStore& shared;                       ///< beside the graph
    AlertStore& own;                          ///< of this instance
    const server::Breaker* graph = nullptr;   ///< null: in memory, which is always there
    const server::Breaker* broker = nullptr;  ///< likewise
    std::function<DiffFigures()> figures;
    const Clock& clock;
    std::string instance;
  };

  explicit HealthWatch(Parts parts) : parts_(std::move(parts)) {}

  /// One look; tells whether it said anything to the shared store. Faults of that store: what was
  /// seen is said again with the next.
  Result<bool> look();

 private:
  std::vector<Condition> shared_conditions(const DiffFigures& figures, Instant now) const;

  const Parts parts_;
  DiffFigures seen_;  // as of the last look that was written down
};

}  // namespace weir::dagmanager
