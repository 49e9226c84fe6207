// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "tests/integration/dispatcher/stored_tasks.h"

namespace weir::dispatcher {
namespace {

using test::StoredTasks;

TEST(PostgresTaskStore, RunsATaskFromItsEventToItsEnd) {
  StoredTasks tasks;
  const RunReply run = tasks.run(1);
  ASSERT_TRUE(run.event_id);
  const ClaimAnswer claimed = tasks.claim_ready(10);
  ASSERT_EQ(claimed.tasks.size(), 1U);
  const ClaimedTask& task = claimed.tasks.front();
  ASSERT_TRUE(task.answer.ok());
  EXPECT_GT(task.answer.reply.fence_no, 0);
  EXPECT_FALSE(claimed.more);
  ASSERT_TRUE(task.context && task.context->job && task.context->trigger);
  EXPECT_EQ(task.context->job->job, "bars");
  EXPECT_EQ(task.context->trigger->event_id, *run.event_id);
  EXPECT_EQ(task.context->trigger->cursor, Cursor(std::int64_t{1}));
  EXPECT_EQ(task.context->job->inputs.size(), 1U);
  const auto beaten = tasks.heartbeat(task);
  ASSERT_TRUE(beaten.ok());
  EXPECT_EQ(beaten.reply.status, TaskState::Running);
  const auto completed = tasks.complete(task, Outcome::Success);
  ASSERT_TRUE(completed.ok());
  EXPECT_EQ(completed.reply.status, TaskState::Completed);
  EXPECT_EQ(tasks.plane().number("SELECT cursor_int FROM state.dataset_cursors"), 1);
  const auto again = tasks.complete(task, Outcome::Success);
  EXPECT_TRUE(again.ok() && again.reply.duplicate);
  test::expect_clean_audit(tasks.plane());
}

}  // namespace
}  // namespace weir::dispatcher
