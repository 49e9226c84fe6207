// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/topics/principal_store.h"

namespace weir::dagmanager {

/// PrincipalStore of a memory store and its rows of loops, which both outlive it.
class MemoryPrincipalStore final : public PrincipalStore {
 public:
  MemoryPrincipalStore(MemoryGraphStore& store, MemoryLoopLeases& loops)
      : store_(store), loops_(loops) {}

  Result<std::vector<std::string>> list() override;
  Result<void> add(std::span<const std::string> principals) override;
  Result<void> drop(const LoopFence& fence, std::span<const std::string> principals) override;

 private:
  MemoryGraphStore& store_;
  MemoryLoopLeases& loops_;
};

}  // namespace weir::dagmanager
