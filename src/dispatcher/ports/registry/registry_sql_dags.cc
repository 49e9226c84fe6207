// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/registry_sql.h"
#include "dispatcher/ports/registry/registry_sql_text.h"

namespace weir::dispatcher::registry_sql {
namespace {

using postgres::Statement;

/// Of the row g (dag_name, versions, latest_no): what stands of a DAG in the world.
const std::string kDagColumns = R"sql(
  'dag', g.dag_name, 'world', $2::text,
  'dag_version_id', c.dag_version_id, 'version_no', v.version_no, 'generation', c.generation,
  'pointer_set_id', c.pointer_set_id,
  'activated_at', CASE WHEN c.dag_version_id IS NOT NULL THEN @utc(c.activated_at) END,
  'versions', g.versions, 'latest_version_no', g.latest_no,
  'deploy', CASE WHEN o.deploy_id IS NOT NULL THEN
              json_build_object('deploy_id', o.deploy_id, 'state', o.state,
                                'blockers', o.blockers) END,
  'tasks', json_build_object('queued', coalesce(n.queued, 0), 'running', coalesce(n.running, 0),
                             'retry_wait', coalesce(n.retry_wait, 0),
                             'failed', coalesce(n.failed, 0)))sql";

const std::string kDagJoins = R"sql(
  LEFT JOIN state.dag_current_versions c
    ON c.org_id = $1::uuid AND c.dag_name = g.dag_name AND c.world = $2
  LEFT JOIN state.dag_versions v ON v.dag_version_id = c.dag_version_id
  LEFT JOIN state.deploys o
    ON o.org_id = $1::uuid AND o.dag_name = g.dag_name AND o.world = $2
   AND o.state IN ('planned', 'building', 'ready')
  LEFT JOIN LATERAL (
    SELECT sum(t.queued) AS queued, sum(t.running) AS running, sum(t.retry_wait) AS retry_wait,
           sum(t.failed) AS failed
      FROM state.dag_version_builds b JOIN state.task_counts t ON t.build_id = b.build_id
     WHERE b.pointer_set_id = c.pointer_set_id) n ON true)sql";

/// Of a row v of dag_versions: what has become of it.
const std::string kVersionColumns = R"sql(
  'dag_version_id', v.dag_version_id, 'version_no', v.version_no, 'yaml_hash', v.yaml_hash,
  'registry_hash', v.registry_hash,
  'state', CASE WHEN c.dag_version_id = v.dag_version_id THEN 'active'
                WHEN o.dag_version_id = v.dag_version_id AND o.state = 'ready' THEN 'ready'
                WHEN o.dag_version_id = v.dag_version_id THEN 'building'
                WHEN p.dag_version_id = v.dag_version_id THEN 'previous'
                ELSE 'stored' END,
  'created_at', @utc(v.created_at), 'created_by', v.created_by)sql";

const std::string kVersionJoins = R"sql(
  LEFT JOIN state.dag_current_versions c
    ON c.org_id = $1::uuid AND c.dag_name = v.dag_name AND c.world = $2
  LEFT JOIN state.pointer_sets p ON p.pointer_set_id = c.previous_pointer_set_id
  LEFT JOIN (SELECT d.org_id, d.dag_name, d.world, d.state, s.dag_version_id
               FROM state.deploys d
               JOIN state.pointer_sets s ON s.pointer_set_id = d.to_pointer_set_id
              WHERE d.state IN ('planned', 'building', 'ready')) o
    ON o.org_id = $1::uuid AND o.dag_name = v.dag_name AND o.world = $2)sql";

/// Of a row d of deploys: appendix A.5.
const std::string kDeployItem = R"sql(
  SELECT json_build_object(
      'deploy_id', d.deploy_id, 'kind', d.kind, 'state', d.state, 'from', f.dag_version_id,
      'to', t.dag_version_id, 'pointer_set_id', d.to_pointer_set_id,
      'activate', d.activate, 'old_version', d.old_version, 'effects', d.effects,
      'plan', j.jobs,
      'progress', json_build_object(
          'builds_total', coalesce(w.builds_total, 0), 'builds_ready', coalesce(w.builds_ready, 0),
          'tasks_total', coalesce(w.tasks_total, 0), 'tasks_done', coalesce(w.tasks_done, 0)),
      'blockers', d.blockers,
      'checks', coalesce((
          SELECT json_agg(json_build_object('dataset_id', k.dataset_id, 'name', k.name,
                            'kind', k.kind, 'on_fail', k.on_fail, 'state', k.state,
                            'round', k.round, 'measured', k.measured, 'baseline', k.baseline)
                          ORDER BY k.dataset_id, k.name)
            FROM state.deploy_checks k WHERE k.deploy_id = d.deploy_id), '[]'::json),
      'world', d.world, 'from_world', d.from_world, 'created_at', @utc(d.created_at),
      'ready_at', @utc(d.ready_at), 'finished_at', @utc(d.finished_at))::text,
    @micros(d.created_at), d.deploy_id::text
  FROM state.deploys d
  LEFT JOIN state.pointer_sets f ON f.pointer_set_id = d.from_pointer_set_id
  JOIN state.pointer_sets t ON t.pointer_set_id = d.to_pointer_set_id
  CROSS JOIN LATERAL (SELECT CASE jsonb_typeof(d.plan) WHEN 'array' THEN d.plan
                                  ELSE coalesce(d.plan->'jobs', '[]') END AS jobs) j
  LEFT JOIN LATERAL (
    SELECT count(*) AS builds_total,
           count(*) FILTER (WHERE d.state IN ('ready', 'active') OR NOT EXISTS (
             SELECT FROM state.dataset_versions v
              WHERE v.build_id = b.build_id AND v.state = 'building')) AS builds_ready,
           sum(n.total) AS tasks_total, sum(n.done) AS tasks_done
      FROM jsonb_array_elements(j.jobs) a
      JOIN state.dag_version_builds b
        ON b.pointer_set_id = d.to_pointer_set_id AND b.job_name = a->>'job'
      CROSS JOIN LATERAL (
        SELECT sum(q.queued + q.running + q.retry_wait + q.completed + q.failed + q.canceled)
                 AS total,
               sum(q.completed + q.failed + q.canceled) AS done
          FROM state.task_counts q
         WHERE q.build_id = b.build_id AND q.queue LIKE '%.backfill') n
     WHERE a->>'action' = 'build') w ON true)sql";

}  // namespace

