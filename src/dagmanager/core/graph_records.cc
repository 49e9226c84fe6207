// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/graph_records.h"

#include <array>
#include <cstring>
#include <new>
#include <type_traits>

#include "base/assert.h"

namespace weir::dagmanager {
namespace {

/// A head and what follows it, in one piece.
template <class Head>
Head* keep(ByteArena& arena, Head head, std::string_view body) {
  static_assert(std::is_trivially_destructible_v<Head> && alignof(Head) <= 8);
  const std::size_t bytes = sizeof(Head) + body.size();
  WEIR_ASSERT(bytes <= UINT32_MAX);
  head.bytes = static_cast<std::uint32_t>(bytes);
  char* piece = arena.take(bytes);
  std::memcpy(piece + sizeof(Head), body.data(), body.size());
  return new (piece) Head(head);
}

void write_instant(PackedWriter& writer, Instant at) {
  writer.integer(at.time_since_epoch().count());
}

Instant read_instant(PackedReader& reader) { return Instant(Duration(reader.integer())); }

void write_tags(PackedWriter& writer, const std::vector<std::string>& tags, TextPool& texts) {
  writer.number(tags.size());
  for (const std::string& tag : tags) writer.number(texts.id_of(tag));
}

std::string read_shared(PackedReader& reader, const TextPool& texts) {
  return std::string(texts.text(static_cast<TextId>(reader.number())));
}

std::vector<std::string> read_tags(PackedReader& reader, const TextPool& texts) {
  std::vector<std::string> tags(reader.number());
  for (std::string& tag : tags) tag = read_shared(reader, texts);
  return tags;
}

void write_query(PackedWriter& writer, const std::optional<graph::TagQuerySpec>& query,
                 TextPool& texts) {
  writer.number(std::uint64_t{query.has_value()});
  if (!query) return;
  write_tags(writer, query->tags, texts);
  writer.number(std::uint64_t{query->match_all}).number(std::uint64_t{query->has_interval});
  writer.integer(query->interval);
}

std::optional<graph::TagQuerySpec> read_query(PackedReader& reader, const TextPool& texts) {
  if (reader.number() == 0) return std::nullopt;
  graph::TagQuerySpec query;
  query.tags = read_tags(reader, texts);
  query.match_all = reader.number() != 0;
  query.has_interval = reader.number() != 0;
  query.interval = reader.integer();
  return query;
}

void write_artifacts(PackedWriter& writer, const std::vector<graph::Artifact>& artifacts,
                     TextPool& texts) {
  writer.number(artifacts.size());
  for (const graph::Artifact& artifact : artifacts) {
    writer.raw(artifact.path).raw(artifact.checksum).integer(artifact.size);
    writer.number(texts.id_of(artifact.framework)).number(texts.id_of(artifact.dtype));
  }
}

std::vector<graph::Artifact> read_artifacts(PackedReader& reader, const TextPool& texts) {
  std::vector<graph::Artifact> artifacts(reader.number());
  for (graph::Artifact& artifact : artifacts) {
    artifact.path = reader.raw();
    artifact.checksum = reader.raw();
    artifact.size = reader.integer();
    artifact.framework = read_shared(reader, texts);
    artifact.dtype = read_shared(reader, texts);
  }
  return artifacts;
}

void write_shape(PackedWriter& writer, const graph::TopicShape& shape, TextPool& texts) {
  writer.integer(shape.partitions).integer(shape.replication).integer(shape.retention_ms);
  writer.number(texts.id_of(shape.cleanup));
}

graph::TopicShape read_shape(PackedReader& reader, const TextPool& texts) {
  graph::TopicShape shape;
  shape.partitions = static_cast<int>(reader.integer());
  shape.replication = static_cast<int>(reader.integer());
  shape.retention_ms = reader.integer();
  shape.cleanup = read_shared(reader, texts);
  return shape;
}

/// All that a context says, in bytes.
std::string binding_text(const BindingContext& binding) {
  const graph::ComputeContext& context = binding.context;
  std::string text;
  PackedWriter writer(text);
  for (const std::string_view field :
       {std::string_view(context.world_id), std::string_view(context.execution_domain),
        std::string_view(context.as_of), std::string_view(context.partition),
        std::string_view(context.dataset_fingerprint), binding.name_space.view(),
        binding.strategy.view()}) {
    writer.raw(field);
  }
  writer.number(std::uint64_t{context.safe_mode});
  writer.number(static_cast<std::uint64_t>(context.downgrade));
  return text;
}

}  // namespace

graph::NodeId NodeView::id() const { return graph::NodeId(body().text()); }

std::string_view NodeView::packed_id() const { return body().packed_text(); }

std::vector<TextId> NodeView::tag_ids() const {
  PackedReader reader = body();
  reader.packed_text();
  std::vector<TextId> ids(reader.number());
  for (TextId& id : ids) id = static_cast<TextId>(reader.number());
  return ids;
}

std::vector<std::string_view> NodeView::tags() const {
  std::vector<std::string_view> tags;
  for (const TextId id : tag_ids()) tags.push_back(shared_->texts.text(id));
  return tags;
}

std::optional<graph::TagQuerySpec> NodeView::query() const {
  if (!head_->asks) return std::nullopt;
  return record().query;
}

NodeRecord NodeView::record() const {
  const TextPool& texts = shared_->texts;
  NodeRecord node;
  node.row = head_->row;
  node.fingerprint = head_->fingerprint;
  node.global = head_->global;
  node.parts.interval = head_->interval;
  node.parts.node_type = node_type();
  PackedReader reader = body();
  node.id = graph::NodeId(reader.text());
  node.tags = read_tags(reader, texts);
  node.parts.schema_compat_id = read_shared(reader, texts);
  node.parts.code_hash = read_shared(reader, texts);
  node.schema_hash = read_shared(reader, texts);
  node.name = read_shared(reader, texts);
  node.owner = read_shared(reader, texts);
  node.parts.period = reader.integer();
  node.parts.params_canon = reader.raw();
  node.parts.dependencies.resize(reader.number());
  for (std::string& input : node.parts.dependencies) input = reader.text();
  node.query = read_query(reader, texts);
  node.artifacts = read_artifacts(reader, texts);
  node.created_at = read_instant(reader);
  return node;
}

std::string_view QueueView::topic() const { return body().raw(); }

std::string_view QueueView::packed_binding_key() const {
  PackedReader reader = body();
  reader.raw();
  return reader.packed_text();
}

std::int64_t QueueView::ttl_ms() const {
  PackedReader reader = body();
  reader.raw();
  reader.packed_text();
  if (reader.number() != 0) reader.packed_text();  // a compute key of its own
  constexpr int kShapeNumbers = 4;
  for (int i = 0; i < kShapeNumbers; ++i) reader.number();
  reader.number();  // the pending schema hash
  if (reader.number() != 0) read_instant(reader);
  read_instant(reader);
  return reader.integer();
}

QueueRecord QueueView::record() const {
  const TextPool& texts = shared_->texts;
  QueueRecord queue;
  queue.row = head_->row;
  queue.node = head_->node;
  queue.state = head_->state;
  queue.type = head_->type;
  queue.recompute_due = head_->recompute_due;
  queue.completed = head_->completed;
  queue.schema_hash = schema_hash();
  queue.binding = shared_->bindings[head_->binding];
  PackedReader reader = body();
  queue.topic = graph::TopicName(reader.raw());
  queue.binding_key = graph::BindingKey(reader.text());
  const bool own_compute_key = reader.number() != 0;
  queue.compute_key = graph::ComputeKey(own_compute_key ? reader.text() : queue.binding_key.text());
  queue.shape = read_shape(reader, texts);
  queue.pending_schema_hash = read_shared(reader, texts);
  if (reader.number() != 0) queue.buffering_since = read_instant(reader);
  queue.created_at = read_instant(reader);
  queue.ttl_ms = reader.integer();
  queue.lag_alert_seconds = reader.integer();
  return queue;
}

Slot GraphRecords::add_node(const NodeRecord& node) {
  TextPool& texts = shared_.texts;
  packed_.clear();
  PackedWriter writer(packed_);
  writer.text(node.id.view());
  write_tags(writer, node.tags, texts);
  writer.number(texts.id_of(node.parts.schema_compat_id))
      .number(texts.id_of(node.parts.code_hash))
      .number(texts.id_of(node.schema_hash))
      .number(texts.id_of(node.name))
      .number(texts.id_of(node.owner))
      .integer(node.parts.period)
      .raw(node.parts.params_canon)
      .number(node.parts.dependencies.size());
  for (const std::string& input : node.parts.dependencies) writer.text(input);
  write_query(writer, node.query, texts);
  write_artifacts(writer, node.artifacts, texts);
  write_instant(writer, node.created_at);
  const NodeHead head{.row = node.row,
                      .interval = node.parts.interval,
                      .fingerprint = node.fingerprint,
                      .node_type = texts.id_of(node.parts.node_type),
                      .global = node.global,
                      .asks = node.query.has_value()};
  nodes_.push_back(keep(arena_, head, packed_));
  return static_cast<Slot>(nodes_.size() - 1);
}

QueueHead* GraphRecords::pack_queue(const QueueRecord& queue) {
  TextPool& texts = shared_.texts;
  packed_.clear();
  PackedWriter writer(packed_);
  writer.raw(queue.topic.view()).text(queue.binding_key.view());
  const bool own_compute_key = queue.compute_key.view() != queue.binding_key.view();
  writer.number(std::uint64_t{own_compute_key});
  if (own_compute_key) writer.text(queue.compute_key.view());
  write_shape(writer, queue.shape, texts);
  writer.number(texts.id_of(queue.pending_schema_hash));
  writer.number(std::uint64_t{queue.buffering_since.has_value()});
  if (queue.buffering_since) write_instant(writer, *queue.buffering_since);
  write_instant(writer, queue.created_at);
  writer.integer(queue.ttl_ms).integer(queue.lag_alert_seconds);
  const QueueHead head{.row = queue.row,
                       .node = queue.node,
                       .binding = binding_id(queue.binding),
                       .schema_hash = texts.id_of(queue.schema_hash),
                       .state = queue.state,
                       .type = queue.type,
                       .recompute_due = queue.recompute_due,
                       .completed = queue.completed};
  return keep(arena_, head, packed_);
}

Slot GraphRecords::add_queue(const QueueRecord& queue) {
  queues_.push_back(pack_queue(queue));
  return static_cast<Slot>(queues_.size() - 1);
}

void GraphRecords::replace_queue(Slot slot, const QueueRecord& queue) {
  const Slot next = queues_[slot]->next_queue;
  drop_queue(slot);
  queues_[slot] = pack_queue(queue);
  queues_[slot]->next_queue = next;
}

void GraphRecords::drop_node(Slot slot) {
  NodeHead* head = nodes_[slot];
  arena_.give_back(reinterpret_cast<char*>(head), head->bytes);
  nodes_[slot] = nullptr;
}

void GraphRecords::drop_queue(Slot slot) {
  QueueHead* head = queues_[slot];
  arena_.give_back(reinterpret_cast<char*>(head), head->bytes);
  queues_[slot] = nullptr;
}

/// Number of a context: one for all that say the same.
std::uint32_t GraphRecords::binding_id(const std::shared_ptr<const BindingContext>& binding) {
  // A diff binds all of its queues in one context: mostly it is the last one.
  if (!shared_.bindings.empty() && shared_.bindings.back() == binding) {
    return static_cast<std::uint32_t>(shared_.bindings.size() - 1);
  }
  const auto next = static_cast<std::uint32_t>(shared_.bindings.size());
  const std::string text = binding == nullptr ? std::string() : binding_text(*binding);
  const auto [known, added] = binding_ids_.try_emplace(text, next);
  if (added) shared_.bindings.push_back(binding);
  return known->second;
}

void GraphRecords::append_to_node(Slot node, Slot queue) {
  NodeHead& head = *nodes_[node];
  if (head.last_queue == kNoSlot) {
    head.first_queue = queue;
  } else {
    queues_[head.last_queue]->next_queue = queue;
  }
  head.last_queue = queue;
  queues_[queue]->next_queue = kNoSlot;
}

void GraphRecords::take_from_node(Slot node, Slot queue) {
  NodeHead& head = *nodes_[node];
  Slot before = kNoSlot;
  for (Slot at = head.first_queue; at != queue; at = queues_[at]->next_queue) {
    if (at == kNoSlot) return;
    before = at;
  }
  const Slot next = queues_[queue]->next_queue;
  (before == kNoSlot ? head.first_queue : queues_[before]->next_queue) = next;
  if (head.last_queue == queue) head.last_queue = before;
}

std::vector<RowId> GraphRecords::queues_of(Slot node) const {
  std::vector<RowId> rows;
  for (Slot at = nodes_[node]->first_queue; at != kNoSlot; at = queues_[at]->next_queue) {
    rows.push_back(queues_[at]->row);
  }
  return rows;
}

}  // namespace weir::dagmanager
