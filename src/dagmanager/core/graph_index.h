// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>
#include <absl/hash/hash.h>

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dagmanager/core/graph_records.h"
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
/// Records are kept packed (graph_records.h), and each table of keys is a set of their places.
class GraphIndex {
 public:
  GraphIndex();
  ~GraphIndex() = default;
  GraphIndex(const GraphIndex&) = delete;
  GraphIndex& operator=(const GraphIndex&) = delete;
  GraphIndex(GraphIndex&&) noexcept = default;
  GraphIndex& operator=(GraphIndex&&) noexcept = default;

  /// Adds a node; one that is known already (by id) stays as it is.
  void add_node(const NodeRecord& node);
  /// Forgets a node, which what is no active queue of it does too; one that has an active queue
  /// stays. False if it stays, or is none.
  bool remove_node(RowId row);
  /// Adds a queue, or replaces the record of the same row. Its node may follow later.
  void put_queue(const QueueRecord& queue);
  /// Forgets a queue: an intent that was given up.
  void remove_queue(RowId row);

  // Views of what is asked for; of nothing if it is not there.
  NodeView node(const graph::NodeId& id) const;
  NodeView node(RowId row) const;
  QueueView queue(RowId row) const;
  QueueView queue_by_topic(const graph::TopicKey& key) const;
  QueueView queue_by_binding(const graph::BindingKey& key) const;
  /// Rows of the queues of a node, in order of their making.
  std::vector<RowId> queues_of(RowId node) const;

  /// Active queues that answer a query, in the order in which they came.
  std::vector<RowId> match(const QuerySet& set) const;
  /// The same, or nothing where there are more than `limit`.
  std::optional<std::vector<RowId>> match_at_most(const QuerySet& set, std::size_t limit) const;
  /// The same, and without those that are completed; they count for the limit.
  std::optional<std::vector<RowId>> match_growing(const QuerySet& set, std::size_t limit) const;
  /// Those of match() over all scopes, by row.
  std::vector<RowId> match_any_scope(const QuerySet& set) const;
  /// The queries that TagQuery nodes of the graph ask and that `node` (in `scope`) would answer.
  std::vector<const QuerySet*> asked_queries_for(const NodeRecord& node,
                                                 const QueryScope& scope) const;

  std::size_t node_count() const { return nodes_; }
  /// Active queues.
  std::size_t queue_count() const { return active_; }
  /// About how many bytes the nodes and queues take, with the texts that they share.
  std::size_t resident_bytes() const { return bytes_ + records_->texts().resident_bytes(); }
  /// The `count` nodes that take most, largest first, with about how many bytes.
  std::vector<std::pair<NodeView, std::size_t>> largest_nodes(std::size_t count) const;

  /// Calls visit(NodeView) / visit(QueueView) for each, in the order in which they came.
  template <class Visit>
  void for_each_node(Visit visit) const {
    for (Slot slot = 0; slot < records_->node_slots(); ++slot) {
      if (const NodeView node = records_->node(slot)) visit(node);
    }
  }
  template <class Visit>
  void for_each_queue(Visit visit) const {
    for (Slot slot = 0; slot < records_->queue_slots(); ++slot) {
      if (const QueueView queue = records_->queue(slot)) visit(queue);
    }
  }

 private:
  using TagKey = std::pair<TextId, std::int64_t>;  // tag, interval
  using ScopeId = std::uint32_t;
  using ScopedTag = std::pair<ScopeId, TagKey>;

  /// A set of slots that is searched by what `KeyOf` reads off the records. Each slot stands with a
  /// hash of its key, so that a set which grows, or passes over a slot, reads no record.
  template <class KeyOf>
  class SlotsBy {
   public:
    using Key = typename KeyOf::Key;

