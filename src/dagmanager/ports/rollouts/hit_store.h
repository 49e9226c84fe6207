// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/cross_context_hits.h"

namespace weir::dagmanager {

/// Port: cross-context hits, and who acknowledged them. Of one graph store, whose faults it has;
/// any thread. Whoever raises a weight looks at the same rows under the same lock, so that a hit
/// that is recorded halts every rise that is not committed yet.
class HitStore {
 public:
  virtual ~HitStore() = default;

  /// Keeps what was seen at `at`: hits that are open count up, others are new, as long as there are
  /// fewer than kOpenHitsMax. One transaction of its own.
  virtual Result<void> record(std::span<const HitSighting> seen, Instant at) = 0;

  /// The newest, at most kHitsListedMax, newest first.
  virtual Result<std::vector<CrossContextHit>> list(std::optional<HitState> state) = 0;

  /// Clears a hit, with an audit row; one that is cleared stays as it is. Faults of check_ack,
  /// NOT_FOUND `unknown_hit`.
  virtual Result<CrossContextHit> acknowledge(const HitAck& ack) = 0;

  virtual Result<std::size_t> open_count() = 0;
};

}  // namespace weir::dagmanager
