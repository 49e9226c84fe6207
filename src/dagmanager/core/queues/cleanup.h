// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/traffic_weights.h"
#include "graph/ids.h"

/// Ending deploys by hand (contract section 3.12): pure.
namespace weir::dagmanager {

/// A deploy, as far as it decides whether an id means it.
struct CleanupRow {
  std::string key;  ///< DeployKey::text()
  graph::StrategyId strategy;
  graph::WorldId world;
  graph::VersionLabel version;
  bool sentinel_due = false;
  bool ended = false;
};

/// What an operator asks for.
struct Cleanup {
  std::string id;  ///< a strategy, a sentinel, or a version label
  std::string actor;
  Instant at{};
};

/// The strategies that an id may mean: itself, and whose sentinel it is.
std::vector<graph::StrategyId> strategies_meant(const std::string& id);

/// Keys of the deploys to be ended, among those whose strategy or version the id may mean, in
/// order. A label counts only where no strategy is meant. FAILED_PRECONDITION
/// `ambiguous_sentinel`, naming them, where several sentinels bear it; nothing found is no fault.
Result<std::vector<std::string>> decide_cleanup(std::span<const CleanupRow> rows,
                                                const std::string& id);

/// The audit row of so many ended deploys.
AuditRow audit_of(const Cleanup& cleanup, std::size_t ended);

}  // namespace weir::dagmanager
