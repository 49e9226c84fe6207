// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/queue_life.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// Port: what decides how long queues live (contract section 3.12). Of one graph store, whose
/// faults it has; any thread. What it tells in several calls need not be of one moment.
class QueueLifeStore {
 public:
  virtual ~QueueLifeStore() = default;

  /// All deploys, by key.
  virtual Result<std::vector<DeployStanding>> deploys() = 0;
  /// What those of these keys that are there are bound to, in no particular order.
  virtual Result<std::vector<DeployBindings>> bindings(std::span<const std::string> keys) = 0;

  /// Orphans as they were marked, by queue.
  virtual Result<std::vector<OrphanRecord>> orphans() = 0;
  /// Writes marks, in one transaction of the loop. ABORTED `loop_lost`.
  virtual Result<void> mark(const LoopFence& fence, const OrphanMarks& marks) = 0;
};

}  // namespace weir::dagmanager
