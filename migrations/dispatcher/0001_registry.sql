-- SPDX-License-Identifier: Apache-2.0
-- What is deployed and what is current: organisations, definitions, builds,
-- datasets, names, deploys. Rows that name no organisation reach one through the row that they
-- point at.

-- Worlds ------------------------------------------------------------------------------------------

CREATE DOMAIN world_name AS text
  CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,31}$');

-- Identity ----------------------------------------------------------------------------------------

-- Whose rows a row is.
CREATE TABLE orgs (
  org_id      uuid PRIMARY KEY,
  slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name        text NOT NULL,
  settings    jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT now()
);

-- Who may sign in, by what its issuer calls it. Its role comes from here alone, never from a token.
CREATE TABLE users (
  user_id     uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES orgs,
  issuer      text NOT NULL,
  subject     text NOT NULL,
  email       text,
  role        text NOT NULL CHECK (role IN ('reader','writer','admin')),
  disabled_at timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (issuer, subject)
);

CREATE TABLE org_roles (
  role_id     uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES orgs,
  slug        text NOT NULL,
  name        text NOT NULL,
  UNIQUE (org_id, slug)
);

CREATE TABLE org_role_memberships (
  role_id     uuid NOT NULL REFERENCES org_roles,
  user_id     uuid NOT NULL REFERENCES users,
  PRIMARY KEY (role_id, user_id)
);

-- Of a token only its SHA-256 is kept.
CREATE TABLE worker_tokens (
  token_id    uuid PRIMARY KEY,
  name        text NOT NULL,
  sha256      bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
  not_before  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  revoked_at  timestamptz
);

