// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "base/clock.h"

namespace weir::cli {

/// How often a child may be started again, and after which wait: doubling from kRestartWaitFirst to
/// kRestartWaitMax, kRestartsMax times, but only kRestartsBeforeReadyMax times before it was ever
/// ready. A child that ran for kRestartForget is forgiven its past.
class RestartBudget {
 public:
  void was_ready() { was_ready_ = true; }

  /// The child ended after it had run so long: the wait before the next start, or nothing when
  /// there is none any more.
  std::optional<Duration> spend(Duration ran);

 private:
  int spent_ = 0;
  bool was_ready_ = false;
};

}  // namespace weir::cli
