// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/control_events.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <deque>
#include <optional>
#include <set>

#include "base/json_line.h"
#include "base/rfc3339.h"
#include "base/text.h"

namespace weir::dagmanager {
namespace {

constexpr std::string_view kSource = "qmtl.services.dagmanager";
constexpr std::string_view kQueueUpdated = "queue_updated";
constexpr std::string_view kQueueLifecycle = "queue_lifecycle";
constexpr std::string_view kWeightUpdated = "sentinel_weight_updated";

std::string joined_tags(const QuerySet& query, std::string_view separator) {
  return base::join(query.tags, separator);
}

std::string six_decimals(double weight) {
  std::array<char, 32> text{};
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), weight, std::chars_format::fixed, 6);
  return {text.data(), end.ptr};
}

/// The CloudEvents envelope around `data` (section 1.4).
std::string envelope(const OutboxRow& row, std::string_view type, std::string_view correlation,
                     std::string_view data) {
  std::string out;
  out.reserve(data.size() + 320);
  JsonLine object(out);
  object.text("specversion", "1.0");
  object.text("id", row.id);
  object.text("source", kSource);
  object.text("type", type);
  object.text("time", base::rfc3339_micros(row.created_at, "+00:00"));
  object.text("datacontenttype", "application/json");
  object.raw("data", data);
  object.text("correlation_id", correlation);
  object.end();
  return out;
}

void write_queues(std::string& out, std::span<const QueueDescriptor> queues) {
  base::append_json_list(out, queues, [&](const QueueDescriptor& queue) {
    JsonLine(out).text("queue", queue.topic.view()).flag("global", queue.global).end();
  });
}

/// Rows of the added queues by tag and interval, rising.
using AddedByTag =
    absl::flat_hash_map<std::pair<std::string_view, std::int64_t>, std::vector<const AddedQueue*>>;

AddedByTag by_tag(std::span<const AddedQueue> added) {
  AddedByTag index;
  for (const AddedQueue& queue : added) {
    for (const std::string& tag : queue.node->tags) {
      index[{tag, queue.node->parts.interval}].push_back(&queue);
    }
  }
  return index;
}

/// The answer to a query after the change, or nothing where it has more than `limit` queues.
std::optional<std::vector<RowId>> answer_after(const GraphIndex& before, const AddedByTag& added,
                                               const QuerySet& query, std::size_t limit) {
  auto rows = before.match_growing(query, limit);
  if (!rows) return std::nullopt;
  for (const std::string& tag : query.tags) {
    const auto tagged = added.find({tag, query.interval});
    if (tagged == added.end()) continue;
    if (!query.match_all && tagged->second.size() > limit) return std::nullopt;
    for (const AddedQueue* queue : tagged->second) {
      if (query_matches(query, *queue->node)) rows->push_back(queue->row);
    }
  }
  std::ranges::sort(*rows);
  rows->erase(std::ranges::unique(*rows).begin(), rows->end());
  if (rows->size() > limit) return std::nullopt;
  return rows;
}

/// Queries that a TagQuery node added by this very change asks are asked from now on; their answer
/// is told like any other.
void collect_asked(const GraphIndex& before, std::span<const AddedQueue> added,
                   const QueryScope& scope, std::set<QuerySet>& asked) {
  std::vector<QuerySet> fresh;
  for (const AddedQueue& queue : added) {
    for (const QuerySet* query : before.asked_queries_for(*queue.node, scope)) {
      asked.insert(*query);
    }
    const auto& spec = queue.node->query;
    if (spec && spec->has_interval && !spec->tags.empty()) {
      fresh.push_back({spec->tags, spec->interval, spec->match_all, scope});
    }
  }
  std::ranges::sort(fresh);
  fresh.erase(std::ranges::unique(fresh).begin(), fresh.end());
  for (QuerySet& query : fresh) {
    const bool answered = std::ranges::any_of(
        added, [&](const AddedQueue& queue) { return query_matches(query, *queue.node); });
    if (answered) asked.insert(std::move(query));
  }
}

