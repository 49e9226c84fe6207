// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_rows.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace weir::dagmanager {
namespace {

std::string shared_text(PackedReader& reader, const TextPool& texts) {
  return std::string(texts.text(static_cast<TextId>(reader.number())));
}

void write_update(PackedWriter& writer, const QueueUpdate& update, TextPool& texts) {
  const QuerySet& query = update.query;
  writer.number(query.tags.size());
  for (const std::string& tag : query.tags) writer.number(texts.id_of(tag));
  writer.integer(query.interval).number(std::uint64_t{query.match_all});
  writer.number(texts.id_of(query.scope.world_id));
  writer.number(texts.id_of(query.scope.execution_domain));
  writer.number(update.queues.size());
  RowId before = 0;
  for (const RowId row : update.queues) {  // rising: mostly a byte each
    writer.integer(row - before);
    before = row;
  }
}

QueueUpdate read_update(PackedReader& reader, const TextPool& texts) {
  QueueUpdate update;
  update.query.tags.resize(reader.number());
  for (std::string& tag : update.query.tags) tag = shared_text(reader, texts);
  update.query.interval = reader.integer();
  update.query.match_all = reader.number() != 0;
  update.query.scope.world_id = shared_text(reader, texts);
  update.query.scope.execution_domain = shared_text(reader, texts);
  update.queues.resize(reader.number());
  RowId before = 0;
  for (RowId& row : update.queues) before = row = before + reader.integer();
  return update;
}

void write_weight(PackedWriter& writer, const WeightUpdate& update, TextPool& texts) {
  writer.number(texts.id_of(update.sentinel.view()))
      .number(texts.id_of(update.version.view()))
      .number(texts.id_of(update.world.view()))
      .number(std::bit_cast<std::uint64_t>(update.weight));
}

void write_lifecycle(PackedWriter& writer, const LifecycleUpdate& update, TextPool& texts) {
  writer.text(update.queue.view())
      .number(texts.id_of(update.action))
      .number(texts.id_of(update.reason))
      .number(texts.id_of(update.tag))
      .number(std::uint64_t{update.interval.has_value()})
      .integer(update.interval.value_or(0))
      .number(texts.id_of(update.archive_status))
      .number(texts.id_of(update.scope.world_id))
      .number(texts.id_of(update.scope.execution_domain));
}

LifecycleUpdate read_lifecycle(PackedReader& reader, const TextPool& texts) {
  LifecycleUpdate update;
  update.queue = graph::TopicName(reader.text());
  update.action = shared_text(reader, texts);
  update.reason = shared_text(reader, texts);
  update.tag = shared_text(reader, texts);
  const bool known = reader.number() != 0;
  const std::int64_t interval = reader.integer();
  if (known) update.interval = interval;
  update.archive_status = shared_text(reader, texts);
  update.scope.world_id = shared_text(reader, texts);
  update.scope.execution_domain = shared_text(reader, texts);
  return update;
}

WeightUpdate read_weight(PackedReader& reader, const TextPool& texts) {
  WeightUpdate update;
  update.sentinel = graph::SentinelId(shared_text(reader, texts));
  update.version = graph::VersionLabel(shared_text(reader, texts));
  update.world = graph::WorldId(shared_text(reader, texts));
  update.weight = std::bit_cast<double>(reader.number());
  return update;
}

}  // namespace

void MemoryTopicLog::add(const TopicLogRow& row) {
  std::string packed;
  PackedWriter(packed)
      .raw(row.topic.view())
      .number(texts_.id_of(row.action))
      .number(static_cast<std::uint64_t>(row.type))
      .integer(row.shape.partitions)
      .integer(row.shape.replication)
      .integer(row.shape.retention_ms)
      .number(texts_.id_of(row.shape.cleanup))
      .text(row.node_id)
      .text(row.binding_key)
      .number(texts_.id_of(row.actor))
      .number(texts_.id_of(row.cause))
      .number(texts_.id_of(row.result))
      .integer(row.at.time_since_epoch().count());
  rows_.push_back({++last_seq_, arena_.keep(packed)});
}

std::size_t MemoryTopicLog::after(RowId seq) const {
  const auto behind = std::ranges::upper_bound(rows_, seq, {}, &Row::seq);
  return static_cast<std::size_t>(behind - rows_.begin());
}

void MemoryTopicLog::keep_only(const std::vector<bool>& stays) {
  MemoryTopicLog kept;
  for (std::size_t at = 0; at < rows_.size(); ++at) {
    if (!stays[at]) continue;
    kept.last_seq_ = rows_[at].seq - 1;
    kept.add(row(at));
  }
  kept.last_seq_ = last_seq_;
  *this = std::move(kept);
}

void MemoryTopicLog::renumber(const std::vector<RowId>& seqs) {
  for (std::size_t at = 0; at < rows_.size() && at < seqs.size(); ++at) rows_[at].seq = seqs[at];
  if (!rows_.empty()) last_seq_ = std::max(last_seq_, rows_.back().seq);
}

