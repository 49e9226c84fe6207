// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of watching orphans and of collecting them (contract section 3.12).
namespace weir::dagmanager {

/// Between two passes, unless it is configured.
inline constexpr Duration kGcEvery = std::chrono::seconds(60);

/// Deploys of a strategy in a world that hold their queues, of those that were not ended, unless it
/// is configured.
inline constexpr std::size_t kDeploysKept = 10;

/// Deploys whose nodes are looked up while the graph is held still, and topics that are asked for
/// their sizes at a time.
inline constexpr std::size_t kWatchedDeploys = 10;
inline constexpr std::size_t kSizesPage = 5000;

/// Queues that one pass collects; half of them while the broker is busier than this share of what
/// it can do.
inline constexpr std::size_t kGcBatch = 50;
inline constexpr double kBusyShare = 0.8;

/// Between two passes over queues that buffer, how long one buffers unless it is configured, and
/// queues that one transaction orders to be computed in full: of a diff that marks some of them,
/// two such transactions at most come between.
inline constexpr Duration kRecomputeEvery = std::chrono::hours(1);
inline constexpr Duration kBufferingDelay = std::chrono::hours(7 * 24);
inline constexpr std::size_t kRecomputeBatch = 1000;

/// Queues that one report says of why they stay; beyond them it only counts.
inline constexpr std::size_t kReportedSkips = 1000;

}  // namespace weir::dagmanager
