// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_graph_store.h"

#include <absl/container/flat_hash_set.h>
#include <fcntl.h>
#include <sys/file.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <mutex>
#include <ranges>
#include <utility>

#include "dagmanager/ports/limits.h"
#include "dagmanager/ports/memory_snapshot.h"

namespace weir::dagmanager {
namespace {

Error graph_moved(const std::string& what) { return {Code::Aborted, "graph_moved", what}; }

/// Rows of the nodes that a change, already applied, added or gave a queue or a mark, rising; not
/// those of its graph that it found as they are.
std::vector<RowId> touched_nodes(const GraphChange& change, const GraphIndex& index) {
  std::vector<RowId> rows;
  rows.reserve(change.nodes.size() + change.queues.size() + change.marks.size());
  for (const NodeRecord& node : change.nodes) rows.push_back(node.row);
  for (const QueuePromotion& promotion : change.queues) rows.push_back(promotion.node);
  for (const BufferMark& mark : change.marks) rows.push_back(index.queue(mark.queue).node());
  std::ranges::sort(rows);
  rows.erase(std::ranges::unique(rows).begin(), rows.end());
  rows.shrink_to_fit();
  return rows;
}

}  // namespace

void MemoryGraph::touch(std::vector<RowId> nodes) {
  touched.emplace_back(++epoch, std::move(nodes));
  if (touched.size() > kTouchedEpochsMax) touched.pop_front();
}

Result<std::unique_ptr<MemoryGraphStore>> MemoryGraphStore::open(MemoryStoreOptions options,
                                                                 Random& random) {
  std::unique_ptr<MemoryGraphStore> store(new MemoryGraphStore(std::move(options), random));
  if (!store->options_.path.empty()) {
    WEIR_CHECK(store->lock_file());
    WEIR_TRY(store->graph_, load_snapshot(store->options_.path));
    store->published_ = store->graph_.last_event;  // the same numbers as before
  }
  return store;
}

/// Two processes that write one file would each undo what the other wrote.
Result<void> MemoryGraphStore::lock_file() {
  const std::string path = options_.path + ".lock";
  lock_file_ = process::FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_file_.open()) {
    return base::unavailable("graph_unavailable",
                             "cannot open " + path + ": " + std::strerror(errno));
  }
  if (::flock(lock_file_.number(), LOCK_EX | LOCK_NB) == 0) return {};
  return base::failed_precondition(
      "snapshot_in_use", "the snapshot " + options_.path + " is another process's; stop it first");
}

Result<GraphView> MemoryGraphStore::read(const DeployKey* deploy) {
  std::shared_lock lock(mutex_);
  while (unsaved_) {
    lock.unlock();
    {
      const std::unique_lock alone(mutex_);
      if (unsaved_) WEIR_CHECK(save());
    }
    lock.lock();
  }
  std::optional<DeploySeen> seen;
  if (deploy != nullptr) {
    if (const DeployRecord* known = std::as_const(graph_).deploys.find(deploy->text())) {
      const bool ended = known->ended_at || known->taken_back_at;
      seen = DeploySeen{known->last_seen, ended, known->sentinel_due};
    }
  }
  return GraphView(std::move(lock), graph_.index, graph_.epoch, seen);
}

Result<Reservation> MemoryGraphStore::reserve(const IntentBatch& batch,
                                              const std::function<void()>& meanwhile) {
  WEIR_TRY(Reservation reservation, reserve_all(batch));
  if (meanwhile) meanwhile();
  return reservation;
}

Result<Reservation> MemoryGraphStore::reserve_all(const IntentBatch& batch) {
  const std::unique_lock lock(mutex_);
  for (const TopicIntent& intent : batch.intents) {
    if (const QueueView own = bound_elsewhere(intent)) {
      return graph_moved("the node of topic " + intent.topic.text() + " was bound to topic " +
                         std::string(own.topic()) + " meanwhile");
    }
  }
  Reservation reservation;
  reservation.outcomes.reserve(batch.intents.size());
  for (const TopicIntent& intent : batch.intents) {
    reservation.outcomes.push_back(reserve_one(intent, batch));
  }
  reservation.node_rows.reserve(batch.new_nodes);
  for (std::size_t i = 0; i < batch.new_nodes; ++i) {
    reservation.node_rows.push_back(++graph_.last_row);
  }
  unsaved_ = true;
  WEIR_CHECK(save());
  return reservation;
}

