// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/compaction/compaction_store.h"
#include "dagmanager/ports/queues/queue_life_store.h"

namespace weir::dagmanager {

/// Notes since when sentinels are retired (core/compaction/retirement.h). Part of a pass of the
/// loop `gc`; it changes nothing but these marks, so it may be killed at any point.
class RetirementWatch {
 public:
  /// All outlive the watch.
  struct Parts {
    QueueLifeStore& life;
    CompactionStore& compaction;
    const Clock& clock;
  };

  RetirementWatch(Parts parts, std::size_t deploys_kept)
      : parts_(parts), deploys_kept_(deploys_kept) {}

  /// One pass under the loop's fence; gives the marks it wrote. Faults of the ports.
  Result<RetirementMarks> run_once(const LoopFence& gc);

 private:
  const Parts parts_;
  const std::size_t deploys_kept_;
};

}  // namespace weir::dagmanager
