// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/monitors/alert_store.h"
#include "dagmanager/ports/monitors/lag_source.h"

namespace weir::dagmanager {

inline constexpr const char* kLagLoop = "lag";

/// How far behind the readers of a queue are, and how far they may be.
struct QueueLag {
  std::string topic;
  double seconds = 0;
  std::int64_t bound_seconds = 0;
};

/// Is told what the monitor saw, the largest lag first.
class LagObserver {
 public:
  virtual ~LagObserver() = default;
  virtual void queue_lags(const std::vector<QueueLag>& lags) = 0;
};

/// The pass of the loop `lag` (contract section 3.14): every queue's lag against the bound that was
/// written on it. One caller at a time.
class LagWatch {
 public:
  /// All outlive the watch.
  struct Parts {
    GraphStore& store;
    LagSource& source;
    AlertStore& alerts;
    const Clock& clock;
    LagObserver& observer;
  };

  explicit LagWatch(Parts parts) : parts_(parts) {}

  /// Faults of the ports: nothing is told of, and what stands runs out.
  Result<void> run_once();

 private:
  const Parts parts_;
};

}  // namespace weir::dagmanager
