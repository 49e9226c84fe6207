# SPDX-License-Identifier: Apache-2.0
"""What a later build of the same major leaves on a store (contract section 3.18): one more
migration, which only adds, and rows in words that this build does not know."""

from test_kill import query

# Every table gets a column, the schema a table that the service role may read.
MIGRATION = """
DO $$ DECLARE one record; BEGIN
  FOR one IN SELECT relname FROM pg_class WHERE relkind = 'r'
             AND relnamespace = 'weir_dagmanager'::regnamespace LOOP
    EXECUTE format('ALTER TABLE weir_dagmanager.%I ADD COLUMN of_next text DEFAULT ''next''',
                   one.relname);
  END LOOP;
END $$;
CREATE TABLE weir_dagmanager.of_next (a int);
GRANT SELECT, INSERT ON weir_dagmanager.of_next TO weir_dagmanager;
INSERT INTO weir_dagmanager.schema_migration (number, name, checksum) VALUES (9000, 'next', 'x');
UPDATE weir_dagmanager.schema_version SET minor = 9000;
"""

ROWS = """
INSERT INTO weir_dagmanager.loop_lease (loop, holder, fence, until)
VALUES ('next_loop', 'next', 7, clock_timestamp() - interval '1 hour');
WITH drawn AS (UPDATE weir_dagmanager.graph_epoch SET event_seq = event_seq + 1
               RETURNING event_seq)
INSERT INTO weir_dagmanager.outbox (key_seq, id, kind, revision, world_id, created_at)
SELECT event_seq, gen_random_uuid(), 'next_event', 1, 'w1', clock_timestamp() - interval '9 days'
FROM drawn;
INSERT INTO weir_dagmanager.queue (queue_id, topic_key, binding_hash, topic, type, partitions,
  replication, retention_ms, cleanup, state, binding_key, context_key, created_at, diff_id,
  intent_at)
VALUES (nextval('weir_dagmanager.queue_seq'), 'next', 'next', 'w1.live.next_Node_00000000_v1',
  'indicator', 1, 1, 1, 'delete', 'next_state', 'next', 'next',
  clock_timestamp() - interval '900 days', 'next', clock_timestamp() - interval '900 days');
INSERT INTO weir_dagmanager.rollout (rollout_id, state, world_id, sentinel_id, version, baseline_id,
  baseline_version, baseline_before, step_weights, step_holds, step, step_since, held, judged_at,
  reason, failing, failing_for, undecided_told, evidence, started_by, started_at)
VALUES (gen_random_uuid(), 'next_state', 'w1', 'next-sentinel', 'v2', 'next-sentinel', 'v1', 1,
  '{0.5,1}', '{0,0}', 0, clock_timestamp(), 0, clock_timestamp(), '', '{}', '{}', false, '', 'next',
  clock_timestamp());
INSERT INTO weir_dagmanager.audit (at, actor, action, world_id, sentinel_id, version, to_weight)
VALUES (clock_timestamp(), 'next', 'next_action', 'w1', 'next-sentinel', 'v1', 1);
INSERT INTO weir_dagmanager.alert (alert_id, name, subject, detail, topic, node, opened_at)
VALUES ('00000000-0000-4000-8000-000000000000', 'NextAlert', 'next', '', '', '', clock_timestamp());
INSERT INTO weir_dagmanager.alert_notice (alert_id, place, target, kind, state, attempts, made_at,
  due, error)
VALUES ('00000000-0000-4000-8000-000000000000', 0, 'next_target', 'next_kind', 'next_state', 0,
  clock_timestamp(), clock_timestamp(), '');
WITH drawn AS (UPDATE weir_dagmanager.graph_epoch SET log_seq = log_seq + 1 RETURNING log_seq)
INSERT INTO weir_dagmanager.topic_log_batch (last_seq, first_seq, at, actor, cause, topics, actions,
  types, partitions, replications, retentions_ms, cleanups, node_ids, binding_keys, results)
SELECT log_seq, log_seq, clock_timestamp(), 'next', 'next', '{w1.live.next_Node_00000000_v1}',
  '{next_action}', '{indicator}', '{1}', '{1}', '{1}', '{delete}', '{next}', '{next}', '{next}'
FROM drawn;
"""

# What is to stand as it was left, whole rows of it.
LEFT_ALONE = {
    "loop_lease": "loop = 'next_loop'",
    "outbox": "kind = 'next_event'",
    "queue": "state = 'next_state'",
    "rollout": "state = 'next_state'",
    "audit": "action = 'next_action'",
    "alert_notice": "target = 'next_target'",
    "topic_log_batch": "actions = '{next_action}'",
    "schema_migration": "number = 9000",
    "schema_version": "minor = 9000",
}


def take_further(dsn):
    """As if a later build had started on the store, and worked."""
    query(dsn, MIGRATION + ROWS)


def left_alone(dsn):
    """Those rows as they are now, by table."""
    rows = {table: query(dsn, f"SELECT t::text FROM weir_dagmanager.{table} t WHERE {which}")
            for table, which in LEFT_ALONE.items()}
    rows["rights"] = query(
        dsn, "SELECT has_table_privilege('weir_dagmanager', 'weir_dagmanager.of_next', 'INSERT')")
    return rows
