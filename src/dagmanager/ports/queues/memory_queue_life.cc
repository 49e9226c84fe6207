// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/memory_queue_life.h"

#include <algorithm>

#include "graph/dag_meta.h"

namespace weir::dagmanager {

Result<std::vector<DeployStanding>> MemoryQueueLife::deploys() {
  std::vector<DeployStanding> deploys;
  store_.look([&](const MemoryGraph& graph) {
    std::int64_t order = 0;
    for (const std::string& key : graph.deploys.order()) {
      const DeployRecord& deploy = *graph.deploys.find(key);
      const graph::SentinelId sentinel = graph::sentinel_id(deploy.key.strategy);
      const graph::WorldId world(deploy.key.context.world_id);
      const auto own = std::ranges::find_if(graph.sentinels, [&](const SentinelRecord& one) {
        return deploy.sentinel_due && one.id == sentinel && one.world == world &&
               one.version == deploy.key.version;
      });
      const bool known = own != graph.sentinels.end();
      deploys.push_back({.key = key,
                         .strategy = deploy.key.strategy,
                         .world = world,
                         .safe_mode = deploy.key.context.safe_mode,
                         .live = known && own->traffic_weight.value_or(0) > 0,
                         .was_live = known && own->peak_weight > 0,
                         .ended = deploy.ended_at.has_value(),
                         .last_seen = deploy.last_seen,
                         .order = ++order});
    }
  });
  std::ranges::sort(deploys, {}, &DeployStanding::key);
  return deploys;
}

Result<std::vector<DeployBindings>> MemoryQueueLife::bindings(std::span<const std::string> keys) {
  std::vector<DeployBindings> found;
  store_.look([&](const MemoryGraph& graph) {
    for (const std::string& key : keys) {
      if (graph.deploys.find(key) == nullptr) continue;
      const DeployRecord deploy = graph.deploys.whole(key);
      DeployBindings bindings{key, deploy.key.strategy, deploy.key.context, {}};
      for (const DeployNode& node : deploy.nodes) bindings.nodes.push_back(node.node);
      found.push_back(std::move(bindings));
    }
  });
  return found;
}

Result<std::vector<OrphanRecord>> MemoryQueueLife::orphans() {
  std::vector<OrphanRecord> orphans;
  store_.look([&](const MemoryGraph& graph) {
    for (const auto& [row, orphan] : graph.orphans) orphans.push_back(orphan);
  });
  return orphans;
}

Result<void> MemoryQueueLife::mark(const LoopFence& fence, const OrphanMarks& marks) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  return store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    for (const OrphanRecord& orphan : marks.put) graph.orphans[orphan.queue] = orphan;
    for (const RowId row : marks.no_more) graph.orphans.erase(row);
    return !marks.empty();
  });
}

}  // namespace weir::dagmanager
