// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/redo.h"

namespace weir::dagmanager {

/// A rollback as it was decided, and what it stands on.
struct TakeBack {
  graph::SentinelId sentinel;
  graph::WorldId world;
  std::string taken;          ///< deploy key
  std::string predecessor;    ///< deploy key
  std::vector<RowId> queues;  ///< the predecessor's, which must all be there
  std::string actor;
  Instant at{};
};

/// What a rollback did.
struct TakenBack {
  bool changed = false;                 ///< false: it was taken back already
  std::vector<SentinelRecord> weights;  ///< with the weights that were set
};

/// Port: what sentinels have been, and the way back (contract section 3.16). Of one graph store,
/// whose faults it has; any thread.
class RedoStore {
 public:
  virtual ~RedoStore() = default;

  /// The deploys and versions of a sentinel in all worlds; empty if there is none.
  virtual Result<SentinelHistory> history(const graph::SentinelId& sentinel) = 0;

  virtual Result<std::optional<DeployRecord>> deploy(const std::string& key) = 0;

  /// One transaction: marks the deploy, moves the weights, adds audit rows and events. Decided anew
  /// under the lock: ABORTED `graph_moved` where another rollback would come of it by now;
  /// FAILED_PRECONDITION `queues_collected` where a queue is gone; faults of plan_rollback.
  virtual Result<TakenBack> take_back(const TakeBack& command) = 0;
};

}  // namespace weir::dagmanager
