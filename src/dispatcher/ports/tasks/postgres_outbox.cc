// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_outbox.h"

#include <functional>
#include <optional>
#include <utility>

#include "dispatcher/core/outbox_row.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_port_error.h"
#include "dispatcher/ports/task_limits.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "dispatcher/ports/tasks/postgres_task_transaction.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

// Ready rows of some kinds, longest waiting first. Whether a row is the head of its key, the second
// column says: of unfinished rows with the key the one that was written first.
#define WEIR_READY_OUTBOX(kinds)                                                                \
  "SELECT " WEIR_OUTBOX_COLUMNS                                                                 \
  ", clock_timestamp(), o.order_key IS NULL OR NOT EXISTS"                                      \
  " (SELECT FROM state.outbox e WHERE e.order_key = o.order_key"                                \
  " AND e.state IN ('pending', 'sending') AND (e.created_at, e.outbox_id)"                      \
  " < (o.created_at, o.outbox_id)) FROM state.outbox o WHERE o.state IN ('pending', 'sending')" \
  " AND o.available_at <= (SELECT clock_timestamp()) AND " kinds                                \
  " ORDER BY o.available_at, o.outbox_id LIMIT $1::bigint FOR UPDATE SKIP LOCKED"
constexpr std::size_t kNowColumn = 12;
constexpr std::size_t kHeadColumn = 13;

constexpr Statement kReadyOutside = {"outbox_ready_outside",
                                     WEIR_READY_OUTBOX("o.kind <> 'control_event'")};

constexpr Statement kLockRows = {
    "outbox_lock_rows", "SELECT " WEIR_OUTBOX_COLUMNS
                        ", clock_timestamp() FROM state.outbox o"
                        " WHERE o.outbox_id = ANY($1::uuid[]) ORDER BY o.outbox_id FOR UPDATE"};

constexpr Statement kUpdateRows = {
    "outbox_update_rows",
    "UPDATE state.outbox AS o SET state = u.b, attempts = u.c, available_at = u.d,"
    " locked_until = u.e, last_error = u.f, sent_at = u.g"
    " FROM unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::timestamptz[],"
    " $6::text[], $7::timestamptz[]) AS u (a, b, c, d, e, f, g) WHERE o.outbox_id = u.a"};

// Ready wake-ups become messages and are sent, in one statement. $1 how many; $2 the most
// deliveries of a message; of the queues $3 the first $4 messages are handed out at once, hidden
// for $5 microseconds; the rows $6 are left out. One whose task was claimed meanwhile is sent
// without a message. The first column counts all rows; a row without a message is their count
// alone.
constexpr Statement kHandOver = {
    "outbox_hand_over",
    "WITH ready AS MATERIALIZED (SELECT o.outbox_id, o.topic, o.payload, o.available_at,"
    " (o.payload->>'task_id')::uuid AS task_id FROM state.outbox o"
    " WHERE o.state IN ('pending', 'sending') AND o.kind = 'task_wakeup'"
    " AND o.available_at <= (SELECT clock_timestamp()) AND o.outbox_id <> ALL($6::uuid[])"
    " ORDER BY o.available_at, o.outbox_id LIMIT $1::bigint FOR UPDATE SKIP LOCKED),"
    " sent AS (UPDATE state.outbox o SET state = 'sent', locked_until = NULL,"
    " sent_at = clock_timestamp() FROM ready r WHERE o.outbox_id = r.outbox_id),"
    " placed AS (SELECT r.*, row_number() OVER (PARTITION BY r.topic ORDER BY r.available_at,"
    " r.outbox_id) <= coalesce(w.room, 0) AS given FROM ready r"
    " LEFT JOIN unnest($3::text[], $4::bigint[]) AS w (queue, room) ON w.queue = r.topic"
    " LEFT JOIN LATERAL (SELECT k.task_id, k.woken_at FROM state.tasks k"
    " WHERE k.task_id = r.task_id OFFSET 0) AS t ON true"
    " WHERE t.task_id IS NULL OR t.woken_at IS NOT NULL), "
    " put AS (INSERT INTO state.queue_messages (queue_name, payload, visible_at, max_deliveries,"
    " deliveries, receipt) SELECT topic, payload, clock_timestamp() + CASE WHEN given"
    " THEN $5::bigint ELSE 0 END * interval '1 microsecond', $2::int, given::int,"
    " CASE WHEN given THEN gen_random_uuid() END FROM placed ORDER BY available_at, outbox_id"
    " RETURNING queue_name, message_id, receipt, (payload->>'task_id')::uuid AS task_id)"
    " SELECT r.n, p.queue_name, p.message_id, p.receipt, p.task_id"
    " FROM (SELECT count(*) AS n FROM ready) AS r LEFT JOIN put p ON true"};
