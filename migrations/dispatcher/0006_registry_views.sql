-- SPDX-License-Identifier: Apache-2.0
-- The registry for readers that may see no table of it (role weir_query): what an organisation's
-- names stand for, and what is committed. The views read with their owner's rights and name the
-- organisation themselves, so that they hold whatever row level security does to their owner.

-- What a published name stands for now, one row an organisation, world and name.
CREATE VIEW registry_datasets WITH (security_barrier = true) AS
  SELECT n.org_id, n.world, n.dataset_id, n.owner_dag_name, n.dataset_uuid, n.filterable,
         n.read_roles, n.pii_columns, c.dag_version_id, c.pointer_set_id, c.generation,
         v.dataset_version, v.kind, v.storage, v.schema, v.schema_hash, v.last_seq, v.row_count,
         v.bytes, v.stale_upstream_since
    FROM dataset_names n
    JOIN dag_current_versions c
      ON c.org_id = n.org_id AND c.dag_name = n.owner_dag_name AND c.world = n.world
    JOIN dag_version_datasets d
      ON d.pointer_set_id = c.pointer_set_id AND d.dataset_uuid = n.dataset_uuid
    JOIN dataset_versions v ON v.dataset_version = d.dataset_version
   WHERE n.org_id::text = current_setting('weir.org', true);

-- Every dataset version that has data: what a task's grants name.
CREATE VIEW registry_versions WITH (security_barrier = true) AS
  SELECT d.org_id, d.dataset_uuid, d.dag_name, d.job_name, d.output_index, v.dataset_version,
         v.kind, v.storage, v.schema, v.schema_hash, v.state, v.last_seq, v.row_count, v.bytes
    FROM datasets d
    JOIN dataset_versions v ON v.dataset_uuid = d.dataset_uuid
   WHERE v.state IN ('building', 'complete')
     AND d.org_id::text = current_setting('weir.org', true);

-- Every revision of every partition; the current one has superseded_at NULL.
CREATE VIEW registry_partitions WITH (security_barrier = true) AS
  SELECT d.org_id, p.dataset_version, p.partition_key, p.revision, p.range_start, p.range_end,
         p.location, p.manifest_sha256, p.row_count, p.bytes, p.schema_hash, p.committed_at,
         p.superseded_at
    FROM partition_versions p
    JOIN dataset_versions v ON v.dataset_version = p.dataset_version
    JOIN datasets d ON d.dataset_uuid = v.dataset_uuid
   WHERE d.org_id::text = current_setting('weir.org', true);

REVOKE ALL ON SCHEMA state FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA state FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA state FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA state FROM PUBLIC;
REVOKE ALL ON DOMAIN world_name FROM PUBLIC;
