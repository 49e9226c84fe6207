-- SPDX-License-Identifier: Apache-2.0
-- Events, the tasks they become, and all that moves while work is done.
--
-- Hot tables keep room in their pages, so that a row's next version stays beside it and, where no
-- indexed column changed, touches no index; and vacuum comes for two hundred dead rows and one in a
-- hundred, not for one in five.

-- Events and routing ------------------------------------------------------------------------------

-- What was emitted, numbered without gaps a dataset version. Never changed, never deleted.
CREATE TABLE events (
  event_id    uuid PRIMARY KEY,
  org_id      uuid NOT NULL,
  dataset_uuid uuid NOT NULL REFERENCES datasets,
  dataset_version uuid NOT NULL REFERENCES dataset_versions,
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

-- Which events become tasks of which input. The marks say how far its past is enumerated.
CREATE TABLE subscriptions (
  consumer_build_id uuid NOT NULL REFERENCES builds,
  input_index int NOT NULL,
  dataset_version uuid NOT NULL REFERENCES dataset_versions,
  via         uuid[] NOT NULL DEFAULT '{}',
  backfill_to_seq bigint NOT NULL DEFAULT 0,
  enumerated_seq bigint NOT NULL DEFAULT 0,
  stopped_seq bigint,
  catchup_to_seq bigint,
  PRIMARY KEY (consumer_build_id, input_index, dataset_version),
  CHECK (catchup_to_seq >= stopped_seq),
  CHECK (catchup_to_seq IS NULL OR stopped_seq IS NOT NULL)
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE INDEX subscriptions_by_version ON subscriptions (dataset_version);

-- Events that an input cannot take: accounted for like a task.
CREATE TABLE route_rejections (
  consumer_build_id uuid NOT NULL REFERENCES builds,
  input_index int NOT NULL,
  event_id    uuid NOT NULL REFERENCES events,
  reason      text NOT NULL CHECK (reason IN ('cursor_on_partition_input')),
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer_build_id, input_index, event_id)
);

-- Tasks -------------------------------------------------------------------------------------------

-- Live work. No foreign key points here: finished rows leave for task_history. Indexes on what
-- changes are partial, each on the state it serves.
CREATE TABLE tasks (
  task_id     uuid PRIMARY KEY,
  org_id      uuid NOT NULL,
  build_id    uuid NOT NULL REFERENCES builds,
  dag_version_id uuid NOT NULL REFERENCES dag_versions,
  kind        text NOT NULL CHECK (kind IN ('reactive','source_run','recompute','sink','check')),
  queue       text NOT NULL
    CHECK (
      queue ~ '^tasks\.(lambda|ecs_platform|dispatcher|sink|query)\.(high|normal|low|backfill)$'
    ),
  state       text NOT NULL
      CHECK (state IN ('queued','running','retry_wait','completed','failed','canceled')),
  class       text NOT NULL CHECK (class IN ('live','replay','backfill','recompute','manual')),
  effects     text CHECK (effects IN ('fire','suppress')),
  attempt     int  NOT NULL DEFAULT 1 CHECK (attempt >= 1),
  max_attempts int CHECK (max_attempts >= 1),
  priority    smallint NOT NULL CHECK (priority BETWEEN -1 AND 2),
  trigger_event_id uuid REFERENCES events,
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
  cancel_reason text
      CHECK (cancel_reason IN ('rollback','superseded','user','timeout','dag_removed')),
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
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE UNIQUE INDEX tasks_one_per_event
  ON tasks (build_id, input_index, trigger_event_id)
  WHERE trigger_event_id IS NOT NULL AND invalidation_id IS NULL;
CREATE UNIQUE INDEX tasks_one_per_invalidation
  ON tasks (build_id, input_index, invalidation_id, (scope->>'partition_key'))
  NULLS NOT DISTINCT WHERE invalidation_id IS NOT NULL;
CREATE INDEX tasks_ready ON tasks (queue, build_id, rank_at, task_id) WHERE state = 'queued';
CREATE INDEX tasks_woken ON tasks (woken_at) WHERE woken_at IS NOT NULL;
CREATE INDEX tasks_retry ON tasks (next_retry_at) WHERE state = 'retry_wait';
CREATE INDEX tasks_deadline ON tasks (deadline_at) WHERE state = 'running';
CREATE INDEX tasks_finished ON tasks (finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX tasks_open_root
  ON tasks (build_id, root_event_id)
  WHERE state IN ('queued','running','retry_wait');

-- Executions of a task. `fence_no` rises over all claims, for stores outside this database.
CREATE TABLE attempts (
  task_id     uuid NOT NULL,
  attempt     int  NOT NULL,
  fence_no    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  lease_token uuid NOT NULL UNIQUE,
  worker_id   text NOT NULL,
  claim_id    uuid,
  state       text NOT NULL CHECK (state IN ('active','expired','closed')),
  outcome     text
      CHECK (outcome IN ('success','retryable_error','fatal_error','canceled','released',
        'lease_expired','timeout')),
  error       jsonb,
  started_at  timestamptz NOT NULL DEFAULT now(),
  ended_at    timestamptz,
  PRIMARY KEY (task_id, attempt),
  CHECK ((state = 'active') = (ended_at IS NULL))
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE UNIQUE INDEX attempts_one_active ON attempts (task_id) WHERE state = 'active';
CREATE INDEX attempts_by_claim
  ON attempts (worker_id, claim_id)
  WHERE state = 'active' AND claim_id IS NOT NULL;

-- The right to run an attempt; a heartbeat touches this narrow row and nothing else.
CREATE TABLE leases (
  task_id     uuid PRIMARY KEY,
  attempt     int NOT NULL,
  worker_id   text NOT NULL,
  expires_at  timestamptz NOT NULL,
  last_heartbeat_at timestamptz NOT NULL DEFAULT now(),
  FOREIGN KEY (task_id, attempt) REFERENCES attempts (task_id, attempt)
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE INDEX leases_expiry ON leases (expires_at);

-- Finished work, its attempts folded in, a partition a week (0005_history.sql).
CREATE TABLE task_history (
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

CREATE TABLE task_history_default PARTITION OF task_history DEFAULT;
CREATE INDEX task_history_event ON task_history (build_id, input_index, trigger_event_id);
CREATE INDEX task_history_org ON task_history (org_id, finished_at);

-- Tasks by build, queue and state, as deltas. Several slots a key, so that no two transactions wait
-- for one row: only the sum over them counts.
CREATE TABLE task_counts (
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
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);

-- Incremental state -------------------------------------------------------------------------------

-- How far a build has read an input.
CREATE TABLE dataset_cursors (
  build_id    uuid NOT NULL REFERENCES builds,
  input_index int NOT NULL,
  dataset_version uuid NOT NULL REFERENCES dataset_versions,
  cursor_int  bigint,
  cursor_text text,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (build_id, input_index, dataset_version)
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);

-- What is committed of a partition. Revisions stay for readers that are pinned to them.
CREATE TABLE partition_versions (
  dataset_version uuid NOT NULL REFERENCES dataset_versions,
  partition_key text NOT NULL,
  revision    int NOT NULL CHECK (revision >= 1),
  event_id    uuid NOT NULL REFERENCES events,
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
) WITH (
  fillfactor = 90,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE UNIQUE INDEX partition_versions_current
  ON partition_versions (dataset_version, partition_key)
  WHERE superseded_at IS NULL;

CREATE TABLE invalidations (
  invalidation_id uuid PRIMARY KEY,
  dataset_version uuid NOT NULL REFERENCES dataset_versions,
  scope       text NOT NULL CHECK (scope IN ('partition','row_range','full')),
  partition_key text,
  row_filter  jsonb,
  reason      text NOT NULL
      CHECK (reason IN ('reorg','correction','manual','schema_change','upstream_cutover')),
  dedupe_key  text NOT NULL,
  source      jsonb NOT NULL DEFAULT '{}',
  created_at  timestamptz NOT NULL DEFAULT now(),
  processed_at timestamptz,
  UNIQUE (dataset_version, dedupe_key),
  CHECK ((scope = 'partition') = (partition_key IS NOT NULL)),
  CHECK ((scope = 'row_range') = (row_filter IS NOT NULL))
);

CREATE TABLE invalidation_targets (
  invalidation_id uuid NOT NULL REFERENCES invalidations,
  consumer_build_id uuid NOT NULL REFERENCES builds,
  input_index int NOT NULL,
  tasks_total int NOT NULL DEFAULT 0,
  processed_at timestamptz,
  PRIMARY KEY (invalidation_id, consumer_build_id, input_index)
);

-- What an operator keeps between its tasks; a writer names the revision it has read.
CREATE TABLE operator_state (
  build_id    uuid NOT NULL REFERENCES builds,
  state_key   text NOT NULL DEFAULT 'default',
  state       jsonb NOT NULL DEFAULT '{}',
  revision    bigint NOT NULL DEFAULT 0,
  task_id     uuid,
  updated_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (build_id, state_key)
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);

CREATE TABLE batch_manifests (
  build_id    uuid NOT NULL REFERENCES builds,
  source_dataset_version uuid NOT NULL,
  batch_no    bigint NOT NULL CHECK (batch_no >= 0),
  manifest    jsonb NOT NULL,
  sha256      bytea NOT NULL,
  event_id    uuid NOT NULL REFERENCES events,
  PRIMARY KEY (build_id, source_dataset_version, batch_no)
);

-- Buffered publishes ------------------------------------------------------------------------------

-- Batches on their way into a table. The task of the same id applies one.
CREATE TABLE buffered_publishes (
  publish_id  uuid PRIMARY KEY,
  order_no    bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  org_id      uuid NOT NULL,
  dataset_uuid uuid NOT NULL REFERENCES datasets,
  dataset_version uuid NOT NULL REFERENCES dataset_versions,
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
) WITH (
  fillfactor = 80,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE INDEX buffered_publishes_dead
  ON buffered_publishes (org_id, created_at)
  WHERE state = 'dead';

-- Outbox and wake-ups -----------------------------------------------------------------------------

-- What must be done outside after a commit, written with it. Ids are derived: repeats collide.
CREATE TABLE outbox (
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
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE INDEX outbox_ready ON outbox (available_at) WHERE state IN ('pending','sending');

-- Wake-ups that are out, by queue, in slots as task_counts; `owed`: a task waits without one.
CREATE TABLE wakeup_meters (
  queue_name  text NOT NULL,
  slot        smallint NOT NULL CHECK (slot BETWEEN 0 AND 15),
  outstanding bigint NOT NULL DEFAULT 0,
  owed        boolean NOT NULL DEFAULT false,
  more_until  timestamptz,
  PRIMARY KEY (queue_name, slot)
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);

-- The number of the last event of an organisation.
CREATE TABLE control_event_heads (
  org_id      uuid PRIMARY KEY REFERENCES orgs,
  last_no     bigint NOT NULL DEFAULT 0
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);

CREATE TABLE control_events (
  org_id      uuid NOT NULL REFERENCES orgs,
  event_no    bigint NOT NULL,
  type        text NOT NULL,
  envelope    jsonb NOT NULL,
  published_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (org_id, event_no)
);

-- A queue for one installation: bells, not work. Losing one costs time, nothing else.
CREATE TABLE queue_messages (
  message_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  queue_name  text NOT NULL,
  payload     jsonb NOT NULL,
  visible_at  timestamptz NOT NULL DEFAULT now(),
  receipt     uuid,
  deliveries  int NOT NULL DEFAULT 0,
  max_deliveries int NOT NULL DEFAULT 20,
  created_at  timestamptz NOT NULL DEFAULT now()
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE INDEX queue_messages_ready ON queue_messages (queue_name, visible_at, message_id);

CREATE TABLE queue_dead (
  message_id  bigint PRIMARY KEY,
  queue_name  text NOT NULL,
  payload     jsonb NOT NULL,
  deliveries  int NOT NULL,
  last_error  text,
  created_at  timestamptz NOT NULL,
  dead_at     timestamptz NOT NULL DEFAULT now()
);

-- Sources, pressure, effects ----------------------------------------------------------------------

-- When a source fires next.
CREATE TABLE source_state (
  build_id    uuid PRIMARY KEY REFERENCES builds,
  world       world_name NOT NULL DEFAULT 'live',
  enabled     boolean NOT NULL DEFAULT true,
  kind        text NOT NULL CHECK (kind IN ('cron','webhook','manual','always_on')),
  next_fire_at timestamptz,
  last_fire_at timestamptz,
  run_epoch   int NOT NULL DEFAULT 1,
  caught_up_at timestamptz,
  webhook_path text CHECK (webhook_path IS NULL OR world = 'live')
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE UNIQUE INDEX source_state_webhook
  ON source_state (webhook_path)
  WHERE webhook_path IS NOT NULL;
CREATE INDEX source_state_due ON source_state (next_fire_at) WHERE kind = 'cron' AND enabled;

CREATE TABLE bootstrap_runs (
  dag_version_id uuid NOT NULL,
  job_name    text NOT NULL,
  action      text NOT NULL CHECK (action IN ('reset_outputs')),
  done_at     timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (dag_version_id, job_name, action)
);

CREATE TABLE pressure (
  build_id    uuid PRIMARY KEY REFERENCES builds,
  tripped     boolean NOT NULL DEFAULT false,
  depth       bigint NOT NULL DEFAULT 0,
  oldest_age_ms bigint NOT NULL DEFAULT 0,
  changed_at  timestamptz NOT NULL DEFAULT now()
) WITH (
  fillfactor = 50,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);

-- A build is paused while it has a row here.
CREATE TABLE pauses (
  build_id    uuid NOT NULL REFERENCES builds,
  cause       text NOT NULL CHECK (cause IN ('pressure','user','deploy')),
  cause_key   text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (build_id, cause, cause_key)
);

-- Side effects, each at most once whatever version asked for it.
CREATE TABLE deliveries (
  delivery_id uuid PRIMARY KEY,
  org_id      uuid NOT NULL,
  effect_key  text NOT NULL,
  channel     text NOT NULL,
  destination_ref text NOT NULL,
  payload     jsonb NOT NULL,
  event_time  timestamptz NOT NULL,
  state       text NOT NULL CHECK (state
      IN ('pending','sending','retry_wait','delivered','failed','suppressed','stale','withdrawn')),
  attempts    int NOT NULL DEFAULT 0,
  next_attempt_at timestamptz,
  leased_until timestamptz,
  root_event_id uuid,
  last_error  jsonb,
  provider_message_id text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  UNIQUE (org_id, effect_key, channel)
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);

CREATE TABLE delivery_assertions (
  delivery_id uuid NOT NULL REFERENCES deliveries,
  build_id    uuid NOT NULL REFERENCES builds,
  task_id     uuid NOT NULL,
  effects     text NOT NULL CHECK (effects IN ('fire','suppress')),
  PRIMARY KEY (delivery_id, build_id)
);
CREATE INDEX deliveries_ready
  ON deliveries (next_attempt_at)
  WHERE state IN ('pending','retry_wait');

-- Pins, audit -------------------------------------------------------------------------------------

-- Dataset versions that are being read. They lapse by themselves.
CREATE TABLE query_pins (
  query_id    uuid NOT NULL,
  dataset_version uuid NOT NULL REFERENCES dataset_versions,
  org_id      uuid NOT NULL,
  principal   text NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (query_id, dataset_version)
) WITH (
  fillfactor = 70,
  autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 200,
  autovacuum_analyze_scale_factor = 0.01, autovacuum_analyze_threshold = 200,
  autovacuum_vacuum_cost_limit = 5000);
CREATE INDEX query_pins_version ON query_pins (dataset_version, expires_at);
CREATE INDEX query_pins_expiry ON query_pins (expires_at);

-- Only ever added to.
CREATE TABLE audit_log (
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
CREATE INDEX audit_log_org_time ON audit_log (org_id, at DESC);

-- Answers kept for repeats of a request.
CREATE TABLE idempotency_keys (
  org_id      uuid NOT NULL,
  key         text NOT NULL,
  route       text NOT NULL,
  request_sha256 bytea NOT NULL,
  status      int NOT NULL,
  response    jsonb NOT NULL,
  expires_at  timestamptz NOT NULL,
  PRIMARY KEY (org_id, route, key)
);