constexpr Statement kOthersReady = {
    "outbox_others_ready",
    "SELECT EXISTS (SELECT FROM state.outbox WHERE state IN ('pending', 'sending')"
    " AND kind <> 'task_wakeup' AND available_at <= (SELECT clock_timestamp()))"};

// Control events get their organisation's next numbers, drawn under the lock of its head, so that
// none becomes visible late (3.5.2). One relay at a time: rows of one key go in their order, and
// one behind a row that waits goes when that one has gone.
constexpr Statement kOnePublisher = {
    "outbox_one_publisher",
    "SELECT pg_advisory_xact_lock(hashtextextended('weir control events', 0)) IS NULL"};
constexpr Statement kPublishEvents = {
    "outbox_publish_events",
    "WITH ready AS MATERIALIZED (SELECT o.outbox_id, o.topic, o.payload, o.created_at,"
    " (o.payload->>'org_id')::uuid AS org_id FROM state.outbox o"
    " WHERE o.state IN ('pending', 'sending') AND o.kind = 'control_event'"
    " AND o.available_at <= (SELECT clock_timestamp()) AND (o.order_key IS NULL OR NOT EXISTS"
    " (SELECT FROM state.outbox e WHERE e.order_key = o.order_key AND e.state IN"
    " ('pending', 'sending') AND e.available_at > (SELECT clock_timestamp())"
    " AND (e.created_at, e.outbox_id) < (o.created_at, o.outbox_id)))"
    " ORDER BY o.created_at, o.outbox_id LIMIT $1::bigint FOR UPDATE),"
    " numbered AS (SELECT r.*, row_number() OVER (PARTITION BY r.org_id"
    " ORDER BY r.created_at, r.outbox_id) AS n FROM ready r),"
    " heads AS (INSERT INTO state.control_event_heads AS h (org_id, last_no)"
    " SELECT org_id, count(*) FROM ready GROUP BY org_id ORDER BY org_id"
    " ON CONFLICT (org_id) DO UPDATE SET last_no = h.last_no + excluded.last_no"
    " RETURNING h.org_id, h.last_no),"
    " sent AS (UPDATE state.outbox o SET state = 'sent', locked_until = NULL,"
    " sent_at = clock_timestamp() FROM ready r WHERE o.outbox_id = r.outbox_id)"
    " INSERT INTO state.control_events (org_id, event_no, type, envelope, published_at)"
    " SELECT n.org_id, h.last_no - c.total + n.n, n.topic, n.payload, clock_timestamp()"
    " FROM numbered n JOIN heads h ON h.org_id = n.org_id"
    " JOIN (SELECT org_id, count(*) AS total FROM ready GROUP BY org_id) AS c"
    " ON c.org_id = n.org_id"};

void queue_update(Pipeline& pipeline, const std::vector<OutboxRecord>& rows) {
  if (rows.empty()) return;
  Params params;
  params.uuid_array(rows, [](const OutboxRecord& r) { return r.outbox_id.uuid(); })
      .text_array(rows, [](const OutboxRecord& r) { return word(r.state); })
      .int32_array(rows, &OutboxRecord::attempts)
      .instant_array(rows, &OutboxRecord::available_at)
      .instant_array(rows, &OutboxRecord::locked_until)
      .text_array(rows,
                  [](const OutboxRecord& r) {
                    return r.last_error.empty() ? std::nullopt
                                                : std::optional<std::string_view>(r.last_error);
                  })
      .instant_array(rows, &OutboxRecord::sent_at);
  pipeline.add(kUpdateRows, std::move(params));
}

Result<std::vector<Rows>> run_first(postgres::Connection& connection, const Statement& statement,
                                    Params params) {
  Pipeline pipeline(connection);
  queue_open(pipeline);
  pipeline.add(statement, std::move(params));
  return pipeline.run();
}

/// Writes the rows and ends the transaction.
Result<void> write(postgres::Connection& connection, const std::vector<OutboxRecord>& rows) {
  Pipeline pipeline(connection);
  queue_update(pipeline, rows);
  pipeline.commit();
  WEIR_CHECK(pipeline.run());
  return {};
}

/// A transaction of its own on a session of its own; `add` queues its statements.
Result<std::vector<Rows>> run_alone(postgres::Pool& pool,
                                    const std::function<void(Pipeline&)>& add) {
  auto lease = pool.acquire(kTaskSessionWait);
  if (!lease.ok()) return as_port_error(std::move(lease).error());
  Pipeline pipeline(**lease);
  queue_open(pipeline);
  add(pipeline);
  pipeline.commit();
  auto results = pipeline.run();
  if (!results.ok()) return as_port_error(std::move(results).error());
  return results;
}

