// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/topics/topic_upkeep_store.h"

namespace weir::dagmanager {

/// TopicUpkeepStore of a memory store. Store and leases outlive it. What is held is the store as a
/// whole: whoever is called meanwhile must not call it.
class MemoryTopicUpkeep final : public TopicUpkeepStore {
 public:
  MemoryTopicUpkeep(MemoryGraphStore& store, MemoryLoopLeases& loops)
      : store_(store), loops_(loops) {}

  Result<std::vector<IntentRow>> intents(Instant before, std::size_t limit) override;
  Result<bool> start_dropping(const LoopFence& fence, RowId intent, Instant before) override;
  Result<bool> end_dropping(const LoopFence& fence, RowId intent, const Remove& remove) override;
  Result<bool> while_active(const LoopFence& fence, RowId queue, const Held& held) override;
  Result<std::vector<bool>> known(std::span<const graph::TopicName> names) override;
  Result<std::vector<SentinelGap>> sentinel_gaps(std::size_t limit) override;
  Result<void> mend_sentinel(const LoopFence& fence, const SentinelGap& gap,
                             const TopicLogRow& row) override;
  Result<std::vector<std::shared_ptr<const BindingContext>>> contexts() override;
  Result<void> add_log(const LoopFence& fence, std::span<const TopicLogRow> rows) override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
};

}  // namespace weir::dagmanager
