// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "dispatcher/ports/task_requests.h"

namespace weir::dispatcher {

/// Tells the loops of this process that there is something to do, so that they need not be asked
/// again and again (contract section 6.5). Calls return at once; losing one costs a delay of at
/// most kLoopPeriodMax, nothing else.
class Nudges {
 public:
  virtual ~Nudges() = default;

  /// A transaction left rows in the outbox.
  virtual void outbox() = 0;
  /// A chore has something to do in `after` from now, perhaps earlier than it knew.
  virtual void chore(Chore chore, Duration after) = 0;
};

}  // namespace weir::dispatcher
