// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/topics/topic_log_store.h"

namespace weir::dagmanager {

/// TopicLogStore of a memory store and its rows of loops, which both outlive it.
class MemoryTopicLogStore final : public TopicLogStore {
 public:
  MemoryTopicLogStore(MemoryGraphStore& store, MemoryLoopLeases& loops)
      : store_(store), loops_(loops) {}

  Result<std::size_t> prune(const LoopFence& fence, Instant horizon, std::size_t limit) override;
  Result<std::optional<Instant>> pruned_before() override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
};

}  // namespace weir::dagmanager
