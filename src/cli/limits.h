// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Bounds of the commands (style guide, rule 25).
namespace weir::cli {

/// Lines of one kind in a plan before the rest is told as a number (--verbose lists all).
inline constexpr std::size_t kPlanLinesMax = 20;
/// The name column of a plan grows to this width; longer names push their line.
inline constexpr std::size_t kNameColumnMax = 40;

/// `queue-stats --interval` in seconds (contract section 4).
inline constexpr long kIntervalSecondsMax = 86'400;

}  // namespace weir::cli
