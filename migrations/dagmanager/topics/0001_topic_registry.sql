-- SPDX-License-Identifier: Apache-2.0
-- Topics where no broker is configured: names with a shape. Knows nothing of the graph and may live
-- in another database. A broker would confuse topics of one key (lower case, `.` as `_`), and is
-- asked for them by it.
CREATE TABLE topic_registry (
  topic_key bytea,  -- 16 bytes of the BLAKE3 of the key
  topic text COLLATE "C",
  partitions integer NOT NULL,
  replication integer NOT NULL,
  retention_ms bigint NOT NULL,
  cleanup text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (topic_key, topic)
);

REVOKE ALL ON SCHEMA weir_topics FROM PUBLIC;
