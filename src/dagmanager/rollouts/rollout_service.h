// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <dagmanager.pb.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/rollouts/redo_store.h"
#include "dagmanager/ports/rollouts/rollout_store.h"

namespace weir::dagmanager {

namespace wire = qmtl::services::dagmanager;

/// Rollouts as operators begin, steer and list them (contract section 3.22). Any thread; every call
/// waits for the store, whose faults it has. Killed at any point, a rollout is begun or it is not;
/// the same call again then answers `rollout_running` and names it.
class RolloutService {
 public:
  /// All outlive the service.
  struct Parts {
    RolloutStore& rollouts;
    RedoStore& redo;
    GraphStore& graph;
    const Clock& clock;
    Random& random;
    GatePolicy gate;
    Duration half_hold{};
  };

  explicit RolloutService(Parts parts) : parts_(parts) {}

  /// INVALID_ARGUMENT `missing_field`, `steps_invalid`, `world_required`, `baseline_invalid`;
  /// NOT_FOUND `unknown_sentinel`; FAILED_PRECONDITION `rollout_running`, `gate_not_passed`,
  /// `cross_context_hit_open`, `queues_collected`; UNAVAILABLE `graph_contended`.
  Result<wire::Rollout> start(const wire::StartRolloutRequest& request, const std::string& actor);

  /// INVALID_ARGUMENT `missing_field`; NOT_FOUND `unknown_rollout`; FAILED_PRECONDITION
  /// `state_changed`, `cross_context_hit_open`.
  Result<wire::Rollout> change(const wire::ChangeRolloutRequest& request, const std::string& actor);

  /// Rollouts in a state that nobody has are none.
  Result<wire::ListRolloutsReply> list(const wire::ListRolloutsRequest& request);

 private:
  Result<RolloutOutcome> begin(const RolloutWish& wish, const std::string& actor);
  Result<std::vector<RowId>> queues_of(const DeployRecord& deploy);

  Parts parts_;
};

}  // namespace weir::dagmanager
