// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "base/clock.h"

/// Bounds of the PostgreSQL adapters.
namespace weir::dagmanager {

/// Longest wait for a free connection of the pool.
inline constexpr Duration kStoreConnectionWait = std::chrono::seconds(5);

/// How often one call is carried out when others' transactions turn it away.
inline constexpr int kStoreTriesMax = 3;

/// Diffs whose nodes are written ahead at the same time, and the connections that takes: one for
/// the nodes, one for what the diff reads meanwhile. Further diffs write one thing after the other.
inline constexpr int kWriteAheadDiffs = 4;
inline constexpr std::size_t kWriteAheadConnections = 2;

/// From how many nodes on a thread of their own hands them over: it takes a tenth of a millisecond
/// to begin, as long as a hundred nodes take.
inline constexpr std::size_t kNodesOfOwnThread = 200;

/// How often one read goes after a graph that others keep changing.
inline constexpr int kRefreshTriesMax = 10;

/// Rows of a page while the whole graph is read.
inline constexpr std::int64_t kCopyPageRows = 5'000;

/// Packed queue ids of one page of events: each byte becomes some hundred of the envelopes.
inline constexpr std::int64_t kEventPageIdBytes = std::int64_t{64} << 10;

/// First and longest wait before a bell that lost its connection connects anew.
inline constexpr Duration kBellWaitFirst = std::chrono::milliseconds(100);
inline constexpr Duration kBellWaitMax = std::chrono::seconds(5);

/// Bounds of a session of the stores: one statement, the wait for a lock, and an open transaction
/// whose owner says nothing.
inline constexpr std::chrono::milliseconds kStoreStatementTimeout{10'000};
inline constexpr std::chrono::milliseconds kStoreLockTimeout{5'000};
inline constexpr std::chrono::milliseconds kStoreIdleTimeout{10'000};
static_assert(kStoreLockTimeout < kStoreStatementTimeout,
              "a statement that waits for a lock must fail by the wait's own name");

}  // namespace weir::dagmanager
