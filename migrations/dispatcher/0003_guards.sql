-- SPDX-License-Identifier: Apache-2.0
-- What may never change, whoever asks: definitions, and pointer sets that were current.
--
-- A purge of a whole DAG version is the one exception. Its transaction names the version first,
--
--     SET LOCAL weir.purge = '<dag_version_id>'
--
-- and may then delete that version's rows; what it leaves half deleted fails at its commit.

CREATE FUNCTION refuse_definition_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = state, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' AND OLD.dag_version_id::text = current_setting('weir.purge', true) THEN
    RETURN OLD;
  END IF;
  RAISE EXCEPTION '% of % refused: definitions are immutable', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;

CREATE FUNCTION refuse_truncate() RETURNS trigger
LANGUAGE plpgsql SET search_path = state, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'TRUNCATE of % refused: its rows are immutable', TG_TABLE_NAME
    USING ERRCODE = 'restrict_violation';
END $$;

-- Runs at the commit of a purge: the row that the deleted one belonged to is gone as well.
CREATE FUNCTION refuse_half_purge() RETURNS trigger
LANGUAGE plpgsql SET search_path = state, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM dag_versions v WHERE v.dag_version_id = OLD.dag_version_id) THEN
    RAISE EXCEPTION 'DELETE of % refused: a version is purged as a whole', TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON dag_versions
  FOR EACH ROW EXECUTE FUNCTION refuse_definition_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON jobs
  FOR EACH ROW EXECUTE FUNCTION refuse_definition_change();
CREATE TRIGGER immutable BEFORE UPDATE OR DELETE ON edges
  FOR EACH ROW EXECUTE FUNCTION refuse_definition_change();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON dag_versions
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON jobs
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON edges
  EXECUTE FUNCTION refuse_truncate();
CREATE CONSTRAINT TRIGGER whole AFTER DELETE ON jobs
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_half_purge();
CREATE CONSTRAINT TRIGGER whole AFTER DELETE ON edges
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse_half_purge();

-- A pointer set is written while it builds. Once it was current its rows stay: a rollback restores
-- them as they were. One look at the sets a statement touched, not one a row.
CREATE FUNCTION refuse_frozen_pointers() RETURNS trigger
LANGUAGE plpgsql SET search_path = state, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM pointer_sets p
              WHERE p.pointer_set_id IN (SELECT t.pointer_set_id FROM touched t)
                AND p.first_current_at IS NOT NULL
                AND (TG_OP <> 'DELETE'
                     OR p.dag_version_id::text
                        IS DISTINCT FROM current_setting('weir.purge', true))) THEN
    RAISE EXCEPTION '% of % refused: the pointer set was current', TG_OP, TG_TABLE_NAME
      USING ERRCODE = 'restrict_violation';
  END IF;
  RETURN NULL;
END $$;

CREATE TRIGGER frozen_insert AFTER INSERT ON dag_version_builds
  REFERENCING NEW TABLE AS touched EXECUTE FUNCTION refuse_frozen_pointers();
CREATE TRIGGER frozen_update AFTER UPDATE ON dag_version_builds
  REFERENCING OLD TABLE AS touched EXECUTE FUNCTION refuse_frozen_pointers();
CREATE TRIGGER frozen_delete AFTER DELETE ON dag_version_builds
  REFERENCING OLD TABLE AS touched EXECUTE FUNCTION refuse_frozen_pointers();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON dag_version_builds
  EXECUTE FUNCTION refuse_truncate();
CREATE TRIGGER frozen_insert AFTER INSERT ON dag_version_datasets
  REFERENCING NEW TABLE AS touched EXECUTE FUNCTION refuse_frozen_pointers();
CREATE TRIGGER frozen_update AFTER UPDATE ON dag_version_datasets
  REFERENCING OLD TABLE AS touched EXECUTE FUNCTION refuse_frozen_pointers();
CREATE TRIGGER frozen_delete AFTER DELETE ON dag_version_datasets
  REFERENCING OLD TABLE AS touched EXECUTE FUNCTION refuse_frozen_pointers();
CREATE TRIGGER not_truncated BEFORE TRUNCATE ON dag_version_datasets
  EXECUTE FUNCTION refuse_truncate();

-- An UPDATE that moves a row into a frozen set is refused by what it moved in.
CREATE TRIGGER frozen_move AFTER UPDATE ON dag_version_builds
  REFERENCING NEW TABLE AS touched EXECUTE FUNCTION refuse_frozen_pointers();
CREATE TRIGGER frozen_move AFTER UPDATE ON dag_version_datasets
  REFERENCING NEW TABLE AS touched EXECUTE FUNCTION refuse_frozen_pointers();
