// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/rollouts/redo_store.h"

namespace weir::dagmanager {

/// RedoStore of a memory store, which outlives it.
class MemoryRedoStore final : public RedoStore {
 public:
  explicit MemoryRedoStore(MemoryGraphStore& store) : store_(store) {}

  Result<SentinelHistory> history(const graph::SentinelId& sentinel) override;
  Result<std::optional<DeployRecord>> deploy(const std::string& key) override;
  Result<TakenBack> take_back(const TakeBack& command) override;

 private:
  MemoryGraphStore& store_;
};

}  // namespace weir::dagmanager
