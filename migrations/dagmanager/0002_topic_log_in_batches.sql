-- SPDX-License-Identifier: Apache-2.0
-- The topic log, a row a change instead of a row a topic: a diff of a thousand new nodes logs a
-- thousand topics at the same moment, by the same actor, for the same cause.

-- How far the log is numbered. Raised under the lock of the row, in the transaction that logs: the
-- numbers rise in commit order without a gap, and a reader of "above n" misses none.
ALTER TABLE graph_epoch ADD COLUMN log_seq bigint NOT NULL DEFAULT 0;
UPDATE graph_epoch SET log_seq = (SELECT coalesce(max(seq), 0) FROM topic_log);

-- Entries first_seq to last_seq; element n of the arrays is entry first_seq + n - 1. Rows are only
-- ever added.
CREATE TABLE topic_log_batch (
  last_seq bigint PRIMARY KEY,
  first_seq bigint NOT NULL,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  cause text NOT NULL,
  topics text[] NOT NULL,
  actions text[] NOT NULL,
  types text[] NOT NULL,
  partitions integer[] NOT NULL,
  replications integer[] NOT NULL,
  retentions_ms bigint[] NOT NULL,
  cleanups text[] NOT NULL,
  node_ids text[] NOT NULL,
  binding_keys text[] NOT NULL,
  results text[] NOT NULL,
  CHECK (last_seq = first_seq + cardinality(topics) - 1)
);

-- Ids and keys are hashes: squeezing them costs more than it saves.
ALTER TABLE topic_log_batch
  ALTER COLUMN topics SET STORAGE EXTERNAL,
  ALTER COLUMN actions SET STORAGE EXTERNAL,
  ALTER COLUMN types SET STORAGE EXTERNAL,
  ALTER COLUMN partitions SET STORAGE EXTERNAL,
  ALTER COLUMN replications SET STORAGE EXTERNAL,
  ALTER COLUMN retentions_ms SET STORAGE EXTERNAL,
  ALTER COLUMN cleanups SET STORAGE EXTERNAL,
  ALTER COLUMN node_ids SET STORAGE EXTERNAL,
  ALTER COLUMN binding_keys SET STORAGE EXTERNAL,
  ALTER COLUMN results SET STORAGE EXTERNAL;

INSERT INTO topic_log_batch
SELECT seq, seq, at, actor, cause, ARRAY[topic], ARRAY[action], ARRAY[type], ARRAY[partitions],
  ARRAY[replication], ARRAY[retention_ms], ARRAY[cleanup], ARRAY[node_id], ARRAY[binding_key],
  ARRAY[result]
FROM topic_log;
DROP TABLE topic_log;

-- The log as it is read, a row an entry.
CREATE VIEW topic_log AS
SELECT b.first_seq + e.place - 1 AS seq, b.at, e.topic, e.action, e.type, e.partitions,
  e.replication, e.retention_ms, e.cleanup, e.node_id, e.binding_key, b.actor, b.cause, e.result
FROM topic_log_batch b
CROSS JOIN LATERAL unnest(b.topics, b.actions, b.types, b.partitions, b.replications,
  b.retentions_ms, b.cleanups, b.node_ids, b.binding_keys, b.results)
  WITH ORDINALITY AS e (topic, action, type, partitions, replication, retention_ms, cleanup, node_id,
    binding_key, result, place);

-- The arrays of a deploy are as long, and squeezed to no use.
ALTER TABLE deploy
  ALTER COLUMN node_seqs SET STORAGE EXTERNAL,
  ALTER COLUMN names SET STORAGE EXTERNAL,
  ALTER COLUMN introduced SET STORAGE EXTERNAL;
