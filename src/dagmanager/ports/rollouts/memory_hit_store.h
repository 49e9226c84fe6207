// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/random.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/rollouts/hit_store.h"

namespace weir::dagmanager {

/// HitStore of a memory store, which outlives it, as `random` does.
class MemoryHitStore final : public HitStore {
 public:
  MemoryHitStore(MemoryGraphStore& store, Random& random) : store_(store), random_(random) {}

  Result<void> record(std::span<const HitSighting> seen, Instant at) override;
  Result<std::vector<CrossContextHit>> list(std::optional<HitState> state) override;
  Result<CrossContextHit> acknowledge(const HitAck& ack) override;
  Result<std::size_t> open_count() override;

 private:
  MemoryGraphStore& store_;
  Random& random_;
};

}  // namespace weir::dagmanager
