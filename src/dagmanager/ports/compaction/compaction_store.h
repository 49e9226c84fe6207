// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/compaction/retirement.h"
#include "dagmanager/core/compaction/sentinel_export.h"
#include "dagmanager/core/compaction/spare_nodes.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// The loops that a compaction stands in for: nobody else ends queues or mends the graph meanwhile.
struct CompactionFence {
  LoopFence gc;
  LoopFence reconciler;
};

/// Port: what leaves the graph for good (contract section 3.24). Of one graph store, whose faults
/// it has; any thread. Each change is one transaction with its row of the log, under the fence of
/// its loops: ABORTED `loop_lost`.
class CompactionStore {
 public:
  virtual ~CompactionStore() = default;

  /// All stored sentinels, by key.
  virtual Result<std::vector<SentinelLife>> sentinels() = 0;
  /// Notes who retired, and who waits again. Of the loop `gc`.
  virtual Result<void> mark(const LoopFence& gc, const RetirementMarks& marks) = 0;

  /// What is stored of a sentinel and of the deploys of these keys; nothing if it is not there.
  virtual Result<std::optional<SentinelExport>> read_sentinel(
      const SentinelKey& sentinel, const std::vector<std::string>& deploys) = 0;
  /// The sentinel goes, its deploys end. False, and nothing is changed, if it is held by now, or
  /// another than was exported.
  virtual Result<bool> remove_sentinel(const CompactionFence& fence,
                                       const SentinelRemoval& removal) = 0;

  /// Nodes go with their artifacts, and the deploys that refer to them end; the epoch is raised.
  /// Those stay that a deploy, a queue or a node which came since they were found wants.
  virtual Result<RemovedNodes> remove_nodes(const CompactionFence& fence,
                                            const NodeRemoval& removal) = 0;
};

}  // namespace weir::dagmanager
