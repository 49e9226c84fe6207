// SPDX-License-Identifier: Apache-2.0
// What the planner makes of the statements of the task plane over a hundred thousand rows.
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "dispatcher/ports/tasks/postgres_outbox.h"
#include "dispatcher/ports/tasks/postgres_wakeup_queue.h"
#include "tests/integration/dispatcher/stored_tasks.h"

namespace weir::dispatcher {
namespace {

using postgres::Connection;
using test::StoredTasks;

/// As many queued and finished tasks with their events, messages and outbox rows.
void fill(StoredTasks& tasks) {
  const std::string source = "'" + test::seed_id(20).text() + "'";
  const std::string reader = "'" + test::seed_id(21).text() + "'";
  tasks.plane().script(
      "BEGIN; SET LOCAL session_replication_role = replica;"
      "CREATE TEMP TABLE made AS SELECT n, md5('event' || n)::uuid AS event, md5('task' || n)::uuid"
      " AS task FROM generate_series(1, 100000) AS n;"
      "INSERT INTO state.events (event_id, org_id, dataset_uuid, dataset_version, seq,"
      " producer_task_id, producer_attempt, kind, scope_key, cursor_int, class, root_event_id)"
      " SELECT event, b.org_id, v.dataset_uuid, v.dataset_version, n, event, 1, 'cursor', n::text,"
      " n, 'live', event FROM made, state.builds b JOIN state.dataset_versions v USING (build_id)"
      " WHERE b.build_id = " +
      source +
      ";"
      "INSERT INTO state.tasks (task_id, org_id, build_id, dag_version_id, kind, queue, state,"
      " class, max_attempts, priority, trigger_event_id, input_index, finished_at)"
      " SELECT task, b.org_id, b.build_id, v.dag_version_id, 'reactive',"
      " 'tasks.ecs_platform.normal', CASE WHEN n % 2 = 0 THEN 'queued' ELSE 'completed' END, "
      "'live',"
      " 3, 1, event, 0, CASE WHEN n % 2 = 1 THEN now() END FROM made, state.builds b"
      " JOIN state.dag_version_builds v USING (build_id) WHERE b.build_id = " +
      reader +
      ";"
      "INSERT INTO state.attempts (task_id, attempt, lease_token, worker_id, state, outcome,"
      " ended_at) SELECT task, 1, event, 'worker', 'closed', 'success', now() FROM made"
      " WHERE n % 2 = 1;"
      "INSERT INTO state.task_counts (build_id, queue, slot, queued, completed) VALUES (" +
      reader +
      ", 'tasks.ecs_platform.normal', 0, 50000, 50000);"
      "INSERT INTO state.outbox (outbox_id, kind, topic, payload, state) SELECT task, "
      "'task_wakeup',"
      " 'tasks.ecs_platform.normal', jsonb_build_object('task_id', task),"
      " CASE WHEN n % 10 = 0 THEN 'pending' ELSE 'sent' END FROM made;"
      "INSERT INTO state.queue_messages (queue_name, payload) SELECT 'tasks.ecs_platform.normal',"
      " jsonb_build_object('task_id', task) FROM made;"
      "INSERT INTO state.wakeup_meters (queue_name, slot, owed)"
      " VALUES ('tasks.ecs_platform.normal', 3, true);"
      "UPDATE state.dataset_versions SET last_seq = 100000, max_cursor_int = 100000,"
      " cursor_type = 'int' WHERE build_id = " +
      source +
      ";"
      "DROP TABLE made; COMMIT; ANALYZE;");
}

/// One call of everything, so that its statements are prepared.
void call_everything(StoredTasks& tasks) {
  tasks.run(200'000);
  const ClaimAnswer claimed = tasks.claim_ready(20);
  ASSERT_EQ(claimed.tasks.size(), 20U);
  EXPECT_TRUE(claimed.more);
  ASSERT_TRUE(tasks.heartbeat(claimed.tasks[0]).ok());
  AcceptRequest accept{.task_id = claimed.tasks[0].task_id,
                       .fence = {1, claimed.tasks[0].answer.reply.lease_token},
                       .events = {{.output = 0, .partition_key = "1-2"}},
                       .state = StateWrite{}};
  ASSERT_TRUE(tasks.store().accept(std::array{accept})->at(0).ok());
  ASSERT_TRUE(tasks.complete(claimed.tasks[0], Outcome::Success).ok());
  ASSERT_TRUE(tasks.complete(claimed.tasks[1], Outcome::RetryableError).ok());
  for (int chore = 0; chore < kChores; ++chore) tasks.chore(static_cast<Chore>(chore), 10);
  ASSERT_TRUE(tasks.store().due().ok());
  ASSERT_TRUE(tasks.store().fetch(claimed.tasks[2].task_id).ok());
  PostgresOutbox outbox(tasks.pool());
  const auto taken = outbox.take(5);
  ASSERT_TRUE(taken.ok() && taken->size() == 5);
  const std::vector<OutboxSettled> settled = {
      {.outbox_id = taken->at(0).outbox_id, .locked_until = {}, .error = {}, .draw = 0}};
  ASSERT_TRUE(outbox.settle(settled).ok());
  ASSERT_EQ(*outbox.hand_over(7), 7U);
  ASSERT_TRUE(outbox.publish_control_events(5).ok());
  test::LockedRandom random(3);
  PostgresWakeupQueue queue(tasks.pool(), random);
  const std::array queues = {QueueName{}};
  const auto received = queue.receive(queues, 5);
  ASSERT_TRUE(received.ok() && received->size() == 5);
  const std::vector<WakeupReceipt> receipts = {
      {received->at(0).message_id, received->at(0).receipt}};
  ASSERT_EQ(*queue.acknowledge(receipts), 1U);
}

struct Plan {
  std::string name;
  std::string text;
};

/// The plan of every statement that the session has prepared.
std::vector<Plan> plans_of(Connection& session) {
  std::vector<Plan> plans;
  const auto statements = session.execute(
      std::string("SELECT name, (SELECT coalesce(string_agg('NULL::' || t, ', '), '')"
                  " FROM unnest(parameter_types::text[]) AS t) FROM pg_prepared_statements"
                  " WHERE statement ~* '^\\s*(SELECT|INSERT|UPDATE|DELETE|WITH|\\()'"
                  " ORDER BY name"));
  EXPECT_TRUE(statements.ok());
  for (std::size_t row = 0; statements.ok() && row < statements->size(); ++row) {
    Plan plan{.name = std::string(statements->text(row, 0)), .text = {}};
    const std::string types(statements->text(row, 1));
    const auto lines = session.execute("EXPLAIN EXECUTE \"" + plan.name + "\"" +
                                       (types.empty() ? "" : "(" + types + ")"));
    EXPECT_TRUE(lines.ok()) << plan.name << ": " << lines.error().describe();
    if (!lines.ok()) continue;
    for (std::size_t line = 0; line < lines->size(); ++line) {
      plan.text += std::string(lines->text(line, 0)) + "\n";
    }
    plans.push_back(std::move(plan));
  }
  return plans;
}

TEST(TaskPlans, FindEverythingByIndex) {
  StoredTasks tasks;
  fill(tasks);
  call_everything(tasks);
  const auto lease = tasks.pool().acquire(std::chrono::seconds(5));
  ASSERT_TRUE(lease.ok());
  Connection& session = **lease;
  ASSERT_TRUE(session.begin().ok());
  ASSERT_TRUE(
      session
          .execute(std::string("SELECT set_config('weir.org', '*', true),"
                               " set_config('plan_cache_mode', 'force_generic_plan', true)"))
          .ok());
  const std::vector<Plan> plans = plans_of(session);
  EXPECT_GT(plans.size(), 40U);
  for (const Plan& plan : plans) {
    for (const std::string_view table :
         {"tasks", "events", "attempts", "leases", "outbox", "queue_messages"}) {
      EXPECT_EQ(plan.text.find("Seq Scan on " + std::string(table)), std::string::npos)
          << plan.name << "\n"
          << plan.text;
    }
    EXPECT_EQ(plan.text.find("Bitmap Heap Scan on tasks"), std::string::npos) << plan.name << "\n"
                                                                              << plan.text;
  }
}

}  // namespace
}  // namespace weir::dispatcher
