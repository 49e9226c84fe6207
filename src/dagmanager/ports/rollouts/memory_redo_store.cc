// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/memory_redo_store.h"

#include <algorithm>
#include <utility>

#include "dagmanager/ports/rollouts/memory_history.h"

namespace weir::dagmanager {
Result<SentinelHistory> MemoryRedoStore::history(const graph::SentinelId& sentinel) {
  SentinelHistory history;
  store_.look([&](const MemoryGraph& graph) { history = history_of(graph, sentinel); });
  return history;
}

Result<std::optional<DeployRecord>> MemoryRedoStore::deploy(const std::string& key) {
  std::optional<DeployRecord> deploy;
  store_.look([&](const MemoryGraph& graph) {
    if (graph.deploys.find(key) != nullptr) deploy = graph.deploys.whole(key);
  });
  return deploy;
}

Result<TakenBack> MemoryRedoStore::take_back(const TakeBack& command) {
  TakenBack done;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& tell) -> Result<bool> {
    WEIR_TRY(const SentinelHistory history,
             in_world(history_of(graph, command.sentinel), command.world));
    WEIR_TRY(const RollbackPlan plan,
             decide_take_back(history, command.taken, command.predecessor));
    if (plan.taken.taken_back) return false;
    if (!stands_on(graph, command.queues)) return queue_collected(plan.predecessor.version);
    const StepCause cause = cause_of(plan, command.actor, command.at);
    std::vector<RolloutRecord> unfinished;
    for (const RolloutRecord& record : graph.rollouts) {
      if (!record.rollout.ended()) unfinished.push_back(record);
    }
    WEIR_TRY(const RollbackMoves moves, rollback_moves(plan, history, unfinished, cause));
    for (const std::string& key : moves.taken_back) {
      if (DeployRecord* deploy = graph.deploys.find(key)) deploy->taken_back_at = command.at;
    }
    if (moves.returns) graph.find_sentinel(*moves.returns)->deploy_key = moves.returns->deploy_key;
    graph.audit.push_back(audit_of(plan, cause));
    if (moves.ended) {
      *std::ranges::find(graph.rollouts, moves.ended->id, &RolloutRecord::id) = *moves.ended;
    }
    for (const WeightStep& step : moves.weights) {
      graph.weigh(step.sentinel);
      graph.audit.push_back(audit_of(step, cause));
      if (step.told) tell(step.sentinel, command.at);
      done.weights.push_back(step.sentinel);
    }
    done.changed = true;
    return true;
  }));
  return done;
}

}  // namespace weir::dagmanager
