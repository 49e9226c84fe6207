// SPDX-License-Identifier: Apache-2.0
#include "cli/up/restart_budget.h"

#include <algorithm>

#include "cli/up/limits.h"

namespace weir::cli {

std::optional<Duration> RestartBudget::spend(Duration ran) {
  if (ran >= kRestartForget) spent_ = 0;
  if (spent_ >= (was_ready_ ? kRestartsMax : kRestartsBeforeReadyMax)) return {};
  const Duration wait = std::min(kRestartWaitFirst * (1 << spent_), kRestartWaitMax);
  ++spent_;
  return wait;
}

}  // namespace weir::cli
