// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "dagmanager/core/monitors/limits.h"

/// Bounds of the rows of alerts.
namespace weir::dagmanager {

/// Alerts that are not settled, read at once. Each name and subject has one that is open or whose
/// resolve waits, and those of the last minute.
inline constexpr std::size_t kLiveAlertsMax = 4 * kConditionsMax;

/// How long a settled alert is kept, and how many are forgotten with one write.
inline constexpr Duration kSettledAlertsKept = std::chrono::hours(24 * 30);
inline constexpr std::int64_t kAlertsForgottenMax = 500;

/// Consumer groups whose offsets are read in one pass, one call each.
inline constexpr std::size_t kLagGroupsMax = 500;

}  // namespace weir::dagmanager
