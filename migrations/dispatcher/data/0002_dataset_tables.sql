-- SPDX-License-Identifier: Apache-2.0
-- The tables of datasets: one a dataset version, data.d_<its id without dashes>. No role that writes
-- or reads rows may make, alter or own a table, so these two functions do.

-- The table's name; quoting is not needed, for it is `d_` and 32 hexadecimal digits.
CREATE FUNCTION dataset_table(version uuid) RETURNS text
LANGUAGE sql IMMUTABLE STRICT SET search_path = data, pg_temp
RETURN 'd_' || replace(version::text, '-', '');

-- Makes the table of a version: the declared columns in their order ([{"name", "type", "nullable"},
-- …]; not nullable unless said), the columns of the platform, a unique index over `unique_columns`
-- (none where a replaced dataset has no key) and an index over each list of `indexes` ([["a"], …]).
-- False if it is there already.
CREATE FUNCTION make_dataset_table(version uuid, columns jsonb, unique_columns text[],
                                   indexes jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = data, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
  types constant text[] := ARRAY['text', 'bigint', 'double', 'boolean', 'numeric', 'timestamptz',
                                 'date', 'uuid', 'jsonb', 'bytea'];
  name constant text := dataset_table(version);
  declared record;
  list jsonb;
  body text := '';
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('weir data.' || name, 0));
  IF to_regclass('data.' || name) IS NOT NULL THEN
    RETURN false;
  END IF;
  IF jsonb_array_length(columns) NOT BETWEEN 1 AND 512 THEN
    RAISE EXCEPTION 'a dataset has 1 to 512 columns' USING ERRCODE = 'invalid_parameter_value';
  END IF;
  FOR declared IN SELECT c->>'name' AS column_name, c->>'type' AS type,
                         coalesce((c->>'nullable')::boolean, false) AS nullable
                    FROM jsonb_array_elements(columns) WITH ORDINALITY AS e (c, place)
                   ORDER BY place LOOP
    IF declared.column_name !~ '^[a-z_][a-z0-9_]{0,62}$' OR declared.column_name ~ '^_weir_'
       OR NOT declared.type = ANY (types) OR declared.column_name IS NULL
       OR declared.type IS NULL THEN
      RAISE EXCEPTION 'column % of type % is not allowed', declared.column_name, declared.type
        USING ERRCODE = 'invalid_parameter_value';
    END IF;
    body := body || format('%I %s%s, ', declared.column_name,
                           CASE declared.type WHEN 'double' THEN 'double precision'
                                              ELSE declared.type END,
                           CASE WHEN declared.nullable THEN '' ELSE ' NOT NULL' END);
  END LOOP;
  EXECUTE format('CREATE TABLE %I (%s _weir_publish_id uuid, _weir_order bigint NOT NULL, '
                 '_weir_scope text NOT NULL, _weir_task_id uuid NOT NULL, '
                 '_weir_written_at timestamptz NOT NULL DEFAULT now())', name, body);
  IF cardinality(unique_columns) > 0 THEN
    EXECUTE format('CREATE UNIQUE INDEX %I ON %I (%s)', name || '_key', name,
                   (SELECT string_agg(format('%I', c), ', ' ORDER BY place)
                      FROM unnest(unique_columns) WITH ORDINALITY AS u (c, place)));
  END IF;
  -- A replaced scope is deleted by its name.
  EXECUTE format('CREATE INDEX %I ON %I (_weir_scope)', name || '_scope', name);
  FOR list IN SELECT l FROM jsonb_array_elements(coalesce(indexes, '[]')) AS e (l) LOOP
    EXECUTE format('CREATE INDEX ON %I (%s)', name,
                   (SELECT string_agg(format('%I', c), ', ' ORDER BY place)
                      FROM jsonb_array_elements_text(list) WITH ORDINALITY AS u (c, place)));
  END LOOP;
  IF to_regrole('weir_sink') IS NOT NULL THEN
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO weir_sink', name);
  END IF;
  IF to_regrole('weir_query') IS NOT NULL THEN
    EXECUTE format('GRANT SELECT ON %I TO weir_query', name);
  END IF;
  RETURN true;
END $$;

-- Drops the table of a purged version. False if there is none.
CREATE FUNCTION drop_dataset_table(version uuid) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = data, pg_temp SET lock_timeout = '5s' AS $$
DECLARE
  name constant text := dataset_table(version);
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('weir data.' || name, 0));
  IF to_regclass('data.' || name) IS NULL THEN
    RETURN false;
  END IF;
  EXECUTE format('DROP TABLE %I', name);
  RETURN true;
END $$;

REVOKE ALL ON ALL TABLES IN SCHEMA data FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA data FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA data FROM PUBLIC;
