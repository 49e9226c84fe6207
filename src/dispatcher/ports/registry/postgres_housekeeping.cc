// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/postgres_housekeeping.h"

#include <utility>

#include "dispatcher/ports/database/org_transaction.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kOldestFinished{
    .name = "keep_oldest",
    .sql = "SELECT min(finished_at) FROM state.tasks WHERE finished_at IS NOT NULL"};

// Only tasks of open builds move: a stopped one may be reopened, and revive its own (T12).
constexpr Statement kMove{.name = "keep_move", .sql = R"(
WITH page AS (
  SELECT t.task_id FROM state.tasks t JOIN state.builds b USING (build_id)
   WHERE t.finished_at IS NOT NULL AND b.dispatch = 'open'
     AND t.finished_at < clock_timestamp() - interval '1 microsecond'
         * CASE WHEN t.state = 'completed' THEN $1::bigint ELSE $2::bigint END
   ORDER BY t.finished_at LIMIT $3 FOR UPDATE OF t SKIP LOCKED),
folded AS (
  DELETE FROM state.attempts a USING page p WHERE a.task_id = p.task_id
  RETURNING a.task_id, a.attempt, to_jsonb(a) - 'task_id' - 'lease_token' AS attempt_row),
moved AS (
  DELETE FROM state.tasks t USING page p WHERE t.task_id = p.task_id RETURNING t.*)
INSERT INTO state.task_history
  (task_id, org_id, build_id, dag_version_id, kind, queue, state, class, effects, attempt,
   max_attempts, priority, trigger_event_id, root_event_id, input_index, invalidation_id,
   order_seq, scope, cancel_reason, last_error, result, attempts, created_at, started_at,
   finished_at)
SELECT m.task_id, m.org_id, m.build_id, m.dag_version_id, m.kind, m.queue, m.state, m.class,
       m.effects, m.attempt, m.max_attempts, m.priority, m.trigger_event_id, m.root_event_id,
       m.input_index, m.invalidation_id, m.order_seq, m.scope, m.cancel_reason, m.last_error,
       m.result,
       coalesce((SELECT jsonb_agg(f.attempt_row ORDER BY f.attempt) FROM folded f
                  WHERE f.task_id = m.task_id), '[]'),
       m.created_at, m.started_at, m.finished_at
  FROM moved m)"};

constexpr Statement kPins{
    .name = "keep_pins",
    .sql = "DELETE FROM state.query_pins WHERE expires_at < clock_timestamp()"};
constexpr Statement kAnswers{
    .name = "keep_answers",
    .sql = "DELETE FROM state.idempotency_keys WHERE expires_at < clock_timestamp()"};
constexpr Statement kControlEvents{
    .name = "keep_events",
    .sql =
        "DELETE FROM state.control_events"
        " WHERE published_at < clock_timestamp() - $1 * interval '1 microsecond'"};
constexpr Statement kSent{.name = "keep_sent",
                          .sql =
                              "DELETE FROM state.outbox WHERE outbox_id IN"
                              " (SELECT outbox_id FROM state.outbox WHERE state = 'sent'"
                              "   AND sent_at < clock_timestamp() - $1 * interval '1 microsecond'"
                              "   LIMIT $2 FOR UPDATE SKIP LOCKED)"};

// The difference is taken in one snapshot and added, so that what others add meanwhile stays right.
constexpr Statement kRecount{.name = "keep_recount", .sql = R"(
WITH counted AS (
  SELECT build_id, queue, sum(queued) AS q, sum(running) AS r, sum(retry_wait) AS w
    FROM state.task_counts GROUP BY 1, 2),
real AS (
  SELECT build_id, queue, count(*) FILTER (WHERE state = 'queued') AS q,
         count(*) FILTER (WHERE state = 'running') AS r,
         count(*) FILTER (WHERE state = 'retry_wait') AS w
    FROM state.tasks WHERE state IN ('queued', 'running', 'retry_wait') GROUP BY 1, 2),
wrong AS (
  SELECT build_id, queue, coalesce(real.q, 0) - coalesce(counted.q, 0) AS q,
         coalesce(real.r, 0) - coalesce(counted.r, 0) AS r,
         coalesce(real.w, 0) - coalesce(counted.w, 0) AS w
    FROM real FULL JOIN counted USING (build_id, queue))
INSERT INTO state.task_counts AS c (build_id, queue, slot, queued, running, retry_wait)
SELECT build_id, queue, 0, q, r, w FROM wrong WHERE (q, r, w) <> (0, 0, 0)
ON CONFLICT (build_id, queue, slot) DO UPDATE
  SET queued = c.queued + excluded.queued, running = c.running + excluded.running,
      retry_wait = c.retry_wait + excluded.retry_wait
RETURNING build_id::text, queue)"};

std::size_t affected(const Rows& rows) { return static_cast<std::size_t>(rows.affected()); }

}  // namespace

Result<std::size_t> PostgresHousekeeping::move_history() {
  WEIR_TRY(const auto connection, pool_.acquire(kTaskSessionWait));
  OrgTransaction look(*connection);
  const std::size_t oldest = look.add(kOldestFinished);
  WEIR_TRY(const auto found, look.run());
  const auto since = found[oldest].instant_if(0, 0);
  if (!since) return 0;
  WEIR_CHECK(make_history_partitions(*connection, *since));
  OrgTransaction move(*connection);
  Params params;
  params.int64(kCompletedKept.count()).int64(kFailedKept.count()).int64(kHistoryPage);
  const std::size_t at = move.add(kMove, std::move(params));
  WEIR_TRY(const auto moved, move.run());
  return affected(moved[at]);
}

Result<std::size_t> PostgresHousekeeping::remove_expired() {
  WEIR_TRY(const auto connection, pool_.acquire(kTaskSessionWait));
  OrgTransaction remove(*connection);
  std::size_t first = remove.add(kPins);
  remove.add(kAnswers);
  Params events;
  events.int64(kControlEventsKept.count());
  remove.add(kControlEvents, std::move(events));
  Params sent;
  sent.int64(kOutboxSentKept.count()).int64(kHistoryPage);
  const std::size_t last = remove.add(kSent, std::move(sent));
  WEIR_TRY(const auto results, remove.run());
  std::size_t removed = 0;
  for (; first <= last; ++first) removed += affected(results[first]);
  return removed;
}

Result<std::vector<Recounted>> PostgresHousekeeping::recount() {
  WEIR_TRY(const auto connection, pool_.acquire(kTaskSessionWait));
  OrgTransaction count(*connection);
  const std::size_t at = count.add(kRecount);
  WEIR_TRY(const auto results, count.run());
  std::vector<Recounted> wrong;
  wrong.reserve(results[at].size());
  for (std::size_t row = 0; row < results[at].size(); ++row) {
    wrong.push_back({std::string(results[at].text(row, 0)), std::string(results[at].text(row, 1))});
  }
  return wrong;
}

Result<std::vector<AuditCount>> PostgresHousekeeping::audit() {
  WEIR_TRY(const auto state, pool_.acquire(kTaskSessionWait));
  WEIR_TRY(const auto data, data_.acquire(kTaskSessionWait));
  return run_audit(*state, &*data);
}

}  // namespace weir::dispatcher