    explicit SlotsBy(const GraphRecords& records) : slots_(0, Hash(), Equal{&records}) {}
    Slot find(const Key& key) const {
      const auto found = slots_.find(Wanted{key, hash_of(key)});
      return found == slots_.end() ? kNoSlot : found->slot;
    }
    /// Another slot of the same key gives way.
    void put(Slot slot, const Key& key) {
      const Wanted wanted{key, hash_of(key)};
      slots_.erase(wanted);
      slots_.insert(Entry{slot, wanted.hash});
    }
    /// `key`: the slot's. A slot that gave way is not there.
    void erase(Slot slot, const Key& key) { slots_.erase(Entry{slot, hash_of(key)}); }

   private:
    struct Entry {
      Slot slot;
      std::uint32_t hash;
    };
    struct Wanted {
      const Key& key;
      std::uint32_t hash;
    };
    struct Hash {
      using is_transparent = void;
      std::size_t operator()(const Entry& entry) const { return absl::HashOf(entry.hash); }
      std::size_t operator()(const Wanted& wanted) const { return absl::HashOf(wanted.hash); }
    };
    struct Equal {
      using is_transparent = void;
      const GraphRecords* records;
      bool operator()(const Entry& a, const Entry& b) const { return a.slot == b.slot; }
      bool operator()(const Entry& a, const Wanted& b) const {
        return a.hash == b.hash && KeyOf::key(*records, a.slot) == b.key;
      }
    };
    static std::uint32_t hash_of(const Key& key) {
      return static_cast<std::uint32_t>(absl::HashOf(key));
    }

    absl::flat_hash_set<Entry, Hash, Equal> slots_;
  };

  struct IdOfNode {
    using Key = std::string_view;  // packed
    static Key key(const GraphRecords& records, Slot slot) {
      return records.node(slot).packed_id();
    }
  };
  struct RowOfNode {
    using Key = RowId;
    static Key key(const GraphRecords& records, Slot slot) { return records.node(slot).row(); }
  };
  struct RowOfQueue {
    using Key = RowId;
    static Key key(const GraphRecords& records, Slot slot) { return records.queue(slot).row(); }
  };
  struct TopicOfQueue {
    using Key = graph::TopicKey;
    static Key key(const GraphRecords& records, Slot slot) {
      return records.queue(slot).topic_key();
    }
  };
  struct BindingOfQueue {
    using Key = std::string_view;  // packed
    static Key key(const GraphRecords& records, Slot slot) {
      return records.queue(slot).packed_binding_key();
    }
  };

  void put_keys(Slot slot);
  void drop_keys(Slot slot);
  bool has_keys_of(Slot slot, const QueueRecord& queue) const;
  void count(Slot slot);
  void discount(Slot slot);
  void join_node(Slot slot);
  void leave_node(Slot slot);
  void list_under_tags(Slot slot, const NodeView& node);
  ScopedTag scoped(TextId tag, std::int64_t interval, Slot queue);
  std::optional<std::vector<Slot>> collect(const QuerySet& set, ScopeId scope,
                                           std::size_t limit) const;
  std::vector<RowId> rows_of(std::span<const Slot> slots) const;
  std::span<const Slot> active_under(ScopeId scope, const std::string& tag,
                                     std::int64_t interval) const;

  std::unique_ptr<GraphRecords> records_;  // stays where it is: the tables read it
  std::size_t nodes_ = 0;
  std::size_t active_ = 0;
  std::size_t bytes_ = 0;
  SlotsBy<IdOfNode> node_by_id_;
  SlotsBy<RowOfNode> node_by_row_;
  SlotsBy<RowOfQueue> queue_by_row_;
  SlotsBy<TopicOfQueue> queue_by_topic_;
  SlotsBy<BindingOfQueue> queue_by_binding_;
  absl::flat_hash_map<RowId, std::vector<Slot>> before_node_;  // queues whose node is to follow
  std::map<QueryScope, ScopeId> scopes_;
  absl::flat_hash_map<ScopedTag, std::vector<Slot>> active_by_tag_;  // rising
  std::deque<QuerySet> queries_;  // asked by TagQuery nodes, distinct
  absl::flat_hash_map<TagKey, std::vector<const QuerySet*>> queries_by_tag_;
};

}  // namespace weir::dagmanager
