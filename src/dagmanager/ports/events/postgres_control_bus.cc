// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/events/postgres_control_bus.h"

#include "base/crash_point.h"
#include "dagmanager/ports/events/postgres_outbox.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
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

constexpr Statement kPendingEvents = {"dag_pending_events",
                                      "SELECT " WEIR_DAG_OUTBOX_COLUMNS
                                      " FROM weir_dagmanager.outbox WHERE sent_at IS NULL"
                                      " AND " WEIR_DAG_OUTBOX_KINDS " ORDER BY key_seq LIMIT $1"};

constexpr Statement kBacklog = {
    "dag_backlog",
    "SELECT count(*), (SELECT created_at FROM weir_dagmanager.outbox WHERE sent_at IS NULL"
    " ORDER BY key_seq LIMIT 1) FROM weir_dagmanager.outbox WHERE sent_at IS NULL"};

// Two indexes are of few rows; a look at all rows would read what is kept for its readers too.
constexpr Statement kBacklogOfBus = {
    "dag_backlog_of_bus",
    "SELECT count(*), min(created_at) FROM (SELECT created_at FROM weir_dagmanager.outbox"
    " WHERE sent_at IS NULL UNION ALL SELECT created_at FROM weir_dagmanager.outbox"
    " WHERE number IS NOT NULL AND acknowledged_at IS NULL) w"};

// As kEventsAfter bounds its page.
constexpr Statement kUnsent = {
    "dag_unsent_events",
    "SELECT " WEIR_DAG_OUTBOX_COLUMNS
    ", number FROM (SELECT w.*, sum(coalesce(octet_length(queue_ids), 0)) OVER (ORDER BY number)"
    " - coalesce(octet_length(queue_ids), 0) AS bytes_before"
    " FROM (SELECT * FROM weir_dagmanager.outbox WHERE number > $1 AND number IS NOT NULL"
    " AND acknowledged_at IS NULL AND " WEIR_DAG_OUTBOX_KINDS
    " ORDER BY number LIMIT $2) w) p WHERE bytes_before < $3 ORDER BY number"};

constexpr Statement kAcknowledge = {"dag_acknowledge_events",
                                    "UPDATE weir_dagmanager.outbox SET acknowledged_at = $2"
                                    " WHERE number = ANY ($1) AND acknowledged_at IS NULL"};

constexpr Statement kAnyPending = {
    "dag_any_pending",
    "SELECT EXISTS (SELECT FROM weir_dagmanager.outbox WHERE sent_at IS NULL"
    " AND " WEIR_DAG_OUTBOX_KINDS ")"};

constexpr Statement kLockHead = {"dag_lock_event_head",
                                 "SELECT last_no FROM weir_dagmanager.event_head FOR UPDATE"};

// Under the lock, so that it sees every number that was given before.
constexpr Statement kNumber = {
    "dag_number_events",
    "WITH taken AS MATERIALIZED (SELECT key_seq, row_number() OVER (ORDER BY key_seq) AS place"
    " FROM (SELECT key_seq FROM weir_dagmanager.outbox WHERE sent_at IS NULL"
    " AND " WEIR_DAG_OUTBOX_KINDS
    " ORDER BY key_seq LIMIT $1) w),"
    " head AS (SELECT last_no FROM weir_dagmanager.event_head),"
    " raised AS (UPDATE weir_dagmanager.event_head"
    " SET last_no = last_no + (SELECT count(*) FROM taken) WHERE EXISTS (SELECT FROM taken)),"
    " numbered AS (UPDATE weir_dagmanager.outbox o SET number = h.last_no + t.place, sent_at = $2,"
    " acknowledged_at = CASE WHEN $3 THEN NULL ELSE $2 END"
    " FROM taken t, head h WHERE o.key_seq = t.key_seq RETURNING 1)"
    " SELECT count(*) FROM numbered"};

constexpr Statement kRing = {"dag_ring_published",
                             "SELECT pg_notify('weir_dagmanager_published', '')"};

constexpr Statement kPrune = {
    "dag_prune_events",
    "WITH first AS MATERIALIZED (SELECT key_seq, number, sent_at, acknowledged_at FROM "
    "weir_dagmanager.outbox"
    " WHERE number IS NOT NULL ORDER BY number LIMIT $2),"
    " kept AS (SELECT min(number) AS number FROM first WHERE sent_at >= $1"
    " OR $3 AND (acknowledged_at IS NULL OR acknowledged_at >= $1)),"
    " gone AS (DELETE FROM weir_dagmanager.outbox o USING first f, kept k"
    " WHERE o.key_seq = f.key_seq AND (k.number IS NULL OR f.number < k.number) RETURNING 1)"
    " SELECT count(*) FROM gone"};

/// Queues that are no more and that no event names any more.
constexpr Statement kPruneNames = {
    "dag_prune_names",
    "DELETE FROM weir_dagmanager.gone_queue WHERE event_seq < coalesce("
    "(SELECT min(key_seq) FROM weir_dagmanager.outbox), 9223372036854775807)"};

constexpr Statement kOldest = {"dag_oldest_event",
                               "SELECT sent_at FROM weir_dagmanager.outbox"
                               " WHERE number IS NOT NULL ORDER BY number LIMIT 1"};

