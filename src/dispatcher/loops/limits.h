// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of the dispatcher's process (contract sections 6.4 and 6.5, appendix B).
namespace weir::dispatcher {

/// A loop looks at least this often, whatever it knows.
inline constexpr Duration kLoopPeriodMax = std::chrono::seconds(5);
/// A chore that was due and found nothing to do (its rows are locked, its queue is full) is asked
/// again after this.
inline constexpr Duration kChoreAgain = std::chrono::milliseconds(100);
/// The loops' pause after the database did not answer, doubled up to kLoopPeriodMax.
inline constexpr Duration kLoopRetry = std::chrono::milliseconds(200);
inline constexpr std::size_t kChorePage = 500;
/// Pages of one chore before the others have their turn.
inline constexpr int kChorePagesInTurn = 20;

inline constexpr std::size_t kRelayPage = 500;
/// How long the relay waits for the claims of what was told straight, so that it goes once for all.
inline constexpr Duration kToldWait = std::chrono::milliseconds(5);

/// Tasks that the inline executor claims at once, and the threads that run them.
inline constexpr std::size_t kInlineClaim = 64;
inline constexpr std::size_t kInlineThreads = 4;
/// What both its wake-ups and the loops' look would miss waits so long at most.
inline constexpr std::chrono::seconds kInlineWait{300};
/// While claim after claim finds work, the queue is looked at again after this time, so that the
/// bells of what was claimed without them do not pile up.
inline constexpr Duration kInlineLook = std::chrono::milliseconds(500);

/// How often the invariants of appendix D are counted.
inline constexpr Duration kAuditPeriod = std::chrono::seconds(60);
/// How often finished tasks move to history and what is past its time goes, and how often the
/// counters are recounted.
inline constexpr Duration kKeepPeriod = std::chrono::minutes(10);
inline constexpr Duration kRecountPeriod = std::chrono::hours(1);
/// How often files that nobody committed are looked for, which lists the whole store; for the first
/// time so long after the start, since a process may not live for a day.
inline constexpr Duration kSweepPeriod = std::chrono::hours(24);
inline constexpr Duration kSweepDelay = std::chrono::minutes(10);

}  // namespace weir::dispatcher
