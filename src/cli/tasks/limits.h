// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"

/// Bounds of the task plane's commands (style guide, rule 25).
namespace weir::cli {

/// Looks at a run that is watched: the first ones come soon, later ones at most once in so long. A
/// user has 100 requests a minute (contract section 3.5), and a look is at most one of them.
inline constexpr Duration kWatchWaitFirst = std::chrono::milliseconds(100);
inline constexpr Duration kWatchWaitMax = std::chrono::seconds(1);
/// How long --wait follows something.
inline constexpr long kWatchSecondsMax = 7L * 86'400;
inline constexpr long kWatchSecondsDefault = 86'400;

/// Jobs that the live view shows; the rest are told as a number.
inline constexpr std::size_t kWatchLinesMax = 30;
/// Failed tasks that are told one by one at the end of a run.
inline constexpr std::size_t kFailedToldMax = 10;

/// A page of a list, as the server bounds it; pages that --wait reads of a root's tasks.
inline constexpr int kPageMax = 500;
inline constexpr int kRootPagesMax = 50;

/// The end of an attempt's log that `task show` prints.
inline constexpr std::size_t kLogTailBytes = 4096;

/// Rows of `dataset head` (section 3.6), and the time its child may take: less than a pin lives.
inline constexpr int kHeadRowsMax = 10'000;
inline constexpr int kHeadRowsDefault = 10;
inline constexpr Duration kHeadChildTime = std::chrono::seconds(50);
inline constexpr int kPinSeconds = 60;
static_assert(kHeadChildTime < std::chrono::seconds(kPinSeconds), "rows are read under a pin");
/// Partitions that are looked through for the first rows.
inline constexpr std::size_t kHeadPartitionsMax = 10'000;
inline constexpr std::size_t kHeadAnswerBytesMax = std::size_t{32} << 20;

/// `check --live` repeats so often.
inline constexpr std::chrono::seconds kCheckEvery{60};
/// A clock that is further from the database's than this is worth a word, and a fault.
inline constexpr Duration kClockWarn = std::chrono::seconds(1);
inline constexpr Duration kClockFail = std::chrono::seconds(30);
/// A wake-up that waits longer for a worker is worth a word.
inline constexpr std::chrono::seconds kQueueWarn{60};
/// A cron source that is due for longer than this and has not fired is told.
inline constexpr std::chrono::seconds kSourceWarn{60};

}  // namespace weir::cli
