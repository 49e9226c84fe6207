// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/queues/buffering_store.h"

namespace weir::dagmanager {

/// BufferingStore of a memory store and its rows of loops, which both outlive it.
class MemoryBuffering final : public BufferingStore {
 public:
  MemoryBuffering(MemoryGraphStore& store, MemoryLoopLeases& loops, Random& random)
      : store_(store), loops_(loops), random_(random) {}

  Result<std::vector<RowId>> recompute(const LoopFence& fence,
                                       const RecomputeOrder& order) override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
  Random& random_;
};

}  // namespace weir::dagmanager
