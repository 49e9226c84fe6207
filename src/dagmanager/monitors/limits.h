// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"

/// Bounds of the watchers (contract section 3.14).
namespace weir::dagmanager {

/// Between two looks of an instance, and two passes of the loop `health` while there are faults.
inline constexpr Duration kHealthEvery = std::chrono::seconds(5);
/// Between two passes while there are none: what an instance sees asks for one (loop_leases.h).
inline constexpr Duration kHealthIdle = std::chrono::minutes(1);

/// Between two looks at the sizes of topics, how old one may be that is answered with, and how soon
/// another may follow that somebody asks for; topics of one call.
inline constexpr Duration kSizesEvery = std::chrono::seconds(10);
inline constexpr Duration kSizesAgeMax = std::chrono::seconds(30);
inline constexpr Duration kSizesGap = std::chrono::seconds(1);
inline constexpr std::size_t kSizesLookPage = 5'000;

/// Between two passes of the loop `lag`; queues that one pass alerts of, and that metrics show, the
/// largest lag first.
inline constexpr Duration kLagEvery = std::chrono::seconds(30);
inline constexpr std::size_t kLagAlertsMax = 100;
inline constexpr std::size_t kLagsShown = 500;

/// Between two passes of the loop `completion`; queues of one transaction.
inline constexpr Duration kCompletionEvery = std::chrono::seconds(5);
inline constexpr std::size_t kCompletionBatch = 500;

/// The bound of the 95th percentile of diffs, milliseconds.
inline constexpr double kDiffDurationAlertMs = 200;

/// A target that has not answered by then has not taken the notice.
inline constexpr std::chrono::milliseconds kNoticeTimeout{5'000};
/// Of its answer only the status counts.
inline constexpr std::size_t kNoticeReplyBytesMax = std::size_t{64} << 10;

/// Notices that wait for one sender at once; further ones wait in their rows.
inline constexpr std::size_t kNoticesWaitingMax = 64;

}  // namespace weir::dagmanager
