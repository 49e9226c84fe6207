// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"

/// Bounds of alerts and of completion (contract section 3.14).
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

/// How long a queue has to be silent at least to be completed; intervals above the maximum count as
/// that.
inline constexpr Duration kSilenceMin = std::chrono::seconds(10);
inline constexpr std::int64_t kSilenceSecondsMax = std::int64_t{3650} * 86'400;

/// Time between two looks that counts as silence; more than that, and nobody looked.
inline constexpr Duration kSilenceLookGap = std::chrono::seconds(30);

/// What completes this soon is not noted in the store before.
inline constexpr Duration kSilenceUnnoted = std::chrono::minutes(1);

}  // namespace weir::dagmanager
