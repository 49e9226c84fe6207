// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_graph_rows.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "drivers/postgres/errors.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Type;

constexpr std::size_t kKeyBytes = 16;
constexpr unsigned kGroupBits = 7;  // of a packed id, a byte each
constexpr std::uint64_t kGroupMask = (1U << kGroupBits) - 1;

std::int64_t microseconds(Instant at) { return at.time_since_epoch().count(); }

std::vector<std::string> read_texts(const Rows& rows, std::size_t row, std::size_t column) {
  const std::vector<std::string_view> views = rows.text_array(row, column);
  return {views.begin(), views.end()};
}

base::Digest read_digest(const Rows& rows, std::size_t row, std::size_t column) {
  const std::span<const std::byte> bytes = rows.bytes(row, column);
  base::Digest digest{};
  std::memcpy(digest.data(), bytes.data(), std::min(bytes.size(), digest.size()));
  return digest;
}

std::string read_text(const Rows& rows, std::size_t row, std::size_t column) {
  return std::string(rows.text(row, column));
}

graph::DowngradeReason downgrade_from_text(std::string_view text) {
  using graph::DowngradeReason;
  for (const auto reason : {DowngradeReason::DecisionUnavailable, DowngradeReason::MissingAsOf}) {
    if (graph::downgrade_text(reason) == text) return reason;
  }
  return DowngradeReason::None;
}

/// Seven columns from `first` on, as every table that has a context has them in a row.
graph::ComputeContext read_context(const Rows& rows, std::size_t row, std::size_t first) {
  graph::ComputeContext context;
  context.world_id = read_text(rows, row, first);
  context.execution_domain = read_text(rows, row, first + 1);
  context.as_of = read_text(rows, row, first + 2);
  context.partition = read_text(rows, row, first + 3);
  context.dataset_fingerprint = read_text(rows, row, first + 4);
  context.safe_mode = rows.boolean(row, first + 5);
  context.downgrade = downgrade_from_text(rows.text(row, first + 6));
  return context;
}

void add_context(Params& params, const graph::ComputeContext& context) {
  params.text(context.world_id)
      .text(context.execution_domain)
      .text(context.as_of)
      .text(context.partition)
      .text(context.dataset_fingerprint)
      .boolean(context.safe_mode)
      .text(graph::downgrade_text(context.downgrade));
}

}  // namespace

Error graph_error(Error error) {
  const std::string& reason = error.reason();
  if (reason == postgres::kCommitUnknown || reason == "graph_moved") return error;
  if (reason == postgres::kUniqueViolation || reason == postgres::kSerialization) {
    return {Code::Aborted, "graph_moved", error.message()};
  }
  switch (error.code()) {
    case Code::Unavailable:
    case Code::DeadlineExceeded:
    case Code::ResourceExhausted:
    case Code::Aborted:
      return base::unavailable("graph_unavailable", error.message());
    default:
      return error;
  }
}

std::string array_text(std::span<const std::string> items) {
  std::string text = "{";
  for (const std::string& item : items) {
    if (text.size() > 1) text += ',';
    text += '"';
    for (const char c : item) {
      if (c == '"' || c == '\\') text += '\\';
      text += c;
    }
    text += '"';
  }
  return text += '}';
}

std::string key_hash(std::string_view text) {
  std::array<std::uint8_t, kKeyBytes> key{};
  base::Blake3().update(text).finish(key);
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

std::span<const std::byte> as_bytes(std::string_view bytes) {
  return std::as_bytes(std::span(bytes));
}

Params rows_params(const std::vector<RowId>& rows) {
  Params params;
  params.int64_array(rows);
  return params;
}

std::vector<RowId> read_row_ids(const Rows& rows) {
  std::vector<RowId> ids;
  ids.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) ids.push_back(rows.int64(row, 0));
  return ids;
}

std::string ranges_text(std::vector<RowId> rows) {
  std::ranges::sort(rows);
  std::string text = "{";
  for (std::size_t first = 0; first < rows.size();) {
    std::size_t end = first + 1;
    while (end < rows.size() && rows[end] <= rows[end - 1] + 1) ++end;
    if (text.size() > 1) text += ',';
    text += '[' + std::to_string(rows[first]) + ',' + std::to_string(rows[end - 1] + 1) + ')';
    first = end;
  }
  return text += '}';
}

std::string pack_ids(std::span<const RowId> rising) {
  std::string packed;
  packed.reserve(rising.size() * 2 + 8);
  RowId before = 0;
  for (const RowId id : rising) {
    WEIR_ASSERT(id > before);
    auto distance = static_cast<std::uint64_t>(id - before);
    while (distance > kGroupMask) {
      packed += static_cast<char>((distance & kGroupMask) | (kGroupMask + 1));
      distance >>= kGroupBits;
    }
    packed += static_cast<char>(distance);
    before = id;
  }
  return packed;
}

