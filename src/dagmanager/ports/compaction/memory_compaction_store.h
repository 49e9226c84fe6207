// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/compaction/compaction_store.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"

namespace weir::dagmanager {

/// CompactionStore of a memory store.
class MemoryCompactionStore final : public CompactionStore {
 public:
  /// Both outlive it.
  MemoryCompactionStore(MemoryGraphStore& store, MemoryLoopLeases& loops)
      : store_(store), loops_(loops) {}

  Result<std::vector<SentinelLife>> sentinels() override;
  Result<void> mark(const LoopFence& gc, const RetirementMarks& marks) override;
  Result<std::optional<SentinelExport>> read_sentinel(
      const SentinelKey& sentinel, const std::vector<std::string>& deploys) override;
  Result<bool> remove_sentinel(const CompactionFence& fence,
                               const SentinelRemoval& removal) override;
  Result<RemovedNodes> remove_nodes(const CompactionFence& fence,
                                    const NodeRemoval& removal) override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
};

}  // namespace weir::dagmanager
