// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/memory_queue_life.h"

#include <algorithm>
#include <utility>

#include "graph/dag_meta.h"

namespace weir::dagmanager {

namespace {

/// Whether it has traffic, or is a side of a rollout that has not ended.
bool is_live(const MemoryGraph& graph, const SentinelRecord& sentinel) {
  if (sentinel.traffic_weight.value_or(0) > 0) return true;
  const RolloutSide side{sentinel.id, sentinel.version};
  return std::ranges::any_of(graph.rollouts, [&](const RolloutRecord& one) {
    return !one.rollout.ended() && one.world == sentinel.world &&
           (one.candidate == side || one.baseline == side);
  });
}

OutboxRow next_event(MemoryGraph& graph, Random& random, const std::string& counter, Instant at) {
  OutboxRow row;
  row.id = base::uuid_v4(random);
  row.key_seq = ++graph.last_event;
  row.revision = ++graph.revisions[counter];
  row.created_at = at;
  return row;
}

/// Writes a plan: what a diff's commit does for what comes, this does for what goes.
void apply(MemoryGraph& graph, Random& random, CollectionPlan plan, Instant at) {
  graph.removal = ++graph.epoch;
  for (LifecycleUpdate& told : plan.lifecycles) {
    OutboxRow row = next_event(graph, random, lifecycle_key(told.queue), at);
    row.lifecycle = std::move(told);
    graph.outbox.add(row);
  }
  for (QueueUpdate& update : plan.updates) {
    OutboxRow row = next_event(graph, random, query_key(update.query), at);
    row.queues = std::move(update);
    graph.outbox.add(row);
  }
  for (const RowId row : plan.queues) {
    graph.index.put_queue(leaving(graph.index.queue(row).record()));
    graph.orphans.erase(row);
    graph.collecting.insert(row);
  }
  for (const TopicLogRow& row : plan.log) graph.log.add(row);
}

void forget_one(MemoryGraph& graph, RowId row, const Forgetting& forgetting) {
  if (graph.collecting.erase(row) == 0) return;
  const QueueRecord queue = graph.index.queue(row).record();
  const NodeView node = graph.index.node(queue.node);
  graph.log.add(deleted_row(queue, node ? node.id().text() : std::string(), forgetting));
  graph.index.remove_queue(row);
  if (graph.outbox.empty()) return;
  graph.gone[row] = {row, queue.topic, node && node.global(), graph.last_event};
}

}  // namespace

std::vector<DeployStanding> standings_of(const MemoryGraph& graph) {
  std::vector<DeployStanding> deploys;
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
                       .live = known && is_live(graph, *own),
                       .was_live = known && own->peak_weight > 0,
                       .ended = deploy.ended_at.has_value(),
                       .last_seen = deploy.last_seen,
                       .order = ++order,
                       .version = deploy.key.version,
                       .has_sentinel = known});
  }
  std::ranges::sort(deploys, {}, &DeployStanding::key);
  return deploys;
}

std::vector<DeployBindings> bindings_of(const MemoryGraph& graph,
                                        std::span<const std::string> keys) {
  std::vector<DeployBindings> found;
  for (const std::string& key : keys) {
    if (graph.deploys.find(key) == nullptr) continue;
    const DeployRecord deploy = graph.deploys.whole(key);
    DeployBindings bindings{key, deploy.key.strategy, deploy.key.context, {}};
    for (const DeployNode& node : deploy.nodes) bindings.nodes.push_back(node.node);
    found.push_back(std::move(bindings));
  }
  return found;
}

Result<std::vector<DeployStanding>> MemoryQueueLife::deploys() {
  std::vector<DeployStanding> deploys;
  store_.look([&](const MemoryGraph& graph) { deploys = standings_of(graph); });
  return deploys;
}

Result<std::vector<DeployBindings>> MemoryQueueLife::bindings(std::span<const std::string> keys) {
  std::vector<DeployBindings> found;
  store_.look([&](const MemoryGraph& graph) { found = bindings_of(graph, keys); });
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

Result<std::vector<RowId>> MemoryQueueLife::collect(const LoopFence& fence,
                                                    const Collection& collection) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  std::vector<RowId> gone;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    const std::vector<std::string> keys = newly_held(standings_of(graph), collection);
    QueueReferences references;
    for (const DeployBindings& deploy : bindings_of(graph, keys)) {
      references.add(graph.index, deploy, true, false);
    }
    CollectionPlan plan = plan_collection(graph.index, collection, references);
    if (plan.empty()) return false;
    gone = plan.queues;
    apply(graph, random_, std::move(plan), collection.at);
    return true;
  }));
  return gone;
}

Result<std::vector<LeavingQueue>> MemoryQueueLife::leaving(const LoopFence& fence) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  std::vector<LeavingQueue> queues;
  store_.look([&](const MemoryGraph& graph) {
    for (const RowId row : graph.collecting) {
      queues.push_back({row, graph::TopicName(graph.index.queue(row).topic())});
    }
  });
  return queues;
}

Result<void> MemoryQueueLife::forget(const LoopFence& fence, const Forgetting& forgetting) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  return store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    for (const RowId row : forgetting.queues) forget_one(graph, row, forgetting);
    return !forgetting.queues.empty();
  });
}

Result<std::size_t> MemoryQueueLife::end_deploys(const Cleanup& cleanup) {
  std::size_t ended = 0;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    std::vector<CleanupRow> rows;
    for (const std::string& key : graph.deploys.order()) {
      const DeployRecord& deploy = *std::as_const(graph).deploys.find(key);
      rows.push_back({.key = key,
                      .strategy = deploy.key.strategy,
                      .world = graph::WorldId(deploy.key.context.world_id),
                      .version = deploy.key.version,
                      .sentinel_due = deploy.sentinel_due,
                      .ended = deploy.ended_at.has_value()});
    }
    WEIR_TRY(const auto keys, decide_cleanup(rows, cleanup.id));
    for (const std::string& key : keys) graph.deploys.find(key)->ended_at = cleanup.at;
    ended = keys.size();
    graph.audit.push_back(audit_of(cleanup, ended));
    return true;
  }));
  return ended;
}

}  // namespace weir::dagmanager
