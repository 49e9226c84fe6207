// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/monitors/alerts.h"
#include "dagmanager/core/rollout_plan.h"
#include "dagmanager/ports/loops/loop_leases.h"

namespace weir::dagmanager {

/// A rollout that begins.
struct RolloutBegin {
  RolloutWish wish;
  RolloutStart start;
  GatePolicy gate;
  std::string deploy;  ///< key of the candidate's, as it was when its queues were looked up
  /// Of both deploys: these must all be there.
  std::vector<RowId> queues;
  /// Likewise of the baseline's, empty where there is none; nothing: it was not looked at.
  std::optional<std::string> baseline_deploy = {};
};

/// Whether the sides are those whose queues were looked up.
bool same_deploys(const RolloutSides& sides, const RolloutBegin& command);

/// An operator's word.
struct RolloutOrder {
  std::string id;
  RolloutAction action = RolloutAction::Pause;
  std::optional<RolloutState> expect = {};
  std::string actor;
  Instant at{};
};

/// A judgement: what the checks said of the rollout as it stood then.
struct RolloutJudgement {
  std::string id;
  std::size_t step = 0;  ///< that was checked; another one by now: nothing is judged
  std::vector<CheckResult> checks;
  RolloutPolicy policy;
  Instant at{};
};

/// What a call left.
struct RolloutOutcome {
  RolloutRecord record;
  std::vector<SentinelRecord> weights = {};  ///< with the weights that were set
  bool judged = false;                       ///< the verdict is of this call
  bool rolled_back = false;                  ///< alert RolloutRolledBack, raised with it
  bool undecided = false;                    ///< alert RolloutUndecided, raised with it
};

/// What adapters decide alike.
Error sides_moved();
RolloutChange order_change(const RolloutOrder& order, bool hit_open);
/// What an order, or a judgement, is kept as; empty: nothing but the verdict changed.
std::string order_words(const RolloutOrder& order, const Rollout& after);
std::string judgement_words(const Rollout& before, const RolloutMove& move);
/// What is to be told of it, if anything.
std::vector<Condition> conditions_of(const RolloutOutcome& outcome, Instant at);
/// Whether a rollout is still as it was checked.
bool still_fits(const Rollout& rollout, const RolloutJudgement& judgement);

struct RolloutFilter {
  std::optional<graph::WorldId> world = {};
  std::optional<RolloutState> state = {};
};

/// Port: rollouts (contract section 3.22). Of one graph store, whose faults it has; any thread.
/// What changes one is one transaction: its row, both weights, audit rows, events; decided under
/// the lock under which weights are changed and hits recorded, so a step never meets half of
/// another.
class RolloutStore {
 public:
  virtual ~RolloutStore() = default;

  /// Besides the faults of in_world, choose_sides and plan_rollout: FAILED_PRECONDITION
  /// `queues_collected`; ABORTED `graph_moved` where a side has another deploy by now.
  virtual Result<RolloutOutcome> begin(const RolloutBegin& command) = 0;

  /// NOT_FOUND `unknown_rollout`, faults of change_rollout.
  virtual Result<RolloutOutcome> change(const RolloutOrder& order) = 0;

  /// Judges under the fence of the loop: ABORTED `loop_lost` once it is another's.
  virtual Result<RolloutOutcome> judge(const LoopFence& fence,
                                       const RolloutJudgement& judgement) = 0;

  /// The newest, at most kRolloutsListedMax, newest first.
  virtual Result<std::vector<RolloutRecord>> list(const RolloutFilter& filter) = 0;
  /// All that have not ended, the one that waits longest for a judgement first.
  virtual Result<std::vector<RolloutRecord>> unfinished() = 0;
  virtual Result<std::optional<RolloutRecord>> find(const std::string& id) = 0;

  /// The versions of a sentinel in all worlds, newest last.
  virtual Result<std::vector<SentinelRecord>> versions(const graph::SentinelId& sentinel) = 0;
  /// Deploys whose due sentinel is missing (section 3.10).
  virtual Result<std::size_t> sentinel_gaps() = 0;
};

}  // namespace weir::dagmanager