/// The queries that active queues answer, each with how many queues it may have to be told: those
/// that TagQuery nodes ask, then each node's own tags.
std::vector<std::pair<QuerySet, std::size_t>> queries_about(const GraphIndex& index,
                                                            std::span<const RowId> queues) {
  std::set<QuerySet> asked;
  std::set<QuerySet> own;
  for (const RowId row : queues) {
    const QueueView queue = index.queue(row);
    const NodeView view = queue ? index.node(queue.node()) : NodeView();
    if (!view) continue;
    const NodeRecord node = view.record();
    const QueryScope& scope = queue.binding().scope;
    for (const QuerySet* query : index.asked_queries_for(node, scope)) asked.insert(*query);
    if (node.tags.empty() || node.parts.interval <= 0) continue;
    QuerySet query{node.tags, node.parts.interval, false, scope};
    std::ranges::sort(query.tags);
    query.tags.erase(std::ranges::unique(query.tags).begin(), query.tags.end());
    own.insert(std::move(query));
  }
  std::vector<std::pair<QuerySet, std::size_t>> queries;
  queries.reserve(asked.size() + own.size());
  for (const QuerySet& query : asked) queries.emplace_back(query, SIZE_MAX);
  for (const QuerySet& query : own) {
    if (!asked.contains(query)) queries.emplace_back(query, kOwnTagQueuesMax);
  }
  return queries;
}

}  // namespace

std::vector<QueueUpdate> changed_queries(const GraphIndex& before,
                                         std::span<const AddedQueue> added,
                                         const QueryScope& scope) {
  const AddedByTag tagged = by_tag(added);
  std::set<QuerySet> asked;
  collect_asked(before, added, scope, asked);
  std::set<QuerySet> own;
  for (const AddedQueue& queue : added) {
    if (queue.node->tags.empty() || queue.node->parts.interval <= 0) continue;
    QuerySet query{queue.node->tags, queue.node->parts.interval, false, scope};
    std::ranges::sort(query.tags);
    query.tags.erase(std::ranges::unique(query.tags).begin(), query.tags.end());
    if (!asked.contains(query)) own.insert(std::move(query));
  }
  std::vector<QueueUpdate> updates;
  updates.reserve(asked.size() + own.size());
  for (const QuerySet& query : asked) {
    updates.push_back({query, *answer_after(before, tagged, query, SIZE_MAX)});
  }
  for (const QuerySet& query : own) {
    auto rows = answer_after(before, tagged, query, kOwnTagQueuesMax);
    if (rows) updates.push_back({query, *std::move(rows)});
  }
  return updates;
}

std::vector<QueueUpdate> changed_queries(const GraphIndex& before, const GraphChange& change) {
  if (change.queues.empty()) return {};
  absl::flat_hash_map<RowId, const NodeRecord*> node_of;
  for (const NodeRecord& node : change.nodes) node_of.emplace(node.row, &node);
  std::deque<NodeRecord> stored;
  std::vector<AddedQueue> added;
  added.reserve(change.queues.size());
  for (const QueuePromotion& queue : change.queues) {
    const auto [node, unseen] = node_of.try_emplace(queue.node, nullptr);
    if (unseen) {
      // One that was removed since has the change refused, whatever is decided here.
      const NodeView view = before.node(queue.node);
      if (view) node->second = &stored.emplace_back(view.record());
    }
    if (node->second == nullptr) continue;
    added.push_back({queue.queue, node->second});
  }
  return changed_queries(before, added, change.binding->scope);
}

std::vector<QueueUpdate> queries_without(const GraphIndex& before, std::span<const RowId> removed) {
  const auto is_removed = [&](RowId row) { return std::ranges::binary_search(removed, row); };
  std::vector<QueueUpdate> updates;
  for (const auto& [query, limit] : queries_about(before, removed)) {
    const std::size_t whole = limit == SIZE_MAX ? limit : limit + removed.size();
    auto rows = before.match_at_most(query, whole);
    if (!rows) continue;
    std::erase_if(*rows, is_removed);
    if (rows->size() > limit) continue;
    std::erase_if(*rows, [&](RowId row) { return before.queue(row).completed(); });
    std::ranges::sort(*rows);
    updates.push_back({query, *std::move(rows)});
  }
  return updates;
}

std::vector<QueueUpdate> queries_after(const GraphIndex& before, std::span<const RowId> completed,
                                       std::span<const RowId> resumed) {
  const auto is_left_out = [&](RowId row) {
    if (std::ranges::binary_search(completed, row)) return true;
    return before.queue(row).completed() && !std::ranges::binary_search(resumed, row);
  };
  std::vector<RowId> changed(completed.begin(), completed.end());
  changed.insert(changed.end(), resumed.begin(), resumed.end());
  std::vector<QueueUpdate> updates;
  for (const auto& [query, limit] : queries_about(before, changed)) {
    auto rows = before.match_at_most(query, limit);
    if (!rows) continue;
    std::erase_if(*rows, is_left_out);
    std::ranges::sort(*rows);
    updates.push_back({query, *std::move(rows)});
  }
  return updates;
}

