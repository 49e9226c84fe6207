-- SPDX-License-Identifier: Apache-2.0
-- What buffered for too long is computed in full: the loop `recompute` says so here, tells it, and
-- from then on the queue follows the schema that was announced. A mark that begins anew takes the
-- flag away.
ALTER TABLE queue ADD COLUMN recompute_due boolean NOT NULL DEFAULT false;

-- The topic log and the audit are kept for a time. What happened before `before` is known only as
-- far as it made what was still there then; NULL: nothing was given up yet.
CREATE TABLE topic_log_pruned (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  before timestamptz
) WITH (fillfactor = 10);
INSERT INTO topic_log_pruned (before) VALUES (NULL);

-- Gives up batches of the log older than `horizon`, and rows of the audit, at most `most` of each;
-- how many. A batch stays if one of its rows made a topic that was still there at the horizon, or is
-- the last of such a topic: the log replayed gives the topics at each instant from then on. Oldest
-- first, so that no topic comes back in a log that is given up in part. The service may delete no
-- row of the log by itself.
CREATE FUNCTION prune_topic_log(horizon timestamptz, most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = weir_dagmanager, pg_temp AS $$
DECLARE
  batches bigint;
  rows_of_audit bigint;
BEGIN
  IF horizon > now() - interval '23 hours' THEN
    RAISE EXCEPTION 'the topic log of the last day is not given up';
  END IF;
  UPDATE topic_log_pruned SET before = greatest(before, horizon);
  WITH old AS (
    SELECT b.last_seq AS batch, b.first_seq + e.place - 1 AS seq, e.topic,
      e.result <> 'left alone'
        AND e.action IN ('create', 'adopt', 'mismatch', 'recreated') AS makes,
      e.result <> 'left alone' AND e.action IN ('dropped', 'deleted') AS ends
    FROM topic_log_batch b
    CROSS JOIN LATERAL unnest(b.topics, b.actions, b.results)
      WITH ORDINALITY AS e (topic, action, result, place)
    WHERE b.at < horizon AND e.topic <> ''
  ), last AS (
    SELECT topic, max(seq) AS seq, max(seq) FILTER (WHERE makes) AS made,
      max(seq) FILTER (WHERE ends) AS ended
    FROM old GROUP BY topic
  ), staying AS (
    SELECT DISTINCT old.batch FROM old JOIN last USING (topic)
    WHERE last.made > coalesce(last.ended, 0) AND old.seq IN (last.made, last.seq)
  ), gone AS (
    SELECT b.last_seq FROM topic_log_batch b
    WHERE b.at < horizon AND NOT EXISTS (SELECT FROM staying s WHERE s.batch = b.last_seq)
    ORDER BY b.last_seq LIMIT most
  )
  DELETE FROM topic_log_batch b USING gone WHERE b.last_seq = gone.last_seq;
  GET DIAGNOSTICS batches = ROW_COUNT;
  DELETE FROM audit WHERE seq IN
    (SELECT a.seq FROM audit a WHERE a.at < horizon ORDER BY a.seq LIMIT most);
  GET DIAGNOSTICS rows_of_audit = ROW_COUNT;
  RETURN batches + rows_of_audit;
END $$;
