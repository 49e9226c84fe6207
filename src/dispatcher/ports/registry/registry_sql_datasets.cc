// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/registry/registry_sql.h"
#include "dispatcher/ports/registry/registry_sql_parts.h"
#include "dispatcher/ports/registry/registry_sql_text.h"

namespace weir::dispatcher::registry_sql {
namespace {

using postgres::Statement;

/// Rows n of dataset_names, each with what it stands for now.
std::string dataset_item() {
  return R"sql(
SELECT json_build_object(
    'dataset_id', n.dataset_id, 'dataset_uuid', n.dataset_uuid, 'kind', v.kind,
    'owner', json_build_object('dag', s.dag_name, 'job', s.job_name, 'output', s.output_index),
    'current', json_build_object('dataset_version', v.dataset_version,
                                 'dag_version_id', c.dag_version_id, 'generation', c.generation),
    'last_seq', v.last_seq, 'max_cursor', )sql" +
         max_cursor("v") + ", 'freshness_lag_ms', " + freshness("v") + R"sql(,
    'stale_upstream', v.stale_upstream_since IS NOT NULL,
    'gaps', (SELECT coalesce(sum(t.failed), 0) FROM state.task_counts t
              WHERE t.build_id = v.build_id),
    'rows', )sql" +
         row_count("v") + ", 'bytes', " + byte_count("v") + R"sql(,
    'schema', v.schema, 'filterable', n.filterable)::text,
  0::bigint, n.dataset_id
  FROM state.dataset_names n
  JOIN state.dag_current_versions c
    ON c.org_id = n.org_id AND c.dag_name = n.owner_dag_name AND c.world = n.world
  JOIN state.datasets s ON s.dataset_uuid = n.dataset_uuid
  JOIN state.dag_version_datasets p
    ON p.pointer_set_id = c.pointer_set_id AND p.dataset_uuid = n.dataset_uuid
  JOIN state.dataset_versions v ON v.dataset_version = p.dataset_version)sql" +
         table_of("v");
}

/// Why purge would keep the version v (6.6), as a JSON list.
constexpr const char* kInUse = R"sql(
array_to_json(array_remove(ARRAY[
  CASE WHEN EXISTS (SELECT FROM state.dag_current_versions c
                      JOIN state.dag_version_datasets m ON m.pointer_set_id = c.pointer_set_id
                     WHERE c.org_id = s.org_id AND c.dag_name = s.dag_name
                       AND m.dataset_uuid = s.dataset_uuid
                       AND m.dataset_version = v.dataset_version) THEN 'current' END,
  CASE WHEN EXISTS (SELECT FROM state.dag_current_versions c
                      JOIN state.dag_version_datasets m
                        ON m.pointer_set_id = c.previous_pointer_set_id
                     WHERE c.org_id = s.org_id AND c.dag_name = s.dag_name
                       AND m.dataset_uuid = s.dataset_uuid
                       AND m.dataset_version = v.dataset_version) THEN 'previous' END,
  CASE WHEN EXISTS (SELECT FROM state.deploys d
                      JOIN state.dag_version_datasets m ON m.pointer_set_id = d.to_pointer_set_id
                     WHERE d.org_id = s.org_id AND d.dag_name = s.dag_name
                       AND d.state IN ('planned', 'building', 'ready')
                       AND m.dataset_uuid = s.dataset_uuid
                       AND m.dataset_version = v.dataset_version) THEN 'candidate' END,
  CASE WHEN EXISTS (SELECT FROM state.query_pins q
                     WHERE q.dataset_version = v.dataset_version
                       AND q.expires_at > clock_timestamp()) THEN 'pinned' END,
  CASE WHEN (SELECT coalesce(sum(t.queued + t.running + t.retry_wait), 0) > 0
               FROM state.task_counts t
              WHERE t.build_id IN (SELECT v.build_id UNION
                                   SELECT u.consumer_build_id FROM state.subscriptions u
                                    WHERE u.dataset_version = v.dataset_version))
       THEN 'open_tasks' END], NULL)))sql";

}  // namespace

const Statement& dataset_list() {
  static const MadeStatement kMade("registry_dataset_list", dataset_item() + R"sql(
 WHERE n.org_id = $1::uuid AND n.world = $2 AND n.dataset_id > $3
 ORDER BY n.dataset_id LIMIT $4)sql");
  return kMade.get();
}

