-- SPDX-License-Identifier: Apache-2.0
-- What stands beside the tables of datasets. This schema may be on another server than the rest of
-- the task plane: nothing here points there.

-- Which batches are in the tables: written in the transaction that wrote their rows.
CREATE TABLE applied_publishes (
  publish_id  uuid PRIMARY KEY,
  dataset_version uuid NOT NULL,
  rows_in     bigint NOT NULL,
  rows_written bigint NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT now()
);

-- Which direct write of a scope is in a table, and the number of the claim that made it.
CREATE TABLE applied_scopes (
  dataset_version uuid NOT NULL,
  scope_key   text NOT NULL,
  fence_no    bigint NOT NULL,
  task_id     uuid NOT NULL,
  rows_written bigint NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (dataset_version, scope_key)
);

-- Who asked what; of the SQL only its SHA-256.
CREATE TABLE query_audit (
  query_id    uuid PRIMARY KEY,
  org_id      uuid NOT NULL,
  user_id     uuid,
  task_id     uuid,
  sql_sha256  bytea NOT NULL,
  pinned      jsonb NOT NULL,
  row_count   bigint,
  truncated   boolean,
  duration_ms int,
  error_code  text,
  at          timestamptz NOT NULL DEFAULT now(),
  CHECK ((user_id IS NULL) <> (task_id IS NULL))
);

ALTER TABLE query_audit ENABLE ROW LEVEL SECURITY;
ALTER TABLE query_audit FORCE ROW LEVEL SECURITY;
CREATE POLICY own_org ON query_audit
  USING (org_id::text = current_setting('weir.org', true))
  WITH CHECK (org_id::text = current_setting('weir.org', true));

REVOKE ALL ON SCHEMA data FROM PUBLIC;
