-- SPDX-License-Identifier: Apache-2.0
-- Which instance runs which loop. A row is renewed by its holder and taken by anybody once `until`
-- (of this server's clock) is past; whoever takes it raises `fence`. Every transaction of a loop locks
-- its row and gives up where the fence is not its own, so that two holders never both write.
CREATE TABLE loop_lease (
  loop text COLLATE "C" PRIMARY KEY,
  holder text NOT NULL,             -- instance id; empty: given back
  fence bigint NOT NULL,
  until timestamptz NOT NULL,
  last_run timestamptz              -- of any holder, as told with a renewal; NULL: none yet
) WITH (fillfactor = 10);
