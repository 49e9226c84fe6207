// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_control_bus.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <string_view>

#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Rows;
using postgres::Statement;

/// A row of a kind that this build does not know is left alone.
constexpr Statement kPendingEvents = {
    "dag_pending_events",
    "SELECT key_seq, id::text, kind, revision, tags, interval_seconds, match_all, world_id,"
    " execution_domain, queue_ids, sentinel_id, version, weight, created_at"
    " FROM weir_dagmanager.outbox WHERE sent_at IS NULL"
    " AND kind IN ('queue_updated', 'sentinel_weight_updated') ORDER BY key_seq LIMIT $1"};

constexpr Statement kDescribeQueues = {
    "dag_describe_queues",
    "SELECT q.queue_id, q.topic, coalesce(n.global, false) FROM weir_dagmanager.queue q"
    " LEFT JOIN weir_dagmanager.compute_node n ON n.node_seq = q.node_seq"
    " WHERE q.queue_id = ANY ($1)"};

constexpr Statement kBacklog = {
    "dag_backlog",
    "SELECT count(*), (SELECT created_at FROM weir_dagmanager.outbox WHERE sent_at IS NULL"
    " ORDER BY key_seq LIMIT 1) FROM weir_dagmanager.outbox WHERE sent_at IS NULL"};

using Descriptors = absl::flat_hash_map<RowId, QueueDescriptor>;

OutboxRow read_event(const Rows& rows, std::size_t row) {
  OutboxRow event;
  event.key_seq = rows.int64(row, 0);
  event.id = rows.text(row, 1);
  event.revision = rows.int64(row, 3);
  event.created_at = rows.instant(row, 13);
  if (rows.text(row, 2) == "queue_updated") {
    QueueUpdate update;
    for (const std::string_view tag : rows.text_array(row, 4)) update.query.tags.emplace_back(tag);
    update.query.interval = rows.int64(row, 5);
    update.query.match_all = rows.boolean(row, 6);
    update.query.scope = {std::string(rows.text(row, 7)), std::string(rows.text(row, 8))};
    update.queues = unpack_ids(rows.bytes(row, 9));
    event.queues = std::move(update);
  } else {
    event.weight = WeightUpdate{.sentinel = graph::SentinelId(rows.text(row, 10)),
                                .version = graph::VersionLabel(rows.text(row, 11)),
                                .world = graph::WorldId(rows.text(row, 7)),
                                .weight = rows.number(row, 12)};
  }
  return event;
}

Result<Descriptors> describe(Connection& connection, const std::vector<OutboxRow>& events) {
  std::vector<RowId> ids;
  for (const OutboxRow& event : events) {
    if (event.queues)
      ids.insert(ids.end(), event.queues->queues.begin(), event.queues->queues.end());
  }
  Descriptors descriptors;
  if (ids.empty()) return descriptors;
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  Params params;
  params.int64_array(ids);
  WEIR_TRY(const Rows rows, connection.execute(kDescribeQueues, params));
  for (std::size_t row = 0; row < rows.size(); ++row) {
    descriptors.emplace(rows.int64(row, 0),
                        QueueDescriptor{graph::TopicName(rows.text(row, 1)), rows.boolean(row, 2)});
  }
  return descriptors;
}

ControlEvent render(const OutboxRow& event, const Descriptors& known,
                    const std::string& queue_topic) {
  if (event.weight) return render_weight_update(event);
  std::vector<QueueDescriptor> queues;
  queues.reserve(event.queues->queues.size());
  for (const RowId id : event.queues->queues) {
    const auto found = known.find(id);
    if (found != known.end()) queues.push_back(found->second);
  }
  return render_queue_update(event, queues, queue_topic);
}

Result<std::vector<PendingEvent>> read_pending(postgres::Pool& pool, std::size_t limit,
                                               const std::string& queue_topic) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Params params;
  params.int64(static_cast<std::int64_t>(limit));
  WEIR_TRY(const Rows rows, connection->execute(kPendingEvents, params));
  std::vector<OutboxRow> events;
  events.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) events.push_back(read_event(rows, row));
  WEIR_TRY(const Descriptors known, describe(*connection, events));
  std::vector<PendingEvent> pending;
  pending.reserve(events.size());
  for (const OutboxRow& event : events) {
    pending.push_back(
        {event.id, event.key_seq, event.created_at, render(event, known, queue_topic)});
  }
  return pending;
}

Result<OutboxBacklog> read_backlog(postgres::Pool& pool) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_TRY(const Rows rows, connection->execute(kBacklog));
  OutboxBacklog backlog;
  backlog.pending = static_cast<std::size_t>(rows.int64(0, 0));
  backlog.oldest = rows.instant_if(0, 1).value_or(Instant{});
  return backlog;
}

}  // namespace

Result<std::vector<PendingEvent>> PostgresControlBus::pending(std::size_t limit) {
  return with_graph_error(read_pending(pool_, limit, queue_topic_));
}

Result<OutboxBacklog> PostgresControlBus::backlog() {
  return with_graph_error(read_backlog(pool_));
}

}  // namespace weir::dagmanager