-- A private key stands elsewhere: `private_ref` says where.
CREATE TABLE signing_keys (
  kid         text PRIMARY KEY,
  alg         text NOT NULL CHECK (alg = 'ES256'),
  public_jwk  jsonb,
  private_ref text,
  state       text NOT NULL CHECK (state IN ('next','current','previous','revoked')),
  not_before  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX signing_keys_one_current ON signing_keys (state) WHERE state = 'current';

-- Bundles -----------------------------------------------------------------------------------------

-- Code of users, named by its hash; only `ready` ones run.
CREATE TABLE bundles (
  bundle_id   text PRIMARY KEY CHECK (bundle_id ~ '^[A-Za-z0-9._:-]{1,128}$'),
  org_id      uuid NOT NULL REFERENCES orgs,
  language    text NOT NULL CHECK (language IN ('node','python','rust')),
  entrypoint  text,
  sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
  size_bytes  bigint NOT NULL CHECK (size_bytes > 0),
  object_uri  text NOT NULL,
  state       text NOT NULL CHECK (state IN ('pending','ready','rejected','disabled')),
  reject_code text,
  created_by  uuid REFERENCES users,
  created_at  timestamptz NOT NULL DEFAULT now(),
  ready_at    timestamptz
);

-- Definitions -------------------------------------------------------------------------------------

-- What was deployed, for good (0003_guards.sql). The same text with the same operators is one row.
CREATE TABLE dag_versions (
  dag_version_id uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES orgs,
  dag_name    text NOT NULL CHECK (dag_name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'),
  version_no  bigint NOT NULL CHECK (version_no > 0),
  yaml_hash   text NOT NULL CHECK (yaml_hash ~ '^blake3:[0-9a-f]{64}$'),
  registry_hash text NOT NULL CHECK (registry_hash ~ '^blake3:[0-9a-f]{64}$'),
  yaml_text   text NOT NULL,
  canonical   jsonb NOT NULL,
  created_by  uuid REFERENCES users,
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, dag_name, yaml_hash, registry_hash),
  UNIQUE (org_id, dag_name, version_no)
);

-- The jobs of a version, every default filled in.
CREATE TABLE jobs (
  dag_version_id uuid NOT NULL REFERENCES dag_versions,
  name        text NOT NULL,
  activation  text NOT NULL CHECK (activation IN ('source','reactive')),
  runtime     text NOT NULL CHECK (runtime IN ('lambda','ecs_platform','dispatcher')),
  operator    text NOT NULL,
  operator_version text NOT NULL,
  outputs     int  NOT NULL CHECK (outputs BETWEEN 1 AND 64),
  execution_strategy text CHECK (execution_strategy IN ('PerUpdate','PerPartition')),
  update_strategy text CHECK (update_strategy IN ('append','replace')),
  unique_key  text[],
  source      jsonb,
  bootstrap   jsonb,
  config      jsonb NOT NULL DEFAULT '{}',
  udf_bundle_id text REFERENCES bundles,
  udf_sha256  bytea,
  udf_entrypoint text,
  secrets     text[] NOT NULL DEFAULT '{}',
  timeout_seconds int,
  heartbeat_timeout_seconds int NOT NULL,
  max_attempts int NOT NULL,
  priority    text NOT NULL CHECK (priority IN ('low','normal','high')),
  max_queue_depth bigint NOT NULL,
  max_queue_age_ms bigint NOT NULL,
  backpressure_mode text NOT NULL CHECK (backpressure_mode IN ('pause','none')),
  max_concurrency int,
  core_id     text NOT NULL,
  node_id     text NOT NULL,
  PRIMARY KEY (dag_version_id, name),
  CHECK ((update_strategy = 'append') = (unique_key IS NOT NULL)),
  CHECK ((activation = 'source') = (source IS NOT NULL)),
  CHECK (NOT (udf_bundle_id IS NOT NULL AND cardinality(secrets) > 0)),
  CHECK (udf_bundle_id IS NULL OR runtime = 'lambda')
);

-- Where each input of a job comes from: a job of the version, or a dataset of another DAG.
CREATE TABLE edges (
  dag_version_id uuid NOT NULL,
  consumer_job text NOT NULL,
  input_index int  NOT NULL CHECK (input_index >= 0),
  from_job    text,
  from_output int,
  from_dataset_id text,
  where_filter jsonb,
  PRIMARY KEY (dag_version_id, consumer_job, input_index),
  FOREIGN KEY (dag_version_id, consumer_job) REFERENCES jobs (dag_version_id, name),
  FOREIGN KEY (dag_version_id, from_job) REFERENCES jobs (dag_version_id, name),
  CHECK ((from_job IS NULL) = (from_output IS NULL)),
  CHECK ((from_job IS NULL) <> (from_dataset_id IS NULL))
);

-- Materialization identity ------------------------------------------------------------------------

-- One materialization of one job definition. `dispatch` says whether its tasks are claimed.
CREATE TABLE builds (
  build_id    uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES orgs,
  dag_name    text NOT NULL,
  job_name    text NOT NULL,
  world       world_name NOT NULL DEFAULT 'live',
  core_id     text NOT NULL,
  node_id     text NOT NULL,
  generation  int  NOT NULL DEFAULT 1,
  definition  jsonb NOT NULL,
  dispatch    text NOT NULL CHECK (dispatch IN ('building','open','stopped')),
  created_at  timestamptz NOT NULL DEFAULT now(),
  opened_at   timestamptz,
  stopped_at  timestamptz,
  UNIQUE (org_id, dag_name, job_name, node_id, generation),
  CHECK ((dispatch = 'stopped') = (stopped_at IS NOT NULL))
);

-- Which build and which dataset version each job of a DAG version stands on: a candidate is written
-- while it builds and frozen once it was current, so that going back restores the very same rows.
CREATE TABLE pointer_sets (
  pointer_set_id uuid PRIMARY KEY,
  dag_version_id uuid NOT NULL REFERENCES dag_versions,
  set_no      int NOT NULL CHECK (set_no >= 1),
  created_at  timestamptz NOT NULL DEFAULT now(),
  first_current_at timestamptz,
  last_current_at timestamptz,
  UNIQUE (dag_version_id, set_no),
  UNIQUE (pointer_set_id, dag_version_id)
);

CREATE TABLE dag_version_builds (
  pointer_set_id uuid NOT NULL,
  dag_version_id uuid NOT NULL,
  job_name    text NOT NULL,
  build_id    uuid NOT NULL REFERENCES builds,
  PRIMARY KEY (pointer_set_id, job_name),
  FOREIGN KEY (pointer_set_id, dag_version_id)
      REFERENCES pointer_sets (pointer_set_id, dag_version_id),
  FOREIGN KEY (dag_version_id, job_name) REFERENCES jobs (dag_version_id, name)
);
CREATE INDEX dag_version_builds_build ON dag_version_builds (build_id);

-- Datasets ----------------------------------------------------------------------------------------

-- A slot: output n of a job of a DAG, over all its versions.
CREATE TABLE datasets (
  dataset_uuid uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES orgs,
  dag_name    text NOT NULL,
  job_name    text NOT NULL,
  output_index int NOT NULL CHECK (output_index >= 0),
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, dag_name, job_name, output_index)
);

