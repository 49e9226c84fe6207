// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/memory_history.h"

#include <algorithm>
#include <string>
#include <vector>

#include "graph/dag.h"

namespace weir::dagmanager {
namespace {

DeployHead head_of(const std::string& key, const DeployRecord& deploy) {
  return {.key = key,
          .strategy = deploy.key.strategy,
          .world = graph::WorldId(deploy.key.context.world_id),
          .version = deploy.key.version,
          .node_set = deploy.key.node_set,
          .first_seen = deploy.first_seen,
          .taken_back = deploy.taken_back_at.has_value(),
          .baseline = deploy.baseline};
}

/// The deploys of other sentinels that this one's took over from, and those sentinels.
void add_baselines(const MemoryGraph& graph, SentinelHistory& history) {
  for (const DeployHead& own : history.deploys) {
    const DeployRecord* deploy = own.baseline.empty() ? nullptr : graph.deploys.find(own.baseline);
    if (deploy == nullptr || graph::sentinel_id(deploy->key.strategy) == history.id) continue;
    const bool known = std::ranges::find(history.baselines, own.baseline, &DeployHead::key) !=
                       history.baselines.end();
    if (!known) history.baselines.push_back(head_of(own.baseline, *deploy));
  }
  for (const SentinelRecord& record : graph.sentinels) {
    const bool is_one = std::ranges::any_of(history.baselines, [&](const DeployHead& head) {
      return graph::sentinel_id(head.strategy) == record.id && head.world == record.world &&
             head.version == record.version;
    });
    if (is_one) history.baseline_sentinels.push_back(record);
  }
}

}  // namespace

SentinelHistory history_of(const MemoryGraph& graph, const graph::SentinelId& sentinel) {
  SentinelHistory history{.id = sentinel, .deploys = {}, .sentinels = {}};
  const std::vector<graph::StrategyId> strategies = strategies_of(sentinel);
  for (const std::string& key : graph.deploys.order()) {
    const DeployRecord& deploy = *graph.deploys.find(key);
    const bool own = deploy.sentinel_due &&
                     std::ranges::find(strategies, deploy.key.strategy) != strategies.end();
    if (own) history.deploys.push_back(head_of(key, deploy));
  }
  if (history.deploys.size() > kSentinelDeploysMax) {
    history.deploys.erase(history.deploys.begin(), history.deploys.end() - kSentinelDeploysMax);
  }
  for (const SentinelRecord& record : graph.sentinels) {
    if (record.id == sentinel) history.sentinels.push_back(record);
  }
  add_baselines(graph, history);
  return history;
}

bool stands_on(const MemoryGraph& graph, const std::vector<RowId>& queues) {
  return std::ranges::all_of(queues, [&](RowId row) {
    const QueueView queue = graph.index.queue(row);
    return queue && queue.is_active();
  });
}

}  // namespace weir::dagmanager
