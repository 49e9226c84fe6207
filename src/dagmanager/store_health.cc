// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/store_health.h"

#include "dagmanager/limits.h"

namespace weir::dagmanager {

bool StoreHealth::healthy() {
  if (breaker_ != nullptr && breaker_->state() != server::BreakerState::Closed) return false;
  const Duration age = clock_.monotonic() - Duration(seen_at_.load());
  if (age > kHealthAgeMax && !probing_.exchange(true)) {
    const auto submitted = pool_.submit(0, [this] {
      saw(store_.ping().ok());
      probing_ = false;
    });
    if (!submitted.ok()) probing_ = false;
  }
  return healthy_;
}

void StoreHealth::saw(bool healthy) {
  healthy_ = healthy;
  seen_at_ = clock_.monotonic().count();
}

Result<void> StoreHealth::probe() {
  auto outcome = store_.ping();
  saw(outcome.ok());
  return outcome;
}

}  // namespace weir::dagmanager
