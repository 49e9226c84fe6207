// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>

#include "dispatcher/core/records.h"
#include "dispatcher/ports/task_context.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "drivers/postgres/rows.h"
#include "drivers/postgres/statement.h"

/// The statements by which every transaction of the task store locks and reads. The tasks that a
/// transaction is about stand in its setting weir.tasks, as the text of a uuid[]. What reads their
/// rows leaves their jobs in weir.job_builds and weir.job_versions and their ordered inputs in
/// weir.ordered_builds and weir.ordered_inputs, pairs of arrays in which a pair may stand twice: so
/// that what is the same for all tasks of a job is not looked up for each.
namespace weir::dispatcher::sql {

inline constexpr std::array kRuntimes = {QueueRuntime::Lambda, QueueRuntime::EcsPlatform,
                                         QueueRuntime::Dispatcher, QueueRuntime::Sink,
                                         QueueRuntime::Query};
inline constexpr std::array kLevels = {QueueLevel::Backfill, QueueLevel::Low, QueueLevel::Normal,
                                       QueueLevel::High};

/// All organisations; and plans that are made once a session and follow indexes: what is read is
/// found by key, and statistics of tables that live by the second would mislead.
inline constexpr postgres::Statement kOpen = {
    "task_open",
    "SELECT set_config('weir.org', '*', true), set_config('plan_cache_mode', 'force_generic_plan',"
    " true), set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off',"
    " true), set_config('enable_hashjoin', 'off', true), set_config('enable_mergejoin', 'off',"
    " true), set_config('jit', 'off', true), set_config('weir.tasks', '{}', true),"
    " set_config('weir.window_builds', '{}', true), set_config('weir.job_builds', '{}', true),"
    " set_config('weir.job_versions', '{}', true), set_config('weir.ordered_builds', '{}', true),"
    " set_config('weir.ordered_inputs', '{}', true)"};

#define WEIR_NAMED_TASKS "ANY(current_setting('weir.tasks')::uuid[])"
#define WEIR_UNFINISHED "IN ('queued', 'running', 'retry_wait')"

// clang-format off: one line of SQL a line.
/// The setting with what else is to stand in it, an array of `type`.
#define WEIR_APPEND(setting, type, more)                                        \
  "set_config('" setting "', (current_setting('" setting "')::" type "[]"       \
  " || coalesce(" more ", '{}'))::text, true)"

/// The head of a statement whose rows are those of the query `rows` over state.tasks: it notes
/// their jobs and ordered inputs. Selects from WEIR_NOTED, where `t` are the rows.
#define WEIR_NOTING(rows)                                                       \
  "WITH found AS MATERIALIZED (" rows "), jobs AS MATERIALIZED (SELECT "        \
  WEIR_APPEND("weir.job_builds", "uuid", "array_agg(build_id)") ", "            \
  WEIR_APPEND("weir.job_versions", "uuid", "array_agg(dag_version_id)")         \
  " FROM (SELECT DISTINCT build_id, dag_version_id FROM found) AS j),"          \
  " orders AS MATERIALIZED (SELECT "                                            \
  WEIR_APPEND("weir.ordered_builds", "uuid", "array_agg(build_id)") ", "        \
  WEIR_APPEND("weir.ordered_inputs", "int", "array_agg(input_index)")           \
  " FROM (SELECT DISTINCT build_id, input_index FROM found"                     \
  " WHERE order_seq IS NOT NULL) AS o) "
// clang-format on
#define WEIR_NOTED "jobs, orders, found AS t"
/// The jobs that were noted.
#define WEIR_NOTED_JOBS                                                        \
  "(SELECT DISTINCT * FROM unnest(current_setting('weir.job_builds')::uuid[]," \
  " current_setting('weir.job_versions')::uuid[]) AS n (build_id, dag_version_id))"
/// The ordered inputs that were noted.
#define WEIR_NOTED_ORDERS                                                          \
  "(SELECT DISTINCT * FROM unnest(current_setting('weir.ordered_builds')::uuid[]," \
  " current_setting('weir.ordered_inputs')::int[]) AS n (build_id, input_index))"

/// $1 the tasks, $2 how many of those that are first in their order come along, $3 and $4 workers
/// and claims whose active attempts come along.
inline constexpr postgres::Statement kNameTasks = {
    "task_name",
    "SELECT set_config('weir.tasks', (SELECT coalesce(array_agg(DISTINCT n.id), '{}')::text FROM ("
    "SELECT unnest($1::uuid[]) AS id UNION ALL SELECT a.task_id"
    " FROM unnest($3::text[], $4::uuid[]) AS c (worker_id, claim_id) JOIN state.attempts a"
    " ON a.worker_id = c.worker_id AND a.claim_id = c.claim_id AND a.state = 'active'"
    " UNION ALL SELECT h.task_id FROM"
    " (SELECT DISTINCT build_id, input_index FROM state.tasks WHERE task_id = ANY($1::uuid[])"
    " AND order_seq IS NOT NULL) AS g CROSS JOIN LATERAL (SELECT o.task_id FROM state.tasks o"
    " WHERE o.build_id = g.build_id AND o.input_index = g.input_index AND o.order_seq IS NOT NULL"
    " AND o.state " WEIR_UNFINISHED
    " ORDER BY o.order_seq, o.task_id LIMIT $2::int) AS h) AS n),"
    " true)"};

/// The key of a DAG's switch lock, and the order in which several are taken: those of
/// postgres_switch_lock.h.
#define WEIR_LOCK_SWITCHES_OF(dags)                                                                \
  "SELECT count(pg_advisory_xact_lock_shared(hashtextextended('weir dag ' || o || '/' || d, 0)))," \
  " string_agg(o || '/' || d, E'\\n') FROM (SELECT o, d FROM (SELECT DISTINCT b.org_id::text AS "  \
  "o,"                                                                                             \
  " b.dag_name AS d FROM " dags ") AS n ORDER BY o COLLATE \"C\", d COLLATE \"C\") AS dags"

/// The same of those that nobody holds for a switch: the others are not in the list.
#define WEIR_TRY_SWITCHES_OF(dags)                                                                \
  "SELECT count(*), string_agg(o || '/' || d, E'\\n') FROM (SELECT DISTINCT b.org_id::text AS o," \
  " b.dag_name AS d FROM " dags                                                                   \
  ") AS n WHERE"                                                                                  \
  " pg_try_advisory_xact_lock_shared(hashtextextended('weir dag ' || o || '/' || d, 0))"

inline constexpr postgres::Statement kLockSwitches = {
    "task_lock_switches", WEIR_LOCK_SWITCHES_OF("(SELECT DISTINCT build_id FROM state.tasks"
                                                " WHERE task_id = " WEIR_NAMED_TASKS
                                                ") AS t JOIN state.builds b USING (build_id)")};

inline constexpr postgres::Statement kLockTasks = {
    "task_lock",
    WEIR_NOTING("SELECT * FROM state.tasks WHERE task_id = " WEIR_NAMED_TASKS
                " ORDER BY task_id FOR UPDATE") "SELECT " WEIR_TASK_COLUMNS " FROM " WEIR_NOTED};

inline constexpr postgres::Statement kLockFreeTasks = {
    "task_lock_free",
    WEIR_NOTING("SELECT * FROM state.tasks WHERE task_id = " WEIR_NAMED_TASKS
                " ORDER BY task_id FOR UPDATE SKIP LOCKED") "SELECT " WEIR_TASK_COLUMNS
                                                            " FROM " WEIR_NOTED};

inline constexpr postgres::Statement kReadTasks = {
    "task_read",
    WEIR_NOTING(
        "SELECT * FROM state.tasks WHERE task_id = " WEIR_NAMED_TASKS) "SELECT " WEIR_TASK_COLUMNS
                                                                       " FROM " WEIR_NOTED};

/// Of a task `t`: whether effects are undecided and a switch that led to the build handed the
/// task's root over (6.11).
#define WEIR_HANDED_OVER                                                       \
  "t.effects IS NULL AND EXISTS (SELECT FROM state.effect_handoffs h"          \
  " JOIN state.deploys d ON d.deploy_id = h.deploy_id"                         \
  " JOIN state.dag_version_builds v ON v.pointer_set_id = d.to_pointer_set_id" \
  " WHERE h.root_event_id = t.root_event_id AND v.build_id = t.build_id AND d.world = 'live')"

/// The current attempt of each task, its lease, and what was handed over. OFFSET keeps each look-up
/// one by key: a plan made while the tables were empty would read them whole for every call.
inline constexpr postgres::Statement kReadAttempts = {
    "task_read_attempts",
    "SELECT " WEIR_ATTEMPT_COLUMNS ", t.task_id, " WEIR_LEASE_COLUMNS ", " WEIR_HANDED_OVER
    " FROM state.tasks t LEFT JOIN LATERAL (SELECT * FROM state.attempts f"
    " WHERE f.task_id = t.task_id AND f.attempt = t.attempt OFFSET 0) AS a ON true"
    " LEFT JOIN LATERAL (SELECT * FROM state.leases f WHERE f.task_id = t.task_id OFFSET 0) AS l"
    " ON true WHERE t.task_id = " WEIR_NAMED_TASKS};

inline constexpr postgres::Statement kReadByToken = {
    "task_read_by_token",
    "SELECT " WEIR_ATTEMPT_COLUMNS " FROM state.attempts a WHERE a.lease_token = ANY($1::uuid[])"};

/// The columns that `facts_of` reads, of a build `b` and its job `j`. The reason of a stop is that
/// of the DAG's last switch.
#define WEIR_FACT_COLUMNS                                                                     \
  "b.build_id, b.dispatch, b.world::text, CASE WHEN b.dispatch = 'stopped' THEN"              \
  " (SELECT CASE WHEN c.pointer_set_id IS NULL THEN 'dag_removed' WHEN d.kind = 'rollback'"   \
  " THEN 'rollback' ELSE 'superseded' END FROM state.dag_current_versions c"                  \
  " LEFT JOIN state.deploys d ON d.deploy_id = c.deploy_id WHERE c.org_id = b.org_id"         \
  " AND c.dag_name = b.dag_name AND c.world = b.world) END,"                                  \
  " EXISTS (SELECT FROM state.pauses p WHERE p.build_id = b.build_id),"                       \
  " j.heartbeat_timeout_seconds, j.timeout_seconds, j.max_attempts, j.max_concurrency,"       \
  " CASE WHEN j.max_concurrency IS NOT NULL THEN (SELECT coalesce(sum(n.running), 0)::bigint" \
  " FROM state.task_counts n WHERE n.build_id = b.build_id) END"

inline constexpr postgres::Statement kReadFacts = {
    "task_read_facts", "SELECT x.dag_version_id, " WEIR_FACT_COLUMNS " FROM " WEIR_NOTED_JOBS
                       " AS x CROSS JOIN LATERAL (SELECT * FROM state.builds f"
                       " WHERE f.build_id = x.build_id OFFSET 0) AS b"
                       " CROSS JOIN LATERAL (SELECT * FROM state.jobs f WHERE f.dag_version_id ="
                       " x.dag_version_id AND f.name = b.job_name OFFSET 0) AS j"};

/// The first unfinished tasks of each ordered input that a task reads; $1: how many.
inline constexpr postgres::Statement kReadHeads = {
    "task_read_heads",
    "SELECT g.build_id, g.input_index, h.task_id, h.order_seq FROM " WEIR_NOTED_ORDERS
    " AS g CROSS JOIN LATERAL (SELECT o.task_id, o.order_seq"
    " FROM state.tasks o WHERE o.build_id = g.build_id AND o.input_index = g.input_index"
    " AND o.order_seq IS NOT NULL AND o.state " WEIR_UNFINISHED
    " ORDER BY o.order_seq, o.task_id LIMIT $1::int) AS h"
    " ORDER BY g.build_id, g.input_index, h.order_seq, h.task_id"};

/// The columns that `event_of` reads, of a row of events named `e`.
#define WEIR_EVENT_COLUMNS                                                                  \
  "e.event_id, e.dataset_version, e.seq, e.kind, e.scope_key, e.cursor_int, e.range_start," \
  " e.range_end, e.payload"

inline constexpr postgres::Statement kReadTriggers = {
    "task_read_triggers",
    "SELECT t.task_id, " WEIR_EVENT_COLUMNS
    " FROM state.tasks t JOIN state.events e ON e.event_id = t.trigger_event_id"
    " WHERE t.task_id = " WEIR_NAMED_TASKS};

/// How far the builds have read.
inline constexpr postgres::Statement kReadCursors = {
    "task_read_cursors",
    "SELECT build_id, input_index, dataset_version, cursor_int, cursor_text"
    " FROM state.dataset_cursors WHERE build_id = ANY(current_setting('weir.job_builds')::uuid[])"};

inline constexpr postgres::Statement kReadMeters = {
    "task_read_meters",
    "SELECT queue_name, sum(outstanding)::bigint,"
    " coalesce(max(more_until) > clock_timestamp(), false)"
    " FROM state.wakeup_meters GROUP BY queue_name"};

/// A commit is waited for only if its transaction has a number and wrote to the log: one that drew
/// a number alone is not. This writes a record that says nothing, and so brings all of the log
/// before it to the disk.
inline constexpr postgres::Statement kWriteMark = {
    "task_write_mark", "SELECT pg_logical_emit_message(true, 'weir', '')::text"};

inline constexpr postgres::Statement kReadNow = {"task_read_now", "SELECT clock_timestamp()"};

/// The columns of `task_of` from task_history, which has no more than what is final.
inline constexpr postgres::Statement kFindArchived = {
    "task_find_archived",
    "SELECT t.task_id, t.org_id, t.build_id, t.dag_version_id, t.kind, t.queue, t.state, t.class,"
    " t.effects, t.attempt, t.max_attempts, t.priority, t.trigger_event_id, t.root_event_id,"
    " t.input_index, t.invalidation_id, t.order_seq, t.scope, t.created_at, t.created_at,"
    " NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, t.cancel_reason, t.last_error,"
    " t.result, NULL::timestamptz, 0, t.created_at, t.started_at, t.finished_at"
    " FROM state.task_history t WHERE t.task_id = ANY($1::uuid[])"};

/// A row of kReadFacts.
BuildFacts facts_of(const postgres::Rows& rows, std::size_t row);
/// An event whose columns begin at `column`.
EventContext event_of(const postgres::Rows& rows, std::size_t row, std::size_t column);

}  // namespace weir::dispatcher::sql
