// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of watching orphans (contract section 3.12).
namespace weir::dagmanager {

/// Between two passes.
inline constexpr Duration kOrphanWatchEvery = std::chrono::seconds(60);

/// Deploys of a strategy in a world that hold their queues, of those that were not ended.
inline constexpr std::size_t kDeploysKept = 10;

/// Deploys whose nodes are looked up while the graph is held still, and topics that are asked for
/// their sizes at a time.
inline constexpr std::size_t kWatchedDeploys = 10;
inline constexpr std::size_t kSizesPage = 5000;

}  // namespace weir::dagmanager
