// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of one child process (contract section 6.14 and appendix A.3).
namespace weir::worker {

/// What is kept of an attempt's output; when it grows beyond, the newer half stays.
inline constexpr std::size_t kLogBytesMax = std::size_t{1} << 20;
inline constexpr std::size_t kLogBytesKept = kLogBytesMax / 2;
/// Logs that are kept, and for how long; they are counted at the start and once in so many logs.
inline constexpr std::size_t kLogFilesMax = 10'000;
inline constexpr Duration kLogAge = std::chrono::hours(24 * 7);
inline constexpr std::size_t kLogFilesBetweenCounts = 1000;

/// A last line that is longer is no result.
inline constexpr std::size_t kLastLineBytesMax = std::size_t{16} << 10;
/// One read of a child's output.
inline constexpr std::size_t kReadBytes = std::size_t{64} << 10;
/// Reads of what still stands in its pipes when a child has ended: more than a pipe holds.
inline constexpr int kLastReadsMax = 64;

/// Empty folders of ended attempts that are kept for the next ones.
inline constexpr std::size_t kSpareFoldersMax = 16;

/// A secret that is shorter is not looked for in logs: it would stand everywhere.
inline constexpr std::size_t kScrubBytesMin = 4;

/// Rounds of looking for processes that left their group: each ends one generation.
inline constexpr int kOrphanRoundsMax = 64;
inline constexpr std::size_t kEnvironBytesMax = std::size_t{256} << 10;
/// A process that changes its program is looked at again so often, after such a pause: a second.
inline constexpr int kExecLooksMax = 1000;
/// One whose environment is empty, as it is for a moment of such a change, so often.
inline constexpr int kEmptyLooksMax = 100;
inline constexpr std::chrono::milliseconds kExecPause(1);

}  // namespace weir::worker