-- What one build writes into a slot. Each accepted event raises `last_seq` under the row's lock.
CREATE TABLE dataset_versions (
  dataset_version uuid PRIMARY KEY,
  dataset_uuid uuid NOT NULL REFERENCES datasets,
  build_id    uuid NOT NULL REFERENCES builds,
  kind        text NOT NULL CHECK (kind IN ('events','parquet','table','virtual')),
  storage     jsonb NOT NULL DEFAULT '{}',
  schema      jsonb,
  schema_hash text,
  cursor_type text CHECK (cursor_type IN ('int','text')),
  max_cursor_int bigint,
  max_cursor_text text,
  last_seq    bigint NOT NULL DEFAULT 0,
  row_count   bigint NOT NULL DEFAULT 0,
  bytes       bigint NOT NULL DEFAULT 0,
  stale_upstream_since timestamptz,
  state       text NOT NULL DEFAULT 'building'
      CHECK (state IN ('building','complete','purging','purged')),
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (dataset_uuid, build_id)
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);

CREATE TABLE dag_version_datasets (
  pointer_set_id uuid NOT NULL REFERENCES pointer_sets,
  dataset_uuid uuid NOT NULL REFERENCES datasets,
  dataset_version uuid NOT NULL REFERENCES dataset_versions,
  dataset_id  text,
  PRIMARY KEY (pointer_set_id, dataset_uuid)
);
CREATE UNIQUE INDEX dag_version_datasets_name
  ON dag_version_datasets (pointer_set_id, dataset_id)
  WHERE dataset_id IS NOT NULL;

-- What is current, one row a DAG and world; `generation` rises by one with each switch.
CREATE TABLE dag_current_versions (
  org_id      uuid NOT NULL REFERENCES orgs,
  dag_name    text NOT NULL,
  world       world_name NOT NULL DEFAULT 'live',
  dag_version_id uuid,
  pointer_set_id uuid,
  previous_pointer_set_id uuid REFERENCES pointer_sets,
  generation  bigint NOT NULL CHECK (generation > 0),
  deploy_id   uuid NOT NULL,
  activated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, dag_name, world),
  FOREIGN KEY (pointer_set_id, dag_version_id)
      REFERENCES pointer_sets (pointer_set_id, dag_version_id),
  CHECK ((dag_version_id IS NULL) = (pointer_set_id IS NULL))
);

