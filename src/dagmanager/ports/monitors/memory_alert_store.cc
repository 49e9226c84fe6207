// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/memory_alert_store.h"

#include <algorithm>

#include "dagmanager/ports/monitors/limits.h"

namespace weir::dagmanager {

Result<void> MemoryAlertStore::raise(std::span<const Condition> conditions) {
  const base::MutexLock lock(mutex_);
  for (const Condition& condition : conditions) {
    const auto known = conditions_.find(condition.key);
    if (known != conditions_.end()) {
      const Instant until = std::max(known->second.until, condition.until);
      known->second = condition;
      known->second.until = until;
    } else if (conditions_.size() < kConditionsMax) {
      conditions_.emplace(condition.key, condition);
    }
  }
  return {};
}

Result<AlertBook> MemoryAlertStore::read() {
  const base::MutexLock lock(mutex_);
  AlertBook book;
  for (const auto& [key, condition] : conditions_) book.conditions.push_back(condition);
  for (const Alert& alert : alerts_) {
    if (!alert.settled && book.alerts.size() < kLiveAlertsMax) book.alerts.push_back(alert);
  }
  return book;
}

Result<void> MemoryAlertStore::write(const LoopFence& fence, const AlertChange& change,
                                     Instant now) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  const base::MutexLock lock(mutex_);
  for (const Alert& alert : change.put) {
    const auto known = std::ranges::find(alerts_, alert.id, &Alert::id);
    if (known != alerts_.end()) {
      *known = alert;
    } else {
      alerts_.push_back(alert);
    }
  }
  for (const Condition& condition : change.gone) {
    const auto known = conditions_.find(condition.key);
    if (known != conditions_.end() && known->second.until == condition.until) {
      conditions_.erase(known);
    }
  }
  std::erase_if(alerts_, [&](const Alert& alert) {
    return alert.settled && *alert.resolved_at + kSettledAlertsKept < now;
  });
  return {};
}

}  // namespace weir::dagmanager