Result<std::vector<PendingEvent>> read_pending(postgres::Pool& pool, std::size_t limit,
                                               const std::string& queue_topic) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Params params;
  params.int64(static_cast<std::int64_t>(limit));
  WEIR_TRY(const Rows rows, connection->execute(kPendingEvents, params));
  const std::vector<OutboxRow> events = read_outbox(rows);
  WEIR_TRY(auto rendered, render_outbox(*connection, events, queue_topic));
  std::vector<PendingEvent> pending;
  pending.reserve(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    pending.push_back(
        {events[i].id, events[i].key_seq, events[i].created_at, std::move(rendered[i])});
  }
  return pending;
}

Result<OutboxBacklog> read_backlog(postgres::Pool& pool, bool sends) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_TRY(const Rows rows, connection->execute(sends ? kBacklogOfBus : kBacklog));
  OutboxBacklog backlog;
  backlog.pending = static_cast<std::size_t>(rows.int64(0, 0));
  backlog.oldest = rows.instant_if(0, 1).value_or(Instant{});
  return backlog;
}

/// Looks before it locks: a transaction that locks a row waits for the disk, and who rings does so
/// for every instance.
Result<std::size_t> number_events(postgres::Pool& pool, std::size_t limit, bool sends,
                                  Instant now) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_TRY(const Rows any, connection->execute(kAnyPending));
  if (!any.boolean(0, 0)) return std::size_t{0};
  WEIR_CRASH_POINT("events.before_number");
  postgres::Pipeline pipeline(*connection);
  pipeline.begin();
  // A crash may undo numbers that were told: they are given by the order of the rows, which are on
  // the disk, so the same ones are given again.
  pipeline.add(postgres::kCommitAtOnce);
  pipeline.add(kLockHead);
  Params params;
  params.int64(static_cast<std::int64_t>(limit)).instant(now).boolean(sends);
  const std::size_t numbered = pipeline.add(kNumber, std::move(params));
  pipeline.add(kRing);
  pipeline.commit();
  WEIR_TRY(const auto results, pipeline.run());
  WEIR_CRASH_POINT("events.after_number");
  return static_cast<std::size_t>(results[numbered].int64(0, 0));
}

Result<std::vector<PendingEvent>> read_unsent(postgres::Pool& pool, std::int64_t after,
                                              std::size_t limit, const std::string& queue_topic) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  Params params;
  params.int64(after).int64(static_cast<std::int64_t>(limit)).int64(kEventPageIdBytes);
  WEIR_TRY(const Rows rows, connection->execute(kUnsent, params));
  const std::vector<OutboxRow> events = read_outbox(rows);
  WEIR_TRY(auto rendered, render_outbox(*connection, events, queue_topic));
  std::vector<PendingEvent> unsent;
  unsent.reserve(events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    unsent.push_back({.id = events[i].id,
                      .key_seq = events[i].key_seq,
                      .created_at = events[i].created_at,
                      .event = std::move(rendered[i]),
                      .number = rows.int64(i, kOutboxColumns)});
  }
  return unsent;
}

Result<void> acknowledge_events(postgres::Pool& pool, const LoopFence& fence,
                                std::span<const std::int64_t> numbers, Instant now) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_CRASH_POINT("events.before_acknowledge");
  postgres::Pipeline pipeline(*connection);
  pipeline.begin();
  const std::size_t fence_at = add_fence(pipeline, fence);
  Params params;
  params.int64_array(numbers).instant(now);
  pipeline.add(kAcknowledge, std::move(params));
  WEIR_TRY(const auto written, pipeline.run());
  WEIR_CHECK(judge_fence(written[fence_at], fence));
  postgres::Pipeline ending(*connection);
  ending.commit();
  WEIR_CHECK(ending.run());
  WEIR_CRASH_POINT("events.after_acknowledge");
  return {};
}

Result<PrunedEvents> prune_events(postgres::Pool& pool, Instant before, std::size_t limit,
                                  bool sends) {
  WEIR_TRY(const auto connection, pool.acquire(kStoreConnectionWait));
  WEIR_CRASH_POINT("events.before_prune");
  Params params;
  params.instant(before).int64(static_cast<std::int64_t>(limit)).boolean(sends);
  WEIR_TRY(const Rows gone, connection->execute(kPrune, params));
  WEIR_CHECK(connection->execute(kPruneNames));
  WEIR_TRY(const Rows oldest, connection->execute(kOldest));
  PrunedEvents pruned{.removed = static_cast<std::size_t>(gone.int64(0, 0))};
  if (!oldest.empty()) pruned.oldest = oldest.instant_if(0, 0);
  return pruned;
}

}  // namespace

Result<std::vector<PendingEvent>> PostgresControlBus::pending(std::size_t limit) {
  return with_graph_error(read_pending(pool_, limit, queue_topic_));
}

Result<OutboxBacklog> PostgresControlBus::backlog() {
  return with_graph_error(read_backlog(pool_, sends_));
}

Result<std::size_t> PostgresControlBus::publish(std::size_t limit, Instant now) {
  return with_graph_error(number_events(pool_, limit, sends_, now));
}

Result<std::vector<PendingEvent>> PostgresControlBus::unsent(std::int64_t after,
                                                             std::size_t limit) {
  return with_graph_error(read_unsent(pool_, after, limit, queue_topic_));
}

Result<void> PostgresControlBus::acknowledge(const LoopFence& fence,
                                             std::span<const std::int64_t> numbers, Instant now) {
  return with_loop_error(acknowledge_events(pool_, fence, numbers, now));
}

Result<PrunedEvents> PostgresControlBus::prune(Instant before, std::size_t limit) {
  return with_graph_error(prune_events(pool_, before, limit, sends_));
}

}  // namespace weir::dagmanager
