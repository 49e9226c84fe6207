// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/monitors/completion.h"
#include "dagmanager/monitors/size_keeper.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/monitors/completion_store.h"

namespace weir::dagmanager {

inline constexpr const char* kCompletionLoop = "completion";

/// Is told how many queues are completed after a look.
class CompletionObserver {
 public:
  virtual ~CompletionObserver() = default;
  virtual void queues_completed(std::size_t count) = 0;
};

/// The pass of the loop `completion` (contract section 3.14): judges all queues by each new look of
/// this instance's SizeKeeper, and writes what differs from what is stored, a batch a transaction.
/// It asks the broker nothing. One caller at a time.
///
///   killed before a batch commits   the next holder judges by what is noted: the same, a little
///                                   later
///   killed after it                 what is stored is as it was told; nobody is told again
class CompletionWatch {
 public:
  /// All outlive the watch.
  struct Parts {
    GraphStore& store;
    SizeKeeper& sizes;
    CompletionStore& completion;
    const Clock& clock;
    CompletionObserver& observer;
    /// If not, no queue is completed, and those that were are so no more.
    bool enabled = true;
  };

  explicit CompletionWatch(Parts parts) : parts_(parts) {}

  /// Faults of the ports: what was written is, and the next pass begins from what is noted.
  Result<void> run_once(const LoopFence& fence);

 private:
  Result<std::optional<CompletionPlan>> plan(const LoopFence& fence);
  Result<std::optional<CompletionPlan>> plan_without();
  Result<void> begin(const LoopFence& fence);
  Result<void> carry_out(const LoopFence& fence, const CompletionPlan& plan);

  const Parts parts_;
  LoopFence fence_;                  // under which the book was begun
  std::optional<SilenceBook> book_;  // nothing: to be begun
  std::optional<Duration> seen_at_;  // the look that was judged last, monotonic
};

}  // namespace weir::dagmanager
