// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/compaction/memory_compaction_store.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/crash_point.h"
#include "dagmanager/ports/queues/memory_queue_life.h"

namespace weir::dagmanager {
namespace {

SentinelRecord named(const SentinelKey& key) {
  SentinelRecord sentinel;
  sentinel.id = key.id;
  sentinel.world = key.world;
  sentinel.version = key.version;
  return sentinel;
}

std::optional<SentinelExport> export_of(const MemoryGraph& graph, const SentinelKey& key,
                                        const std::vector<std::string>& deploys) {
  const SentinelRecord* sentinel = graph.find_sentinel(named(key));
  if (sentinel == nullptr) return std::nullopt;
  SentinelExport found{*sentinel, {}};
  for (const std::string& deploy : deploys) {
    if (graph.deploys.find(deploy) != nullptr) found.deploys.push_back(graph.deploys.whole(deploy));
  }
  return found;
}

void end_deploy(MemoryGraph& graph, const std::string& key, Instant at) {
  DeployRecord* deploy = graph.deploys.find(key);
  if (deploy != nullptr && !deploy->ended_at) deploy->ended_at = at;
}

bool remove_sentinel_from(MemoryGraph& graph, const SentinelRemoval& removal) {
  const SentinelKey key = key_of(removal.exported.sentinel);
  const std::vector<DeployStanding> deploys = standings_of(graph);
  const std::vector<std::string> keys = deploys_under(deploys, key);
  if (export_of(graph, key, keys) != removal.exported) return false;
  const std::vector<bool> keeping =
      keeping_deploys(deploys, {key}, removal.deploys_kept, removal.at);
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    if (keeping[i] && std::ranges::binary_search(keys, deploys[i].key)) return false;
  }
  std::erase_if(graph.sentinels, [&](const SentinelRecord& one) { return key_of(one) == key; });
  for (const std::string& deploy : keys) end_deploy(graph, deploy, removal.at);
  graph.log.add(archived_row(removal));
  return true;
}

RemovedNodes remove_nodes_from(MemoryGraph& graph, const NodeRemoval& removal) {
  const std::vector<DeployStanding> deploys = standings_of(graph);
  const std::vector<bool> keeping = keeping_deploys(deploys, {}, removal.deploys_kept, removal.at);
  NodeRows kept;
  for (const DeployBindings& deploy : bindings_of(graph, removal.seen->changed(deploys, keeping))) {
    kept.insert(deploy.nodes.begin(), deploy.nodes.end());
  }
  RemovedNodes removed;
  for (const RowId row : removable_nodes(graph.index, kept, removal.nodes)) {
    const NodeRecord node = graph.index.node(row).record();
    graph.index.remove_node(row);
    removed.artifacts += graph.artifacts.remove(node);
    removed.nodes.push_back(node.id);
  }
  if (removed.nodes.empty()) return removed;
  graph.removal = ++graph.epoch;
  for (const std::string& deploy : removal.referring) end_deploy(graph, deploy, removal.at);
  graph.log.add(removal_row(removal, removed));
  return removed;
}

}  // namespace

Result<std::vector<SentinelLife>> MemoryCompactionStore::sentinels() {
  std::vector<SentinelLife> lives;
  store_.look([&](const MemoryGraph& graph) {
    for (const SentinelRecord& one : graph.sentinels)
      lives.push_back({key_of(one), one.retired_at});
  });
  std::ranges::sort(lives, {}, &SentinelLife::key);
  return lives;
}

Result<void> MemoryCompactionStore::mark(const LoopFence& gc, const RetirementMarks& marks) {
  WEIR_TRY(const auto held, loops_.lock(gc));
  return store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    for (const SentinelKey& key : marks.retired) {
      SentinelRecord* sentinel = graph.find_sentinel(named(key));
      if (sentinel != nullptr && !sentinel->retired_at) sentinel->retired_at = marks.at;
    }
    for (const SentinelKey& key : marks.waiting) {
      SentinelRecord* sentinel = graph.find_sentinel(named(key));
      if (sentinel != nullptr) sentinel->retired_at.reset();
    }
    return !marks.empty();
  });
}

Result<std::optional<SentinelExport>> MemoryCompactionStore::read_sentinel(
    const SentinelKey& sentinel, const std::vector<std::string>& deploys) {
  std::optional<SentinelExport> found;
  store_.look([&](const MemoryGraph& graph) { found = export_of(graph, sentinel, deploys); });
  return found;
}

Result<bool> MemoryCompactionStore::remove_sentinel(const CompactionFence& fence,
                                                    const SentinelRemoval& removal) {
  WEIR_TRY(const auto held, loops_.lock(std::array{fence.gc, fence.reconciler}));
  bool gone = false;
  WEIR_CRASH_POINT("compact.before_sentinel");
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    return gone = remove_sentinel_from(graph, removal);
  }));
  WEIR_CRASH_POINT("compact.after_sentinel");
  return gone;
}

Result<RemovedNodes> MemoryCompactionStore::remove_nodes(const CompactionFence& fence,
                                                         const NodeRemoval& removal) {
  WEIR_TRY(const auto held, loops_.lock(std::array{fence.gc, fence.reconciler}));
  RemovedNodes removed;
  WEIR_CRASH_POINT("compact.before_nodes");
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    removed = remove_nodes_from(graph, removal);
    return !removed.nodes.empty();
  }));
  WEIR_CRASH_POINT("compact.after_nodes");
  return removed;
}

}  // namespace weir::dagmanager