const Statement& dataset_picture() {
  static const MadeStatement kMade("registry_dataset", dataset_item() + R"sql(
 WHERE n.org_id = $1::uuid AND n.world = $2 AND n.dataset_id = $3)sql");
  return kMade.get();
}

const Statement& dataset_version_list() {
  static const MadeStatement kMade("registry_dataset_version_list",
                                   R"sql(
SELECT json_build_object(
    'dataset_version', v.dataset_version, 'build_id', v.build_id, 'node_id', b.node_id,
    'kind', v.kind, 'state', v.state, 'world', b.world, 'created_at', @utc(v.created_at),
    'dag_versions', coalesce((
        SELECT json_agg(DISTINCT w.dag_version_id)
          FROM state.dag_version_builds w WHERE w.build_id = v.build_id), '[]'::json),
    'rows', )sql" + row_count("v") + ", 'bytes', " +
                                       byte_count("v") + ", 'last_seq', v.last_seq, 'in_use', " +
                                       kInUse +
                                       R"sql()::text,
  @micros(v.created_at), v.dataset_version::text
  FROM state.dataset_names n
  JOIN state.datasets s ON s.dataset_uuid = n.dataset_uuid
  JOIN state.dataset_versions v ON v.dataset_uuid = s.dataset_uuid
  JOIN state.builds b ON b.build_id = v.build_id)sql" +
                                       table_of("v") + R"sql(
 WHERE n.org_id = $1::uuid AND n.world = $2 AND n.dataset_id = $3
   AND (v.created_at, v.dataset_version) < ($4, $5)
 ORDER BY v.created_at DESC, v.dataset_version DESC LIMIT $6)sql");
  return kMade.get();
}

namespace {

/// A page of partitions for which `bound` holds too.
std::string partitions_where(std::string_view bound) {
  return R"sql(
SELECT json_build_object(
    'partition_key', p.partition_key, 'revision', p.revision, 'start', p.range_start,
    'end', p.range_end, 'rows', p.row_count, 'bytes', p.bytes,
    'committed_at', @utc(p.committed_at), 'task_id', p.producer_task_id)::text,
  0::bigint, p.partition_key
  FROM state.partition_versions p
 WHERE p.dataset_version = (
         SELECT v.dataset_version
           FROM state.dataset_names n
           JOIN state.dag_current_versions c
             ON c.org_id = n.org_id AND c.dag_name = n.owner_dag_name AND c.world = n.world
           JOIN state.dataset_versions v ON v.dataset_uuid = n.dataset_uuid
           LEFT JOIN state.dag_version_datasets m
             ON m.pointer_set_id = c.pointer_set_id AND m.dataset_uuid = n.dataset_uuid
          WHERE n.org_id = $1::uuid AND n.world = $2 AND n.dataset_id = $3
            AND v.dataset_version = coalesce($4, m.dataset_version))
   AND p.superseded_at IS NULL AND p.partition_key > $5 AND p.partition_key >= $6
   AND starts_with(p.partition_key, $6) AND )sql" +
         std::string(bound);
}

/// Whether texts are ordered by their bytes here, so that keys of one prefix stand together and end
/// where the next prefix begins.
constexpr std::string_view kByBytes = R"sql(
(SELECT d.datlocprovider IN ('b', 'c') AND d.datcollate IN ('C', 'POSIX')
   FROM pg_database d WHERE d.datname = current_database()))sql";

}  // namespace

const Statement& partition_list() {
  // Elsewhere the index is read to its end. One of the two is run.
  static const MadeStatement kMade(
      "registry_partition_list",
      "(" + partitions_where("p.partition_key < $8 AND" + std::string(kByBytes)) +
          " ORDER BY p.partition_key LIMIT $7) UNION ALL (" +
          partitions_where("($8 IS NULL OR NOT" + std::string(kByBytes) + ")") +
          " ORDER BY p.partition_key LIMIT $7)");
  return kMade.get();
}

const Statement& dataset_exists() {
  static const MadeStatement kMade("registry_dataset_exists", R"sql(
SELECT EXISTS (
  SELECT FROM state.dataset_names n
   WHERE n.org_id = $1::uuid AND n.world = $2 AND n.dataset_id = $3
     AND ($4::uuid IS NULL OR EXISTS (
            SELECT FROM state.dataset_versions v
             WHERE v.dataset_version = $4 AND v.dataset_uuid = n.dataset_uuid))))sql");
  return kMade.get();
}

}  // namespace weir::dispatcher::registry_sql
