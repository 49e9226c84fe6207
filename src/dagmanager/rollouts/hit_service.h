// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dagmanager.pb.h>

#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/ports/rollouts/hit_store.h"

namespace weir::dagmanager {

namespace wire = qmtl::services::dagmanager;

/// Cross-context hits (contract section 3.21): put on record before a diff is refused, told, and
/// cleared. Any thread; every call waits for the store, whose faults it has.
class HitService {
 public:
  /// Both outlive the service.
  HitService(HitStore& hits, const Clock& clock) : hits_(hits), clock_(clock) {}

  /// What a diff is about to be refused for. Once this is back, it halts every rise of a weight.
  Result<void> record(std::span<const CrossContextViolation> violations);

  /// `state`: `open`, `acked`, or empty for all; hits in a state that nobody has are none.
  Result<wire::ListCrossContextHitsReply> list(const std::string& state);

  /// Faults of HitStore::acknowledge.
  Result<wire::CrossContextHit> acknowledge(const wire::AckCrossContextHitRequest& request,
                                            const std::string& actor);

  Result<std::size_t> open_count() { return hits_.open_count(); }

 private:
  HitStore& hits_;
  const Clock& clock_;
};

}  // namespace weir::dagmanager
