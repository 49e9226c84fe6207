// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/memory_rollout_store.h"

#include <algorithm>
#include <ranges>
#include <utility>

#include "dagmanager/ports/rollouts/memory_history.h"
#include "graph/dag.h"

namespace weir::dagmanager {
namespace {

using Tell = MemoryGraphStore::TellWeight;

RolloutRecord* find_rollout(MemoryGraph& graph, const std::string& id) {
  const auto found = std::ranges::find(graph.rollouts, id, &RolloutRecord::id);
  return found == graph.rollouts.end() ? nullptr : &*found;
}

/// The weights that the rollout's state asks for.
std::vector<SentinelRecord> move_weights(MemoryGraph& graph, const RolloutRecord& record,
                                         const StepCause& cause, const Tell& tell) {
  std::vector<SentinelRecord> moved;
  for (const WeightStep& step : rollout_weights(record, graph.sentinels)) {
    graph.weigh(step.sentinel);
    graph.audit.push_back(audit_of(step, cause));
    if (step.told) tell(step.sentinel, cause.at);
    moved.push_back(step.sentinel);
  }
  return moved;
}

/// Writes a move down, with what it changes besides; `words`: what happened, empty: nothing to say.
RolloutOutcome write_move(MemoryGraph& graph, RolloutRecord& stored, RolloutMove move,
                          const StepCause& cause, const Tell& tell) {
  stored.rollout = std::move(move.next);
  RolloutOutcome outcome{
      .record = stored, .rolled_back = move.rolled_back, .undecided = move.undecided};
  if (!cause.note.empty()) graph.audit.push_back(rollout_audit(stored, cause));
  if (DeployRecord* deploy = graph.deploys.find(taken_back_by(stored, graph.sentinels))) {
    deploy->taken_back_at = cause.at;
  }
  if (move.weights_change) outcome.weights = move_weights(graph, stored, cause, tell);
  return outcome;
}

}  // namespace

Result<RolloutOutcome> MemoryRolloutStore::begin(const RolloutBegin& command) {
  RolloutOutcome outcome;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const Tell& tell) -> Result<bool> {
    WEIR_TRY(const SentinelHistory history,
             in_world(history_of(graph, command.wish.sentinel), command.wish.world));
    WEIR_TRY(const RolloutSides sides, choose_sides(command.wish, history, graph.sentinels));
    if (!same_deploys(sides, command)) return sides_moved();
    std::vector<RolloutRecord> unfinished;
    for (const RolloutRecord& record : graph.rollouts) {
      if (!record.rollout.ended()) unfinished.push_back(record);
    }
    WEIR_TRY(RolloutRecord record,
             plan_rollout(command.wish, sides, {unfinished, graph.hits_open > 0, command.gate},
                          command.start));
    if (!stands_on(graph, command.queues)) return queue_collected(sides.candidate.version);
    if (sides.baseline) {
      graph.deploys.find(command.deploy)->baseline = sides.baseline->deploy_key;
    }
    const StepCause cause = rollout_cause(
        record, command.start.actor, "started, " + rollout_words(record.rollout), command.start.at);
    graph.audit.push_back(rollout_audit(record, cause));
    outcome.weights = move_weights(graph, record, cause, tell);
    graph.rollouts.push_back(record);
    outcome.record = std::move(record);
    return true;
  }));
  return outcome;
}

Result<RolloutOutcome> MemoryRolloutStore::change(const RolloutOrder& order) {
  RolloutOutcome outcome;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const Tell& tell) -> Result<bool> {
    RolloutRecord* stored = find_rollout(graph, order.id);
    if (stored == nullptr) return unknown_rollout(order.id);
    WEIR_TRY(RolloutMove move,
             change_rollout(stored->rollout, order_change(order, graph.hits_open > 0)));
    const StepCause cause =
        rollout_cause(*stored, order.actor, order_words(order, move.next), order.at);
    outcome = write_move(graph, *stored, std::move(move), cause, tell);
    return true;
  }));
  WEIR_CHECK(alerts_.raise(conditions_of(outcome, order.at)));
  return outcome;
}

Result<RolloutOutcome> MemoryRolloutStore::judge(const LoopFence& fence,
                                                 const RolloutJudgement& judgement) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  RolloutOutcome outcome;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const Tell& tell) -> Result<bool> {
    RolloutRecord* stored = find_rollout(graph, judgement.id);
    if (stored == nullptr) return unknown_rollout(judgement.id);
    outcome.record = *stored;
    if (!still_fits(stored->rollout, judgement)) return false;
    RolloutMove move = dagmanager::judge(stored->rollout, judgement.checks, graph.hits_open > 0,
                                         judgement.at, judgement.policy);
    const StepCause cause =
        rollout_cause(*stored, kCanaryActor, judgement_words(stored->rollout, move), judgement.at);
    outcome = write_move(graph, *stored, std::move(move), cause, tell);
    outcome.judged = true;
    return true;
  }));
  WEIR_CHECK(alerts_.raise(conditions_of(outcome, judgement.at)));
  return outcome;
}

Result<std::vector<RolloutRecord>> MemoryRolloutStore::list(const RolloutFilter& filter) {
  std::vector<RolloutRecord> found;
  store_.look([&](const MemoryGraph& graph) {
    for (const RolloutRecord& record : std::views::reverse(graph.rollouts)) {
      if (found.size() == kRolloutsListedMax) return;
      if (filter.world && record.world != *filter.world) continue;
      if (filter.state && record.rollout.state != *filter.state) continue;
      found.push_back(record);
    }
  });
  return found;
}

Result<std::vector<RolloutRecord>> MemoryRolloutStore::unfinished() {
  std::vector<RolloutRecord> found;
  store_.look([&](const MemoryGraph& graph) {
    for (const RolloutRecord& record : graph.rollouts) {
      if (!record.rollout.ended()) found.push_back(record);
    }
  });
  std::ranges::sort(found, [](const RolloutRecord& one, const RolloutRecord& other) {
    return std::pair(one.rollout.judged_at, one.id) < std::pair(other.rollout.judged_at, other.id);
  });
  return found;
}

Result<std::optional<RolloutRecord>> MemoryRolloutStore::find(const std::string& id) {
  std::optional<RolloutRecord> found;
  store_.look([&](const MemoryGraph& graph) {
    const auto at = std::ranges::find(graph.rollouts, id, &RolloutRecord::id);
    if (at != graph.rollouts.end()) found = *at;
  });
  return found;
}

Result<std::vector<SentinelRecord>> MemoryRolloutStore::versions(
    const graph::SentinelId& sentinel) {
  std::vector<SentinelRecord> found;
  store_.look([&](const MemoryGraph& graph) {
    for (const SentinelRecord& record : graph.sentinels) {
      if (record.id == sentinel) found.push_back(record);
    }
  });
  return found;
}

Result<std::size_t> MemoryRolloutStore::sentinel_gaps() {
  std::size_t gaps = 0;
  store_.look([&](const MemoryGraph& graph) {
    for (const std::string& key : graph.deploys.order()) {
      const DeployRecord& deploy = *graph.deploys.find(key);
      if (!deploy.sentinel_due) continue;
      SentinelRecord due;
      due.id = graph::sentinel_id(deploy.key.strategy);
      due.world = graph::WorldId(deploy.key.context.world_id);
      due.version = deploy.key.version;
      if (graph.find_sentinel(due) == nullptr) ++gaps;
    }
  });
  return gaps;
}

}  // namespace weir::dagmanager
