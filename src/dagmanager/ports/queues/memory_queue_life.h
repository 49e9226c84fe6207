// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/queues/queue_life_store.h"

namespace weir::dagmanager {

/// QueueLifeStore of a memory store and its rows of loops, which both outlive it.
class MemoryQueueLife final : public QueueLifeStore {
 public:
  MemoryQueueLife(MemoryGraphStore& store, MemoryLoopLeases& loops)
      : store_(store), loops_(loops) {}

  Result<std::vector<DeployStanding>> deploys() override;
  Result<std::vector<DeployBindings>> bindings(std::span<const std::string> keys) override;
  Result<std::vector<OrphanRecord>> orphans() override;
  Result<void> mark(const LoopFence& fence, const OrphanMarks& marks) override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
};

}  // namespace weir::dagmanager