const Statement& dag_list() {
  static const MadeStatement kMade("registry_dag_list", "SELECT json_build_object(" + kDagColumns +
                                                            R"sql()::text, 0::bigint, g.dag_name
  FROM (SELECT dag_name, count(*) AS versions, max(version_no) AS latest_no
          FROM state.dag_versions
         WHERE org_id = $1::uuid AND dag_name > $3
         GROUP BY dag_name ORDER BY dag_name LIMIT $4) g)sql" +
                                                            kDagJoins + " ORDER BY g.dag_name");
  return kMade.get();
}

const Statement& dag_picture() {
  static const MadeStatement kMade("registry_dag", "SELECT json_build_object(" + kDagColumns +
                                                       R"sql(,
    'previous_pointer_set_id', c.previous_pointer_set_id,
    'jobs', coalesce((
        SELECT json_agg(json_build_object('job', j.name, 'activation', j.activation,
                          'source', j.source, 'operator', j.operator,
                          'operator_version', j.operator_version, 'runtime', j.runtime)
                        ORDER BY j.name)
          FROM state.jobs j WHERE j.dag_version_id = c.dag_version_id), '[]'::json),
    'datasets', coalesce((
        SELECT json_agg(m.dataset_id ORDER BY m.dataset_id)
          FROM state.dag_version_datasets m
         WHERE m.pointer_set_id = c.pointer_set_id AND m.dataset_id IS NOT NULL),
        '[]'::json))::text
  FROM (SELECT dag_name, count(*) AS versions, max(version_no) AS latest_no
          FROM state.dag_versions
         WHERE org_id = $1::uuid AND dag_name = $3 GROUP BY dag_name) g)sql" +
                                                       kDagJoins);
  return kMade.get();
}

const Statement& version_list() {
  static const MadeStatement kMade("registry_version_list",
                                   "SELECT json_build_object(" + kVersionColumns +
                                       ")::text, v.version_no, '' FROM state.dag_versions v" +
                                       kVersionJoins + R"sql(
 WHERE v.org_id = $1::uuid AND v.dag_name = $3 AND v.version_no < $4
 ORDER BY v.version_no DESC LIMIT $5)sql");
  return kMade.get();
}

const Statement& version_picture() {
  static const MadeStatement kMade(
      "registry_version", "SELECT json_build_object('dag', v.dag_name, " + kVersionColumns +
                              ", 'yaml', v.yaml_text)::text FROM state.dag_versions v" +
                              kVersionJoins + R"sql(
 WHERE v.org_id = $1::uuid AND v.dag_name = $3 AND v.dag_version_id = $4)sql");
  return kMade.get();
}

const Statement& deploy_list() {
  static const MadeStatement kMade("registry_deploy_list", kDeployItem + R"sql(
 WHERE d.org_id = $1::uuid AND d.world = $2 AND d.dag_name = $3
   AND (d.created_at, d.deploy_id) < ($4, $5)
 ORDER BY d.created_at DESC, d.deploy_id DESC LIMIT $6)sql");
  return kMade.get();
}

const Statement& deploy_picture() {
  static const MadeStatement kMade("registry_deploy", kDeployItem + R"sql(
 WHERE d.org_id = $1::uuid AND d.world = $2 AND d.dag_name = $3 AND d.deploy_id = $4)sql");
  return kMade.get();
}

const Statement& dag_exists() {
  static const MadeStatement kMade("registry_dag_exists", R"sql(
SELECT EXISTS (SELECT FROM state.dag_versions
                WHERE org_id = $1::uuid AND dag_name = $3 AND $2::text IS NOT NULL))sql");
  return kMade.get();
}

const Statement& source_of() {
  static const MadeStatement kMade("registry_source", R"sql(
SELECT b.build_id, coalesce(s.kind, '')
  FROM state.dag_current_versions c
  JOIN state.dag_version_builds b ON b.pointer_set_id = c.pointer_set_id AND b.job_name = $4
  LEFT JOIN state.source_state s ON s.build_id = b.build_id
 WHERE c.org_id = $1::uuid AND c.dag_name = $3 AND c.world = $2)sql");
  return kMade.get();
}

}  // namespace weir::dispatcher::registry_sql