bool weight_changed(const std::optional<SentinelRecord>& last, const SentinelRecord& wanted) {
  if (!wanted.traffic_weight) return false;
  if (!last || !last->traffic_weight || last->version != wanted.version) return true;
  return std::abs(*last->traffic_weight - *wanted.traffic_weight) > 1e-6;
}

std::string query_key(const QuerySet& query) {
  std::string key;
  const auto add = [&key](std::string_view part) {
    key += std::to_string(part.size()) + ':';
    key += part;
    key += ',';
  };
  for (const std::string& tag : query.tags) add(tag);
  return key + std::to_string(query.interval);
}

std::string lifecycle_key(const graph::TopicName& queue) { return "lifecycle:" + queue.text(); }

std::string_view type_of(const OutboxRow& row) {
  if (row.lifecycle) return kQueueLifecycle;
  return row.queues ? kQueueUpdated : kWeightUpdated;
}

const std::string& world_of(const OutboxRow& row) {
  if (row.lifecycle) return row.lifecycle->scope.world_id;
  return row.queues ? row.queues->query.scope.world_id : row.weight->world.text();
}

ControlEvent render_queue_update(const OutboxRow& row, std::span<const QueueDescriptor> queues,
                                 const std::string& queue_topic) {
  const QuerySet& query = row.queues->query;
  const std::string interval = std::to_string(query.interval);
  const std::string revision = std::to_string(row.revision);
  const std::string tags = joined_tags(query, ".");
  const std::string_view mode = query.match_all ? "all" : "any";
  std::string data;
  data.reserve(queues.size() * 96 + 320);
  JsonLine object(data);
  object.text("type", "QueueUpdated");
  object.texts("tags", query.tags).raw("interval", interval).key("queues");
  write_queues(data, queues);
  object.text("match_mode", mode);
  object.number("version", 1);
  object.text("etag", "q:" + tags + ":" + interval + ":" + revision);
  object.text("ts", base::rfc3339_micros(row.created_at));
  object.text("idempotency_key",
              "queue_updated:" + tags + ":" + interval + ":" + std::string(mode) + ":" + revision);
  if (!query.scope.world_id.empty()) {
    object.text("world_id", query.scope.world_id);
    object.text("execution_domain", query.scope.execution_domain);
  }
  object.end();
  return {queue_topic, joined_tags(query, ",") + ":" + interval,
          envelope(row, kQueueUpdated, "queue:" + tags + ":" + interval, data)};
}

ControlEvent render_weight_update(const OutboxRow& row) {
  const WeightUpdate& update = *row.weight;
  const std::string& id = update.sentinel.text();
  const std::string mark =
      id + ":" + update.version.text() + ":" + six_decimals(update.weight) + ":1";
  std::string data;
  JsonLine object(data);
  object.text("type", "SentinelWeightUpdated");
  object.text("sentinel_id", id);
  object.number("weight", update.weight);
  object.number("version", 1);
  object.text("etag", "sw:" + mark);
  object.text("ts", base::rfc3339_micros(row.created_at));
  object.text("idempotency_key", "sentinel_weight_updated:" + mark);
  object.text("sentinel_version", update.version.view());
  if (!update.world.empty()) object.text("world_id", update.world.view());
  object.end();
  return {std::string(kWeightTopic), id,
          envelope(row, kWeightUpdated, "sentinel:" + id + ":" + update.world.text(), data)};
}

ControlEvent render_lifecycle(const OutboxRow& row, const std::string& queue_topic) {
  const LifecycleUpdate& update = *row.lifecycle;
  const std::string& queue = update.queue.text();
  const std::string mark =
      queue + ":" + update.action + ":" + update.reason + ":" + std::to_string(row.revision);
  std::string data;
  JsonLine object(data);
  object.text("type", "QueueLifecycle");
  object.text("queue", queue);
  object.text("action", update.action);
  object.text("reason", update.reason);
  object.number("version", 1);
  object.text("etag", "ql:" + mark);
  object.text("ts", base::rfc3339_micros(row.created_at));
  object.text("idempotency_key", "queue_lifecycle:" + mark);
  if (!update.tag.empty()) object.text("tag", update.tag);
  if (update.interval) object.number("interval", *update.interval);
  if (!update.archive_status.empty()) object.text("archive_status", update.archive_status);
  object.end();
  return {queue_topic, queue, envelope(row, kQueueLifecycle, "queue_lifecycle:" + queue, data)};
}

}  // namespace weir::dagmanager
