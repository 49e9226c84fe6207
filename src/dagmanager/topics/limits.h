// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "dagmanager/core/topics/limits.h"

/// Bounds of a pass of the reconciler.
namespace weir::dagmanager {

/// Gaps of sentinels that one pass counts.
inline constexpr std::size_t kGapsCountedMax = 100'000;

/// Rows of the log that are read at a time, and topics that one change restores.
inline constexpr std::size_t kLogPage = 1'000;
inline constexpr std::size_t kRestoredTogether = 500;

/// How often the log is looked through for what is older than it is kept, and batches of it that
/// one transaction gives up.
inline constexpr Duration kPruneLogEvery = std::chrono::hours(1);
inline constexpr std::size_t kPrunedTogether = 1'000;

static_assert(kMendsMax <= kGapsCountedMax, "what is mended was counted");

}  // namespace weir::dagmanager
