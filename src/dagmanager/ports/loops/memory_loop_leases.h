// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// LoopLeases in this process's memory, beside a memory store.
class MemoryLoopLeases final : public LoopLeases {
 public:
  /// `clock` outlives the rows.
  explicit MemoryLoopLeases(const Clock& clock) : clock_(clock) {}

  Result<std::vector<LoopLease>> renew(const std::string& holder,
                                       std::span<const LoopClaim> claims) override;
  Result<std::vector<LoopFence>> seize(const std::string& holder,
                                       std::span<const std::string> loops) override;
  Result<void> give_back(const std::string& holder) override;

  /// For a loop's transaction: as long as the lock lives, the row stays as it is. ABORTED
  /// `loop_lost` if the fence is not the row's.
  Result<std::unique_lock<std::mutex>> lock(const LoopFence& fence);
  /// The same for one that stands in for several loops.
  Result<std::unique_lock<std::mutex>> lock(std::span<const LoopFence> fences);

 private:
  struct Row {
    std::string holder;
    std::int64_t fence = 0;
    Duration until{};
    std::optional<Instant> last_run;
  };

  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Row> rows_;
};

}  // namespace weir::dagmanager
