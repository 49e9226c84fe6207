// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/wakeups.h"

namespace weir::dispatcher {

void WakeupBudget::read(const QueueName& queue, std::int64_t outstanding, bool pulled) {
  meters_[queue] = {outstanding, pulled};
}

bool WakeupBudget::may_ring(const QueueName& queue) const {
  const auto found = meters_.find(queue);
  if (found == meters_.end() || found->second.pulled) return false;
  return found->second.outstanding < outstanding_max_ && written_ < kWakeupsPageMax;
}

void WakeupBudget::note(const QueueName& queue, const Change& change) {
  for (const OutboxRecord& row : change.outbox) {
    if (row.kind == OutboxKind::TaskWakeup) ++written_;
  }
  const auto found = meters_.find(queue);
  if (found != meters_.end()) found->second.outstanding += change.meter.outstanding;
}

}  // namespace weir::dispatcher
