// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/memory_topic_upkeep.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "graph/dag_meta.h"

namespace weir::dagmanager {
namespace {

/// Before the binding key of an intent that is being dropped, which is bound to nothing.
constexpr std::string_view kDropping = "dropping|";

bool is_dropping(const QueueRecord& queue) {
  return queue.state == QueueState::Leaving && queue.binding_key.view().starts_with(kDropping);
}

/// When a diff last wanted it.
Instant wanted_at(const MemoryGraph& graph, const QueueRecord& intent) {
  const auto joined = graph.joined_at.find(intent.row);
  return joined == graph.joined_at.end() ? intent.created_at : joined->second;
}

IntentRow intent_row(const MemoryGraph& graph, const QueueRecord& queue) {
  const NodeView node = graph.index.node(queue.node);
  const bool dropping = is_dropping(queue);
  return {.queue = queue.row,
          .topic = queue.topic,
          .type = queue.type,
          .shape = queue.shape,
          .node_id = node ? node.id().text() : std::string(),
          .binding_key = queue.binding_key.text().substr(dropping ? kDropping.size() : 0),
          .diff_id = {},
          .dropping = dropping};
}

/// What the deploy's sentinel is to be.
SentinelRecord sentinel_of(const DeployRecord& deploy) {
  SentinelRecord sentinel;
  sentinel.id = graph::sentinel_id(deploy.key.strategy);
  sentinel.world = graph::WorldId(deploy.key.context.world_id);
  sentinel.version = deploy.key.version;
  sentinel.deploy_key = deploy.key.text();
  sentinel.created_at = deploy.first_seen;
  return sentinel;
}

}  // namespace

Result<std::vector<IntentRow>> MemoryTopicUpkeep::intents(Instant before, std::size_t limit) {
  std::vector<IntentRow> intents;
  store_.look([&](const MemoryGraph& graph) {
    graph.index.for_each_queue([&](const QueueView& view) {
      if (view.is_active()) return;
      const QueueRecord queue = view.record();
      const bool old = queue.state == QueueState::Intent && wanted_at(graph, queue) < before;
      if (old || is_dropping(queue)) intents.push_back(intent_row(graph, queue));
    });
  });
  std::ranges::sort(intents, {}, &IntentRow::queue);
  if (intents.size() > limit) intents.resize(limit);
  return intents;
}

Result<bool> MemoryTopicUpkeep::start_dropping(const LoopFence& fence, RowId intent,
                                               Instant before) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  bool started = false;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    const QueueView view = graph.index.queue(intent);
    if (!view || view.state() != QueueState::Intent) return false;
    QueueRecord queue = view.record();
    if (wanted_at(graph, queue) >= before) return false;
    queue.state = QueueState::Leaving;
    queue.binding_key = graph::BindingKey(std::string(kDropping) + queue.binding_key.text());
    graph.index.put_queue(queue);
    started = true;
    return true;
  }));
  return started;
}

Result<bool> MemoryTopicUpkeep::end_dropping(const LoopFence& fence, RowId intent,
                                             const Remove& remove) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  bool ended = false;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    const QueueView view = graph.index.queue(intent);
    if (!view) return false;
    const QueueRecord queue = view.record();
    if (!is_dropping(queue)) return false;
    WEIR_TRY(const auto row, remove(intent_row(graph, queue)));
    if (!row) return false;
    graph.joined_at.erase(intent);
    graph.index.remove_queue(intent);
    graph.log.add(*row);
    ended = true;
    return true;
  }));
  return ended;
}

Result<bool> MemoryTopicUpkeep::while_active(const LoopFence& fence, RowId queue,
                                             const Held& call) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  bool active = false;
  WEIR_CHECK(store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    const QueueView view = graph.index.queue(queue);
    if (!view || !view.is_active()) return false;
    WEIR_TRY(const auto rows, call());
    for (const TopicLogRow& row : rows) graph.log.add(row);
    active = true;
    return !rows.empty();
  }));
  return active;
}

Result<std::vector<bool>> MemoryTopicUpkeep::known(std::span<const graph::TopicName> names) {
  std::vector<bool> known;
  store_.look([&](const MemoryGraph& graph) {
    for (const graph::TopicName& name : names) {
      const QueueView holder = graph.index.queue_by_topic(graph::topic_key(name));
      known.push_back(holder && holder.topic() == name.view());
    }
  });
  return known;
}

/// A sentinel's nodes are those of its deploy here: one that is stored misses none.
Result<std::vector<SentinelGap>> MemoryTopicUpkeep::sentinel_gaps(std::size_t limit) {
  std::vector<SentinelGap> gaps;
  store_.look([&](const MemoryGraph& graph) {
    for (const std::string& key : graph.deploys.order()) {
      const DeployRecord& deploy = *graph.deploys.find(key);
      if (!deploy.sentinel_due || deploy.ended_at || gaps.size() == limit) continue;
      SentinelRecord due = sentinel_of(deploy);
      if (graph.find_sentinel(due) == nullptr) gaps.push_back({key, std::move(due)});
    }
  });
  return gaps;
}

Result<void> MemoryTopicUpkeep::mend_sentinel(const LoopFence& fence, const SentinelGap& gap,
                                              const TopicLogRow& row) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  return store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    if (graph.find_sentinel(gap.sentinel) == nullptr) graph.sentinels.push_back(gap.sentinel);
    graph.log.add(row);
    return true;
  });
}

/// Those of queues that are there, and of deploys, whose namespace is that of world and domain.
Result<std::vector<std::shared_ptr<const BindingContext>>> MemoryTopicUpkeep::contexts() {
  std::vector<std::shared_ptr<const BindingContext>> contexts;
  const auto add = [&](const BindingContext& context) {
    const auto same = [&](const auto& known) { return *known == context; };
    if (std::ranges::any_of(contexts, same)) return;
    contexts.push_back(std::make_shared<const BindingContext>(context));
  };
  store_.look([&](const MemoryGraph& graph) {
    graph.index.for_each_queue([&](const QueueView& queue) { add(queue.binding()); });
    for (const std::string& key : graph.deploys.order()) {
      const DeployKey& deploy = graph.deploys.find(key)->key;
      add({deploy.context, graph::Namespace(), deploy.strategy});
      add({deploy.context, graph::namespace_of(graph::Dag(), deploy.context), deploy.strategy});
    }
  });
  return contexts;
}

Result<void> MemoryTopicUpkeep::add_log(const LoopFence& fence, std::span<const TopicLogRow> rows) {
  WEIR_TRY(const auto held, loops_.lock(fence));
  return store_.alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    for (const TopicLogRow& row : rows) graph.log.add(row);
    return !rows.empty();
  });
}

}  // namespace weir::dagmanager
