// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// Port: how far back the topic log and the audit reach (contract section 3.19). Of one graph
/// store, whose faults it has; any thread.
class TopicLogStore {
 public:
  virtual ~TopicLogStore() = default;

  /// Gives up what is older than `horizon`, at least a day back, but for what rows_that_stay keeps;
  /// rows that were logged together may stay together. At most about `limit` of them, oldest first,
  /// in one transaction of the loop; tells how many went. ABORTED `loop_lost`.
  virtual Result<std::size_t> prune(const LoopFence& fence, Instant horizon, std::size_t limit) = 0;

  /// Before when the log is not whole; nothing: it is.
  virtual Result<std::optional<Instant>> pruned_before() = 0;
};

}  // namespace weir::dagmanager
