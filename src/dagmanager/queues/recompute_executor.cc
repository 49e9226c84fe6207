// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/queues/recompute_executor.h"

#include "dagmanager/queues/limits.h"
#include "server/log.h"

namespace weir::dagmanager {

/// Each batch begins behind the one before, so that what is passed over does not hold up the pass.
Result<std::size_t> RecomputeExecutor::run_once(const LoopFence& fence) {
  const Instant now = parts_.clock.now();
  RecomputeOrder order{.before = now - delay_, .after = 0, .limit = kRecomputeBatch, .at = now};
  std::size_t ordered = 0;
  while (true) {
    WEIR_TRY(const auto rows, parts_.buffering.recompute(fence, order));
    ordered += rows.size();
    if (rows.size() < order.limit) break;
    order.after = rows.back();
  }
  if (ordered > 0) {
    server::log().info("queues that buffered too long are to be computed in full",
                       {{"queues", ordered}});
  }
  return ordered;
}

}  // namespace weir::dagmanager