/// The queue that the intent's binding has by now under another name.
QueueView MemoryGraphStore::bound_elsewhere(const TopicIntent& intent) const {
  const QueueView own = graph_.index.queue_by_binding(intent.binding_key);
  const bool elsewhere = own && own.is_active() && own.topic() != intent.topic.view();
  return elsewhere ? own : QueueView();
}

IntentOutcome MemoryGraphStore::reserve_one(const TopicIntent& intent, const IntentBatch& batch) {
  const QueueView own = graph_.index.queue_by_binding(intent.binding_key);
  if (own && own.topic() == intent.topic.view()) {
    if (!own.is_active()) graph_.joined_at[own.row()] = batch.at;
    return {.queue = own.row(), .joined = true};
  }
  if (const QueueView holder = graph_.index.queue_by_topic(graph::topic_key(intent.topic))) {
    return {.leaving = holder.is_leaving()};
  }
  if (own) {
    if (own.topic() != intent.gives_up.view()) return {};
    graph_.joined_at.erase(own.row());
    graph_.index.remove_queue(own.row());
  }
  QueueRecord queue;
  queue.row = ++graph_.last_row;
  queue.topic = intent.topic;
  queue.type = intent.type;
  queue.shape = intent.shape;
  queue.binding_key = intent.binding_key;
  queue.compute_key = intent.compute_key;
  queue.binding = batch.binding;
  queue.created_at = batch.at;
  const NodeView node = graph_.index.node(intent.node);
  queue.node = node ? node.row() : 0;
  graph_.index.put_queue(queue);
  return {.queue = queue.row};
}

Result<Committed> MemoryGraphStore::commit(const GraphChange& change) {
  const std::unique_lock lock(mutex_);
  if (change.touches_graph() && moved_under(change)) {
    return graph_moved("a node of the graph changed since it was read");
  }
  if (graph_.removal > change.base) {
    return graph_moved("bindings were removed since the graph was read");
  }
  WEIR_CHECK(check_artifacts(change.nodes, [&](const std::string& checksum) {
    return graph_.artifacts.size_of(checksum);
  }));
  WEIR_TRY(const std::vector<WeightStep> steps, handover_steps(change));
  Committed committed;
  if (change.touches_graph()) {
    committed.events = tell(change);
    apply_graph(change);
    graph_.touch(touched_nodes(change, graph_.index));
  }
  for (const TopicLogRow& row : change.log) graph_.log.add(row);
  if (change.deploy) apply_deploy(change);
  if (change.sentinel) apply_sentinel(change, committed);
  if (change.handover) apply_handover(change, steps, committed);
  committed.epoch = graph_.epoch;
  unsaved_ = true;
  if (committed.events > 0 && bell_.written)
    bell_.written();  // it finds them once this lock is free
  WEIR_CHECK(save());
  return committed;
}

/// The fence: no foreign change since `base` may have touched a node of this DAG, every intent must
/// still be one, and every new node still new.
bool MemoryGraphStore::moved_under(const GraphChange& change) const {
  const GraphIndex& index = graph_.index;
  const bool gone = std::ranges::any_of(change.queues, [&](const QueuePromotion& promotion) {
    const QueueView queue = index.queue(promotion.queue);
    return !queue || queue.state() != QueueState::Intent;
  });
  const bool known = std::ranges::any_of(
      change.nodes, [&](const NodeRecord& node) { return bool(index.node(node.id)); });
  if (gone || known) return true;
  if (graph_.epoch == change.base) return false;
  if (graph_.touched.empty() || graph_.touched.front().first > change.base + 1) return true;
  absl::flat_hash_set<RowId> own;
  for (const std::string& id : change.dag_nodes) {
    if (const NodeView node = index.node(graph::NodeId(id))) own.insert(node.row());
  }
  return std::ranges::any_of(graph_.touched, [&](const auto& touched) {
    return touched.first > change.base &&
           std::ranges::any_of(touched.second, [&](RowId row) { return own.contains(row); });
  });
}

void MemoryGraphStore::apply_graph(const GraphChange& change) {
  for (const NodeRecord& node : change.nodes) {
    graph_.index.add_node(node);
    graph_.artifacts.add(node);
  }
  for (const QueuePromotion& promotion : change.queues) {
    const QueueView intent = graph_.index.queue(promotion.queue);
    graph_.joined_at.erase(promotion.queue);
    graph_.index.put_queue(promoted(intent.record(), promotion, change));
  }
  for (const BufferMark& mark : change.marks) {
    graph_.index.put_queue(marked(graph_.index.queue(mark.queue).record(), mark));
  }
}

