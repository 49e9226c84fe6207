-- SPDX-License-Identifier: Apache-2.0
-- The data model of the task plane as its contract states it, word for word; it loads as it stands.
-- Source: the contract of the task plane, its section "Data model". The migrations are compared with it.
CREATE SCHEMA state;
CREATE SCHEMA data;
CREATE DOMAIN state.world_name AS text CHECK (VALUE ~ '^[a-z][a-z0-9-]{0,31}$');

-- identity ---------------------------------------------------------------
CREATE TABLE state.orgs (
  org_id      uuid PRIMARY KEY,
  slug        text NOT NULL UNIQUE CHECK (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$'),
  name        text NOT NULL,
  settings    jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE state.users (
  user_id     uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES state.orgs,
  issuer      text NOT NULL,
  subject     text NOT NULL,
  email       text,
  role        text NOT NULL CHECK (role IN ('reader','writer','admin')),
  disabled_at timestamptz,
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (issuer, subject)
);
CREATE TABLE state.org_roles (
  role_id     uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES state.orgs,
  slug        text NOT NULL,
  name        text NOT NULL,
  UNIQUE (org_id, slug)
);
CREATE TABLE state.org_role_memberships (
  role_id     uuid NOT NULL REFERENCES state.org_roles,
  user_id     uuid NOT NULL REFERENCES state.users,
  PRIMARY KEY (role_id, user_id)
);
CREATE TABLE state.worker_tokens (
  token_id    uuid PRIMARY KEY,
  name        text NOT NULL,
  sha256      bytea NOT NULL UNIQUE CHECK (octet_length(sha256) = 32),
  not_before  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  revoked_at  timestamptz
);
CREATE TABLE state.signing_keys (
  kid         text PRIMARY KEY,
  alg         text NOT NULL CHECK (alg = 'ES256'),
  public_jwk  jsonb,
  private_ref text,
  state       text NOT NULL CHECK (state IN ('next','current','previous','revoked')),
  not_before  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL
);
CREATE UNIQUE INDEX signing_keys_one_current ON state.signing_keys (state) WHERE state = 'current';

-- bundles ----------------------------------------------------------------
CREATE TABLE state.bundles (
  bundle_id   text PRIMARY KEY CHECK (bundle_id ~ '^[A-Za-z0-9._:-]{1,128}$'),
  org_id      uuid NOT NULL REFERENCES state.orgs,
  language    text NOT NULL CHECK (language IN ('node','python','rust')),
  entrypoint  text,
  sha256      bytea NOT NULL CHECK (octet_length(sha256) = 32),
  size_bytes  bigint NOT NULL CHECK (size_bytes > 0),
  object_uri  text NOT NULL,
  state       text NOT NULL CHECK (state IN ('pending','ready','rejected','disabled')),
  reject_code text,
  created_by  uuid REFERENCES state.users,
  created_at  timestamptz NOT NULL DEFAULT now(),
  ready_at    timestamptz
);

-- definitions (immutable) -------------------------------------------------
CREATE TABLE state.dag_versions (
  dag_version_id uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES state.orgs,
  dag_name    text NOT NULL CHECK (dag_name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'),
  version_no  bigint NOT NULL CHECK (version_no > 0),
  yaml_hash   text NOT NULL CHECK (yaml_hash ~ '^blake3:[0-9a-f]{64}$'),
  registry_hash text NOT NULL CHECK (registry_hash ~ '^blake3:[0-9a-f]{64}$'),
  yaml_text   text NOT NULL,
  canonical   jsonb NOT NULL,
  created_by  uuid REFERENCES state.users,
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, dag_name, yaml_hash, registry_hash),
  UNIQUE (org_id, dag_name, version_no)
);
CREATE TABLE state.jobs (
  dag_version_id uuid NOT NULL REFERENCES state.dag_versions,
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
  udf_bundle_id text REFERENCES state.bundles,
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
CREATE TABLE state.edges (
  dag_version_id uuid NOT NULL,
  consumer_job text NOT NULL,
  input_index int  NOT NULL CHECK (input_index >= 0),
  from_job    text,
  from_output int,
  from_dataset_id text,
  where_filter jsonb,
  PRIMARY KEY (dag_version_id, consumer_job, input_index),
  FOREIGN KEY (dag_version_id, consumer_job) REFERENCES state.jobs (dag_version_id, name),
  FOREIGN KEY (dag_version_id, from_job) REFERENCES state.jobs (dag_version_id, name),
  CHECK ((from_job IS NULL) = (from_output IS NULL)),
  CHECK ((from_job IS NULL) <> (from_dataset_id IS NULL))
);

-- materialization identity ------------------------------------------------
CREATE TABLE state.builds (
  build_id    uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES state.orgs,
  dag_name    text NOT NULL,
  job_name    text NOT NULL,
  world       state.world_name NOT NULL DEFAULT 'live',
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
CREATE TABLE state.pointer_sets (
  pointer_set_id uuid PRIMARY KEY,
  dag_version_id uuid NOT NULL REFERENCES state.dag_versions,
  set_no      int NOT NULL CHECK (set_no >= 1),
  created_at  timestamptz NOT NULL DEFAULT now(),
  first_current_at timestamptz,
  last_current_at timestamptz,
  UNIQUE (dag_version_id, set_no),
  UNIQUE (pointer_set_id, dag_version_id)
);
CREATE TABLE state.dag_version_builds (
  pointer_set_id uuid NOT NULL,
  dag_version_id uuid NOT NULL,
  job_name    text NOT NULL,
  build_id    uuid NOT NULL REFERENCES state.builds,
  PRIMARY KEY (pointer_set_id, job_name),
  FOREIGN KEY (pointer_set_id, dag_version_id) REFERENCES state.pointer_sets (pointer_set_id, dag_version_id),
  FOREIGN KEY (dag_version_id, job_name) REFERENCES state.jobs (dag_version_id, name)
);
CREATE INDEX dag_version_builds_build ON state.dag_version_builds (build_id);

-- datasets ----------------------------------------------------------------
CREATE TABLE state.datasets (
  dataset_uuid uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES state.orgs,
  dag_name    text NOT NULL,
  job_name    text NOT NULL,
  output_index int NOT NULL CHECK (output_index >= 0),
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (org_id, dag_name, job_name, output_index)
);
CREATE TABLE state.dataset_versions (
  dataset_version uuid PRIMARY KEY,
  dataset_uuid uuid NOT NULL REFERENCES state.datasets,
  build_id    uuid NOT NULL REFERENCES state.builds,
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
  state       text NOT NULL DEFAULT 'building' CHECK (state IN ('building','complete','purging','purged')),
  created_at  timestamptz NOT NULL DEFAULT now(),
  UNIQUE (dataset_uuid, build_id)
);
CREATE TABLE state.dag_version_datasets (
  pointer_set_id uuid NOT NULL REFERENCES state.pointer_sets,
  dataset_uuid uuid NOT NULL REFERENCES state.datasets,
  dataset_version uuid NOT NULL REFERENCES state.dataset_versions,
  dataset_id  text,
  PRIMARY KEY (pointer_set_id, dataset_uuid)
);
CREATE UNIQUE INDEX dag_version_datasets_name ON state.dag_version_datasets (pointer_set_id, dataset_id) WHERE dataset_id IS NOT NULL;
CREATE TABLE state.dag_current_versions (
  org_id      uuid NOT NULL REFERENCES state.orgs,
  dag_name    text NOT NULL,
  world       state.world_name NOT NULL DEFAULT 'live',
  dag_version_id uuid,
  pointer_set_id uuid,
  previous_pointer_set_id uuid REFERENCES state.pointer_sets,
  generation  bigint NOT NULL CHECK (generation > 0),
  deploy_id   uuid NOT NULL,
  activated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, dag_name, world),
  FOREIGN KEY (pointer_set_id, dag_version_id) REFERENCES state.pointer_sets (pointer_set_id, dag_version_id),
  CHECK ((dag_version_id IS NULL) = (pointer_set_id IS NULL))
);
CREATE TABLE state.dataset_names (
  dataset_id  text NOT NULL CHECK (octet_length(dataset_id) BETWEEN 1 AND 256),
  org_id      uuid NOT NULL REFERENCES state.orgs,
  world       state.world_name NOT NULL DEFAULT 'live',
  owner_dag_name text NOT NULL,
  dataset_uuid uuid NOT NULL REFERENCES state.datasets,
  filterable  jsonb NOT NULL DEFAULT '{}',
  read_roles  text[] NOT NULL DEFAULT '{}',
  pii_columns text[] NOT NULL DEFAULT '{}',
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, world, dataset_id),
  FOREIGN KEY (org_id, owner_dag_name, world) REFERENCES state.dag_current_versions (org_id, dag_name, world)
);
CREATE UNIQUE INDEX dataset_names_live ON state.dataset_names (dataset_id) WHERE world = 'live';
CREATE VIEW state.dataset_current AS
  SELECT c.org_id, c.dag_name, c.world, c.dag_version_id, c.pointer_set_id, c.generation,
         d.dataset_uuid, d.dataset_version, d.dataset_id
    FROM state.dag_current_versions c
    JOIN state.dag_version_datasets d USING (pointer_set_id);

-- deploys -----------------------------------------------------------------
CREATE TABLE state.deploys (
  deploy_id   uuid PRIMARY KEY,
  org_id      uuid NOT NULL REFERENCES state.orgs,
  dag_name    text NOT NULL,
  world       state.world_name NOT NULL DEFAULT 'live',
  from_world  state.world_name,
  kind        text NOT NULL CHECK (kind IN ('deploy','rollback','rematerialize','promote')),
  from_pointer_set_id uuid REFERENCES state.pointer_sets,
  to_pointer_set_id uuid NOT NULL REFERENCES state.pointer_sets,
  state       text NOT NULL CHECK (state IN ('planned','building','ready','active','failed','canceled','superseded')),
  activate    text NOT NULL CHECK (activate IN ('auto','manual')),
  old_version text NOT NULL DEFAULT 'live' CHECK (old_version IN ('live','hold')),
  effects     text NOT NULL DEFAULT 'suppress' CHECK (effects IN ('suppress','fire')),
  keep_jobs   text[] NOT NULL DEFAULT '{}',
  run_sources boolean NOT NULL DEFAULT false,
  plan        jsonb NOT NULL,
  blockers    jsonb NOT NULL DEFAULT '[]',
  generation_before bigint,
  generation_after  bigint,
  created_by  uuid REFERENCES state.users,
  created_at  timestamptz NOT NULL DEFAULT now(),
  ready_at    timestamptz,
  finished_at timestamptz,
  CHECK ((kind = 'promote') = (from_world IS NOT NULL))
);
CREATE UNIQUE INDEX deploys_one_open ON state.deploys (org_id, dag_name, world) WHERE state IN ('planned','building','ready');
CREATE TABLE state.deploy_checks (
  deploy_id   uuid NOT NULL REFERENCES state.deploys,
  dataset_id  text NOT NULL,
  name        text NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('row_count','null_share','freshness','sql')),
  on_fail     text NOT NULL CHECK (on_fail IN ('block','warn')),
  spec        jsonb NOT NULL,
  candidate_version uuid NOT NULL REFERENCES state.dataset_versions,
  baseline_version uuid REFERENCES state.dataset_versions,
  state       text NOT NULL CHECK (state IN ('pending','running','passed','failed','error','waived')),
  round       int NOT NULL DEFAULT 1 CHECK (round >= 1),
  task_id     uuid,
  measured    jsonb,
  baseline    jsonb,
  waived_by   uuid REFERENCES state.users,
  finished_at timestamptz,
  PRIMARY KEY (deploy_id, dataset_id, name),
  CHECK ((state IN ('pending','running')) = (finished_at IS NULL)),
  CHECK ((state = 'waived') = (waived_by IS NOT NULL))
);
CREATE TABLE state.effect_handoffs (
  deploy_id     uuid NOT NULL REFERENCES state.deploys,
  root_event_id uuid NOT NULL,
  PRIMARY KEY (deploy_id, root_event_id)
);

-- events and routing --------------------------------------------------------
CREATE TABLE state.events (
  event_id    uuid PRIMARY KEY,
  org_id      uuid NOT NULL,
  dataset_uuid uuid NOT NULL REFERENCES state.datasets,
  dataset_version uuid NOT NULL REFERENCES state.dataset_versions,
  seq         bigint NOT NULL,
  producer_task_id uuid NOT NULL,
  producer_attempt int NOT NULL,
  kind        text NOT NULL CHECK (kind IN ('cursor','partition')),
  scope_key   text NOT NULL CHECK (octet_length(scope_key) BETWEEN 1 AND 256),
  cursor_int  bigint,
  range_start bigint,
  range_end   bigint,
  class       text NOT NULL CHECK (class IN ('live','replay','backfill','recompute','manual')),
  root_event_id uuid NOT NULL,
  payload     jsonb NOT NULL DEFAULT '{}',
  accepted_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (producer_task_id, dataset_uuid, kind, scope_key),
  UNIQUE (dataset_version, seq),
  CHECK (range_end >= range_start)
);
CREATE TABLE state.subscriptions (
  consumer_build_id uuid NOT NULL REFERENCES state.builds,
  input_index int NOT NULL,
  dataset_version uuid NOT NULL REFERENCES state.dataset_versions,
  via         uuid[] NOT NULL DEFAULT '{}',
  backfill_to_seq bigint NOT NULL DEFAULT 0,
  enumerated_seq bigint NOT NULL DEFAULT 0,
  stopped_seq bigint,
  catchup_to_seq bigint,
  PRIMARY KEY (consumer_build_id, input_index, dataset_version),
  CHECK (catchup_to_seq >= stopped_seq),
  CHECK (catchup_to_seq IS NULL OR stopped_seq IS NOT NULL)
);
CREATE INDEX subscriptions_by_version ON state.subscriptions (dataset_version);
CREATE TABLE state.route_rejections (
  consumer_build_id uuid NOT NULL REFERENCES state.builds,
  input_index int NOT NULL,
  event_id    uuid NOT NULL REFERENCES state.events,
  reason      text NOT NULL CHECK (reason IN ('cursor_on_partition_input')),
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_build_id, input_index, event_id)
);

