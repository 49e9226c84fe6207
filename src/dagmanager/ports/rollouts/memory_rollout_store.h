// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/monitors/alert_store.h"
#include "dagmanager/ports/rollouts/rollout_store.h"

namespace weir::dagmanager {

/// RolloutStore of a memory store, its rows of loops and its alerts, which all outlive it.
class MemoryRolloutStore final : public RolloutStore {
 public:
  MemoryRolloutStore(MemoryGraphStore& store, MemoryLoopLeases& loops, AlertStore& alerts)
      : store_(store), loops_(loops), alerts_(alerts) {}

  Result<RolloutOutcome> begin(const RolloutBegin& command) override;
  Result<RolloutOutcome> change(const RolloutOrder& order) override;
  Result<RolloutOutcome> judge(const LoopFence& fence, const RolloutJudgement& judgement) override;
  Result<std::vector<RolloutRecord>> list(const RolloutFilter& filter) override;
  Result<std::vector<RolloutRecord>> unfinished() override;
  Result<std::optional<RolloutRecord>> find(const std::string& id) override;
  Result<std::vector<SentinelRecord>> versions(const graph::SentinelId& sentinel) override;
  Result<std::size_t> sentinel_gaps() override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
  AlertStore& alerts_;
};

}  // namespace weir::dagmanager
