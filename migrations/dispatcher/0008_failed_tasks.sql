-- SPDX-License-Identifier: Apache-2.0
-- Lists of tasks that failed or were canceled, newest first. Only such a row has an entry.
CREATE INDEX tasks_ended_badly ON tasks (finished_at, task_id)
  WHERE state IN ('failed', 'canceled');
