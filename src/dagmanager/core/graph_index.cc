// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/graph_index.h"

#include <algorithm>
#include <functional>
#include <iterator>

#include "base/assert.h"

namespace weir::dagmanager {
namespace {

std::size_t text_bytes(const std::string& text) {
  return text.capacity() > 15 ? text.capacity() + 17 : 0;
}

std::size_t bytes_of(const NodeRecord& node) {
  std::size_t bytes = sizeof(NodeRecord) + text_bytes(node.id.text()) +
                      text_bytes(node.parts.params_canon) +
                      text_bytes(node.parts.schema_compat_id) + text_bytes(node.parts.code_hash) +
                      text_bytes(node.schema_hash) + text_bytes(node.name);
  for (const std::string& input : node.parts.dependencies)
    bytes += sizeof(input) + text_bytes(input);
  for (const std::string& tag : node.tags) bytes += sizeof(tag) + text_bytes(tag) + sizeof(RowId);
  return bytes + 64;  // two table slots
}

std::size_t bytes_of(const QueueRecord& queue) {
  return sizeof(QueueRecord) + text_bytes(queue.topic.text()) * 2 +
         text_bytes(queue.binding_key.text()) + text_bytes(queue.compute_key.text()) + 128;
}

}  // namespace

bool query_matches(const QuerySet& set, const NodeRecord& node) {
  if (node.parts.interval != set.interval) return false;
  const auto has = [&](const std::string& tag) {
    return std::ranges::find(node.tags, tag) != node.tags.end();
  };
  if (set.tags.empty()) return false;
  return set.match_all ? std::ranges::all_of(set.tags, has) : std::ranges::any_of(set.tags, has);
}

void GraphIndex::add_node(NodeRecord node) {
  if (node_by_id_.contains(node.id.view())) return;
  const auto slot = static_cast<std::uint32_t>(nodes_.size());
  const NodeRecord& kept = nodes_.emplace_back(std::move(node));
  bytes_ += bytes_of(kept);
  node_by_id_.emplace(kept.id.view(), slot);
  node_by_row_.emplace(kept.row, slot);
  const auto queues = queues_by_node_.find(kept.row);
  if (queues == queues_by_node_.end()) return;
  for (const RowId row : queues->second) {  // queues that came before their node
    const QueueRecord& queue = queues_[queue_by_row_.at(row)];
    if (queue.state == QueueState::Active) list_under_tags(queue, kept);
  }
}

void GraphIndex::put_queue(QueueRecord queue) {
  WEIR_ASSERT(queue.row != 0);
  const auto known = queue_by_row_.find(queue.row);
  if (known != queue_by_row_.end()) {
    QueueRecord& kept = queues_[known->second];
    unlink(kept);
    if (kept.node != queue.node) {
      if (kept.node != 0) std::erase(queues_by_node_[kept.node], kept.row);
      if (queue.node != 0) queues_by_node_[queue.node].push_back(queue.row);
    }
    kept = std::move(queue);
    link(kept, known->second);
    return;
  }
  const auto slot = static_cast<std::uint32_t>(queues_.size());
  const QueueRecord& kept = queues_.emplace_back(std::move(queue));
  queue_by_row_.emplace(kept.row, slot);
  if (kept.node != 0) queues_by_node_[kept.node].push_back(kept.row);
  link(kept, slot);
}

void GraphIndex::remove_queue(RowId row) {
  const auto known = queue_by_row_.find(row);
  if (known == queue_by_row_.end()) return;
  QueueRecord& queue = queues_[known->second];
  unlink(queue);
  if (queue.node != 0) std::erase(queues_by_node_[queue.node], row);
  queue = QueueRecord{};
  queue_by_row_.erase(known);
}

void GraphIndex::link(const QueueRecord& queue, std::uint32_t slot) {
  bytes_ += bytes_of(queue);
  queue_by_topic_[graph::topic_key(queue.topic).text()] = slot;
  queue_by_binding_[queue.binding_key.view()] = slot;
  if (queue.state != QueueState::Active) return;
  ++active_;
  if (const NodeRecord* owner = node(queue.node)) list_under_tags(queue, *owner);
}

void GraphIndex::unlink(const QueueRecord& queue) {
  bytes_ -= bytes_of(queue);
  queue_by_topic_.erase(graph::topic_key(queue.topic).text());
  queue_by_binding_.erase(queue.binding_key.view());
  if (queue.state != QueueState::Active) return;
  --active_;
  const NodeRecord* owner = node(queue.node);
  if (owner == nullptr) return;
  const std::uint32_t slot = queue_by_row_.at(queue.row);
  for (const std::string& tag : owner->tags) {
    std::erase(active_by_tag_[{tag, owner->parts.interval}], slot);
  }
}

void GraphIndex::list_under_tags(const QueueRecord& queue, const NodeRecord& node) {
  const std::uint32_t slot = queue_by_row_.at(queue.row);
  for (const std::string& tag : node.tags) {
    std::vector<std::uint32_t>& slots = active_by_tag_[{tag, node.parts.interval}];
    const auto place = std::ranges::lower_bound(slots, slot);
    if (place == slots.end() || *place != slot) slots.insert(place, slot);
  }
  if (!node.query || !node.query->has_interval || node.query->tags.empty()) return;
  QuerySet asked{node.query->tags, node.query->interval, node.query->match_all,
                 queue.binding->scope};
  const auto& first = queries_by_tag_[{asked.tags.front(), asked.interval}];
  if (std::ranges::any_of(first, [&](const QuerySet* known) { return *known == asked; })) return;
  const QuerySet& kept = queries_.emplace_back(std::move(asked));
  for (const std::string& tag : kept.tags) {
    queries_by_tag_[{tag, kept.interval}].push_back(&kept);
  }
}

const NodeRecord* GraphIndex::node(const graph::NodeId& id) const {
  const auto found = node_by_id_.find(id.view());
  return found == node_by_id_.end() ? nullptr : &nodes_[found->second];
}

const NodeRecord* GraphIndex::node(RowId row) const {
  const auto found = node_by_row_.find(row);
  return found == node_by_row_.end() ? nullptr : &nodes_[found->second];
}

const QueueRecord* GraphIndex::queue(RowId row) const {
  const auto found = queue_by_row_.find(row);
  return found == queue_by_row_.end() ? nullptr : &queues_[found->second];
}

const QueueRecord* GraphIndex::queue_by_topic(const graph::TopicKey& key) const {
  const auto found = queue_by_topic_.find(key.text());
  return found == queue_by_topic_.end() ? nullptr : &queues_[found->second];
}

const QueueRecord* GraphIndex::queue_by_binding(const graph::BindingKey& key) const {
  const auto found = queue_by_binding_.find(key.view());
  return found == queue_by_binding_.end() ? nullptr : &queues_[found->second];
}

std::span<const RowId> GraphIndex::queues_of(RowId node) const {
  const auto found = queues_by_node_.find(node);
  if (found == queues_by_node_.end()) return {};
  return found->second;
}

std::vector<RowId> GraphIndex::match(const QuerySet& set, std::size_t limit) const {
  return collect(set, &set.scope, limit);
}

std::vector<RowId> GraphIndex::match_any_scope(const QuerySet& set) const {
  return collect(set, nullptr, 0);
}

std::vector<RowId> GraphIndex::collect(const QuerySet& set, const QueryScope* scope,
                                       std::size_t limit) const {
  if (limit > 0 && !set.match_all) {
    // A tag that many queues carry says alone that there are too many, without uniting its list.
    for (const std::string& tag : set.tags) {
      const auto tagged = active_by_tag_.find(TagKey{tag, set.interval});
      if (tagged == active_by_tag_.end() || tagged->second.size() <= limit) continue;
      std::vector<RowId> rows = rows_in(tagged->second, scope, limit);
      if (rows.size() > limit) return rows;
    }
  }
  std::vector<std::uint32_t> slots;
  std::vector<std::uint32_t> merged;
  for (const std::string& tag : set.tags) {
    const auto tagged = active_by_tag_.find(TagKey{tag, set.interval});
    if (tagged == active_by_tag_.end()) {
      if (set.match_all) return {};
      continue;
    }
    merged.clear();
    if (set.match_all && &tag != &set.tags.front()) {
      std::ranges::set_intersection(slots, tagged->second, std::back_inserter(merged));
    } else {
      std::ranges::set_union(slots, tagged->second, std::back_inserter(merged));
    }
    slots.swap(merged);
  }
  return rows_in(slots, scope, limit);
}

std::vector<RowId> GraphIndex::rows_in(std::span<const std::uint32_t> slots,
                                       const QueryScope* scope, std::size_t limit) const {
  std::vector<RowId> rows;
  for (const std::uint32_t slot : slots) {
    const QueueRecord& found = queues_[slot];
    if (scope != nullptr && found.binding->scope != *scope) continue;
    rows.push_back(found.row);
    if (limit > 0 && rows.size() > limit) break;
  }
  return rows;
}

std::vector<std::pair<const NodeRecord*, std::size_t>> GraphIndex::largest_nodes(
    std::size_t count) const {
  std::vector<std::pair<const NodeRecord*, std::size_t>> nodes;
  nodes.reserve(nodes_.size());
  for (const NodeRecord& node : nodes_) nodes.emplace_back(&node, bytes_of(node));
  const auto middle = nodes.begin() + static_cast<std::ptrdiff_t>(std::min(count, nodes.size()));
  std::ranges::partial_sort(nodes, middle, std::greater<>(), [](const auto& node) {
    return std::pair(node.second, -node.first->row);
  });
  nodes.erase(middle, nodes.end());
  return nodes;
}

std::vector<const QuerySet*> GraphIndex::asked_queries_for(const NodeRecord& node,
                                                           const QueryScope& scope) const {
  std::vector<const QuerySet*> asked;
  for (const std::string& tag : node.tags) {
    const auto found = queries_by_tag_.find(TagKey{tag, node.parts.interval});
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
