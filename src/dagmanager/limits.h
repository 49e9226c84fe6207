// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "dagmanager/core/limits.h"

/// Bounds of the DAG manager around its core (core/limits.h has those of deciding).
namespace weir::dagmanager {

/// A deploy row's last_seen moves at most this often.
inline constexpr Duration kDeploySeenEvery = std::chrono::hours(1);
static_assert(kDeploySeenEvery < kSeenLatelyHeld, "a deploy that is seen holds its queues");

/// gRPC requests (section 1.1) and the read documents kept by their hash.
inline constexpr std::size_t kRequestBytesMax = std::size_t{16} << 20;
inline constexpr std::size_t kDagCacheBytesMax = std::size_t{8} << 20;

/// Answers that changed nothing, kept by the hash of their request.
inline constexpr std::size_t kAnswerCacheBytesMax = std::size_t{8} << 20;

/// Freed memory is given back to the system after a diff that made `kLargeDiffNodes` queues, after
/// diffs that made `kFreedNodesMax` together, and after any that made `kSmallDiffNodes` if it was
/// not for `kGiveBackEvery`. Taking it again costs the next diff about as much as naming its nodes.
inline constexpr std::size_t kSmallDiffNodes = 100;
inline constexpr std::size_t kLargeDiffNodes = 5'000;
inline constexpr std::size_t kFreedNodesMax = 20'000;
inline constexpr Duration kGiveBackEvery = std::chrono::seconds(10);

/// DescribeNodes: ids of one request, records and bytes of one reply (section 1.1).
inline constexpr std::size_t kDescribeIdsMax = 1000;
inline constexpr std::size_t kDescribeRecordsMax = 500;
inline constexpr std::size_t kDescribeBytesMax = std::size_t{1} << 20;

/// Version labels whose weights /metrics shows apart (section 1.6).
inline constexpr std::size_t kVersionsShown = 1000;

/// How long /metrics waits for what it reads off the store.
inline constexpr Duration kStoredGaugesWait = std::chrono::seconds(1);

/// The body of an admin route.
inline constexpr std::size_t kAdminBodyBytesMax = std::size_t{64} << 10;

/// GetQueueStats calls a second (section 3.11).
inline constexpr int kQueueStatsPerSecond = 5;

/// The oldest outcome Status may answer from, while anyone asks (section 1.2).
inline constexpr Duration kHealthAgeMax = std::chrono::seconds(1);

/// Events that are published, or forgotten, in one transaction.
inline constexpr std::size_t kRelayPage = 1000;
/// First and longest wait of the relay after a store that did not answer.
inline constexpr Duration kRelayWaitFirst = std::chrono::milliseconds(50);
inline constexpr Duration kRelayWaitMax = std::chrono::seconds(5);
/// Events past their retention are forgotten at most this often.
inline constexpr Duration kPruneEvery = std::chrono::minutes(1);

/// Threads for calls that are no diffs and may wait for an engine.
inline constexpr std::size_t kQueryThreads = 4;

/// Threads of the events, which use a connection each: who publishes and who reads.
inline constexpr std::size_t kEventThreads = 2;

/// Threads of the loops and watchers: who renews their rows, who runs them, who looks at this
/// instance's health.
inline constexpr std::size_t kLoopThreads = 8;

/// Between two counts of the graph (section 3.14).
inline constexpr Duration kCountsEvery = std::chrono::seconds(60);

/// Diffs waiting for their turn: bytes of their requests (section 3.2).
inline constexpr std::size_t kDiffQueueBytesMax = std::size_t{256} << 20;

}  // namespace weir::dagmanager
