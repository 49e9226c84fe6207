// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

/// Bounds of the task machine (contract sections 6.3 to 6.5 and appendix B).
namespace weir::dispatcher {

/// How long a wrapper has after a cancel request, and how far past its deadline a lease may reach.
inline constexpr Duration kCancelGrace = std::chrono::seconds(30);
inline constexpr Duration kLeasePastDeadline = std::chrono::seconds(10);

/// Leases and time-outs of the kinds whose job has none of its own.
inline constexpr Duration kSinkLease = std::chrono::seconds(60);
inline constexpr Duration kCheckLease = std::chrono::seconds(60);
inline constexpr Duration kSinkTimeout = std::chrono::seconds(300);
inline constexpr Duration kCheckTimeout = std::chrono::seconds(300);
static_assert(kSinkTimeout > kSinkLease && kCheckTimeout > kCheckLease,
              "a lease that outlives its task could not be told from a hang");

/// The share of a lease after which it is due for a heartbeat: two may be missed.
inline constexpr int kHeartbeatsPerLease = 3;

/// How often the kinds without a job's own number are tried.
inline constexpr int kSinkAttemptsMax = 10;
inline constexpr int kCheckAttemptsMax = 3;
inline constexpr int kOutboxAttemptsMax = 20;
inline constexpr int kDeliveryAttemptsMax = 12;

/// How long a relay holds an outbox row that it is sending.
inline constexpr Duration kOutboxLock = std::chrono::seconds(30);

/// Waiting this long is worth one level of priority (6.4).
inline constexpr Duration kRankPerPriority = std::chrono::seconds(300);

/// Unanswered wake-ups of a queue, and how many one transaction may add.
inline constexpr std::int64_t kWakeupsOutstandingMax = 1000;
inline constexpr std::int64_t kWakeupsPageMax = 500;
static_assert(kWakeupsPageMax <= kWakeupsOutstandingMax, "a page must fit an empty queue");
/// A wake-up unanswered for this long is lost.
inline constexpr Duration kWakeupLost = std::chrono::seconds(60);

/// Missed instants of a schedule that are named one by one in the audit; of more, only the ends.
inline constexpr std::size_t kSkippedNamedMax = 100;

}  // namespace weir::dispatcher
