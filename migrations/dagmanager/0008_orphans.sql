-- SPDX-License-Identifier: Apache-2.0
-- Queues that no held deploy binds, as the loop `gc` sees them: from the pass that first does to the
-- one that sees them bound again. Nothing that a diff decides depends on it, so no epoch is raised.
CREATE TABLE orphan_queue (
  queue_id bigint PRIMARY KEY,
  tag text NOT NULL,                -- the type's, or 'sentinel': a live version ever held it
  since timestamptz NOT NULL,
  size bigint,                      -- messages it held when that last changed; NULL: never told
  grown_at timestamptz NOT NULL
);
