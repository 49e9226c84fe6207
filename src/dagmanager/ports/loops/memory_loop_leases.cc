// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/loops/memory_loop_leases.h"

#include "dagmanager/ports/loops/limits.h"

namespace weir::dagmanager {

Result<std::vector<LoopLease>> MemoryLoopLeases::renew(const std::string& holder,
                                                       std::span<const LoopClaim> claims) {
  const std::scoped_lock lock(mutex_);
  const Duration now = clock_.monotonic();
  for (const LoopClaim& claim : claims) {
    const auto [place, fresh] = rows_.try_emplace(claim.loop);
    Row& row = place->second;
    const bool lapsed = fresh || row.until <= now;
    if (!lapsed && row.holder != holder) continue;
    if (lapsed || row.holder != holder) ++row.fence;
    row.holder = holder;
    row.until = now + kLoopLeaseTtl;
    if (claim.last_run) row.last_run = claim.last_run;
  }
  std::vector<LoopLease> leases;
  leases.reserve(rows_.size());
  for (const auto& [loop, row] : rows_) {
    leases.push_back({.loop = loop,
                      .holder = row.holder,
                      .fence = row.fence,
                      .left = row.until - now,
                      .last_run = row.last_run});
  }
  return leases;
}

Result<std::vector<LoopFence>> MemoryLoopLeases::seize(const std::string& holder,
                                                       std::span<const std::string> loops) {
  const std::scoped_lock lock(mutex_);
  std::vector<LoopFence> fences;
  for (const std::string& loop : loops) {
    Row& row = rows_[loop];
    row.holder = holder;
    row.until = clock_.monotonic() + kLoopLeaseTtl;
    fences.push_back({loop, ++row.fence});
  }
  return fences;
}

Result<void> MemoryLoopLeases::give_back(const std::string& holder) {
  const std::scoped_lock lock(mutex_);
  for (auto& [loop, row] : rows_) {
    if (row.holder != holder) continue;
    row.holder.clear();
    row.until = clock_.monotonic();
    ++row.fence;
  }
  return {};
}

Result<std::unique_lock<std::mutex>> MemoryLoopLeases::lock(const LoopFence& fence) {
  return lock(std::span(&fence, 1));
}

Result<std::unique_lock<std::mutex>> MemoryLoopLeases::lock(std::span<const LoopFence> fences) {
  std::unique_lock lock(mutex_);
  for (const LoopFence& fence : fences) {
    const auto row = rows_.find(fence.loop);
    if (row == rows_.end() || row->second.fence != fence.fence) return loop_lost(fence);
  }
  return lock;
}

}  // namespace weir::dagmanager
