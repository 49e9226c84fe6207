// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/graph_change.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/records.h"
#include "dagmanager/core/traffic_weights.h"

/// Redoing a sentinel's diff (contract section 3.16): a hotfix goes out beside what runs and takes
/// over its share of traffic, a rollback takes the newest deploy back and gives the share to its
/// predecessor. Pure.
namespace weir::dagmanager {

/// Deploys of one sentinel that are looked at, the newest.
inline constexpr std::size_t kSentinelDeploysMax = 10'000;

/// A deploy apart from its nodes.
struct DeployHead {
  std::string key;  ///< DeployKey::text()
  graph::StrategyId strategy;
  graph::WorldId world;
  graph::VersionLabel version;
  std::string node_set;
  Instant first_seen{};
  bool taken_back = false;
  std::string baseline;  ///< key of the deploy that it took over from; empty: none

  friend bool operator==(const DeployHead&, const DeployHead&) = default;
};

/// What a sentinel has been, in every world or in one.
struct SentinelHistory {
  graph::SentinelId id;
  std::vector<DeployHead> deploys;        ///< that are due a sentinel, newest last
  std::vector<SentinelRecord> sentinels;  ///< its versions, newest last
  /// Deploys of other sentinels that deploys of this one took over from, and those sentinels.
  std::vector<DeployHead> baselines = {};
  std::vector<SentinelRecord> baseline_sentinels = {};
};

/// The strategies whose sentinel this is: with the suffix taken off, and itself.
std::vector<graph::StrategyId> strategies_of(const graph::SentinelId& id);
/// A sentinel's id, with the suffix if it lacks it: `v2` is `v2-sentinel`.
graph::SentinelId with_suffix(const std::string& id);

/// The history in one world. INVALID_ARGUMENT `world_required`, NOT_FOUND `unknown_sentinel`; never
/// without a deploy.
Result<SentinelHistory> in_world(SentinelHistory history, const WantedWorld& world);

/// What a hotfix comes after: the newest deploy that has traffic, so not a candidate that waits or
/// that a rollout took down; without traffic the newest. None that is taken back, unless all are.
const DeployHead& current_deploy(const SentinelHistory& history);

/// How a graph goes out under a sentinel that is there.
struct HotfixPlan {
  graph::VersionLabel version;
  std::optional<Handover> handover;  ///< nothing: that graph is what the newest version is
};

/// `stated`: the graph's own version, empty if it has none. `history` is in_world's.
HotfixPlan plan_hotfix(const SentinelHistory& history, const std::string& node_set,
                       const graph::VersionLabel& stated);

/// What is taken back, and what comes back.
struct RollbackPlan {
  DeployHead taken;
  DeployHead predecessor;
};

/// FAILED_PRECONDITION `no_predecessor`. `history` is in_world's.
Result<RollbackPlan> plan_rollback(const SentinelHistory& history);

/// A weight that changes with a rollback or a hotfix.
struct WeightStep {
  SentinelRecord sentinel;     ///< with its weight as it will be
  std::optional<double> from;  ///< nothing: it had none
  bool told = false;           ///< by an event of its own
};

/// The weights of a handover, the side that loses first: `gains` is stored, or about to be. Nothing
/// if the former has no weight. Faults of check_fence.
Result<std::vector<WeightStep>> handover_weights(const SentinelRecord& former,
                                                 const SentinelRecord& gains,
                                                 const WeightFence& fence);

/// plan_rollback, if it comes to what was decided before: a deploy taken back, or taken back
/// already, for a predecessor. ABORTED `graph_moved` if it does not.
Result<RollbackPlan> decide_take_back(const SentinelHistory& history, const std::string& taken,
                                      const std::string& predecessor);

/// FAILED_PRECONDITION `queues_collected`.
Error queue_collected(const graph::VersionLabel& version);

/// What of a step is kept: action `hotfix` or `rollback`.
struct StepCause {
  std::string actor;
  std::string action;
  std::string subject;
  std::string note;
  Instant at{};
};
AuditRow audit_of(const WeightStep& step, const StepCause& cause);
/// Of a change with a handover.
StepCause cause_of(const GraphChange& change);
StepCause cause_of(const RollbackPlan& plan, const std::string& actor, Instant at);
/// The row of a weight that comes with a diff; nothing if the sentinel's version has it already.
std::optional<AuditRow> audit_of_weight(const GraphChange& change, std::optional<double> from);
/// The row of a rollback itself, whatever weights it moves.
AuditRow audit_of(const RollbackPlan& plan, const StepCause& cause);

/// The sentinel that a deploy is due, of this history; nothing if it is not stored.
const SentinelRecord* find_sentinel(const SentinelHistory& history, const DeployHead& deploy);

/// The weights of a rollback, the side that loses first. The predecessor gets `former`, if given,
/// else the last above 0 that it had.
std::vector<WeightStep> rollback_weights(const RollbackPlan& plan, const SentinelHistory& history,
                                         std::optional<double> former = {});

/// What a stored deploy was answered, and the queues that it stands on.
struct StoredAnswer {
  std::vector<std::pair<std::string, graph::TopicName>> map;
  std::vector<RowId> queues;
};

/// FAILED_PRECONDITION `queues_collected` if one of its queues is gone.
Result<StoredAnswer> answer_of(const DeployRecord& deploy, const GraphIndex& index,
                               bool compute_key_in_key);

}  // namespace weir::dagmanager
