// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/events/postgres_event_log.h"

#include "dagmanager/ports/events/postgres_outbox.h"
#include "dagmanager/ports/postgres_graph_rows.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dagmanager {
namespace {

using postgres::Params;
using postgres::Rows;
using postgres::Statement;

// Read before the events: one that is published between the two is among them.
constexpr Statement kEventBounds = {
    "dag_event_bounds",
    "SELECT last_no, (SELECT number FROM weir_dagmanager.outbox WHERE number IS NOT NULL"
    " ORDER BY number LIMIT 1) FROM weir_dagmanager.event_head"};

// Queue ids render to a hundred times their bytes, so those bound the page. The first event is in
// it however large.
constexpr Statement kEventsAfter = {
    "dag_events_after",
    "SELECT " WEIR_DAG_OUTBOX_COLUMNS
    ", number FROM (SELECT w.*, sum(coalesce(octet_length(queue_ids), 0)) OVER (ORDER BY number)"
    " - coalesce(octet_length(queue_ids), 0) AS bytes_before"
    " FROM (SELECT * FROM weir_dagmanager.outbox WHERE number > $1 AND " WEIR_DAG_OUTBOX_KINDS
    " ORDER BY number LIMIT $2) w) p WHERE bytes_before < $3 ORDER BY number"};

Result<server::EventPage> read_events(postgres::Pool& pool, std::int64_t after, std::size_t limit,
                                      const std::string& queue_topic) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  postgres::Pipeline pipeline(*connection);
  const std::size_t bounds_at = pipeline.add(kEventBounds);
  Params params;
  params.int64(after).int64(static_cast<std::int64_t>(limit)).int64(kEventPageIdBytes);
  const std::size_t events_at = pipeline.add(kEventsAfter, std::move(params));
  WEIR_TRY(const auto results, pipeline.run());
  const Rows& bounds = results[bounds_at];
  const Rows& rows = results[events_at];
  server::EventPage page;
  page.newest = bounds.int64(0, 0);
  page.oldest = bounds.is_null(0, 1) ? page.newest + 1 : bounds.int64(0, 1);
  const std::vector<OutboxRow> events = read_outbox(rows);
  WEIR_TRY(auto rendered, render_outbox(*connection, events, queue_topic));
  page.events.reserve(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    page.events.push_back({.number = rows.int64(i, kOutboxColumns),
                           .type = std::string(type_of(events[i])),
                           .world = world_of(events[i]),
                           .envelope = std::move(rendered[i].envelope)});
  }
  return page;
}

}  // namespace

Result<server::EventPage> PostgresEventLog::read(const std::string& /*stream*/, std::int64_t after,
                                                 std::size_t limit) {
  return with_graph_error(read_events(pool_, after, limit, queue_topic_));
}

}  // namespace weir::dagmanager
