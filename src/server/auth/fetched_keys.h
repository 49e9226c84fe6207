// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "server/auth/key_set.h"

namespace weir::auth {

/// What a verifier remembers of its fetches, on the monotonic clock.
struct FetchHistory {
  std::optional<Duration> tried;    ///< when the last fetch began
  std::optional<Duration> fetched;  ///< when the fetch began that gave the keys held
};

struct FetchDecision {
  bool fetch = false;   ///< ask for the set now
  bool usable = false;  ///< the keys held may still be trusted
};

/// When to ask for a key set: when there is none, when it is past its 300 s, and on an unknown kid;
/// but never twice in 10 s, so that made-up kids cost the issuer nothing. Keys that cannot be
/// fetched again serve for an hour.
FetchDecision decide_fetch(const FetchHistory& history, bool kid_known, Duration now);

/// The keys of another party's key set, fetched as `decide_fetch` says. The fetch is given from
/// outside; it must have a deadline of its own, since callers with an unknown kid wait for it. Any
/// thread; `clock` outlives it. Lock order: fetching_, then mutex_.
class FetchedKeys final : public TokenKeys {
 public:
  using Fetch = std::function<Result<KeySet>()>;

  FetchedKeys(Fetch fetch, const Clock& clock) : fetch_(std::move(fetch)), clock_(clock) {}

  /// As the port says. A fetch that fails leaves the keys that were there.
  Result<PublicKey> find(const KeyId& id) const override;

 private:
  struct Looked {
    Result<PublicKey> found;
    FetchDecision decision;
    bool under_way = false;  ///< another thread is fetching
  };
  Looked look(const KeyId& id) const WEIR_EXCLUDES(mutex_);
  void fetch_now() const WEIR_REQUIRES(fetching_) WEIR_EXCLUDES(mutex_);

  Fetch fetch_;
  const Clock& clock_;

  mutable base::Mutex fetching_;  ///< held by the one that fetches

  mutable base::Mutex mutex_;
  mutable KeySet keys_ WEIR_GUARDED_BY(mutex_);
  mutable FetchHistory history_ WEIR_GUARDED_BY(mutex_);
  mutable bool under_way_ WEIR_GUARDED_BY(mutex_) = false;
};

}  // namespace weir::auth
