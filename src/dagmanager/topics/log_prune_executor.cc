// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/topics/log_prune_executor.h"

#include "dagmanager/topics/limits.h"

namespace weir::dagmanager {

/// What is left of a full page is next pass's.
Result<std::size_t> LogPruneExecutor::run_once(const LoopFence& fence) {
  const Duration now = parts_.clock.monotonic();
  if (pruned_at_ && now - *pruned_at_ < kPruneLogEvery) return std::size_t{0};
  WEIR_TRY(const std::size_t gone,
           parts_.log.prune(fence, parts_.clock.now() - kept_, kPrunedTogether));
  if (gone < kPrunedTogether) pruned_at_ = now;
  return gone;
}

}  // namespace weir::dagmanager