-- The published names of what is current. Its two unique indexes are the lock of a single producer.
CREATE TABLE dataset_names (
  dataset_id  text NOT NULL CHECK (octet_length(dataset_id) BETWEEN 1 AND 256),
  org_id      uuid NOT NULL REFERENCES orgs,
  world       world_name NOT NULL DEFAULT 'live',
  owner_dag_name text NOT NULL,
  dataset_uuid uuid NOT NULL REFERENCES datasets,
  filterable  jsonb NOT NULL DEFAULT '{}',
  read_roles  text[] NOT NULL DEFAULT '{}',
  pii_columns text[] NOT NULL DEFAULT '{}',
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, world, dataset_id),
  FOREIGN KEY (org_id, owner_dag_name, world)
      REFERENCES dag_current_versions (org_id, dag_name, world)
);
CREATE UNIQUE INDEX dataset_names_live ON dataset_names (dataset_id) WHERE world = 'live';

-- As whoever asks: row level security binds the asker.
CREATE VIEW dataset_current WITH (security_invoker = true) AS
  SELECT c.org_id, c.dag_name, c.world, c.dag_version_id, c.pointer_set_id, c.generation,
         d.dataset_uuid, d.dataset_version, d.dataset_id
    FROM dag_current_versions c
    JOIN dag_version_datasets d USING (pointer_set_id);

-- Deploys -----------------------------------------------------------------------------------------

-- The workflow of a deploy and the history of every switch.
CREATE TABLE deploys (
  deploy_id   uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES orgs,
  dag_name    text NOT NULL,
  world       world_name NOT NULL DEFAULT 'live',
  from_world  world_name,
  kind        text NOT NULL CHECK (kind IN ('deploy','rollback','rematerialize','promote')),
  from_pointer_set_id uuid REFERENCES pointer_sets,
  to_pointer_set_id uuid NOT NULL REFERENCES pointer_sets,
  state       text NOT NULL
      CHECK (state IN ('planned','building','ready','active','failed','canceled','superseded')),
  activate    text NOT NULL CHECK (activate IN ('auto','manual')),
  old_version text NOT NULL DEFAULT 'live' CHECK (old_version IN ('live','hold')),
  effects     text NOT NULL DEFAULT 'suppress' CHECK (effects IN ('suppress','fire')),
  keep_jobs   text[] NOT NULL DEFAULT '{}',
  run_sources boolean NOT NULL DEFAULT false,
  plan        jsonb NOT NULL,
  blockers    jsonb NOT NULL DEFAULT '[]',
  generation_before bigint,
  generation_after  bigint,
  created_by  uuid REFERENCES users,
  created_at  timestamptz NOT NULL DEFAULT now(),
  ready_at    timestamptz,
  finished_at timestamptz,
  CHECK ((kind = 'promote') = (from_world IS NOT NULL))
);
CREATE UNIQUE INDEX deploys_one_open
  ON deploys (org_id, dag_name, world)
  WHERE state IN ('planned','building','ready');

CREATE TABLE deploy_checks (
  deploy_id   uuid NOT NULL REFERENCES deploys,
  dataset_id  text NOT NULL,
  name        text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('row_count','null_share','freshness','sql')),
  on_fail     text NOT NULL CHECK (on_fail IN ('block','warn')),
  spec        jsonb NOT NULL,
  candidate_version uuid NOT NULL REFERENCES dataset_versions,
  baseline_version uuid REFERENCES dataset_versions,
  state       text NOT NULL
      CHECK (state IN ('pending','running','passed','failed','error','waived')),
  round       int NOT NULL DEFAULT 1 CHECK (round >= 1),
  task_id     uuid,
  measured    jsonb,
  baseline    jsonb,
  waived_by   uuid REFERENCES users,
  finished_at timestamptz,
  PRIMARY KEY (deploy_id, dataset_id, name),
  CHECK ((state IN ('pending','running')) = (finished_at IS NULL)),
  CHECK ((state = 'waived') = (waived_by IS NOT NULL))
);

CREATE TABLE effect_handoffs (
  deploy_id     uuid NOT NULL REFERENCES deploys,
  root_event_id uuid NOT NULL,
  PRIMARY KEY (deploy_id, root_event_id)
);
