-- SPDX-License-Identifier: Apache-2.0
-- Rollouts: one moves traffic from a baseline to a candidate, step by step. Rows are never deleted.
-- Changed only by who holds the lock of the epoch; by the loop `canary` only under its fence.
CREATE TABLE rollout (
  rollout_id uuid PRIMARY KEY,
  seq bigint GENERATED ALWAYS AS IDENTITY UNIQUE,
  state text NOT NULL,              -- 'running', 'paused', 'done', 'rolled_back'
  world_id text COLLATE "C" NOT NULL,
  sentinel_id text COLLATE "C" NOT NULL,
  version text COLLATE "C" NOT NULL,
  baseline_id text COLLATE "C" NOT NULL,       -- '': none
  baseline_version text COLLATE "C" NOT NULL,
  baseline_before double precision NOT NULL,   -- its weight before, which a way back gives it
  step_weights double precision[] NOT NULL,
  step_holds bigint[] NOT NULL,     -- microseconds
  step integer NOT NULL,            -- whose weight is set, from 0
  step_since timestamptz NOT NULL,
  held bigint NOT NULL,             -- microseconds
  judged_at timestamptz NOT NULL,
  verdict text,                     -- NULL: not judged yet
  reason text NOT NULL,
  failing text[] NOT NULL,          -- checks that were false lately,
  failing_for bigint[] NOT NULL,    -- in how many judgements running
  unknown_since timestamptz,
  undecided_told boolean NOT NULL,
  evidence text NOT NULL,           -- JSON; '': none was given
  started_by text NOT NULL,
  started_at timestamptz NOT NULL,
  ended_at timestamptz,             -- NULL: it has not ended
  CHECK (cardinality(step_weights) = cardinality(step_holds)),
  CHECK (cardinality(failing) = cardinality(failing_for)),
  CHECK (step >= 0 AND step < cardinality(step_weights)),
  CHECK ((ended_at IS NOT NULL) = (state IN ('done', 'rolled_back')))
);
-- One of a sentinel at a time, on either side; what both indexes let pass the lock does not.
CREATE UNIQUE INDEX rollout_candidate ON rollout (sentinel_id, world_id) WHERE ended_at IS NULL;
CREATE UNIQUE INDEX rollout_baseline ON rollout (baseline_id, world_id)
  WHERE ended_at IS NULL AND baseline_id <> '';

-- Audit action besides: 'rollout' (subject: the rollout; note: what became of it).
