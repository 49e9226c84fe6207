-- SPDX-License-Identifier: Apache-2.0
-- What a hotfix takes over from, and what a rollback returns to.

-- The last weight above zero, and the highest: what a version gets back, and whether it ever was live.
ALTER TABLE sentinel
  ADD COLUMN live_weight double precision,  -- NULL: it never had one
  ADD COLUMN peak_weight double precision NOT NULL DEFAULT 0;
UPDATE sentinel SET live_weight = traffic_weight, peak_weight = traffic_weight
WHERE traffic_weight > 0;

ALTER TABLE deploy
  ADD COLUMN taken_back_at timestamptz,     -- NULL: it stands; a new submission clears it
  ADD COLUMN baseline_key text COLLATE "C" NOT NULL DEFAULT '',  -- the deploy it took over from
  ADD COLUMN buckets text[] NOT NULL DEFAULT '{}';  -- of the nodes, in order; empty: none has one

-- Audit actions besides: 'hotfix' (weights handed over), 'rollback' (subject: the deploy taken back).