OutboxRow MemoryGraphStore::new_event(Instant at) {
  OutboxRow row;
  row.id = base::uuid_v4(random_);
  row.key_seq = ++graph_.last_event;
  row.created_at = at;
  return row;
}

std::size_t MemoryGraphStore::tell(const GraphChange& change) {
  std::vector<QueueUpdate> updates = changed_queries(graph_.index, change);
  for (QueueUpdate& update : updates) {
    OutboxRow row = new_event(change.at);
    row.revision = ++graph_.revisions[query_key(update.query)];
    row.queues = std::move(update);
    graph_.outbox.add(row);
  }
  return updates.size();
}

void MemoryGraphStore::apply_deploy(const GraphChange& change) {
  const std::string key = change.deploy->key.text();
  DeployRecord* known = graph_.deploys.find(key);
  if (known == nullptr) {
    graph_.deploys.add(key, *change.deploy);
    return;
  }
  if (!change.deploy_known) graph_.deploys.renew_nodes(key, *change.deploy);
  known->last_seen = change.deploy->last_seen;
  known->ended_at.reset();
  known->taken_back_at.reset();
  if (!change.deploy->baseline.empty()) known->baseline = change.deploy->baseline;
  known->sentinel_due = known->sentinel_due || change.deploy->sentinel_due;
  graph_.deploys.make_newest(key);
}

Result<void> MemoryGraphStore::alter(
    const std::function<Result<bool>(MemoryGraph&, const TellWeight&)>& change) {
  const std::unique_lock lock(mutex_);
  if (unsaved_) WEIR_CHECK(save());
  const std::int64_t told = graph_.last_event;
  const TellWeight tell = [&](const SentinelRecord& sentinel, Instant at) {
    tell_weight(sentinel, at);
  };
  WEIR_TRY(const bool changed, change(graph_, tell));
  if (!changed) return {};
  unsaved_ = true;
  if (graph_.last_event > told && bell_.written) bell_.written();
  return save();
}

void MemoryGraphStore::look(const std::function<void(const MemoryGraph&)>& reader) const {
  const std::shared_lock lock(mutex_);
  reader(graph_);
}

Result<void> MemoryGraphStore::save() {
  if (options_.path.empty()) {
    unsaved_ = false;
    return {};
  }
  WEIR_CHECK(save_snapshot(options_.path, graph_));
  unsaved_ = false;
  return {};
}

Result<std::optional<DeployRecord>> MemoryGraphStore::newest_deploy(
    const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) {
  const std::shared_lock lock(mutex_);
  for (const std::string& key : std::views::reverse(graph_.deploys.order())) {
    const DeployRecord& deploy = *std::as_const(graph_).deploys.find(key);
    if (deploy.key.strategy != strategy) continue;
    if (world && deploy.key.context.world_id != world->text()) continue;
    return std::optional(graph_.deploys.whole(key));
  }
  return std::optional<DeployRecord>();
}

Result<std::optional<SentinelRecord>> MemoryGraphStore::newest_sentinel(
    const graph::SentinelId& id, const graph::WorldId& world) {
  const std::shared_lock lock(mutex_);
  std::optional<SentinelRecord> newest;
  for (const SentinelRecord& sentinel : graph_.sentinels) {
    if (sentinel.id == id && sentinel.world == world) newest = sentinel;
  }
  return newest;
}

Result<std::vector<std::pair<RowId, TopicLogRow>>> MemoryGraphStore::topic_log(RowId after,
                                                                               std::size_t limit) {
  const std::shared_lock lock(mutex_);
  std::vector<std::pair<RowId, TopicLogRow>> rows;
  const MemoryTopicLog& log = graph_.log;
  for (std::size_t at = log.after(after); at < log.size() && rows.size() < limit; ++at) {
    rows.emplace_back(log.seq(at), log.row(at));
  }
  return rows;
}

Result<void> MemoryGraphStore::ping() {
  const std::shared_lock lock(mutex_);
  if (unsaved_) {
    return base::unavailable("graph_unavailable",
                             "the snapshot " + options_.path + " could not be written");
  }
  return {};
}

}  // namespace weir::dagmanager
