-- SPDX-License-Identifier: Apache-2.0
-- Queues come to an end: their bindings are removed, their topics deleted, their rows forgotten.

-- The epoch of the last change that removed a binding. Whoever removes one raises it under its lock;
-- a diff that adds no queue, and so needs no lock of the epoch, shares this row until it has
-- committed, and decides anew where the graph that it was decided on is older.
CREATE TABLE graph_removal (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  epoch bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO graph_removal (epoch) VALUES (0);

-- Refuses (WR010) what was decided on an epoch before the last removal.
CREATE FUNCTION share_removal(base bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  removed bigint;
BEGIN
  SELECT epoch INTO removed FROM weir_dagmanager.graph_removal FOR SHARE;
  IF removed > base THEN
    RAISE EXCEPTION 'bindings were removed at epoch %, after %', removed, base
      USING ERRCODE = 'WR010';
  END IF;
END $$;

-- Tombstones: queues that the change removed; NULL: none. `node_seqs` names their nodes.
ALTER TABLE graph_change ADD COLUMN gone_ids int8multirange;

-- A queue in state 'collecting' is bound to nothing: its binding_hash is of its own row, its
-- topic_key its topic's until that is surely gone. Then the row goes; what it was called stays here
-- as long as events name it: those up to event_seq.
CREATE TABLE gone_queue (
  queue_id bigint PRIMARY KEY,
  topic text NOT NULL,
  global boolean NOT NULL,
  event_seq bigint NOT NULL
);

-- A topic's end is told too, kind 'queue_lifecycle': what became of it, why, and what is known of it.
ALTER TABLE outbox
  ADD COLUMN topic text,
  ADD COLUMN action text,
  ADD COLUMN reason text,
  ADD COLUMN tag text,
  ADD COLUMN archive_status text;
