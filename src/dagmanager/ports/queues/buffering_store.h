// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/result.h"
#include "dagmanager/core/queues/recompute.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// Port: queues that buffer (contract section 3.13). Of one graph store, whose faults it has; any
/// thread.
class BufferingStore {
 public:
  virtual ~BufferingStore() = default;

  /// In one transaction of the loop, of the queues that have buffered for too long, by row: each is
  /// told to be computed in full, follows the schema that was announced, and buffers no more. What
  /// a diff has in hands at this moment is left to a later pass. Gives the rows, rising; fewer than
  /// the order's limit: there are no more. ABORTED `loop_lost`.
  virtual Result<std::vector<RowId>> recompute(const LoopFence& fence,
                                               const RecomputeOrder& order) = 0;
};

}  // namespace weir::dagmanager
