// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/rollout_plan.h"

#include <algorithm>
#include <ranges>
#include <set>
#include <string_view>
#include <utility>

#include "graph/dag.h"

namespace weir::dagmanager {
namespace {

constexpr const char* kRolloutAction = "rollout";

Error gate_not_passed(const std::string& why) {
  return base::failed_precondition(
      "gate_not_passed", why + "; `weir dagmanager promote` brings evidence of lint and backtests");
}

Error other_rollout(const RolloutRecord& record) {
  return base::failed_precondition(
      "rollout_running",
      "rollout " + record.id + " moves the traffic of sentinel " +
          record.candidate.sentinel.text() +
          (record.baseline.empty() || record.baseline.sentinel == record.candidate.sentinel
               ? std::string()
               : " and of " + record.baseline.sentinel.text()) +
          "; abort it or wait for its end");
}

Error unknown_side(const RolloutSide& side, const graph::WorldId& world) {
  std::string what = "no sentinel " + side.sentinel.text();
  if (!side.version.empty()) what += " of version " + side.version.text();
  if (!world.empty()) what += " in world " + world.text();
  return {Code::NotFound, "unknown_sentinel", what + " is stored"};
}

const DeployHead* head_of(const SentinelHistory& history, const std::string& key) {
  const auto found = std::ranges::find(history.deploys, key, &DeployHead::key);
  return found == history.deploys.end() ? nullptr : &*found;
}

const SentinelRecord* newest(std::span<const SentinelRecord> sentinels, const RolloutSide& side,
                             const graph::WorldId& world) {
  const SentinelRecord* found = nullptr;
  for (const SentinelRecord& one : sentinels) {
    const bool fits = one.id == side.sentinel && one.world == world &&
                      (side.version.empty() || one.version == side.version);
    if (fits) found = &one;
  }
  return found;
}

/// The live version that its strategy deployed last before the candidate.
const SentinelRecord* live_before(const SentinelHistory& history, const SentinelRecord& candidate,
                                  const DeployHead& deploy) {
  const SentinelRecord* before = nullptr;
  for (const DeployHead& head : history.deploys) {
    if (head.key == deploy.key) break;
    if (head.strategy != deploy.strategy || head.version == candidate.version) continue;
    const SentinelRecord* one =
        newest(history.sentinels, {candidate.id, head.version}, candidate.world);
    if (one != nullptr && one->traffic_weight.value_or(0) > 0) before = one;
  }
  return before;
}

RolloutSide side_of(const SentinelRecord& record) { return {record.id, record.version}; }

/// One side's way to a weight; nothing if it has it.
std::optional<WeightStep> step_to(const SentinelRecord& from, double weight) {
  if (same_weight(from.traffic_weight.value_or(0), weight)) return std::nullopt;
  WeightStep step{from, from.traffic_weight, true};
  give_weight(step.sentinel, weight);
  return step;
}

bool gains(const WeightStep& step) {
  return step.sentinel.traffic_weight.value_or(0) > step.from.value_or(0);
}

/// Readers keep one weight an id: of one sentinel's two versions they hear the side that gains,
/// also where it had its weight before.
void tell_the_later(std::vector<WeightStep>& steps, const RolloutRecord& record,
                    std::span<const SentinelRecord> sides) {
  if (steps.size() == 1 && !gains(steps.front())) {
    const SentinelRecord& loses = steps.front().sentinel;
    for (const SentinelRecord& side : sides) {
      const bool is_side = record.candidate.is(side) || record.baseline.is(side);
      const bool stays = is_side && side.world == record.world && side.version != loses.version;
      if (!stays || side.traffic_weight.value_or(0) == 0) continue;
      steps.push_back({side, side.traffic_weight, true});
      break;
    }
  }
  if (steps.size() == 2) steps.front().told = false;
}

bool shares_a_sentinel(const RolloutRecord& record, const RolloutSide& side) {
  return !side.empty() &&
         (record.candidate.sentinel == side.sentinel || record.baseline.sentinel == side.sentinel);
}

}  // namespace

Error unknown_rollout(const std::string& id) {
  return {Code::NotFound, "unknown_rollout", "there is no rollout " + id};
}

Result<void> check_gate(const std::optional<GateEvidence>& evidence, const std::string& node_set,
                        const GatePolicy& policy) {
  if (!evidence) {
    if (policy.required) return gate_not_passed("a rollout needs evidence here (gate.required)");
    return {};
  }
  if (evidence->node_set != node_set) {
    return gate_not_passed("the evidence is about other nodes than the candidate's deploy has");
  }
  if (evidence->lint_errors > 0) {
    return gate_not_passed("lint found " + std::to_string(evidence->lint_errors) + " errors");
  }
  std::set<std::string_view> names;
  for (const Backtest& backtest : evidence->backtests) {
    if (!backtest.passed) return gate_not_passed("backtest " + backtest.name + " did not pass");
    if (!backtest.name.empty()) names.insert(backtest.name);
  }
  if (names.size() < policy.backtests_min || evidence->backtests.size() > kBacktestsMax) {
    return gate_not_passed(std::to_string(names.size()) +
                           " backtests of different names passed, and " +
                           std::to_string(policy.backtests_min) + " must (gate.backtests_min)");
  }
  return {};
}

Result<RolloutSides> choose_sides(const RolloutWish& wish, const SentinelHistory& history,
                                  std::span<const SentinelRecord> named) {
  const graph::WorldId& world = history.deploys.back().world;
  const SentinelRecord* candidate = newest(history.sentinels, {history.id, wish.version}, world);
  const DeployHead* deploy =
      candidate == nullptr ? nullptr : head_of(history, candidate->deploy_key);
  if (deploy == nullptr) return unknown_side({history.id, wish.version}, world);
  RolloutSides sides{*candidate, std::nullopt, deploy->node_set};
  if (wish.baseline.empty()) {
    const SentinelRecord* before = live_before(history, *candidate, *deploy);
    if (before != nullptr) sides.baseline = *before;
    return sides;
  }
  const SentinelRecord* baseline = newest(named, wish.baseline, world);
  if (baseline == nullptr) return unknown_side(wish.baseline, world);
  if (side_of(*baseline) == side_of(*candidate)) {
    return base::invalid_argument("baseline_invalid",
                                  "baseline: is the candidate itself; name another version");
  }
  sides.baseline = *baseline;
  return sides;
}

Result<RolloutRecord> plan_rollout(const RolloutWish& wish, const RolloutSides& sides,
                                   const RolloutGround& ground, const RolloutStart& start) {
  RolloutRecord record;
  record.id = start.id;
  record.world = sides.candidate.world;
  record.candidate = side_of(sides.candidate);
  if (sides.baseline) record.baseline = side_of(*sides.baseline);
  for (const RolloutRecord& other : ground.unfinished) {
    if (other.world != record.world) continue;
    if (shares_a_sentinel(other, record.candidate) || shares_a_sentinel(other, record.baseline)) {
      return other_rollout(other);
    }
  }
  if (ground.unfinished.size() >= kRolloutsMax) {
    return base::failed_precondition(
        "rollout_running", std::to_string(kRolloutsMax) + " rollouts run; wait for one to end");
  }
  WEIR_CHECK(check_gate(wish.evidence, sides.node_set, ground.gate));
  if (ground.hit_open) return cross_context_hit_open();
  record.rollout.steps = wish.steps;
  record.rollout.step_since = start.at;
  record.rollout.judged_at = start.at;
  if (sides.baseline) {
    record.rollout.baseline_before = last_live_weight(*sides.baseline).value_or(1);
  }
  record.evidence = wish.evidence;
  record.started_by = start.actor;
  record.started_at = start.at;
  return record;
}

std::vector<WeightStep> rollout_weights(const RolloutRecord& record,
                                        std::span<const SentinelRecord> sides) {
  const WeightPair pair = weights_of(record.rollout);
  std::vector<WeightStep> steps;
  for (const SentinelRecord& side : sides) {
    if (side.world != record.world) continue;
    const bool is_candidate = record.candidate.is(side);
    if (!is_candidate && !record.baseline.is(side)) continue;
    std::optional<WeightStep> step = step_to(side, is_candidate ? pair.candidate : pair.baseline);
    if (!step) continue;
    if (!is_candidate) step->sentinel.live_weight = record.rollout.baseline_before;
    steps.push_back(*std::move(step));
  }
  if (steps.size() == 2) {
    // The side that loses comes first; where both or none does, the one that traffic leaves.
    const bool back = record.rollout.state == RolloutState::RolledBack;
    const bool alike = gains(steps[0]) == gains(steps[1]);
    const bool first_stays =
        alike ? record.candidate.is(steps[0].sentinel) != back : gains(steps[0]);
    if (first_stays) std::swap(steps[0], steps[1]);
  }
  if (record.candidate.sentinel == record.baseline.sentinel) tell_the_later(steps, record, sides);
  return steps;
}

std::string taken_back_by(const RolloutRecord& record, std::span<const SentinelRecord> sides) {
  if (record.rollout.state != RolloutState::RolledBack) return {};
  const auto candidate = std::ranges::find_if(sides, [&](const SentinelRecord& side) {
    return side.world == record.world && record.candidate.is(side);
  });
  return candidate == sides.end() ? std::string() : candidate->deploy_key;
}

StepCause rollout_cause(const RolloutRecord& record, const std::string& actor, std::string what,
                        Instant at) {
  return {.actor = actor,
          .action = kRolloutAction,
          .subject = record.id,
          .note = std::move(what),
          .at = at};
}

AuditRow rollout_audit(const RolloutRecord& record, const StepCause& cause) {
  return {.at = cause.at,
          .actor = cause.actor,
          .action = cause.action,
          .world = record.world,
          .sentinel = record.candidate.sentinel,
          .version = record.candidate.version,
          .subject = cause.subject,
          .note = cause.note};
}

std::string rollout_words(const Rollout& rollout) {
  if (rollout.state == RolloutState::Running) {
    return "step " + std::to_string(rollout.step + 1) + " of " +
           std::to_string(rollout.steps.size());
  }
  std::string words(rollout_state_text(rollout.state));
  if (rollout.state == RolloutState::RolledBack) words += ": " + rollout.reason;
  return words;
}

Result<RollbackMoves> rollback_moves(const RollbackPlan& plan, const SentinelHistory& history,
                                     std::span<const RolloutRecord> unfinished,
                                     const StepCause& cause) {
  const RolloutSide taken{graph::sentinel_id(plan.taken.strategy), plan.taken.version};
  const RolloutSide back{graph::sentinel_id(plan.predecessor.strategy), plan.predecessor.version};
  RollbackMoves moves;
  moves.taken_back.push_back(plan.taken.key);
  const SentinelRecord* returning = find_sentinel(history, plan.predecessor);
  if (returning != nullptr && returning->deploy_key != plan.predecessor.key) {
    moves.returns = *returning;
    moves.returns->deploy_key = plan.predecessor.key;
  }
  if (taken == back) return moves;  // one sentinel for both: no weight moves
  std::optional<double> former;
  for (const RolloutRecord& record : unfinished) {
    if (record.world != plan.taken.world || record.candidate != taken) continue;
    if (!record.baseline.empty() && record.baseline != back) return other_rollout(record);
    moves.ended = record;
    if (record.baseline == back) former = record.rollout.baseline_before;
  }
  moves.weights = rollback_weights(plan, history, former);
  for (const WeightStep& step : moves.weights) {
    for (const RolloutRecord& record : unfinished) {
      const bool own = moves.ended && moves.ended->id == record.id;
      if (own || record.world != step.sentinel.world) continue;
      if (shares_a_sentinel(record, side_of(step.sentinel))) return other_rollout(record);
    }
  }
  if (moves.ended) {
    Rollout& rollout = moves.ended->rollout;
    rollout.state = RolloutState::RolledBack;
    rollout.ended_at = cause.at;
    rollout.unknown_since.reset();
    rollout.reason = "its deploy was taken back by " + cause.actor;
    const SentinelRecord* candidate = find_sentinel(history, plan.taken);
    if (candidate != nullptr && candidate->deploy_key != plan.taken.key) {
      moves.taken_back.push_back(candidate->deploy_key);
    }
  }
  return moves;
}

}  // namespace weir::dagmanager
