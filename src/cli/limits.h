// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of the command line (style guide, rule 25).
namespace weir::cli {

/// A file that is read whole. The wire takes requests of 16 MiB; a little more is read so that the
/// server, not we, says what is too much.
inline constexpr std::size_t kFileBytesMax = std::size_t{64} << 20;

/// Lines of one kind in a plan before the rest is told as a number (--verbose lists all).
inline constexpr std::size_t kPlanLinesMax = 20;
/// The name column of a plan grows to this width; longer names push their line.
inline constexpr std::size_t kNameColumnMax = 32;

/// Progress is shown from here on, and then at doubling distances.
inline constexpr Duration kProgressAfter = std::chrono::seconds(1);

/// `queue-stats --interval` in seconds (contract section 4).
inline constexpr long kIntervalSecondsMax = 86'400;

}  // namespace weir::cli
