// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/events/postgres_outbox.h"

#include <absl/container/flat_hash_map.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "dagmanager/ports/postgres_graph_rows.h"
#include "drivers/postgres/connection.h"

namespace weir::dagmanager {
namespace {

using postgres::Rows;

constexpr postgres::Statement kDescribeQueues = {
    "dag_describe_queues",
    "SELECT q.queue_id, q.topic, coalesce(n.global, false) FROM weir_dagmanager.queue q"
    " LEFT JOIN weir_dagmanager.compute_node n ON n.node_seq = q.node_seq"
    " WHERE q.queue_id = ANY ($1) UNION ALL"
    " SELECT queue_id, topic, global FROM weir_dagmanager.gone_queue WHERE queue_id = ANY ($1)"};

using Descriptors = absl::flat_hash_map<RowId, QueueDescriptor>;

OutboxRow read_event(const Rows& rows, std::size_t row) {
  OutboxRow event;
  event.key_seq = rows.int64(row, 0);
  event.id = rows.text(row, 1);
  event.revision = rows.int64(row, 3);
  event.created_at = rows.instant(row, 13);
  const std::string_view kind = rows.text(row, 2);
  if (kind == "queue_lifecycle") {
    event.lifecycle =
        LifecycleUpdate{.queue = graph::TopicName(rows.text(row, 14)),
                        .action = std::string(rows.text(row, 15)),
                        .reason = std::string(rows.text(row, 16)),
                        .tag = std::string(rows.text(row, 17)),
                        .interval = rows.int64_if(row, 5),
                        .archive_status = std::string(rows.text(row, 18)),
                        .scope = {std::string(rows.text(row, 7)), std::string(rows.text(row, 8))}};
  } else if (kind == "queue_updated") {
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

Result<Descriptors> describe_queues(postgres::Connection& connection,
                                    const std::vector<OutboxRow>& events) {
  std::vector<RowId> ids;
  for (const OutboxRow& event : events) {
    if (!event.queues) continue;
    ids.insert(ids.end(), event.queues->queues.begin(), event.queues->queues.end());
  }
  Descriptors descriptors;
  if (ids.empty()) return descriptors;
  std::ranges::sort(ids);
  ids.erase(std::ranges::unique(ids).begin(), ids.end());
  postgres::Params params;
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
  if (event.lifecycle) return render_lifecycle(event, queue_topic);
  std::vector<QueueDescriptor> queues;
  queues.reserve(event.queues->queues.size());
  for (const RowId id : event.queues->queues) {
    const auto found = known.find(id);
    if (found != known.end()) queues.push_back(found->second);
  }
  return render_queue_update(event, queues, queue_topic);
}

}  // namespace

std::vector<OutboxRow> read_outbox(const Rows& rows) {
  std::vector<OutboxRow> events;
  events.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) events.push_back(read_event(rows, row));
  return events;
}

Result<std::vector<ControlEvent>> render_outbox(postgres::Connection& connection,
                                                const std::vector<OutboxRow>& rows,
                                                const std::string& queue_topic) {
  WEIR_TRY(const Descriptors known, describe_queues(connection, rows));
  std::vector<ControlEvent> events;
  events.reserve(rows.size());
  for (const OutboxRow& row : rows) events.push_back(render(row, known, queue_topic));
  return events;
}

}  // namespace weir::dagmanager
