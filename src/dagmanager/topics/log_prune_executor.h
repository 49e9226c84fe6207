// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/topics/topic_log_store.h"

namespace weir::dagmanager {

/// Gives up what of the topic log and the audit is older than they are kept (contract section
/// 3.19): part of each pass of the loop `reconciler`, at most hourly.
class LogPruneExecutor {
 public:
  struct Parts {
    TopicLogStore& log;
    const Clock& clock;
  };

  /// `kept`: at least a day. All outlives the executor.
  LogPruneExecutor(Parts parts, Duration kept) : parts_(parts), kept_(kept) {}

  /// One pass under the loop's fence; tells how many went. One thread. Faults of the store: the
  /// next pass tries again.
  Result<std::size_t> run_once(const LoopFence& fence);

 private:
  const Parts parts_;
  const Duration kept_;
  std::optional<Duration> pruned_at_;  // monotonic
};

}  // namespace weir::dagmanager