-- tasks ---------------------------------------------------------------------
CREATE TABLE state.tasks (
  task_id     uuid PRIMARY KEY,
  org_id      uuid NOT NULL,
  build_id    uuid NOT NULL REFERENCES state.builds,
  dag_version_id uuid NOT NULL REFERENCES state.dag_versions,
  kind        text NOT NULL CHECK (kind IN ('reactive','source_run','recompute','sink','check')),
  queue       text NOT NULL CHECK (queue ~ '^tasks\.(lambda|ecs_platform|dispatcher|sink|query)\.(high|normal|low|backfill)$'),
  state       text NOT NULL CHECK (state IN ('queued','running','retry_wait','completed','failed','canceled')),
  class       text NOT NULL CHECK (class IN ('live','replay','backfill','recompute','manual')),
  effects     text CHECK (effects IN ('fire','suppress')),
  attempt     int  NOT NULL DEFAULT 1 CHECK (attempt >= 1),
  max_attempts int CHECK (max_attempts >= 1),
  priority    smallint NOT NULL CHECK (priority BETWEEN -1 AND 2),
  trigger_event_id uuid REFERENCES state.events,
  root_event_id uuid,
  input_index int,
  invalidation_id uuid,
  order_seq   bigint,
  scope       jsonb NOT NULL DEFAULT '{}',
  available_at timestamptz NOT NULL DEFAULT now(),
  rank_at     timestamptz NOT NULL DEFAULT now(),
  next_retry_at timestamptz,
  deadline_at timestamptz,
  cancel_requested_at timestamptz,
  cancel_reason text CHECK (cancel_reason IN ('rollback','superseded','user','timeout','dag_removed')),
  last_error  jsonb,
  result      jsonb,
  woken_at    timestamptz,
  wakeups     int NOT NULL DEFAULT 0,
  created_at  timestamptz NOT NULL DEFAULT now(),
  started_at  timestamptz,
  finished_at timestamptz,
  CHECK ((state = 'retry_wait') = (next_retry_at IS NOT NULL)),
  CHECK ((state IN ('completed','failed','canceled')) = (finished_at IS NOT NULL)),
  CHECK (max_attempts IS NOT NULL OR kind = 'source_run'),
  CHECK (woken_at IS NULL OR state = 'queued')
);
CREATE UNIQUE INDEX tasks_one_per_event ON state.tasks (build_id, input_index, trigger_event_id) WHERE trigger_event_id IS NOT NULL AND invalidation_id IS NULL;
CREATE UNIQUE INDEX tasks_one_per_invalidation ON state.tasks (build_id, input_index, invalidation_id, (scope->>'partition_key')) NULLS NOT DISTINCT WHERE invalidation_id IS NOT NULL;
CREATE INDEX tasks_ready ON state.tasks (queue, build_id, rank_at, task_id) WHERE state = 'queued';
CREATE INDEX tasks_woken ON state.tasks (woken_at) WHERE woken_at IS NOT NULL;
CREATE INDEX tasks_retry ON state.tasks (next_retry_at) WHERE state = 'retry_wait';
CREATE INDEX tasks_deadline ON state.tasks (deadline_at) WHERE state = 'running';
CREATE INDEX tasks_finished ON state.tasks (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX tasks_open_root ON state.tasks (build_id, root_event_id) WHERE state IN ('queued','running','retry_wait');
CREATE TABLE state.attempts (
  task_id     uuid NOT NULL,
  attempt     int  NOT NULL,
  fence_no    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  lease_token uuid NOT NULL UNIQUE,
  worker_id   text NOT NULL,
  claim_id    uuid,
  state       text NOT NULL CHECK (state IN ('active','expired','closed')),
  outcome     text CHECK (outcome IN ('success','retryable_error','fatal_error','canceled','released','lease_expired','timeout')),
  error       jsonb,
  started_at  timestamptz NOT NULL DEFAULT now(),
  ended_at    timestamptz,
  PRIMARY KEY (task_id, attempt),
  CHECK ((state = 'active') = (ended_at IS NULL))
);
CREATE UNIQUE INDEX attempts_one_active ON state.attempts (task_id) WHERE state = 'active';
CREATE INDEX attempts_by_claim ON state.attempts (worker_id, claim_id) WHERE state = 'active' AND claim_id IS NOT NULL;
CREATE TABLE state.leases (
  task_id     uuid PRIMARY KEY,
  attempt     int NOT NULL,
  worker_id   text NOT NULL,
  expires_at  timestamptz NOT NULL,
  last_heartbeat_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (task_id, attempt) REFERENCES state.attempts (task_id, attempt)
) WITH (fillfactor = 50);
CREATE INDEX leases_expiry ON state.leases (expires_at);
CREATE TABLE state.task_history (
  task_id     uuid NOT NULL,
  org_id      uuid NOT NULL,
  build_id    uuid NOT NULL,
  dag_version_id uuid NOT NULL,
  kind        text NOT NULL,
  queue       text NOT NULL,
  state       text NOT NULL CHECK (state IN ('completed','failed','canceled')),
  class       text NOT NULL,
  effects     text,
  attempt     int  NOT NULL,
  max_attempts int,
  priority    smallint NOT NULL,
  trigger_event_id uuid,
  root_event_id uuid,
  input_index int,
  invalidation_id uuid,
  order_seq   bigint,
  scope       jsonb NOT NULL,
  cancel_reason text,
  last_error  jsonb,
  result      jsonb,
  attempts    jsonb NOT NULL,
  created_at  timestamptz NOT NULL,
  started_at  timestamptz,
  finished_at timestamptz NOT NULL,
  PRIMARY KEY (task_id, finished_at)
) PARTITION BY RANGE (finished_at);
CREATE TABLE state.task_history_default PARTITION OF state.task_history DEFAULT;
CREATE INDEX task_history_event ON state.task_history (build_id, input_index, trigger_event_id);
CREATE INDEX task_history_org ON state.task_history (org_id, finished_at);
CREATE TABLE state.task_counts (
  build_id    uuid NOT NULL,
  queue       text NOT NULL,
  slot        smallint NOT NULL CHECK (slot BETWEEN 0 AND 15),
  queued      bigint NOT NULL DEFAULT 0,
  running     bigint NOT NULL DEFAULT 0,
  retry_wait  bigint NOT NULL DEFAULT 0,
  completed   bigint NOT NULL DEFAULT 0,
  failed      bigint NOT NULL DEFAULT 0,
  canceled    bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (build_id, queue, slot)
) WITH (fillfactor = 50);

-- incremental state ----------------------------------------------------------
CREATE TABLE state.dataset_cursors (
  build_id    uuid NOT NULL REFERENCES state.builds,
  input_index int NOT NULL,
  dataset_version uuid NOT NULL REFERENCES state.dataset_versions,
  cursor_int  bigint,
  cursor_text text,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (build_id, input_index, dataset_version)
);
CREATE TABLE state.partition_versions (
  dataset_version uuid NOT NULL REFERENCES state.dataset_versions,
  partition_key text NOT NULL,
  revision    int NOT NULL CHECK (revision >= 1),
  event_id    uuid NOT NULL REFERENCES state.events,
  producer_task_id uuid NOT NULL,
  producer_attempt int NOT NULL,
  range_start bigint,
  range_end   bigint,
  location    text,
  manifest_sha256 bytea,
  row_count   bigint,
  bytes       bigint,
  schema_hash text,
  committed_at timestamptz NOT NULL DEFAULT now(),
  superseded_at timestamptz,
  PRIMARY KEY (dataset_version, partition_key, revision)
);
CREATE UNIQUE INDEX partition_versions_current ON state.partition_versions (dataset_version, partition_key) WHERE superseded_at IS NULL;
CREATE TABLE state.invalidations (
  invalidation_id uuid PRIMARY KEY,
  dataset_version uuid NOT NULL REFERENCES state.dataset_versions,
  scope       text NOT NULL CHECK (scope IN ('partition','row_range','full')),
  partition_key text,
  row_filter  jsonb,
  reason      text NOT NULL CHECK (reason IN ('reorg','correction','manual','schema_change','upstream_cutover')),
  dedupe_key  text NOT NULL,
  source      jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT now(),
  processed_at timestamptz,
  UNIQUE (dataset_version, dedupe_key),
  CHECK ((scope = 'partition') = (partition_key IS NOT NULL)),
  CHECK ((scope = 'row_range') = (row_filter IS NOT NULL))
);
CREATE TABLE state.invalidation_targets (
  invalidation_id uuid NOT NULL REFERENCES state.invalidations,
  consumer_build_id uuid NOT NULL REFERENCES state.builds,
  input_index int NOT NULL,
  tasks_total int NOT NULL DEFAULT 0,
  processed_at timestamptz,
  PRIMARY KEY (invalidation_id, consumer_build_id, input_index)
);
CREATE TABLE state.operator_state (
  build_id    uuid NOT NULL REFERENCES state.builds,
  state_key   text NOT NULL DEFAULT 'default',
  state       jsonb NOT NULL DEFAULT '{}',
  revision    bigint NOT NULL DEFAULT 0,
  task_id     uuid,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (build_id, state_key)
);
CREATE TABLE state.batch_manifests (
  build_id    uuid NOT NULL REFERENCES state.builds,
  source_dataset_version uuid NOT NULL,
  batch_no    bigint NOT NULL CHECK (batch_no >= 0),
  manifest    jsonb NOT NULL,
  sha256      bytea NOT NULL,
  event_id    uuid NOT NULL REFERENCES state.events,
  PRIMARY KEY (build_id, source_dataset_version, batch_no)
);

-- buffered publishes ----------------------------------------------------------
CREATE TABLE state.buffered_publishes (
  publish_id  uuid PRIMARY KEY,
  order_no    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  org_id      uuid NOT NULL,
  dataset_uuid uuid NOT NULL REFERENCES state.datasets,
  dataset_version uuid NOT NULL REFERENCES state.dataset_versions,
  task_id     uuid NOT NULL,
  attempt     int NOT NULL,
  batch_uri   text NOT NULL,
  content_type text NOT NULL CHECK (content_type = 'application/jsonl'),
  size_bytes  bigint NOT NULL CHECK (size_bytes BETWEEN 0 AND 16777216),
  sha256      bytea,
  dedupe_scope text NOT NULL,
  event_kind  text CHECK (event_kind IN ('cursor','partition')),
  event_scope_key text,
  state       text NOT NULL CHECK (state IN ('accepted','committed','dead')),
  rows_in     bigint,
  rows_written bigint,
  last_error  jsonb,
  created_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  UNIQUE (task_id, attempt, batch_uri)
);
CREATE INDEX buffered_publishes_dead ON state.buffered_publishes (org_id, created_at) WHERE state = 'dead';

-- outbox and wake-ups -----------------------------------------------------------
CREATE TABLE state.outbox (
  outbox_id   uuid PRIMARY KEY,
  kind        text NOT NULL CHECK (kind IN ('task_wakeup','invoke','control_event')),
  topic       text NOT NULL,
  order_key   text,
  payload     jsonb NOT NULL,
  state       text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending','sending','sent','dead')),
  attempts    int NOT NULL DEFAULT 0,
  available_at timestamptz NOT NULL DEFAULT now(),
  locked_until timestamptz,
  last_error  text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  sent_at     timestamptz
);
CREATE INDEX outbox_ready ON state.outbox (available_at) WHERE state IN ('pending','sending');
CREATE TABLE state.wakeup_meters (
  queue_name  text NOT NULL,
  slot        smallint NOT NULL CHECK (slot BETWEEN 0 AND 15),
  outstanding bigint NOT NULL DEFAULT 0,
  owed        boolean NOT NULL DEFAULT false,
  more_until  timestamptz,
  PRIMARY KEY (queue_name, slot)
) WITH (fillfactor = 50);
CREATE TABLE state.control_event_heads (
  org_id      uuid PRIMARY KEY REFERENCES state.orgs,
  last_no     bigint NOT NULL DEFAULT 0
);
CREATE TABLE state.control_events (
  org_id      uuid NOT NULL REFERENCES state.orgs,
  event_no    bigint NOT NULL,
  type        text NOT NULL,
  envelope    jsonb NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, event_no)
);
CREATE TABLE state.queue_messages (
  message_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  queue_name  text NOT NULL,
  payload     jsonb NOT NULL,
  visible_at  timestamptz NOT NULL DEFAULT now(),
  receipt     uuid,
  deliveries  int NOT NULL DEFAULT 0,
  max_deliveries int NOT NULL DEFAULT 20,
  created_at  timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX queue_messages_ready ON state.queue_messages (queue_name, visible_at, message_id);
CREATE TABLE state.queue_dead (
  message_id  bigint PRIMARY KEY,
  queue_name  text NOT NULL,
  payload     jsonb NOT NULL,
  deliveries  int NOT NULL,
  last_error  text,
  created_at  timestamptz NOT NULL,
  dead_at     timestamptz NOT NULL DEFAULT now()
);

-- sources, pressure, effects -----------------------------------------------------
CREATE TABLE state.source_state (
  build_id    uuid PRIMARY KEY REFERENCES state.builds,
  world       state.world_name NOT NULL DEFAULT 'live',
  enabled     boolean NOT NULL DEFAULT true,
  kind        text NOT NULL CHECK (kind IN ('cron','webhook','manual','always_on')),
  next_fire_at timestamptz,
  last_fire_at timestamptz,
  run_epoch   int NOT NULL DEFAULT 1,
  caught_up_at timestamptz,
  webhook_path text CHECK (webhook_path IS NULL OR world = 'live')
);
CREATE UNIQUE INDEX source_state_webhook ON state.source_state (webhook_path) WHERE webhook_path IS NOT NULL;
CREATE INDEX source_state_due ON state.source_state (next_fire_at) WHERE kind = 'cron' AND enabled;
CREATE TABLE state.bootstrap_runs (
  dag_version_id uuid NOT NULL,
  job_name    text NOT NULL,
  action      text NOT NULL CHECK (action IN ('reset_outputs')),
  done_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (dag_version_id, job_name, action)
);
CREATE TABLE state.pressure (
  build_id    uuid PRIMARY KEY REFERENCES state.builds,
  tripped     boolean NOT NULL DEFAULT false,
  depth       bigint NOT NULL DEFAULT 0,
  oldest_age_ms bigint NOT NULL DEFAULT 0,
  changed_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE state.pauses (
  build_id    uuid NOT NULL REFERENCES state.builds,
  cause       text NOT NULL CHECK (cause IN ('pressure','user','deploy')),
  cause_key   text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (build_id, cause, cause_key)
);
CREATE TABLE state.deliveries (
  delivery_id uuid PRIMARY KEY,
  org_id      uuid NOT NULL,
  effect_key  text NOT NULL,
  channel     text NOT NULL,
  destination_ref text NOT NULL,
  payload     jsonb NOT NULL,
  event_time  timestamptz NOT NULL,
  state       text NOT NULL CHECK (state IN ('pending','sending','retry_wait','delivered','failed','suppressed','stale','withdrawn')),
  attempts    int NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  leased_until timestamptz,
  root_event_id uuid,
  last_error  jsonb,
  provider_message_id text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  UNIQUE (org_id, effect_key, channel)
);
CREATE TABLE state.delivery_assertions (
  delivery_id uuid NOT NULL REFERENCES state.deliveries,
  build_id    uuid NOT NULL REFERENCES state.builds,
  task_id     uuid NOT NULL,
  effects     text NOT NULL CHECK (effects IN ('fire','suppress')),
  PRIMARY KEY (delivery_id, build_id)
);
CREATE INDEX deliveries_ready ON state.deliveries (next_attempt_at) WHERE state IN ('pending','retry_wait');

-- pins, audit ---------------------------------------------------------------------
CREATE TABLE state.query_pins (
  query_id    uuid NOT NULL,
  dataset_version uuid NOT NULL REFERENCES state.dataset_versions,
  org_id      uuid NOT NULL,
  principal   text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (query_id, dataset_version)
);
CREATE INDEX query_pins_version ON state.query_pins (dataset_version, expires_at);
CREATE INDEX query_pins_expiry ON state.query_pins (expires_at);
CREATE TABLE state.audit_log (
  audit_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at          timestamptz NOT NULL DEFAULT now(),
  org_id      uuid,
  actor_kind  text NOT NULL CHECK (actor_kind IN ('user','task','worker','system')),
  actor       text NOT NULL,
  action      text NOT NULL,
  target      text NOT NULL,
  decision    text NOT NULL CHECK (decision IN ('allow','deny')),
  request_id  uuid,
  detail      jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_org_time ON state.audit_log (org_id, at DESC);
CREATE TABLE state.idempotency_keys (
  org_id      uuid NOT NULL,
  key         text NOT NULL,
  route       text NOT NULL,
  request_sha256 bytea NOT NULL,
  status      int NOT NULL,
  response    jsonb NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, route, key)
);

-- data schema ------------------------------------------------------------------------
CREATE TABLE data.applied_publishes (
  publish_id  uuid PRIMARY KEY,
  dataset_version uuid NOT NULL,
  rows_in     bigint NOT NULL,
  rows_written bigint NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE data.applied_scopes (
  dataset_version uuid NOT NULL,
  scope_key   text NOT NULL,
  fence_no    bigint NOT NULL,
  task_id     uuid NOT NULL,
  rows_written bigint NOT NULL,
  applied_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (dataset_version, scope_key)
);
CREATE TABLE data.query_audit (
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
