-- SPDX-License-Identifier: Apache-2.0
-- The global strategy graph: nodes, queues, deploys, sentinels, the topic log, and what tells other
-- instances and the gateway of changes.
--
-- Keys of type bytea are hashes: the first 16 bytes of the BLAKE3 of a text, told beside each. They
-- stand where a long text must be unique, because an index over them costs half of one over the text.
-- Ids themselves are not indexed; look them up by their hash.
--
-- No foreign keys: every writer is one of the DAG manager's own transactions, a diff adds thousands
-- of rows at once, and a check a row would cost more than writing them.

-- Numbers of nodes and queues. A reservation draws them, so they are never used twice.
CREATE SEQUENCE compute_node_seq;
CREATE SEQUENCE queue_seq;

-- The state of the graph: one row, locked last by whoever changes the graph. `stamp` is drawn anew
-- with every epoch: an instance that holds another stamp for its epoch holds another history (a
-- restored backup, a standby that lost commits) and reads everything again. `event_seq` orders the
-- outbox.
CREATE TABLE graph_epoch (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch bigint NOT NULL,
  stamp bigint NOT NULL,
  event_seq bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO graph_epoch (epoch, stamp, event_seq) VALUES (0, 0, 0);

-- Which rows each epoch touched, so that an instance fetches no more than those. The rows of one diff
-- have numbers in a row, so a few ranges name them all.
CREATE TABLE graph_change (
  epoch bigint PRIMARY KEY,
  stamp bigint NOT NULL,
  diff_id text NOT NULL,
  node_seqs int8multirange NOT NULL,
  queue_ids int8multirange NOT NULL,
  at timestamptz NOT NULL
);

-- Append-only: a change of a node is a new node.
CREATE TABLE compute_node (
  node_seq bigint PRIMARY KEY,
  node_key bytea NOT NULL CONSTRAINT compute_pk UNIQUE,  -- of node_id
  node_id text NOT NULL,
  node_type text NOT NULL,
  interval_seconds bigint NOT NULL,
  period bigint NOT NULL,
  params_canon text NOT NULL,
  dependencies text[] NOT NULL,
  schema_compat_id text NOT NULL,
  code_hash text NOT NULL,
  fingerprint bytea NOT NULL,
  schema_hash text NOT NULL,
  name text NOT NULL,
  owner text NOT NULL,
  tags text[] NOT NULL,
  query_tags text[],                -- NULL: the node asks no tag query
  query_match_all boolean,
  query_interval_seconds bigint,    -- NULL: the query names no interval
  global boolean NOT NULL,
  created_at timestamptz NOT NULL
);

-- In which context a queue is written; shared by the queues of a deploy.
CREATE TABLE binding_context (
  context_key bytea PRIMARY KEY,    -- of all other columns
  world_id text NOT NULL,
  execution_domain text NOT NULL,
  as_of text NOT NULL,
  partition text NOT NULL,
  dataset_fingerprint text NOT NULL,
  safe_mode boolean NOT NULL,
  downgrade text NOT NULL,
  namespace text NOT NULL,
  strategy_id text NOT NULL
);

-- Queues, and intents for them: a topic's name belongs to one row whatever its state, so both stand
-- in one table. state: 'intent' (the topic may exist), 'active' (it does, and its node is stored);
-- a row in a state that a build does not know is left alone. Becoming active changes no indexed
-- column, and every page keeps room for the second version of each of its rows: such an update
-- touches no index.
CREATE TABLE queue (
  queue_id bigint PRIMARY KEY,
  -- Of the topic in lower case with `.` as `_`: brokers confuse topics whose keys are equal.
  topic_key bytea NOT NULL CONSTRAINT queue_topic_key UNIQUE,
  binding_hash bytea NOT NULL CONSTRAINT emits_binding UNIQUE,  -- of binding_key
  topic text NOT NULL,
  type text NOT NULL,
  partitions integer NOT NULL,
  replication integer NOT NULL,
  retention_ms bigint NOT NULL,
  cleanup text NOT NULL,
  state text NOT NULL,
  node_seq bigint,                  -- NULL: an intent whose node is not stored yet
  node_id text,                     -- what an intent is for; NULL once active
  binding_key text NOT NULL,
  compute_key text,                 -- NULL: the binding key
  context_key bytea NOT NULL,
  schema_hash text NOT NULL DEFAULT '',
  pending_schema_hash text NOT NULL DEFAULT '',
  buffering_since timestamptz,
  created_at timestamptz NOT NULL,
  ttl_ms bigint NOT NULL DEFAULT 0,
  lag_alert_seconds bigint NOT NULL DEFAULT 0,
  diff_id text NOT NULL,
  intent_at timestamptz NOT NULL
) WITH (fillfactor = 45);

-- A committed diff. Element n of the three arrays is node n in submission order. `seq` is drawn
-- anew by every store, so that the newest is the one stored last.
CREATE SEQUENCE deploy_order_seq;
CREATE TABLE deploy (
  deploy_key text COLLATE "C" PRIMARY KEY,
  seq bigint NOT NULL DEFAULT nextval('deploy_order_seq'),
  strategy_id text COLLATE "C" NOT NULL,
  world_id text COLLATE "C" NOT NULL,
  execution_domain text NOT NULL,
  as_of text NOT NULL,
  partition text NOT NULL,
  dataset_fingerprint text NOT NULL,
  safe_mode boolean NOT NULL,
  downgrade text NOT NULL,
  version text NOT NULL,
  node_set text NOT NULL,
  node_seqs bigint[] NOT NULL,
  names text[] NOT NULL,
  introduced boolean[] NOT NULL,
  sentinel_due boolean NOT NULL,
  request_hash bytea NOT NULL,
  answer_hash bytea NOT NULL,
  first_seen timestamptz NOT NULL,
  last_seen timestamptz NOT NULL,
  ended_at timestamptz,
  CHECK (cardinality(names) = cardinality(node_seqs)),
  CHECK (cardinality(introduced) = cardinality(node_seqs))
);
CREATE INDEX deploy_order ON deploy (strategy_id, seq);
CREATE INDEX deploy_order_of_world ON deploy (strategy_id, world_id, seq);

-- A version boundary; `seq` as above.
CREATE TABLE sentinel (
  world_id text COLLATE "C",
  sentinel_id text COLLATE "C",
  version text COLLATE "C",
  seq bigint GENERATED BY DEFAULT AS IDENTITY,
  commit_hash text NOT NULL,
  release_tag text NOT NULL,
  traffic_weight double precision,
  deploy_key text COLLATE "C" NOT NULL,  -- the newest deploy under it
  created_at timestamptz NOT NULL,
  CONSTRAINT sentinel_key PRIMARY KEY (sentinel_id, world_id, version)
);

CREATE TABLE sentinel_deploy (
  world_id text COLLATE "C",
  sentinel_id text COLLATE "C",
  version text COLLATE "C",
  deploy_key text COLLATE "C",
  PRIMARY KEY (sentinel_id, world_id, version, deploy_key)
);

-- VersionSentinel HAS ComputeNode: the nodes of every deploy under the sentinel.
CREATE VIEW sentinel_has AS
SELECT s.world_id, s.sentinel_id, s.version, n.node_seq, n.introduced, n.name, s.deploy_key
FROM sentinel_deploy s
JOIN deploy d USING (deploy_key)
CROSS JOIN LATERAL unnest(d.node_seqs, d.names, d.introduced) AS n (node_seq, name, introduced);

-- A model or parameter file, told apart by its checksum; `used_by` is what one node says of it.
CREATE TABLE artifact (
  checksum text COLLATE "C" PRIMARY KEY,
  path text NOT NULL,
  size bigint NOT NULL,
  framework text NOT NULL,
  dtype text NOT NULL
);

CREATE TABLE used_by (
  node_seq bigint,
  place integer,                    -- in the node's list
  checksum text COLLATE "C" NOT NULL,
  path text NOT NULL,
  framework text NOT NULL,
  dtype text NOT NULL,
  PRIMARY KEY (node_seq, place)
);

-- What became of topics. Rows are only ever added; seq is drawn under the lock of graph_epoch, so a
-- reader of "above n" misses none.
CREATE TABLE topic_log (
  seq bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
  at timestamptz NOT NULL,
  topic text NOT NULL,
  action text NOT NULL,
  type text NOT NULL,
  partitions integer NOT NULL,
  replication integer NOT NULL,
  retention_ms bigint NOT NULL,
  cleanup text NOT NULL,
  node_id text NOT NULL,
  binding_key text NOT NULL,
  actor text NOT NULL,
  cause text NOT NULL,
  result text NOT NULL
);

-- How often the answer of a tag query has changed.
CREATE TABLE query_set (
  query_key bytea PRIMARY KEY,      -- of the query's tags, interval, mode and scope
  revision bigint NOT NULL
) WITH (fillfactor = 50);

-- Control events. key_seq is drawn under the lock of graph_epoch: it rises in commit order. A row
-- holds what decides the envelope, not the envelope. kind: 'queue_updated' (the query, and the
-- whole answer: queue ids rising, each as its distance from the one before, in base 128, low digits
-- first, high bit set on all but the last byte) or 'sentinel_weight_updated'.
CREATE TABLE outbox (
  key_seq bigint PRIMARY KEY,
  id uuid NOT NULL,
  kind text NOT NULL,
  revision bigint NOT NULL,
  tags text[],
  interval_seconds bigint,
  match_all boolean,
  execution_domain text,
  world_id text NOT NULL,
  queue_ids bytea,
  sentinel_id text,
  version text,
  weight double precision,
  created_at timestamptz NOT NULL,
  number bigint,                    -- place in the order of telling; NULL: none yet
  sent_at timestamptz               -- NULL: not told yet
);
CREATE INDEX outbox_unsent ON outbox (key_seq) WHERE sent_at IS NULL;

REVOKE ALL ON SCHEMA weir_dagmanager FROM PUBLIC;
