// SPDX-License-Identifier: Apache-2.0
#include <string_view>

#include "dispatcher/ports/registry/registry_sql.h"
#include "dispatcher/ports/registry/registry_sql_text.h"

namespace weir::dispatcher::registry_sql {
namespace {

using postgres::Statement;

/// Members that rows t of `tasks` and of `task_history` share; b is the build.
constexpr const char* kSharedMembers = R"sql(
    'task_id', t.task_id, 'dag', b.dag_name, 'job', b.job_name, 'world', b.world,
    'build_id', t.build_id, 'dag_version_id', t.dag_version_id, 'kind', t.kind, 'queue', t.queue,
    'state', t.state, 'class', t.class, 'effects', t.effects, 'attempt', t.attempt,
    'max_attempts', t.max_attempts, 'trigger_event_id', t.trigger_event_id,
    'root_event_id', t.root_event_id, 'input', t.input_index,
    'invalidation_id', t.invalidation_id, 'scope', t.scope, 'cancel_reason', t.cancel_reason,
    'last_error', t.last_error, 'created_at', @utc(t.created_at),
    'started_at', @utc(t.started_at), 'finished_at', @utc(t.finished_at))sql";

constexpr const char* kLiveMembers = R"sql(
    'available_at', @utc(t.available_at), 'next_retry_at', @utc(t.next_retry_at),
    'deadline_at', @utc(t.deadline_at), 'cancel_requested_at', @utc(t.cancel_requested_at),
    'archived', false)sql";

/// The event that a task's column names, with the dataset it is of.
std::string event_of(std::string_view column) {
  return R"sql(
    (SELECT json_build_object(
         'event_id', e.event_id, 'dataset_uuid', e.dataset_uuid,
         'dataset_version', e.dataset_version, 'dag', d.dag_name, 'job', d.job_name,
         'output', d.output_index, 'seq', e.seq, 'kind', e.kind,
         'partition_key', CASE e.kind WHEN 'partition' THEN e.scope_key END,
         'cursor', CASE WHEN e.kind <> 'cursor' THEN NULL
                        WHEN e.cursor_int IS NULL OR abs(e.cursor_int::numeric) > 9007199254740991
                        THEN to_json(e.scope_key) ELSE to_json(e.cursor_int) END,
         'start', e.range_start, 'end', e.range_end, 'class', e.class,
         'producer_task_id', e.producer_task_id, 'payload', e.payload,
         'accepted_at', @utc(e.accepted_at))
       FROM state.events e JOIN state.datasets d ON d.dataset_uuid = e.dataset_uuid
      WHERE e.event_id = t.)sql" +
         std::string(column) + ")";
}

std::string causes() {
  return "'result', t.result, 'trigger', " + event_of("trigger_event_id") + ", 'root', " +
         event_of("root_event_id");
}

}  // namespace

const Statement& task_picture() {
  static const MadeStatement kMade("registry_task", std::string("SELECT json_build_object(") +
                                                        kSharedMembers + "," + kLiveMembers + "," +
                                                        causes() + R"sql(,
    'worker_id', (SELECT l.worker_id FROM state.leases l WHERE l.task_id = t.task_id),
    'lease_expires_at', (SELECT @utc(l.expires_at) FROM state.leases l
                          WHERE l.task_id = t.task_id),
    'last_heartbeat_at', (SELECT @utc(l.last_heartbeat_at) FROM state.leases l
                           WHERE l.task_id = t.task_id),
    'attempts', coalesce(a.attempts, '[]'::json), 'errors', coalesce(a.errors, '[]'::json))::text
  FROM state.tasks t
  JOIN state.builds b ON b.build_id = t.build_id
  CROSS JOIN LATERAL (
    SELECT json_agg(json_build_object(
               'attempt', x.attempt, 'fence_no', x.fence_no, 'worker_id', x.worker_id,
               'state', x.state, 'outcome', x.outcome, 'error', x.error,
               'started_at', @utc(x.started_at), 'ended_at', @utc(x.ended_at))
             ORDER BY x.attempt) AS attempts,
           json_agg(x.error || jsonb_build_object('attempt', x.attempt) ORDER BY x.attempt)
             FILTER (WHERE x.error IS NOT NULL) AS errors
      FROM state.attempts x WHERE x.task_id = t.task_id) a
 WHERE t.org_id = $1::uuid AND t.task_id = $3 AND $2::text IS NOT NULL
UNION ALL
SELECT json_build_object()sql" + kSharedMembers + ", 'archived', true," +
                                                        causes() + R"sql(,
    'attempts', t.attempts,
    'errors', coalesce((SELECT json_agg(x->'error') FROM jsonb_array_elements(t.attempts) x
                         WHERE jsonb_typeof(x->'error') = 'object'), '[]'::json))::text
  FROM state.task_history t
  JOIN state.builds b ON b.build_id = t.build_id
 WHERE t.org_id = $1::uuid AND t.task_id = $3
 LIMIT 1)sql");
  return kMade.get();
}

std::string task_list(const TaskList& list) {
  const bool by_end = list.by_end();
  std::string sql = std::string("SELECT json_build_object(") + kSharedMembers + "," +
                    (list.archived ? " 'archived', true" : kLiveMembers) + ")::text, " +
                    (by_end ? "@micros(t.finished_at)" : "0::bigint") + ", t.task_id::text FROM " +
                    (list.archived ? "state.task_history" : "state.tasks") +
                    " t JOIN state.builds b ON b.build_id = t.build_id"
                    " WHERE t.org_id = $1::uuid AND b.org_id = $1::uuid AND b.world = $2";
  if (list.state) sql.append(" AND t.state = '").append(word(*list.state)).append("'");
  // Absent filters still have their parameters, typed, so that the places stay the same.
  sql += list.dag ? " AND b.dag_name = $3" : " AND $3::text IS NULL";
  sql += list.job ? " AND b.job_name = $4" : " AND $4::text IS NULL";
  sql += list.task_class ? " AND t.class = $5" : " AND $5::text IS NULL";
  sql += list.kind ? " AND t.kind = $6" : " AND $6::text IS NULL";
  sql += list.root ? " AND t.root_event_id = $7" : " AND $7::uuid IS NULL";
  if (by_end) {
    // The first comparison is what an index answers.
    sql +=
        " AND t.finished_at <= $8 AND (t.finished_at, t.task_id) < ($8, $9)"
        " ORDER BY t.finished_at DESC, t.task_id DESC";
  } else {
    sql += " AND t.task_id < $9 AND $8::timestamptz IS NOT NULL ORDER BY t.task_id DESC";
  }
  return expanded(sql + " LIMIT $10");
}

const Statement& audit_list() {
  static const MadeStatement kMade("registry_audit_list", R"sql(
SELECT json_build_object(
    'audit_id', a.audit_id, 'at', @utc(a.at), 'actor_kind', a.actor_kind, 'actor', a.actor,
    'action', a.action, 'target', a.target, 'decision', a.decision, 'request_id', a.request_id,
    'detail', a.detail)::text,
  @micros(a.at), a.audit_id::text
  FROM state.audit_log a
 WHERE a.org_id = $1::uuid AND $2::text IS NOT NULL
   AND a.at <= $3 AND (a.at, a.audit_id) < ($3, $4)
 ORDER BY a.at DESC, a.audit_id DESC LIMIT $5)sql");
  return kMade.get();
}

}  // namespace weir::dispatcher::registry_sql