std::vector<RowId> unpack_ids(std::span<const std::byte> packed) {
  std::vector<RowId> ids;
  std::uint64_t last = 0;
  std::uint64_t distance = 0;
  unsigned shift = 0;
  for (const std::byte byte : packed) {
    const auto digits = static_cast<std::uint64_t>(byte);
    if (shift < 64) distance |= (digits & kGroupMask) << shift;
    shift += kGroupBits;
    if (digits > kGroupMask) continue;
    last += distance;
    ids.push_back(static_cast<RowId>(last));
    distance = 0;
    shift = 0;
  }
  return ids;
}

NodeRecord read_node(const Rows& rows, std::size_t row) {
  NodeRecord node;
  node.row = rows.int64(row, 0);
  node.id = graph::NodeId(rows.text(row, 1));
  node.parts.node_type = read_text(rows, row, 2);
  node.parts.interval = rows.int64(row, 3);
  node.parts.period = rows.int64(row, 4);
  node.parts.params_canon = read_text(rows, row, 5);
  node.parts.dependencies = read_texts(rows, row, 6);
  node.parts.schema_compat_id = read_text(rows, row, 7);
  node.parts.code_hash = read_text(rows, row, 8);
  node.fingerprint = read_digest(rows, row, 9);
  node.schema_hash = read_text(rows, row, 10);
  node.name = read_text(rows, row, 11);
  node.owner = read_text(rows, row, 12);
  node.tags = read_texts(rows, row, 13);
  if (!rows.is_null(row, 14)) {
    graph::TagQuerySpec query;
    query.tags = read_texts(rows, row, 14);
    query.match_all = rows.boolean(row, 15);
    const auto interval = rows.int64_if(row, 16);
    query.has_interval = interval.has_value();
    query.interval = interval.value_or(0);
    node.query = std::move(query);
  }
  node.global = rows.boolean(row, 17);
  node.created_at = rows.instant(row, 18);
  return node;
}

Params node_params(std::span<const NodeOfRow> nodes) {
  using Node = const NodeOfRow&;
  const auto query = [](auto read) {
    return [read](Node node) {
      using Value = decltype(read(*node.record->query));
      return node.record->query ? std::optional<Value>(read(*node.record->query)) : std::nullopt;
    };
  };
  const auto part = [](auto member) {
    return [member](Node node) -> const auto& { return node.record->parts.*member; };
  };
  using Parts = graph::IdentityParts;
  using Query = graph::TagQuerySpec;
  std::vector<std::string> keys;
  for (Node node : nodes) keys.push_back(key_hash(node.record->id.view()));
  Params params;
  params.int64_array(nodes, [](Node node) { return node.row; })
      .bytes_array(keys, as_bytes)
      .text_array(nodes, [](Node node) { return node.record->id.view(); })
      .text_array(nodes, part(&Parts::node_type))
      .int64_array(nodes, part(&Parts::interval))
      .int64_array(nodes, part(&Parts::period))
      .text_array(nodes, part(&Parts::params_canon))
      .text_array(nodes, [](Node node) { return array_text(node.record->parts.dependencies); })
      .text_array(nodes, part(&Parts::schema_compat_id))
      .text_array(nodes, part(&Parts::code_hash))
      .bytes_array(nodes,
                   [](Node node) { return std::as_bytes(std::span(node.record->fingerprint)); })
      .text_array(nodes, [](Node node) { return std::string_view(node.record->schema_hash); })
      .text_array(nodes, [](Node node) { return std::string_view(node.record->name); })
      .text_array(nodes, [](Node node) { return std::string_view(node.record->owner); })
      .text_array(nodes, [](Node node) { return array_text(node.record->tags); })
      .text_array(nodes, query([](const Query& spec) { return array_text(spec.tags); }))
      .boolean_array(nodes, query([](const Query& spec) { return spec.match_all; }))
      .int64_array(nodes,
                   [](Node node) {
                     const bool named = node.record->query && node.record->query->has_interval;
                     return named ? std::optional(node.record->query->interval) : std::nullopt;
                   })
      .boolean_array(nodes, [](Node node) { return node.record->global; })
      .int64_array(nodes, [](Node node) { return microseconds(node.record->created_at); });
  return params;
}

void read_uses(const Rows& rows, std::span<NodeRecord> nodes) {
  auto node = nodes.begin();
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const RowId owner = rows.int64(row, 0);
    while (node != nodes.end() && node->row < owner) ++node;
    if (node == nodes.end() || node->row != owner) continue;
    node->artifacts.push_back({.path = read_text(rows, row, 1),
                               .checksum = read_text(rows, row, 2),
                               .size = rows.int64(row, 3),
                               .framework = read_text(rows, row, 4),
                               .dtype = read_text(rows, row, 5)});
  }
}

