// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of alerts (contract section 3.14).
namespace weir::dagmanager {

/// Between two notices of one name and subject to one target.
inline constexpr Duration kNoticeEvery = std::chrono::minutes(1);

/// First and longest wait before a notice that was not taken is sent again; each is twice the one
/// before.
inline constexpr Duration kNoticeWaitFirst = std::chrono::seconds(1);
inline constexpr Duration kNoticeWaitMax = std::chrono::minutes(1);

/// When a notice that nobody took is given up.
inline constexpr Duration kNoticeDead = std::chrono::hours(24);

/// Conditions that are kept at once; further ones are refused.
inline constexpr std::size_t kConditionsMax = 1'000;

/// Bytes of what a condition says, and of an error that is kept with a notice.
inline constexpr std::size_t kConditionTextMax = 2'000;
inline constexpr std::size_t kNoticeErrorMax = 500;

/// The longest message Opsgenie takes, and the longest summary PagerDuty does.
inline constexpr std::size_t kOpsgenieMessageMax = 130;
inline constexpr std::size_t kPagerdutySummaryMax = 1'024;

}  // namespace weir::dagmanager
