// SPDX-License-Identifier: Apache-2.0
#include "server/auth/fetched_keys.h"

#include <utility>

#include "server/auth/limits.h"

namespace weir::auth {

FetchDecision decide_fetch(const FetchHistory& history, bool kid_known, Duration now) {
  const bool paused = history.tried && now - *history.tried < kKeyFetchPause;
  const bool fresh = history.fetched && now - *history.fetched < kKeySetFresh;
  return {.fetch = !paused && !(fresh && kid_known),
          .usable = history.fetched && now - *history.fetched < kKeySetStale};
}

Result<PublicKey> FetchedKeys::find(const KeyId& id) const {
  Looked looked = look(id);
  // A key that is known and due for a refresh does not wait for one that another thread makes.
  if (looked.decision.fetch || (looked.under_way && !looked.found.ok())) {
    const base::MutexLock lock(fetching_);
    looked = look(id);
    if (looked.decision.fetch) {
      fetch_now();
      looked = look(id);
    }
  }
  if (!looked.decision.usable) {
    return base::unavailable("unavailable", "the issuer's keys cannot be had now");
  }
  return std::move(looked.found);
}

FetchedKeys::Looked FetchedKeys::look(const KeyId& id) const {
  const base::MutexLock lock(mutex_);
  Result<PublicKey> found = keys_.find(id);
  const FetchDecision decision = decide_fetch(history_, found.ok(), clock_.monotonic());
  return {.found = std::move(found), .decision = decision, .under_way = under_way_};
}

void FetchedKeys::fetch_now() const {
  Duration begun{};
  {
    const base::MutexLock lock(mutex_);
    begun = clock_.monotonic();
    history_.tried = begun;
    under_way_ = true;
  }
  Result<KeySet> fetched = fetch_();
  const base::MutexLock lock(mutex_);
  under_way_ = false;
  if (!fetched.ok()) return;
  keys_ = *std::move(fetched);
  history_.fetched = begun;
}

}  // namespace weir::auth
