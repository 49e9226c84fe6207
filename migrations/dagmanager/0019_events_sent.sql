-- SPDX-License-Identifier: Apache-2.0
-- When a Kafka broker acknowledged an event; where no control bus is configured, when it got its
-- number. NULL: not told to the bus yet. sent_at stays the time of the number, by which builds from
-- before this know that they need not give it one.
ALTER TABLE outbox ADD COLUMN acknowledged_at timestamptz;
UPDATE outbox SET acknowledged_at = sent_at WHERE sent_at IS NOT NULL;
CREATE INDEX outbox_unacknowledged ON outbox (number)
  WHERE number IS NOT NULL AND acknowledged_at IS NULL;
