// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/queues/buffering_store.h"

/// The end of buffering (contract section 3.13).
namespace weir::dagmanager {

/// What the loop is called.
inline constexpr const char* kRecomputeLoop = "recompute";

/// The pass of the loop `recompute`: queues that have buffered for longer than the delay are
/// ordered to be computed in full, a batch a transaction. A kill between two batches: the next pass
/// finds the others still marked.
class RecomputeExecutor {
 public:
  struct Parts {
    BufferingStore& buffering;
    const Clock& clock;
  };

  /// `delay`: how long a queue buffers. All outlives the executor.
  RecomputeExecutor(Parts parts, Duration delay) : parts_(parts), delay_(delay) {}

  /// One pass under the loop's fence; tells how many queues it ordered. Faults of the store: what
  /// was ordered before is.
  Result<std::size_t> run_once(const LoopFence& fence);

 private:
  const Parts parts_;
  const Duration delay_;
};

}  // namespace weir::dagmanager
