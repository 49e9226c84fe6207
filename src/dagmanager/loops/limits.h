// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "dagmanager/ports/loops/limits.h"

/// Bounds of renewing and running loops (contract section 3.18).
namespace weir::dagmanager {

/// Between two renewals, and after one that failed.
inline constexpr Duration kLoopRenewEvery = std::chrono::seconds(5);
inline constexpr Duration kLoopRenewRetry = std::chrono::milliseconds(500);

/// How long a holder trusts its row, counted from before it asked.
inline constexpr Duration kLoopTrust = std::chrono::seconds(7);
static_assert(kLoopRenewEvery + kLoopRenewRetry < kLoopTrust, "one failed renewal stops no loop");
static_assert(kLoopTrust < kLoopLeaseTtl, "a holder must stop before its row can be taken");

/// How long after another's row lapses it is asked for: that it has surely lapsed.
inline constexpr Duration kLoopLapsed = std::chrono::milliseconds(1);

/// First and longest wait of a loop after a pass that failed.
inline constexpr Duration kLoopWaitFirst = std::chrono::seconds(1);
inline constexpr Duration kLoopWaitMax = std::chrono::minutes(1);

}  // namespace weir::dagmanager