Result<std::vector<OutboxRecord>> take_rows(postgres::Connection& connection, std::size_t limit) {
  WEIR_TRY(const std::vector<Rows> results,
           run_first(connection, kReadyOutside,
                     std::move(Params().int64(static_cast<std::int64_t>(limit)))));
  const Rows& rows = results.back();
  std::vector<OutboxRecord> changed;
  std::vector<OutboxRecord> taken;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto after = take_outbox_row(outbox_of(rows, row), rows.boolean(row, kHeadColumn),
                                       rows.instant(row, kNowColumn));
    if (!after) continue;
    changed.push_back(*after);
    if (after->state == OutboxState::Sending) taken.push_back(*after);
  }
  WEIR_CHECK(write(connection, changed));
  return taken;
}

Result<void> settle_rows(postgres::Connection& connection, std::span<const OutboxSettled> settled) {
  Params params;
  params.uuid_array(settled, [](const OutboxSettled& s) { return s.outbox_id.uuid(); });
  WEIR_TRY(const std::vector<Rows> results, run_first(connection, kLockRows, std::move(params)));
  const Rows& rows = results.back();
  std::vector<OutboxRecord> changed;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const OutboxRecord before = outbox_of(rows, row);
    const Instant now = rows.instant(row, kNowColumn);
    for (const OutboxSettled& one : settled) {
      if (one.outbox_id != before.outbox_id) continue;
      const auto after =
          one.error.empty()
              ? outbox_row_sent(before, now)
              : outbox_row_failed(
                    before,
                    {.locked_until = one.locked_until, .error = one.error, .draw = one.draw}, now);
      if (after) changed.push_back(*after);
      break;
    }
  }
  return write(connection, changed);
}

}  // namespace

Result<std::vector<OutboxRecord>> PostgresOutbox::take(std::size_t limit) {
  auto lease = pool_.acquire(kTaskSessionWait);
  if (!lease.ok()) return as_port_error(std::move(lease).error());
  auto taken = take_rows(**lease, limit);
  if (!taken.ok()) return as_port_error(std::move(taken).error());
  return taken;
}

Result<void> PostgresOutbox::settle(std::span<const OutboxSettled> rows) {
  if (rows.empty()) return {};
  auto lease = pool_.acquire(kTaskSessionWait);
  if (!lease.ok()) return as_port_error(std::move(lease).error());
  auto done = settle_rows(**lease, rows);
  if (!done.ok()) return as_port_error(std::move(done).error());
  return {};
}

Result<HandedOver> PostgresOutbox::hand_out(std::size_t limit, std::span<const QueueRoom> rooms,
                                            std::span<const OutboxId> held) {
  Params params;
  params.int64(static_cast<std::int64_t>(limit))
      .int32(kWakeupDeliveriesMax)
      .text_array(rooms, [](const QueueRoom& room) { return room.queue.text(); })
      .int64_array(rooms,
                   [](const QueueRoom& room) { return static_cast<std::int64_t>(room.room); })
      .int64(kWakeupVisibility.count())
      .uuid_array(held, [](const OutboxId& id) { return id.uuid(); });
  std::size_t handed_at = 0;
  std::size_t others_at = 0;
  WEIR_TRY(const std::vector<Rows> results, run_alone(pool_, [&](Pipeline& pipeline) {
             pipeline.add(postgres::kCommitAtOnce);  // Undone, the rows are ready again.
             handed_at = pipeline.add(kHandOver, std::move(params));
             others_at = pipeline.add(kOthersReady);
           }));
  const Rows& rows = results[handed_at];
  HandedOver handed{.rows = static_cast<std::size_t>(rows.int64(0, 0)),
                    .others = results[others_at].boolean(0, 0)};
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows.is_null(row, 2)) continue;
    ++handed.messages;
    const auto queue = parse_queue_name(rows.text(row, 1));
    if (rows.is_null(row, 3) || !queue) continue;
    handed.given.push_back({*queue, std::to_string(rows.int64(row, 2)), rows.uuid(row, 3).text(),
                            id_of<TaskId>(rows, row, 4)});
  }
  return handed;
}

Result<std::size_t> PostgresOutbox::publish_control_events(std::size_t limit) {
  Params params;
  params.int64(static_cast<std::int64_t>(limit));
  std::size_t at = 0;
  WEIR_TRY(const std::vector<Rows> results, run_alone(pool_, [&](Pipeline& pipeline) {
             pipeline.add(kOnePublisher);
             at = pipeline.add(kPublishEvents, std::move(params));
           }));
  return static_cast<std::size_t>(results[at].affected());
}

}  // namespace weir::dispatcher
