// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of the client (style guide, rule 25; contract section 1.1, caller's budgets).
namespace weir::cli {

/// Tries of one diff, its stream resumed or its request repeated, and the waits between them.
inline constexpr int kDiffAttemptsMax = 5;
inline constexpr Duration kDiffWaitFirst = std::chrono::milliseconds(500);
inline constexpr Duration kDiffWaitMax = std::chrono::seconds(4);

/// One try of a diff: the server itself ends a diff that takes 5 minutes before its commit.
inline constexpr Duration kDiffTimeout = std::chrono::minutes(10);
/// Calls that are answered at once.
inline constexpr Duration kCallTimeout = std::chrono::seconds(30);

/// One try to connect, its greeting included: a busy server takes its time.
inline constexpr int kConnectTimeoutMs = 5'000;

/// How long the first connection may take before the call says what is wrong.
inline constexpr Duration kReachWait = std::chrono::milliseconds(250);

/// Waits of the channel before it connects anew after a lost connection.
inline constexpr int kReconnectWaitMsMin = 100;
inline constexpr int kReconnectWaitMsMax = 1'000;

/// Tries of one call of the user API, the time after which no further one begins, and the waits
/// between them, which double (contract section 3.8).
inline constexpr int kApiTries = 5;
inline constexpr Duration kApiReachBudget = std::chrono::seconds(30);
inline constexpr Duration kApiWaitFirst = std::chrono::milliseconds(500);
/// What `Retry-After` may ask for.
inline constexpr long kApiRetryAfterSecondsMax = 30;
inline constexpr std::chrono::milliseconds kApiConnectTimeout{3'000};
/// One try: a deploy of a large DAG is one transaction.
inline constexpr std::chrono::milliseconds kApiCallTimeout{60'000};
inline constexpr std::size_t kApiBodyBytesMax = std::size_t{64} << 20;

/// One call that follows events: the server says something every 15 seconds, so a network that died
/// is noticed by then at the latest. And how long a follower tries to come back.
inline constexpr std::chrono::milliseconds kEventsCallMax{300'000};
inline constexpr Duration kEventsGoneMax = std::chrono::minutes(5);
inline constexpr Duration kEventsWaitFirst = std::chrono::milliseconds(250);
inline constexpr Duration kEventsWaitMax = std::chrono::seconds(5);
/// One event: an envelope names every queue of an answer.
inline constexpr std::size_t kEventBytesMax = std::size_t{64} << 20;

/// Node ids in one DescribeNodes request (contract section 1.1).
inline constexpr std::size_t kDescribeIdsMax = 1'000;

/// A hotfix makes its topics before it answers.
/// A pass over all queues, with what it archives.
inline constexpr Duration kCleanupTimeout = std::chrono::minutes(5);

inline constexpr Duration kRedoTimeout = std::chrono::minutes(6);

/// Bytes of one reply: the queue map of the largest graph in one message.
inline constexpr int kReplyBytesMax = 64 << 20;

}  // namespace weir::cli
