// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/queues/queue_life_store.h"

namespace weir::dagmanager {

/// QueueLifeStore of a memory store and its rows of loops, which both outlive it.
class MemoryQueueLife final : public QueueLifeStore {
 public:
  MemoryQueueLife(MemoryGraphStore& store, MemoryLoopLeases& loops, Random& random)
      : store_(store), loops_(loops), random_(random) {}

  Result<std::vector<DeployStanding>> deploys() override;
  Result<std::vector<DeployBindings>> bindings(std::span<const std::string> keys) override;
  Result<std::vector<OrphanRecord>> orphans() override;
  Result<void> mark(const LoopFence& fence, const OrphanMarks& marks) override;
  Result<std::vector<RowId>> collect(const LoopFence& fence, const Collection& collection) override;
  Result<std::vector<LeavingQueue>> leaving(const LoopFence& fence) override;
  Result<void> forget(const LoopFence& fence, const Forgetting& forgetting) override;
  Result<std::size_t> end_deploys(const Cleanup& cleanup) override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
  Random& random_;
};

// For the other ports whose data is in this store too.

/// All deploys, by key.
std::vector<DeployStanding> standings_of(const MemoryGraph& graph);
/// What those of these keys that are there are bound to.
std::vector<DeployBindings> bindings_of(const MemoryGraph& graph,
                                        std::span<const std::string> keys);

}  // namespace weir::dagmanager