std::string context_key(const BindingContext& binding) {
  const graph::ComputeContext& context = binding.context;
  const std::array<std::string_view, 9> fields = {context.world_id,
                                                  context.execution_domain,
                                                  context.as_of,
                                                  context.partition,
                                                  context.dataset_fingerprint,
                                                  context.safe_mode ? "1" : "0",
                                                  graph::downgrade_text(context.downgrade),
                                                  binding.name_space.view(),
                                                  binding.strategy.view()};
  base::Blake3 hash;
  for (const std::string_view field : fields) {
    hash.update(std::to_string(field.size())).update(":").update(field);
  }
  std::array<std::uint8_t, kKeyBytes> key{};
  hash.finish(key);
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

Params context_params(const BindingContext& binding) {
  const std::string key = context_key(binding);
  Params params;
  params.bytes(std::as_bytes(std::span(key)));
  add_context(params, binding.context);
  params.text(binding.name_space.view()).text(binding.strategy.view());
  return params;
}

void read_contexts(const Rows& rows, BindingContexts& contexts) {
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const std::span<const std::byte> key = rows.bytes(row, 0);
    contexts[std::string(reinterpret_cast<const char*>(key.data()), key.size())] =
        std::make_shared<const BindingContext>(read_context(rows, row, 1),
                                               graph::Namespace(rows.text(row, 8)),
                                               graph::StrategyId(rows.text(row, 9)));
  }
}

/// A state of a newer build is no intent: such a row is not for us to join or to give up.
QueueState read_queue_state(std::string_view state) {
  if (state == "intent") return QueueState::Intent;
  const bool leaving = state == "dropping" || state == "collecting";
  return leaving ? QueueState::Leaving : QueueState::Active;
}

Result<QueueRecord> read_queue(const Rows& rows, std::size_t row, const BindingContexts& contexts) {
  const std::span<const std::byte> key = rows.bytes(row, 12);
  const auto binding =
      contexts.find(std::string_view(reinterpret_cast<const char*>(key.data()), key.size()));
  QueueRecord queue;
  queue.row = rows.int64(row, 0);
  queue.topic = graph::TopicName(rows.text(row, 1));
  if (binding == contexts.end()) {
    return Error(Code::DataLoss, "graph_damaged",
                 "queue " + queue.topic.text() + " has a binding context that is not stored");
  }
  queue.type = graph::topic_type_from_name(rows.text(row, 2)).value_or(graph::TopicType::Indicator);
  queue.shape = {.partitions = static_cast<int>(rows.int64(row, 3)),
                 .replication = static_cast<int>(rows.int64(row, 4)),
                 .retention_ms = rows.int64(row, 5),
                 .cleanup = read_text(rows, row, 6)};
  queue.state = read_queue_state(rows.text(row, 7));
  queue.node = rows.int64_if(row, 8).value_or(0);
  queue.binding_key = graph::BindingKey(rows.text(row, 10));
  queue.compute_key = graph::ComputeKey(rows.text(row, rows.is_null(row, 11) ? 10 : 11));
  queue.binding = binding->second;
  queue.schema_hash = read_text(rows, row, 13);
  queue.pending_schema_hash = read_text(rows, row, 14);
  queue.buffering_since = rows.instant_if(row, 15);
  queue.created_at = rows.instant(row, 16);
  queue.ttl_ms = rows.int64(row, 17);
  queue.lag_alert_seconds = rows.int64(row, 18);
  queue.recompute_due = rows.boolean(row, 19);
  queue.completed = rows.boolean(row, 20);
  return queue;
}

DeployRecord read_deploy(const Rows& rows, std::size_t row) {
  DeployRecord deploy;
  deploy.key.strategy = graph::StrategyId(rows.text(row, 0));
  deploy.key.context = read_context(rows, row, 1);
  deploy.key.version = graph::VersionLabel(rows.text(row, 8));
  deploy.key.node_set = read_text(rows, row, 9);
  const std::vector<std::int64_t> nodes = rows.int64_array(row, 10);
  const std::vector<std::string_view> names = rows.text_array(row, 11);
  const std::vector<std::int64_t> introduced = rows.int64_array(row, 12);
  WEIR_ASSERT(nodes.size() == names.size() && nodes.size() == introduced.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    deploy.nodes.push_back({nodes[i], std::string(names[i]), introduced[i] != 0});
  }
  deploy.sentinel_due = rows.boolean(row, 13);
  deploy.request_hash = read_digest(rows, row, 14);
  deploy.answer_hash = read_digest(rows, row, 15);
  deploy.first_seen = rows.instant(row, 16);
  deploy.last_seen = rows.instant(row, 17);
  deploy.ended_at = rows.instant_if(row, 18);
  deploy.taken_back_at = rows.instant_if(row, 19);
  deploy.baseline = read_text(rows, row, 20);
  for (const std::string_view bucket : rows.text_array(row, 21)) {
    deploy.buckets.emplace_back(bucket);
  }
  return deploy;
}

