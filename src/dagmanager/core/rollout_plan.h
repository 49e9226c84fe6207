// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/records.h"
#include "dagmanager/core/redo.h"
#include "dagmanager/core/rollout.h"
#include "dagmanager/core/traffic_weights.h"

/// Rollouts as they are stored and begun, the weights that they move, and what ends one from
/// outside (contract sections 3.16, 3.22, 3.23). Pure; what a judgement comes to is in rollout.h.
namespace weir::dagmanager {

/// Unfinished rollouts at a time, and rollouts that are listed, the newest.
inline constexpr std::size_t kRolloutsMax = 100;
inline constexpr std::size_t kRolloutsListedMax = 1'000;
/// Backtests that evidence may name.
inline constexpr std::size_t kBacktestsMax = 10'000;

/// Who moves weights where no person does.
inline constexpr const char* kCanaryActor = "canary";

/// A version of a sentinel, in the rollout's world. One without an id is nobody.
struct RolloutSide {
  graph::SentinelId sentinel;
  graph::VersionLabel version;

  bool empty() const { return sentinel.empty(); }
  bool is(const SentinelRecord& record) const {
    return record.id == sentinel && record.version == version;
  }
  friend bool operator==(const RolloutSide&, const RolloutSide&) = default;
};

struct Backtest {
  std::string name;
  bool passed = false;
  std::string report_hash;

  friend bool operator==(const Backtest&, const Backtest&) = default;
};

/// What an admin says was proved of a candidate (section 3.23): a word, kept, not a proof.
struct GateEvidence {
  std::string node_set;  ///< of the deploy that it is about
  std::uint32_t lint_errors = 0;
  std::uint32_t lint_warnings = 0;
  std::vector<Backtest> backtests;

  friend bool operator==(const GateEvidence&, const GateEvidence&) = default;
};

struct GatePolicy {
  bool required = false;
  std::size_t backtests_min = 20;
};

/// FAILED_PRECONDITION `gate_not_passed`. `node_set`: of the candidate's deploy.
Result<void> check_gate(const std::optional<GateEvidence>& evidence, const std::string& node_set,
                        const GatePolicy& policy);

/// A rollout as a store keeps it.
struct RolloutRecord {
  std::string id;  ///< UUID
  graph::WorldId world;
  RolloutSide candidate;
  RolloutSide baseline;  ///< empty: none
  Rollout rollout;
  std::optional<GateEvidence> evidence = {};
  std::string started_by;
  Instant started_at{};

  friend bool operator==(const RolloutRecord&, const RolloutRecord&) = default;
};

Error unknown_rollout(const std::string& id);

/// What an admin asks for.
struct RolloutWish {
  graph::SentinelId sentinel;
  graph::VersionLabel version = {};  ///< empty: the newest
  WantedWorld world = {};
  RolloutSide baseline = {};  ///< empty: the live one before the candidate, if any
  std::vector<RolloutStep> steps;
  std::optional<GateEvidence> evidence = {};
};

/// The two sides of a rollout, and the deploys they stand for.
struct RolloutSides {
  SentinelRecord candidate;
  std::optional<SentinelRecord> baseline;
  std::string node_set;  ///< of the candidate's deploy
};

/// `history` is the candidate's, in its world; `named`: the versions of the baseline's sentinel,
/// if the wish names one, newest last. NOT_FOUND `unknown_sentinel`; INVALID_ARGUMENT
/// `baseline_invalid` where both sides are one.
Result<RolloutSides> choose_sides(const RolloutWish& wish, const SentinelHistory& history,
                                  std::span<const SentinelRecord> named);

/// What stands beside a rollout that begins, under the lock that it begins under.
struct RolloutGround {
  std::span<const RolloutRecord> unfinished;
  bool hit_open = false;
  GatePolicy gate;
};

/// Who begins it, as what, when.
struct RolloutStart {
  std::string id;
  std::string actor;
  Instant at{};
};

/// FAILED_PRECONDITION `rollout_running`, `gate_not_passed`, `cross_context_hit_open`.
Result<RolloutRecord> plan_rollout(const RolloutWish& wish, const RolloutSides& sides,
                                   const RolloutGround& ground, const RolloutStart& start);

/// The weights that the rollout's state asks for, the side that loses first; a side that is not
/// stored any more is left out. A baseline keeps the weight it had before as its last, whatever it
/// passes through: that is what a rollback gives it.
std::vector<WeightStep> rollout_weights(const RolloutRecord& record,
                                        std::span<const SentinelRecord> sides);

/// Key of the deploy that the rollout's state takes back, as a rollback by sentinel does (section
/// 3.16): a candidate's that was rolled back, so that no later rollback returns to it. Empty: none.
std::string taken_back_by(const RolloutRecord& record, std::span<const SentinelRecord> sides);

/// What of a change is kept, action `rollout`; `what` says what happened.
StepCause rollout_cause(const RolloutRecord& record, const std::string& actor, std::string what,
                        Instant at);
/// The row of the change itself, whatever weights it moves.
AuditRow rollout_audit(const RolloutRecord& record, const StepCause& cause);
/// "step 2 of 3", "done", "rolled_back: lag: …".
std::string rollout_words(const Rollout& rollout);

/// What a rollback by sentinel (section 3.16) does to rollouts and weights.
struct RollbackMoves {
  std::vector<WeightStep> weights;
  std::optional<RolloutRecord> ended;
  /// The predecessor's sentinel where it stood for another deploy of its version: for the
  /// predecessor from now on, so that what has the traffic is what is held and guarded.
  std::optional<SentinelRecord> returns;
  /// Deploys to mark: the one that is taken back, and the candidate of the rollout that it ended
  /// where that is another deploy of the version.
  std::vector<std::string> taken_back;
};
/// A rollback of a candidate ends its rollout, and its baseline has its former weight again.
/// FAILED_PRECONDITION `rollout_running` where it would move a weight of another rollout.
Result<RollbackMoves> rollback_moves(const RollbackPlan& plan, const SentinelHistory& history,
                                     std::span<const RolloutRecord> unfinished,
                                     const StepCause& cause);

}  // namespace weir::dagmanager
