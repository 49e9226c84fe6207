-- SPDX-License-Identifier: Apache-2.0
-- Control events get numbers, by which readers follow them, and are told of as they come.

-- The last number given. Its lock is held by whoever gives numbers, until the numbers are committed:
-- they rise without a gap, and a reader of "above n" misses none.
CREATE TABLE event_head (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  last_no bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO event_head (last_no) VALUES (0);

CREATE UNIQUE INDEX outbox_number ON outbox (number) WHERE number IS NOT NULL;

-- Whoever commits events rings for the instances that listen.
CREATE FUNCTION ring_for_events() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('weir_dagmanager_written', '');
  RETURN NULL;
END $$;
CREATE TRIGGER outbox_rings AFTER INSERT ON outbox
  FOR EACH STATEMENT EXECUTE FUNCTION ring_for_events();
