-- SPDX-License-Identifier: Apache-2.0
-- Partitions of task_history: one an ISO week (UTC) of the task's end, task_history_<year>w<week>.
-- Weir makes them and never drops them.

-- Makes those that lack from the week of `since` to `weeks_ahead` weeks from now; gives how many it
-- made. Whoever may call it needs no right on the tables. A week's rows that had to go into the
-- default partition move to their own.
--
-- A table is made apart and then attached: that locks history against neither readers nor writers,
-- but for a moment its default partition, which is empty.
CREATE FUNCTION make_history_partitions(since timestamptz, weeks_ahead integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = state, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
  week timestamp := date_trunc('week', least(since, clock_timestamp()) AT TIME ZONE 'UTC');
  last constant timestamp := date_trunc('week', clock_timestamp() AT TIME ZONE 'UTC')
                             + weeks_ahead * interval '7 days';
  made integer := 0;
  name text;
  attach text;
BEGIN
  IF weeks_ahead IS NULL OR weeks_ahead NOT BETWEEN 0 AND 53
     OR since IS NULL OR since < clock_timestamp() - interval '10 years' THEN
    RAISE EXCEPTION 'history partitions reach 10 years back and 53 weeks ahead'
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('weir task_history partitions', 0));
  WHILE week <= last LOOP
    name := to_char(week, '"task_history_"IYYY"w"IW');
    IF to_regclass('state.' || name) IS NULL THEN
      EXECUTE format('CREATE TABLE %I (LIKE task_history INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
                     name);
      attach := format('ALTER TABLE task_history ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                       name, week AT TIME ZONE 'UTC',
                       (week + interval '7 days') AT TIME ZONE 'UTC');
      BEGIN
        EXECUTE attach;
      EXCEPTION WHEN check_violation THEN
        -- For the length of this transaction, which holds the table alone, its owner sees its rows.
        ALTER TABLE task_history_default NO FORCE ROW LEVEL SECURITY;
        EXECUTE format($move$
          WITH moved AS (DELETE FROM task_history_default
                          WHERE finished_at >= %L AND finished_at < %L RETURNING *)
          INSERT INTO %I SELECT * FROM moved
        $move$, week AT TIME ZONE 'UTC', (week + interval '7 days') AT TIME ZONE 'UTC', name);
        ALTER TABLE task_history_default FORCE ROW LEVEL SECURITY;
        EXECUTE attach;
      END;
      PERFORM protect_by_org(name::regclass);
      IF to_regrole('weir_dispatcher') IS NOT NULL THEN
        EXECUTE format($policy$
          CREATE POLICY all_orgs ON %I TO weir_dispatcher
            USING (current_setting('weir.org', true) = '*')
            WITH CHECK (current_setting('weir.org', true) = '*')
        $policy$, name);
      END IF;
      made := made + 1;
    END IF;
    week := week + interval '7 days';
  END LOOP;
  RETURN made;
END $$;
