// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/memory_redo_store.h"

#include <algorithm>
#include <utility>

namespace weir::dagmanager {
namespace {

SentinelHistory history_of(const MemoryGraph& graph, const graph::SentinelId& sentinel) {
  SentinelHistory history{.id = sentinel, .deploys = {}, .sentinels = {}};
  const std::vector<graph::StrategyId> strategies = strategies_of(sentinel);
  for (const std::string& key : graph.deploys.order()) {
    const DeployRecord& deploy = *graph.deploys.find(key);
    const bool own = deploy.sentinel_due &&
                     std::ranges::find(strategies, deploy.key.strategy) != strategies.end();
    if (!own) continue;
    history.deploys.push_back({.key = key,
                               .strategy = deploy.key.strategy,
                               .world = graph::WorldId(deploy.key.context.world_id),
                               .version = deploy.key.version,
                               .node_set = deploy.key.node_set,
                               .first_seen = deploy.first_seen,
                               .taken_back = deploy.taken_back_at.has_value(),
                               .baseline = deploy.baseline});
  }
  if (history.deploys.size() > kSentinelDeploysMax) {
    history.deploys.erase(history.deploys.begin(), history.deploys.end() - kSentinelDeploysMax);
  }
  for (const SentinelRecord& record : graph.sentinels) {
    if (record.id == sentinel) history.sentinels.push_back(record);
  }
  return history;
}

bool stands_on(const MemoryGraph& graph, const std::vector<RowId>& queues) {
  return std::ranges::all_of(queues, [&](RowId row) {
    const QueueView queue = graph.index.queue(row);
    return queue && queue.is_active();
  });
}

}  // namespace

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
    graph.deploys.find(command.taken)->taken_back_at = command.at;
    const StepCause cause = cause_of(plan, command.actor, command.at);
    graph.audit.push_back(audit_of(plan, cause));
    for (const WeightStep& step : rollback_weights(plan, history.sentinels)) {
      *graph.find_sentinel(step.sentinel) = step.sentinel;
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
