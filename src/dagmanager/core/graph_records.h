// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dagmanager/core/packed.h"
#include "dagmanager/core/records.h"
#include "dagmanager/core/text_pool.h"

/// Nodes and queues as few bytes, and views of them.
namespace weir::dagmanager {

/// Place of a record; nodes and queues are numbered apart, from 0, in the order in which they came.
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = UINT32_MAX;

/// What many records share.
struct SharedParts {
  TextPool texts;
  std::vector<std::shared_ptr<const BindingContext>> bindings;
};

/// The part of a packed node that is read most; the rest follows it.
struct NodeHead {
  RowId row = 0;
  std::int64_t interval = 0;  ///< seconds
  base::Digest fingerprint{};
  std::uint32_t bytes = 0;  ///< with what follows
  TextId node_type = 0;
  Slot first_queue = kNoSlot;  ///< its queues, in the order of their making
  Slot last_queue = kNoSlot;
  bool global = false;
  bool asks = false;  ///< it has a query
};

/// The same of a queue.
struct QueueHead {
  RowId row = 0;
  RowId node = 0;
  std::uint32_t bytes = 0;
  std::uint32_t binding = 0;  ///< in SharedParts
  TextId schema_hash = 0;
  Slot next_queue = kNoSlot;  ///< of the same node
  QueueState state = QueueState::Intent;
  graph::TopicType type = graph::TopicType::Indicator;
  bool recompute_due = false;
  bool completed = false;
};

/// A stored node, or none: then only `== nullptr` and `bool` may be asked. Good until the graph is
/// written.
class NodeView {
 public:
  NodeView() = default;
  NodeView(const NodeHead* head, const SharedParts* shared) : head_(head), shared_(shared) {}

  explicit operator bool() const { return head_ != nullptr; }
  friend bool operator==(const NodeView& a, const NodeView& b) { return a.head_ == b.head_; }
  friend bool operator==(const NodeView& view, std::nullptr_t) { return view.head_ == nullptr; }

  RowId row() const { return head_->row; }
  const base::Digest& fingerprint() const { return head_->fingerprint; }
  std::int64_t interval() const { return head_->interval; }
  bool global() const { return head_->global; }
  std::string_view node_type() const { return shared_->texts.text(head_->node_type); }
  graph::NodeId id() const;
  /// As PackedText has it.
  std::string_view packed_id() const;
  std::vector<std::string_view> tags() const;
  std::vector<TextId> tag_ids() const;
  /// Of a TagQuery node.
  std::optional<graph::TagQuerySpec> query() const;
  /// All of it.
  NodeRecord record() const;

 private:
  PackedReader body() const { return PackedReader(reinterpret_cast<const char*>(head_ + 1)); }

  const NodeHead* head_ = nullptr;
  const SharedParts* shared_ = nullptr;
};

/// A stored queue, or none, as above.
class QueueView {
 public:
  QueueView() = default;
  QueueView(const QueueHead* head, const SharedParts* shared) : head_(head), shared_(shared) {}

  explicit operator bool() const { return head_ != nullptr; }
  friend bool operator==(const QueueView& a, const QueueView& b) { return a.head_ == b.head_; }
  friend bool operator==(const QueueView& view, std::nullptr_t) { return view.head_ == nullptr; }

  RowId row() const { return head_->row; }
  RowId node() const { return head_->node; }  ///< 0: none is known
  QueueState state() const { return head_->state; }
  bool is_active() const { return head_->state == QueueState::Active; }
  bool is_leaving() const { return head_->state == QueueState::Leaving; }
  bool recompute_due() const { return head_->recompute_due; }
  bool completed() const { return head_->completed; }
  graph::TopicType type() const { return head_->type; }
  std::string_view topic() const;
  graph::TopicKey topic_key() const { return graph::topic_key(graph::TopicName(topic())); }
  const BindingContext& binding() const { return *shared_->bindings[head_->binding]; }
  std::string_view packed_binding_key() const;
  std::string_view schema_hash() const { return shared_->texts.text(head_->schema_hash); }
  std::int64_t ttl_ms() const;
  /// All of it.
  QueueRecord record() const;

 private:
  PackedReader body() const { return PackedReader(reinterpret_cast<const char*>(head_ + 1)); }

  const QueueHead* head_ = nullptr;
  const SharedParts* shared_ = nullptr;
};

/// The records themselves: by slot, and the queues of each node. Texts that repeat across records
/// (types, hashes, tags, names, contexts) are kept once, and then for good.
class GraphRecords {
 public:
  Slot add_node(const NodeRecord& node);
  Slot add_queue(const QueueRecord& queue);
  /// Its slot stays empty. It has no queues.
  void drop_node(Slot slot);
  /// The queue stays among those of its node, whatever the new record says.
  void replace_queue(Slot slot, const QueueRecord& queue);
  /// Its slot stays empty.
  void drop_queue(Slot slot);

  NodeView node(Slot slot) const { return {nodes_[slot], &shared_}; }
  QueueView queue(Slot slot) const { return {queues_[slot], &shared_}; }
  std::size_t node_slots() const { return nodes_.size(); }
  std::size_t queue_slots() const { return queues_.size(); }

  void append_to_node(Slot node, Slot queue);
  void take_from_node(Slot node, Slot queue);
  std::vector<RowId> queues_of(Slot node) const;

  TextPool& texts() { return shared_.texts; }
  const TextPool& texts() const { return shared_.texts; }

  std::size_t node_bytes(Slot node) const { return ByteArena::rounded(nodes_[node]->bytes); }
  std::size_t queue_bytes(Slot queue) const { return ByteArena::rounded(queues_[queue]->bytes); }

 private:
  QueueHead* pack_queue(const QueueRecord& queue);
  std::uint32_t binding_id(const std::shared_ptr<const BindingContext>& binding);

  ByteArena arena_;
  SharedParts shared_;
  absl::flat_hash_map<std::string, std::uint32_t> binding_ids_;  // by what a context says
  std::deque<NodeHead*> nodes_;
  std::deque<QueueHead*> queues_;
  std::string packed_;  // the record that is being packed
};

}  // namespace weir::dagmanager