TopicLogRow MemoryTopicLog::row(std::size_t at) const {
  PackedReader reader(rows_[at].packed);
  TopicLogRow row;
  row.topic = graph::TopicName(reader.raw());
  row.action = shared_text(reader, texts_);
  row.type = static_cast<graph::TopicType>(reader.number());
  row.shape.partitions = static_cast<int>(reader.integer());
  row.shape.replication = static_cast<int>(reader.integer());
  row.shape.retention_ms = reader.integer();
  row.shape.cleanup = shared_text(reader, texts_);
  row.node_id = reader.text();
  row.binding_key = reader.text();
  row.actor = shared_text(reader, texts_);
  row.cause = shared_text(reader, texts_);
  row.result = shared_text(reader, texts_);
  row.at = Instant(Duration(reader.integer()));
  return row;
}

void MemoryOutbox::add(const OutboxRow& row) {
  std::string packed;
  PackedWriter writer(packed);
  writer.raw(row.id).integer(row.key_seq).integer(row.revision);
  writer.number(std::uint64_t{row.queues.has_value()});
  if (row.queues) write_update(writer, *row.queues, texts_);
  writer.number(std::uint64_t{row.weight.has_value()});
  if (row.weight) write_weight(writer, *row.weight, texts_);
  writer.number(std::uint64_t{row.lifecycle.has_value()});
  if (row.lifecycle) write_lifecycle(writer, *row.lifecycle, texts_);
  rows_.push_back({row.created_at, arena_.keep(packed), packed.size()});
}

OutboxRow MemoryOutbox::row(std::size_t at) const {
  PackedReader reader(rows_[at].packed);
  OutboxRow row;
  row.created_at = rows_[at].created_at;
  row.id = reader.raw();
  row.key_seq = reader.integer();
  row.revision = reader.integer();
  if (reader.number() != 0) row.queues = read_update(reader, texts_);
  if (reader.number() != 0) row.weight = read_weight(reader, texts_);
  if (reader.number() != 0) row.lifecycle = read_lifecycle(reader, texts_);
  return row;
}

void MemoryOutbox::drop_oldest() {
  arena_.give_back(rows_.front().packed, rows_.front().bytes);
  rows_.pop_front();
}

void MemoryDeploys::pack_nodes(Kept& kept, const std::vector<DeployNode>& nodes) {
  kept.nodes.clear();
  PackedWriter writer(kept.nodes);
  writer.number(nodes.size());
  RowId before = 0;
  for (const DeployNode& node : nodes) {
    writer.integer(node.node - before).number(names_.id_of(node.name));
    writer.number(std::uint64_t{node.introduced});
    before = node.node;
  }
  kept.nodes.shrink_to_fit();
}

void MemoryDeploys::add(const std::string& key, const DeployRecord& deploy) {
  Kept kept{deploy, {}};
  kept.deploy.nodes = {};
  pack_nodes(kept, deploy.nodes);
  deploys_.emplace(key, std::move(kept));
  order_.push_back(key);
}

void MemoryDeploys::renew_nodes(const std::string& key, const DeployRecord& deploy) {
  if (std::ranges::equal(whole(key).nodes, deploy.nodes, {}, &DeployNode::node, &DeployNode::node))
    return;
  Kept& kept = deploys_.at(key);
  pack_nodes(kept, deploy.nodes);
  kept.deploy.buckets = deploy.buckets;
}

DeployRecord* MemoryDeploys::find(const std::string& key) {
  const auto found = deploys_.find(key);
  return found == deploys_.end() ? nullptr : &found->second.deploy;
}

const DeployRecord* MemoryDeploys::find(const std::string& key) const {
  const auto found = deploys_.find(key);
  return found == deploys_.end() ? nullptr : &found->second.deploy;
}

void MemoryDeploys::make_newest(const std::string& key) {
  std::erase(order_, key);
  order_.push_back(key);
}

DeployRecord MemoryDeploys::whole(const std::string& key) const {
  const Kept& kept = deploys_.at(key);
  DeployRecord deploy = kept.deploy;
  PackedReader reader(kept.nodes.data());
  deploy.nodes.resize(reader.number());
  RowId before = 0;
  for (DeployNode& node : deploy.nodes) {
    before = node.node = before + reader.integer();
    node.name = shared_text(reader, names_);
    node.introduced = reader.number() != 0;
  }
  return deploy;
}

void MemoryArtifacts::add(const NodeRecord& node) {
  for (const graph::Artifact& artifact : node.artifacts) {
    Kept& kept = artifacts_.try_emplace(artifact.checksum, Kept{artifact.size, 0}).first->second;
    ++kept.uses;
  }
}

std::size_t MemoryArtifacts::remove(const NodeRecord& node) {
  std::size_t gone = 0;
  for (const graph::Artifact& artifact : node.artifacts) {
    const auto kept = artifacts_.find(artifact.checksum);
    if (kept == artifacts_.end() || --kept->second.uses > 0) continue;
    artifacts_.erase(kept);
    ++gone;
  }
  return gone;
}

std::optional<std::int64_t> MemoryArtifacts::size_of(const std::string& checksum) const {
  const auto kept = artifacts_.find(checksum);
  if (kept == artifacts_.end()) return std::nullopt;
  return kept->second.bytes;
}

}  // namespace weir::dagmanager
