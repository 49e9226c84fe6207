-- SPDX-License-Identifier: Apache-2.0
-- Queues that nobody writes to any more: the loop `completion` says so here, and the sets that are
-- told leave them out until they grow. Builds from before this tell whole sets on their diffs.
ALTER TABLE queue ADD COLUMN completed boolean NOT NULL DEFAULT false;

-- How long queues have been silent, as that loop noted it: of every completed one, and of others
-- once half of the time has passed. A queue that is no more leaves its row to the next pass.
CREATE TABLE silent_queue (
  queue_id bigint PRIMARY KEY,
  size bigint NOT NULL,             -- messages it held
  lasted_ms bigint NOT NULL         -- silence that was looked at, from one look to the next
);
