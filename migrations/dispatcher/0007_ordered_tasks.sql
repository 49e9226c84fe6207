-- SPDX-License-Identifier: Apache-2.0
-- The unfinished tasks of an ordered input, first to last: the claim gate asks for the first one.
CREATE INDEX tasks_ordered ON tasks (build_id, input_index, order_seq, task_id)
  WHERE order_seq IS NOT NULL AND state IN ('queued','running','retry_wait');
