-- SPDX-License-Identifier: Apache-2.0
-- Every table with an org_id shows the rows of one organisation only: the one that the transaction
-- has named (SET LOCAL weir.org = '<org_id>'). Named none: no rows. Owners are bound too.
--
-- Work over all organisations (weir.org = '*') is admitted by a second policy, all_orgs, for role
-- weir_dispatcher alone. Roles belong to the server and not to this database, so that policy is
-- made where the role is: by src/dispatcher/ports/postgres_schema.cc.

CREATE FUNCTION protect_by_org(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = state, pg_temp AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', relation);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', relation);
  EXECUTE format($policy$
    CREATE POLICY own_org ON %s
      USING (org_id::text = current_setting('weir.org', true))
      WITH CHECK (org_id::text = current_setting('weir.org', true))
  $policy$, relation);
END $$;

SELECT protect_by_org(c.oid)
  FROM pg_class c
  JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'org_id' AND NOT a.attisdropped
 WHERE c.relnamespace = 'state'::regnamespace AND c.relkind IN ('r', 'p');
