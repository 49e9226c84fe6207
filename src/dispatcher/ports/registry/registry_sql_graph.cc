// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/registry_sql.h"
#include "dispatcher/ports/registry/registry_sql_parts.h"
#include "dispatcher/ports/registry/registry_sql_text.h"

namespace weir::dispatcher::registry_sql {
namespace {

using postgres::Statement;

/// The pointer set that was asked for, its builds, and what counts and pauses them.
constexpr const char* kMembers = R"sql(
WITH chosen AS (
  SELECT s.pointer_set_id, s.dag_version_id, d.plan
    FROM state.dag_versions v
    JOIN state.pointer_sets s ON s.dag_version_id = v.dag_version_id
    LEFT JOIN state.dag_current_versions c
      ON c.org_id = v.org_id AND c.dag_name = v.dag_name AND c.world = $2
    LEFT JOIN state.deploys d
      ON d.org_id = v.org_id AND d.dag_name = v.dag_name AND d.world = $2
     AND d.state IN ('planned', 'building', 'ready') AND d.to_pointer_set_id = s.pointer_set_id
   WHERE v.org_id = $1::uuid AND v.dag_name = $3
     AND s.pointer_set_id = CASE $4 WHEN 'current' THEN c.pointer_set_id
                                    WHEN 'previous' THEN c.previous_pointer_set_id
                                    WHEN 'candidate' THEN d.to_pointer_set_id
                                    ELSE $5 END),
members AS MATERIALIZED (
  SELECT b.job_name, b.build_id
    FROM chosen JOIN state.dag_version_builds b ON b.pointer_set_id = chosen.pointer_set_id),
counts AS (
  SELECT t.build_id, json_build_object(
           'queued', sum(t.queued), 'running', sum(t.running), 'retry_wait', sum(t.retry_wait),
           'completed', sum(t.completed), 'failed', sum(t.failed),
           'canceled', sum(t.canceled)) AS counts
    FROM members JOIN state.task_counts t ON t.build_id = members.build_id GROUP BY t.build_id),
pauses AS (
  SELECT p.build_id, json_agg(json_build_object(
           'cause', p.cause, 'cause_key', p.cause_key, 'since', @utc(p.created_at))
           ORDER BY p.created_at, p.cause, p.cause_key) AS pauses
    FROM members JOIN state.pauses p ON p.build_id = members.build_id GROUP BY p.build_id),)sql";

/// What its jobs write, a list a job.
std::string outputs() {
  return R"sql(
outputs AS (
  SELECT s.job_name, json_agg(json_build_object(
           'output', s.output_index, 'dataset_uuid', s.dataset_uuid,
           'dataset_version', v.dataset_version, 'dataset_id', m.dataset_id, 'kind', v.kind,
           'state', v.state, 'last_seq', v.last_seq, 'max_cursor', )sql" +
         max_cursor("v") +
         R"sql(,
           'freshness_lag_ms', )sql" +
         freshness("v") + R"sql(,
           'stale_upstream', v.stale_upstream_since IS NOT NULL,
           'rows', )sql" +
         row_count("v") + R"sql(, 'bytes', )sql" + byte_count("v") + R"sql()
           ORDER BY s.output_index) AS outputs
    FROM chosen
    JOIN state.dag_version_datasets m ON m.pointer_set_id = chosen.pointer_set_id
    JOIN state.datasets s ON s.dataset_uuid = m.dataset_uuid
    JOIN state.dataset_versions v ON v.dataset_version = m.dataset_version)sql" +
         table_of("v") + R"sql(
   GROUP BY s.job_name),)sql";
}

/// The whole picture out of them.
constexpr const char* kPicture = R"sql(
planned AS (
  SELECT a->>'job' AS job_name, a->>'action' AS action, a->>'reason' AS reason
    FROM chosen CROSS JOIN LATERAL jsonb_array_elements(
           CASE jsonb_typeof(chosen.plan) WHEN 'array' THEN chosen.plan
                ELSE coalesce(chosen.plan->'jobs', '[]') END) a),
nodes AS (
  SELECT coalesce(json_agg(json_strip_nulls(json_build_object('action', a.action,
                                                              'reason', a.reason))::jsonb ||
           jsonb_build_object(
           'job', j.name, 'activation', j.activation, 'operator', j.operator,
           'operator_version', j.operator_version, 'runtime', j.runtime, 'build_id', b.build_id,
           'node_id', b.node_id, 'generation', b.generation, 'world', b.world,
           'dispatch', b.dispatch,
           'counts', coalesce(n.counts, json_build_object('queued', 0, 'running', 0,
               'retry_wait', 0, 'completed', 0, 'failed', 0, 'canceled', 0)),
           'pressure', json_build_object('depth', coalesce(r.depth, 0),
               'oldest_age_ms', coalesce(r.oldest_age_ms, 0),
               'tripped', coalesce(r.tripped, false)),
           'pauses', coalesce(p.pauses, '[]'::json), 'outputs', coalesce(o.outputs, '[]'::json))
           ORDER BY j.name), '[]'::json) AS nodes
    FROM chosen
    CROSS JOIN members m
    JOIN state.builds b ON b.build_id = m.build_id
    JOIN state.jobs j ON j.dag_version_id = chosen.dag_version_id AND j.name = m.job_name
    LEFT JOIN counts n ON n.build_id = m.build_id
    LEFT JOIN state.pressure r ON r.build_id = m.build_id
    LEFT JOIN pauses p ON p.build_id = m.build_id
    LEFT JOIN outputs o ON o.job_name = m.job_name
    LEFT JOIN planned a ON a.job_name = m.job_name),
edges AS (
  SELECT coalesce(json_agg(json_strip_nulls(json_build_object(
           'job', e.consumer_job, 'input', e.input_index, 'from_job', e.from_job,
           'from_output', e.from_output, 'from_dataset_id', e.from_dataset_id,
           'where', e.where_filter)) ORDER BY e.consumer_job, e.input_index), '[]'::json) AS edges
    FROM chosen JOIN state.edges e ON e.dag_version_id = chosen.dag_version_id)
SELECT json_build_object('pointer_set_id', chosen.pointer_set_id,
                         'dag_version_id', chosen.dag_version_id,
                         'nodes', nodes.nodes, 'edges', edges.edges)::text
  FROM chosen CROSS JOIN nodes CROSS JOIN edges)sql";

}  // namespace

const Statement& graph_picture() {
  static const MadeStatement kMade("registry_graph", kMembers + outputs() + kPicture);
  return kMade.get();
}

}  // namespace weir::dispatcher::registry_sql
