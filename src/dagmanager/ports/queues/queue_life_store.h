// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/queue_life.h"
#include "dagmanager/core/queues/cleanup.h"
#include "dagmanager/core/queues/queue_end.h"
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

  /// Step 2 of a queue's end, in one transaction of the loop that keeps everybody from referring to
  /// a queue anew: those of the batch that are still unreferenced lose their bindings, and it is
  /// told and logged. Their names are held until forget(). Gives the rows that went, rising.
  /// ABORTED `loop_lost`; `graph_moved` where the graph could not be brought up to date.
  virtual Result<std::vector<RowId>> collect(const LoopFence& fence,
                                             const Collection& collection) = 0;
  /// Queues that went and are not forgotten, by row. Reads under the fence: ABORTED `loop_lost`.
  virtual Result<std::vector<LeavingQueue>> leaving(const LoopFence& fence) = 0;
  /// Step 4: the records of topics that surely are no more go, in one transaction of the loop, with
  /// a row of the log each. Those that went already are passed over. ABORTED `loop_lost`.
  virtual Result<void> forget(const LoopFence& fence, const Forgetting& forgetting) = 0;

  /// Ends the deploys that an id means, in one transaction with its audit row; tells how many.
  /// Faults of decide_cleanup.
  virtual Result<std::size_t> end_deploys(const Cleanup& cleanup) = 0;
};

}  // namespace weir::dagmanager
