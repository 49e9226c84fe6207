// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of a promotion (style guide, rule 25).
namespace weir::cli {

/// What a backtest command may leave as its report.
inline constexpr std::size_t kReportBytesMax = std::size_t{16} << 20;
/// Runs that a report may tell of, and the bytes of a run's name: what a server takes as evidence.
inline constexpr std::size_t kRunsMax = 10'000;
inline constexpr std::size_t kRunNameBytesMax = 1'024;
/// Of a run's own words, in what is said of it; and runs that are named one by one.
inline constexpr std::size_t kRunWordsMax = 200;
inline constexpr std::size_t kRunsToldMax = 20;

/// Between two looks at a rollout that is waited for, at first and later.
inline constexpr Duration kLookAgainFirst = std::chrono::milliseconds(250);
inline constexpr Duration kLookAgainMax = std::chrono::seconds(10);
/// How long a server may be away while it is waited for: a rollout takes a day, and goes on alone.
inline constexpr Duration kServerGoneMax = std::chrono::minutes(15);

}  // namespace weir::cli
