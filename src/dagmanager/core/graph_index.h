// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dagmanager/core/records.h"

namespace weir::dagmanager {

/// A tag query in its normal form: sorted distinct tags, interval in seconds, mode, scope.
struct QuerySet {
  std::vector<std::string> tags;
  std::int64_t interval = 0;
  bool match_all = false;
  QueryScope scope;

  friend bool operator==(const QuerySet&, const QuerySet&) = default;
  friend auto operator<=>(const QuerySet&, const QuerySet&) = default;
};

/// True if a node with these tags is in the set (scope apart).
bool query_matches(const QuerySet& set, const NodeRecord& node);

/// The global graph in memory: nodes, queues, bindings, and who answers which tag query. It is the
/// memory store's content and the other stores' table of known nodes. Pure data structure; its
/// owner keeps it from being read while it is written.
///
/// Look-ups are O(1); a tag query costs the queues that carry one of its tags at its interval.
class GraphIndex {
 public:
  GraphIndex() = default;
  ~GraphIndex() = default;
  GraphIndex(const GraphIndex&) = delete;
  GraphIndex& operator=(const GraphIndex&) = delete;
  GraphIndex(GraphIndex&&) noexcept = default;
  GraphIndex& operator=(GraphIndex&&) noexcept = default;

  /// Adds a node; one that is known already (by id) stays as it is.
  void add_node(NodeRecord node);
  /// Adds a queue, or replaces the record of the same row. Its node may follow later.
  void put_queue(QueueRecord queue);
  /// Forgets a queue: an intent that was given up.
  void remove_queue(RowId row);

  const NodeRecord* node(const graph::NodeId& id) const;
  const NodeRecord* node(RowId row) const;
  const QueueRecord* queue(RowId row) const;
  const QueueRecord* queue_by_topic(const graph::TopicKey& key) const;
  const QueueRecord* queue_by_binding(const graph::BindingKey& key) const;
  /// Rows of the queues of a node, in order of their making.
  std::span<const RowId> queues_of(RowId node) const;

  /// Active queues that answer a query, by row. With `limit` > 0 stops after limit + 1.
  std::vector<RowId> match(const QuerySet& set, std::size_t limit = 0) const;
  /// The same over all scopes.
  std::vector<RowId> match_any_scope(const QuerySet& set) const;
  /// The queries that TagQuery nodes of the graph ask and that `node` (in `scope`) would answer.
  std::vector<const QuerySet*> asked_queries_for(const NodeRecord& node,
                                                 const QueryScope& scope) const;

  std::size_t node_count() const { return nodes_.size(); }
  /// Active queues.
  std::size_t queue_count() const { return active_; }
  /// About how many bytes the nodes and queues take.
  std::size_t resident_bytes() const { return bytes_; }
  /// The `count` nodes that take most, largest first, with about how many bytes.
  std::vector<std::pair<const NodeRecord*, std::size_t>> largest_nodes(std::size_t count) const;

  /// Calls visit(const NodeRecord&) / visit(const QueueRecord&) for each, in order of rows.
  template <class Visit>
  void for_each_node(Visit visit) const {
    for (const NodeRecord& node : nodes_) visit(node);
  }
  template <class Visit>
  void for_each_queue(Visit visit) const {
    for (const QueueRecord& queue : queues_) {
      if (queue.row != 0) visit(queue);
    }
  }

 private:
  using TagKey = std::pair<std::string, std::int64_t>;  // tag, interval

  void link(const QueueRecord& queue, std::uint32_t slot);
  void unlink(const QueueRecord& queue);
  void list_under_tags(const QueueRecord& queue, const NodeRecord& node);
  std::vector<RowId> collect(const QuerySet& set, const QueryScope* scope, std::size_t limit) const;
  std::vector<RowId> rows_in(std::span<const std::uint32_t> slots, const QueryScope* scope,
                             std::size_t limit) const;

  std::deque<NodeRecord> nodes_;
  std::deque<QueueRecord> queues_;  // a removed one has row 0
  std::size_t active_ = 0;
  std::size_t bytes_ = 0;
  // Keys are views into nodes_ and queues_, which never move.
  absl::flat_hash_map<std::string_view, std::uint32_t> node_by_id_;
  absl::flat_hash_map<RowId, std::uint32_t> node_by_row_;
  absl::flat_hash_map<RowId, std::uint32_t> queue_by_row_;
  absl::flat_hash_map<std::string, std::uint32_t> queue_by_topic_;
  absl::flat_hash_map<std::string_view, std::uint32_t> queue_by_binding_;
  absl::flat_hash_map<RowId, std::vector<RowId>> queues_by_node_;
  absl::flat_hash_map<TagKey, std::vector<std::uint32_t>> active_by_tag_;  // slots, rising
  std::deque<QuerySet> queries_;  // asked by TagQuery nodes, distinct
  absl::flat_hash_map<TagKey, std::vector<const QuerySet*>> queries_by_tag_;
};

}  // namespace weir::dagmanager
