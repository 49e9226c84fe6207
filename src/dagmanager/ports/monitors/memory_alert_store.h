// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/monitors/alert_store.h"

namespace weir::dagmanager {

/// AlertStore in this process's memory, with which it ends. For a memory store, and for the alerts
/// of every instance that cannot stand in the graph store because they are about it.
class MemoryAlertStore final : public AlertStore {
 public:
  /// `loops` outlives the store.
  explicit MemoryAlertStore(MemoryLoopLeases& loops) : loops_(loops) {}

  Result<void> raise(std::span<const Condition> conditions) override;
  Result<AlertBook> read() override;
  Result<void> write(const LoopFence& fence, const AlertChange& change, Instant now) override;

 private:
  MemoryLoopLeases& loops_;
  base::Mutex mutex_;
  std::map<AlertKey, Condition> conditions_ WEIR_GUARDED_BY(mutex_);
  std::vector<Alert> alerts_ WEIR_GUARDED_BY(mutex_);  // as they were opened
};

}  // namespace weir::dagmanager