Params deploy_params(const DeployRecord& deploy) {
  Params params;
  params.text(deploy.key.text()).text(deploy.key.strategy.view());
  add_context(params, deploy.key.context);
  params.text(deploy.key.version.view())
      .text(deploy.key.node_set)
      .int64_array(deploy.nodes, &DeployNode::node)
      .text_array(deploy.nodes, &DeployNode::name)
      .boolean_array(deploy.nodes, &DeployNode::introduced)
      .boolean(deploy.sentinel_due)
      .bytes(std::as_bytes(std::span(deploy.request_hash)))
      .bytes(std::as_bytes(std::span(deploy.answer_hash)))
      .instant(deploy.first_seen)
      .instant(deploy.last_seen);
  if (deploy.ended_at) {
    params.instant(*deploy.ended_at);
  } else {
    params.null(Type::Timestamptz);
  }
  params.text(deploy.baseline).text_array(deploy.buckets);
  return params;
}

SentinelRecord read_sentinel(const Rows& rows, std::size_t row) {
  SentinelRecord sentinel;
  sentinel.id = graph::SentinelId(rows.text(row, 0));
  sentinel.world = graph::WorldId(rows.text(row, 1));
  sentinel.version = graph::VersionLabel(rows.text(row, 2));
  sentinel.commit_hash = read_text(rows, row, 3);
  sentinel.release_tag = read_text(rows, row, 4);
  if (!rows.is_null(row, 5)) sentinel.traffic_weight = rows.number(row, 5);
  sentinel.deploy_key = read_text(rows, row, 6);
  sentinel.created_at = rows.instant(row, 7);
  if (!rows.is_null(row, 8)) sentinel.live_weight = rows.number(row, 8);
  sentinel.peak_weight = rows.number(row, 9);
  return sentinel;
}

Params sentinel_params(const SentinelRecord& sentinel) {
  Params params;
  params.text(sentinel.world.view())
      .text(sentinel.id.view())
      .text(sentinel.version.view())
      .text(sentinel.commit_hash)
      .text(sentinel.release_tag);
  if (sentinel.traffic_weight) {
    params.number(*sentinel.traffic_weight);
  } else {
    params.null(Type::Float8);
  }
  params.text(sentinel.deploy_key).instant(sentinel.created_at);
  return params;
}

TopicLogRow read_log_row(const Rows& rows, std::size_t row) {
  TopicLogRow log;
  log.at = rows.instant(row, 1);
  log.topic = graph::TopicName(rows.text(row, 2));
  log.action = read_text(rows, row, 3);
  log.type = graph::topic_type_from_name(rows.text(row, 4)).value_or(graph::TopicType::Indicator);
  log.shape = {.partitions = static_cast<int>(rows.int64(row, 5)),
               .replication = static_cast<int>(rows.int64(row, 6)),
               .retention_ms = rows.int64(row, 7),
               .cleanup = read_text(rows, row, 8)};
  log.node_id = read_text(rows, row, 9);
  log.binding_key = read_text(rows, row, 10);
  log.actor = read_text(rows, row, 11);
  log.cause = read_text(rows, row, 12);
  log.result = read_text(rows, row, 13);
  return log;
}

std::vector<std::span<const TopicLogRow>> log_batches(std::span<const TopicLogRow> log) {
  const auto together = [](const TopicLogRow& one, const TopicLogRow& other) {
    return one.at == other.at && one.actor == other.actor && one.cause == other.cause;
  };
  std::vector<std::span<const TopicLogRow>> batches;
  while (!log.empty()) {
    std::size_t count = 1;
    while (count < log.size() && together(log.front(), log[count])) ++count;
    batches.push_back(log.first(count));
    log = log.subspan(count);
  }
  return batches;
}

Params log_params(std::span<const TopicLogRow> batch) {
  using Row = TopicLogRow;
  Params params;
  params.instant(batch.front().at)
      .text(batch.front().actor)
      .text(batch.front().cause)
      .text_array(batch, [](const Row& row) { return row.topic.view(); })
      .text_array(batch, &Row::action)
      .text_array(batch, [](const Row& row) { return graph::topic_type_name(row.type); })
      .int32_array(batch, [](const Row& row) { return row.shape.partitions; })
      .int32_array(batch, [](const Row& row) { return row.shape.replication; })
      .int64_array(batch, [](const Row& row) { return row.shape.retention_ms; })
      .text_array(batch, [](const Row& row) { return std::string_view(row.shape.cleanup); })
      .text_array(batch, &Row::node_id)
      .text_array(batch, &Row::binding_key)
      .text_array(batch, &Row::result);
  return params;
}

}  // namespace weir::dagmanager
