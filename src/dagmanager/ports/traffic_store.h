// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/traffic_weights.h"

namespace weir::dagmanager {

/// Port: the shares of traffic that sentinels have, and who changed them. Of one graph store, whose
/// faults it has; any thread.
class TrafficStore {
 public:
  virtual ~TrafficStore() = default;

  /// Decides and writes in one transaction: the sentinel's weight, an audit row, one event; nothing
  /// where the weight is as it was. Two callers at once take turns. Faults of decide_weight.
  virtual Result<WeightOutcome> set_weight(const WeightChange& change) = 0;

  /// The versions of which a sentinel has a weight, at most `limit`: the highest weight first, of
  /// equal ones the version stored last.
  virtual Result<std::vector<VersionWeight>> version_weights(std::size_t limit) = 0;

  /// Audit rows above `after`, oldest first, at most `limit`, with their numbers.
  virtual Result<std::vector<std::pair<RowId, AuditRow>>> audit(RowId after, std::size_t limit) = 0;
};

}  // namespace weir::dagmanager
