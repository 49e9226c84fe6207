// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/graph_index.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "base/assert.h"

namespace weir::dagmanager {
namespace {

// What the tables take for a record: a place in the list of records, and in each set a slot and its
// hash with their share of the free ones.
constexpr std::size_t kSetBytes = 2 * (sizeof(Slot) + sizeof(std::uint32_t));
constexpr std::size_t kNodeTableBytes = sizeof(void*) + 2 * kSetBytes;
constexpr std::size_t kQueueTableBytes = sizeof(void*) + 3 * kSetBytes;

}  // namespace

bool query_matches(const QuerySet& set, const NodeRecord& node) {
  if (node.parts.interval != set.interval) return false;
  const auto has = [&](const std::string& tag) {
    return std::ranges::find(node.tags, tag) != node.tags.end();
  };
  if (set.tags.empty()) return false;
  return set.match_all ? std::ranges::all_of(set.tags, has) : std::ranges::any_of(set.tags, has);
}

GraphIndex::GraphIndex()
    : records_(std::make_unique<GraphRecords>()),
      node_by_id_(*records_),
      node_by_row_(*records_),
      queue_by_row_(*records_),
      queue_by_topic_(*records_),
      queue_by_binding_(*records_) {}

void GraphIndex::add_node(const NodeRecord& node) {
  const PackedText id(node.id.view());
  if (node_by_id_.find(id.view()) != kNoSlot) return;
  const Slot slot = records_->add_node(node);
  bytes_ += records_->node_bytes(slot) + kNodeTableBytes;
  ++nodes_;
  node_by_id_.put(slot, id.view());
  node_by_row_.put(slot, node.row);
  const auto early = before_node_.extract(node.row);
  if (early.empty()) return;
  for (const Slot queue : early.mapped()) {
    records_->append_to_node(slot, queue);
    if (records_->queue(queue).is_active()) list_under_tags(queue, records_->node(slot));
  }
}

bool GraphIndex::remove_node(RowId row) {
  const Slot slot = node_by_row_.find(row);
  if (slot == kNoSlot) return false;
  const std::vector<RowId> queues = records_->queues_of(slot);
  const auto is_active = [&](RowId one) { return queue(one).is_active(); };
  if (std::ranges::any_of(queues, is_active)) return false;
  for (const RowId one : queues) {
    QueueRecord unbound = queue(one).record();
    unbound.node = 0;
    put_queue(unbound);
  }
  bytes_ -= records_->node_bytes(slot) + kNodeTableBytes;
  --nodes_;
  node_by_id_.erase(slot, records_->node(slot).packed_id());
  node_by_row_.erase(slot, row);
  records_->drop_node(slot);
  return true;
}

void GraphIndex::put_queue(const QueueRecord& queue) {
  WEIR_ASSERT(queue.row != 0);
  const Slot known = queue_by_row_.find(queue.row);
  if (known == kNoSlot) {
    const Slot slot = records_->add_queue(queue);
    queue_by_row_.put(slot, queue.row);
    join_node(slot);
    put_keys(slot);
    count(slot);
    return;
  }
  discount(known);
  const bool renamed = !has_keys_of(known, queue);
  if (renamed) drop_keys(known);
  const bool moves = records_->queue(known).node() != queue.node;
  if (moves) leave_node(known);
  records_->replace_queue(known, queue);
  if (moves) join_node(known);
  if (renamed) put_keys(known);
  count(known);
}

void GraphIndex::remove_queue(RowId row) {
  const Slot slot = queue_by_row_.find(row);
  if (slot == kNoSlot) return;
  discount(slot);
  drop_keys(slot);
  leave_node(slot);
  queue_by_row_.erase(slot, row);
  records_->drop_queue(slot);
}

void GraphIndex::join_node(Slot slot) {
  const RowId row = records_->queue(slot).node();
  if (row == 0) return;
  const Slot node = node_by_row_.find(row);
  if (node == kNoSlot) {
    before_node_[row].push_back(slot);
  } else {
    records_->append_to_node(node, slot);
  }
}

void GraphIndex::leave_node(Slot slot) {
  const RowId row = records_->queue(slot).node();
  if (row == 0) return;
  const Slot node = node_by_row_.find(row);
  if (node == kNoSlot) {
    std::erase(before_node_[row], slot);
  } else {
    records_->take_from_node(node, slot);
  }
}

void GraphIndex::put_keys(Slot slot) {
  const QueueView queue = records_->queue(slot);
  queue_by_topic_.put(slot, queue.topic_key());
  queue_by_binding_.put(slot, queue.packed_binding_key());
}

void GraphIndex::drop_keys(Slot slot) {
  const QueueView queue = records_->queue(slot);
  queue_by_topic_.erase(slot, queue.topic_key());
  queue_by_binding_.erase(slot, queue.packed_binding_key());
}

/// Whether a new record of the slot is found by what the old one is found by: that it is, and not
/// another slot that came after it with the same name or binding.
bool GraphIndex::has_keys_of(Slot slot, const QueueRecord& queue) const {
  const QueueView known = records_->queue(slot);
  return known.topic() == queue.topic.view() &&
         queue_by_topic_.find(graph::topic_key(queue.topic)) == slot &&
         queue_by_binding_.find(PackedText(queue.binding_key.view()).view()) == slot;
}

/// Takes a queue into account that is in the tables of keys, or takes it out again.
void GraphIndex::count(Slot slot) {
  const QueueView queue = records_->queue(slot);
  bytes_ += records_->queue_bytes(slot) + kQueueTableBytes;
  if (!queue.is_active()) return;
  ++active_;
  if (const NodeView owner = node(queue.node())) list_under_tags(slot, owner);
}

void GraphIndex::discount(Slot slot) {
  const QueueView queue = records_->queue(slot);
  bytes_ -= records_->queue_bytes(slot) + kQueueTableBytes;
  if (!queue.is_active()) return;
  --active_;
  const NodeView owner = node(queue.node());
  if (!owner) return;
  for (const TextId tag : owner.tag_ids()) {
    bytes_ -= sizeof(Slot) * std::erase(active_by_tag_[scoped(tag, owner.interval(), slot)], slot);
  }
}

GraphIndex::ScopedTag GraphIndex::scoped(TextId tag, std::int64_t interval, Slot queue) {
  const auto next = static_cast<ScopeId>(scopes_.size());
  const auto scope = scopes_.try_emplace(records_->queue(queue).binding().scope, next).first;
  return {scope->second, {tag, interval}};
}

void GraphIndex::list_under_tags(Slot slot, const NodeView& node) {
  for (const TextId tag : node.tag_ids()) {
    std::vector<Slot>& slots = active_by_tag_[scoped(tag, node.interval(), slot)];
    const auto place = std::ranges::lower_bound(slots, slot);
    if (place != slots.end() && *place == slot) continue;
    slots.insert(place, slot);
    bytes_ += sizeof(Slot);
  }
  const auto query = node.query();
  if (!query || !query->has_interval || query->tags.empty()) return;
  QuerySet asked{query->tags, query->interval, query->match_all,
                 records_->queue(slot).binding().scope};
  TextPool& texts = records_->texts();
  const auto& first = queries_by_tag_[{texts.id_of(asked.tags.front()), asked.interval}];
  if (std::ranges::any_of(first, [&](const QuerySet* known) { return *known == asked; })) return;
  const QuerySet& kept = queries_.emplace_back(std::move(asked));
  for (const std::string& tag : kept.tags) {
    queries_by_tag_[{texts.id_of(tag), kept.interval}].push_back(&kept);
  }
}

NodeView GraphIndex::node(const graph::NodeId& id) const {
  const Slot slot = node_by_id_.find(PackedText(id.view()).view());
  return slot == kNoSlot ? NodeView() : records_->node(slot);
}

NodeView GraphIndex::node(RowId row) const {
  const Slot slot = node_by_row_.find(row);
  return slot == kNoSlot ? NodeView() : records_->node(slot);
}

QueueView GraphIndex::queue(RowId row) const {
  const Slot slot = queue_by_row_.find(row);
  return slot == kNoSlot ? QueueView() : records_->queue(slot);
}

QueueView GraphIndex::queue_by_topic(const graph::TopicKey& key) const {
  const Slot slot = queue_by_topic_.find(key);
  return slot == kNoSlot ? QueueView() : records_->queue(slot);
}

QueueView GraphIndex::queue_by_binding(const graph::BindingKey& key) const {
  const Slot slot = queue_by_binding_.find(PackedText(key.view()).view());
  return slot == kNoSlot ? QueueView() : records_->queue(slot);
}

std::vector<RowId> GraphIndex::queues_of(RowId node) const {
  if (const Slot slot = node_by_row_.find(node); slot != kNoSlot) return records_->queues_of(slot);
  std::vector<RowId> rows;
  if (const auto early = before_node_.find(node); early != before_node_.end()) {
    for (const Slot slot : early->second) rows.push_back(records_->queue(slot).row());
  }
  return rows;
}

std::span<const Slot> GraphIndex::active_under(ScopeId scope, const std::string& tag,
                                               std::int64_t interval) const {
  const auto id = records_->texts().find(tag);
  if (!id) return {};
  const auto tagged = active_by_tag_.find(ScopedTag{scope, {*id, interval}});
  if (tagged == active_by_tag_.end()) return {};
  return tagged->second;
}

std::vector<RowId> GraphIndex::match(const QuerySet& set) const {
  return *match_at_most(set, SIZE_MAX);
}

std::optional<std::vector<RowId>> GraphIndex::match_at_most(const QuerySet& set,
                                                            std::size_t limit) const {
  const auto scope = scopes_.find(set.scope);
  if (scope == scopes_.end()) return std::vector<RowId>();
  const auto slots = collect(set, scope->second, limit);
  if (!slots) return std::nullopt;
  return rows_of(*slots);
}

std::optional<std::vector<RowId>> GraphIndex::match_growing(const QuerySet& set,
                                                            std::size_t limit) const {
  const auto scope = scopes_.find(set.scope);
  if (scope == scopes_.end()) return std::vector<RowId>();
  auto slots = collect(set, scope->second, limit);
  if (!slots) return std::nullopt;
  std::erase_if(*slots, [&](Slot slot) { return records_->queue(slot).completed(); });
  return rows_of(*slots);
}

std::vector<RowId> GraphIndex::match_any_scope(const QuerySet& set) const {
  std::vector<RowId> rows;
  for (const auto& [scope, id] : scopes_) {
    const std::vector<RowId> found = rows_of(*collect(set, id, SIZE_MAX));
    rows.insert(rows.end(), found.begin(), found.end());
  }
  std::ranges::sort(rows);
  return rows;
}

std::optional<std::vector<Slot>> GraphIndex::collect(const QuerySet& set, ScopeId scope,
                                                     std::size_t limit) const {
  std::vector<Slot> slots;
  std::vector<Slot> merged;
  for (const std::string& tag : set.tags) {
    const std::span<const Slot> tagged = active_under(scope, tag, set.interval);
    if (!set.match_all && tagged.size() > limit) return std::nullopt;
    merged.clear();
    if (set.match_all && &tag != &set.tags.front()) {
      std::ranges::set_intersection(slots, tagged, std::back_inserter(merged));
    } else {
      std::ranges::set_union(slots, tagged, std::back_inserter(merged));
    }
    slots.swap(merged);
  }
  if (slots.size() > limit) return std::nullopt;
  return slots;
}

std::vector<RowId> GraphIndex::rows_of(std::span<const Slot> slots) const {
  std::vector<RowId> rows;
  rows.reserve(slots.size());
  for (const Slot slot : slots) rows.push_back(records_->queue(slot).row());
  return rows;
}

std::vector<std::pair<NodeView, std::size_t>> GraphIndex::largest_nodes(std::size_t count) const {
  std::vector<std::pair<NodeView, std::size_t>> nodes;
  nodes.reserve(node_count());
  for (Slot slot = 0; slot < records_->node_slots(); ++slot) {
    if (!records_->node(slot)) continue;
    nodes.emplace_back(records_->node(slot), records_->node_bytes(slot) + kNodeTableBytes);
  }
  const auto middle = nodes.begin() + static_cast<std::ptrdiff_t>(std::min(count, nodes.size()));
  std::ranges::partial_sort(nodes, middle, std::greater<>(), [](const auto& node) {
    return std::pair(node.second, -node.first.row());
  });
  nodes.erase(middle, nodes.end());
  return nodes;
}

std::vector<const QuerySet*> GraphIndex::asked_queries_for(const NodeRecord& node,
                                                           const QueryScope& scope) const {
  std::vector<const QuerySet*> asked;
  for (const std::string& tag : node.tags) {
    const auto id = records_->texts().find(tag);
    if (!id) continue;
    const auto found = queries_by_tag_.find(TagKey{*id, node.parts.interval});
    if (found == queries_by_tag_.end()) continue;
    for (const QuerySet* query : found->second) {
      if (query->scope == scope && query_matches(*query, node)) asked.push_back(query);
    }
  }
  std::ranges::sort(asked, [](const auto* a, const auto* b) { return *a < *b; });
  asked.erase(std::ranges::unique(asked).begin(), asked.end());
  return asked;
}

}  // namespace weir::dagmanager
