// SPDX-License-Identifier: Apache-2.0
// Instances of the store that want the same rows at the same moment, and sessions that are lost.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <latch>
#include <set>
#include <thread>
#include <vector>

#include "dispatcher/core/derived_ids.h"
#include "drivers/postgres/errors.h"
#include "tests/integration/dispatcher/stored_tasks.h"
#include "tests/integration/dispatcher/waiting_line.h"
#include "tests/integration/postgres/cutting_proxy.h"

namespace weir::dispatcher {
namespace {

using test::StoredTasks;

constexpr int kRounds = 200;

/// What a call gives once no deadlock stands in its way.
template <class Call>
auto settled(const Call& call) {
  for (;;) {
    auto result = call();
    if (result.ok() || result.error().reason() != "transaction_conflict") return result;
  }
}

std::vector<ClaimRequest> claim_of(const TaskId& task, const std::string& worker) {
  return {{.worker_id = worker,
           .claim_id = {},
           .task_ids = {task},
           .max = 0,
           .runtime = {},
           .operators = {}}};
}

TEST(TaskRaces, GiveOneLeaseToOneOfTwoInstances) {
  StoredTasks tasks;
  const auto pool = test::dispatcher_pool(tasks.plane());
  const auto other = tasks.another(*pool);
  tasks.run_many(1, kRounds);
  std::vector<TaskId> ids;
  for (const std::string& id :
       tasks.plane().texts("SELECT task_id::text FROM state.tasks WHERE state = 'queued'")) {
    ids.emplace_back(*Uuid::parse(id));
  }
  ASSERT_EQ(ids.size(), std::size_t{kRounds});
  for (const TaskId& id : ids) {
    std::atomic<int> granted = 0;
    std::atomic<int> running = 0;
    std::latch start(2);
    const auto race = [&](PostgresTaskStore& store, const std::string& worker) {
      start.arrive_and_wait();
      const auto answers = settled([&] { return store.claim(claim_of(id, worker)); });
      ASSERT_TRUE(answers.ok()) << answers.error().describe();
      const auto& answer = answers->at(0).tasks.at(0).answer;
      if (answer.ok()) ++granted;
      if (answer.refused && answer.refused->reason == NotClaimedReason::AlreadyRunning) ++running;
    };
    std::thread first([&] { race(tasks.store(), "one"); });
    std::thread second([&] { race(*other, "two"); });
    first.join();
    second.join();
    ASSERT_EQ(granted, 1);
    ASSERT_EQ(running, 1);
  }
  test::expect_clean_audit(tasks.plane());
}

TEST(TaskRaces, ShareReadyTasksAmongPullersWithoutGivingOneTwice) {
  StoredTasks tasks;
  tasks.run_many(1, kRounds);
  std::atomic<int> claimed = 0;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&, worker] {
      const std::vector<ClaimRequest> requests = {{.worker_id = "w" + std::to_string(worker),
                                                   .claim_id = {},
                                                   .task_ids = {},
                                                   .max = 7,
                                                   .runtime = QueueRuntime::EcsPlatform,
                                                   .operators = {}}};
      for (bool more = true; more;) {
        const auto answers = settled([&] { return tasks.store().claim(requests); });
        ASSERT_TRUE(answers.ok()) << answers.error().describe();
        more = answers->at(0).more;
        claimed += static_cast<int>(answers->at(0).tasks.size());
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(claimed, kRounds);
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.leases"), kRounds);
  test::expect_clean_audit(tasks.plane());
}

TEST(TaskRaces, NumberEventsOfOneVersionWithoutGaps) {
  StoredTasks tasks;
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 4; ++writer) {
    writers.emplace_back([&, writer] {
      for (int at = 0; at < 20; ++at) {
        const BuildId source(test::seed_id(20));
        const std::int64_t cursor = writer * 1'000 + at;
        RunRequest request{.build_id = source,
                           .run_id = manual_run_id(source, std::to_string(cursor)),
                           .task_class = TaskClass::Manual,
                           .event = {.cursor = cursor}};
        const auto made = settled([&] { return tasks.store().start_runs(std::array{request}); });
        ASSERT_TRUE(made.ok()) << made.error().describe();
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(tasks.plane().number("SELECT max(seq) FROM state.events"), 80);
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.tasks WHERE state = 'queued'"), 80);
  test::expect_clean_audit(tasks.plane());
}

TEST(TaskRaces, KeepALimitWhateverTheNumberOfClaimers) {
  StoredTasks tasks(test::trades_seed({.name = "bars", .max_concurrency = 3}));
  tasks.run_many(1, 20);
  std::latch start(4);
  std::atomic<int> claimed = 0;
  std::vector<std::thread> workers;
  for (int worker = 0; worker < 4; ++worker) {
    workers.emplace_back([&, worker] {
      start.arrive_and_wait();
      claimed += static_cast<int>(tasks.claim_ready(2, "w" + std::to_string(worker)).tasks.size());
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_LE(claimed, 3);
  EXPECT_GE(claimed, 1);
  test::expect_clean_audit(tasks.plane());
}

TEST(TaskRaces, FindInTheEndWhatAnotherInstanceHeldAndLetGo) {
  StoredTasks tasks;
  tasks.run_many(1, 12);
  const auto other = tasks.plane().session(ServiceRole::Dispatcher);
  ASSERT_TRUE(other->begin().ok());
  ASSERT_TRUE(other->execute(std::string("SELECT set_config('weir.org', '*', true)")).ok());
  ASSERT_TRUE(other
                  ->execute(std::string("SELECT 1 FROM state.tasks WHERE state = 'queued'"
                                        " ORDER BY rank_at, task_id LIMIT 3 FOR UPDATE"))
                  .ok());
  std::set<TaskId> claimed;
  const auto claim = [&] {
    for (const ClaimedTask& task : tasks.claim_ready(2).tasks) claimed.insert(task.task_id);
  };
  // These pass over what is held, and the next ones begin behind it.
  for (int claims = 0; claims < 3; ++claims) claim();
  EXPECT_EQ(claimed.size(), 6U);
  ASSERT_TRUE(other->rollback().ok());
  for (int claims = 0; claims < 3; ++claims) claim();
  EXPECT_EQ(claimed.size(), 12U);
  test::expect_clean_audit(tasks.plane());
}

TEST(TaskRaces, TellOfADeadlockAsAConflictThatChangedNothing) {
  StoredTasks tasks;
  tasks.run_many(1, 2);
  const ClaimAnswer claimed = tasks.claim_ready(2);
  ASSERT_EQ(claimed.tasks.size(), 2U);
  // Somebody who holds the later row and wants the earlier one: one of the two must give way.
  std::array ids = {claimed.tasks[0].task_id, claimed.tasks[1].task_id};
  std::ranges::sort(ids);
  const auto rude = tasks.plane().session(ServiceRole::Dispatcher);
  const auto lock = [&](const TaskId& id) {
    return rude->execute("SELECT 1 FROM state.tasks WHERE task_id = '" + id.text() +
                         "' FOR UPDATE");
  };
  ASSERT_TRUE(rude->begin().ok());
  ASSERT_TRUE(rude->execute(std::string("SELECT set_config('weir.org', '*', true)")).ok());
  ASSERT_TRUE(lock(ids[1]).ok());
  std::atomic<bool> conflict = false;
  std::thread caller([&] {
    std::vector<TaskItem<HeartbeatCommand>> items;
    for (const ClaimedTask& task : claimed.tasks) {
      items.push_back({task.task_id, {.fence = {1, task.answer.reply.lease_token}}});
    }
    const auto beaten = tasks.store().heartbeat(items);
    conflict = !beaten.ok() && beaten.error().reason() == "transaction_conflict";
  });
  // It waits for the later row while it holds the earlier one.
  while (tasks.plane().number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
    std::this_thread::yield();
  }
  const bool rude_won = lock(ids[0]).ok();
  (void)rude->rollback();
  caller.join();
  EXPECT_EQ(conflict, rude_won);
  EXPECT_TRUE(tasks.heartbeat(claimed.tasks[0]).ok());
  test::expect_clean_audit(tasks.plane());
}

/// Calls the store through a proxy that loses the reply to COMMIT.
class LostReply : public testing::Test {
 protected:
  LostReply() : proxy_(tasks_.plane().database().dsn()) {
    pool_ = test::dispatcher_pool(tasks_.plane(), proxy_.dsn());
    store_ = tasks_.another(*pool_);
  }

  /// Makes a call that has read and decided and waits with what it writes, and loses the reply to
  /// its COMMIT. Gives the reason that the call gives.
  template <class Call>
  std::string lose_reply_of(const Call& call) {
    tasks_.plane().script("BEGIN; LOCK TABLE state.task_counts IN SHARE ROW EXCLUSIVE MODE");
    std::string reason;
    std::thread caller([&] {
      const auto lost = call();
      if (!lost.ok()) reason = lost.error().reason();
    });
    while (tasks_.plane().number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
      std::this_thread::yield();
    }
    proxy_.lose_next_reply();
    tasks_.plane().script("COMMIT");
    caller.join();
    return reason;
  }

  StoredTasks tasks_;
  postgres::CuttingProxy proxy_;
  std::unique_ptr<postgres::Pool> pool_;
  std::unique_ptr<PostgresTaskStore> store_;
};

TEST_F(LostReply, OfARunIsAnsweredByItsRepetition) {
  const BuildId source(test::seed_id(20));
  const std::array requests = {RunRequest{.build_id = source,
                                          .run_id = manual_run_id(source, "key"),
                                          .task_class = TaskClass::Manual,
                                          .event = {.cursor = std::int64_t{1}}}};
  EXPECT_EQ(lose_reply_of([&] { return store_->start_runs(requests); }), postgres::kCommitUnknown);
  const auto again = settled([&] { return tasks_.store().start_runs(requests); });
  ASSERT_TRUE(again.ok() && again->at(0).ok());
  EXPECT_TRUE(again->at(0).reply.duplicate);
  EXPECT_TRUE(again->at(0).reply.event_id);
  EXPECT_EQ(tasks_.plane().number("SELECT count(*) FROM state.events"), 1);
  EXPECT_EQ(tasks_.plane().number("SELECT count(*) FROM state.tasks"), 2);
  test::expect_clean_audit(tasks_.plane());
}

TEST_F(LostReply, OfAClaimIsAnsweredWithTheSameLease) {
  tasks_.run_many(1, 3);
  const std::array requests = {ClaimRequest{.worker_id = "worker",
                                            .claim_id = ClaimId(test::seed_id(50)),
                                            .task_ids = {},
                                            .max = 2,
                                            .runtime = QueueRuntime::EcsPlatform,
                                            .operators = {}}};
  EXPECT_EQ(lose_reply_of([&] { return store_->claim(requests); }), postgres::kCommitUnknown);
  const auto again = tasks_.store().claim(requests);
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(again->at(0).tasks.size(), 2U);
  for (const ClaimedTask& task : again->at(0).tasks) {
    ASSERT_TRUE(task.answer.ok());
    EXPECT_TRUE(task.answer.reply.duplicate);
    EXPECT_TRUE(tasks_.complete(task, Outcome::Success).ok());
  }
  EXPECT_EQ(tasks_.plane().number("SELECT count(*) FROM state.attempts WHERE worker_id = 'worker'"),
            2);
  test::expect_clean_audit(tasks_.plane());
}

TEST_F(LostReply, OfARunThatAClaimWaitedForIsAskedForAgainUnderTheClaimsId) {
  test::WaitingLine line;
  const auto store = tasks_.another(*pool_, {}, [&] { return &line; });
  const ClaimRequest asked{.worker_id = "worker",
                           .claim_id = ClaimId(test::seed_id(50)),
                           .runtime = QueueRuntime::EcsPlatform};
  const std::vector<QueueName> queues = {{QueueRuntime::EcsPlatform, QueueLevel::Normal}};
  line.wait({.ticket = 1, .claim = asked, .queues = queues});
  line.wait({.ticket = 2, .claim = asked, .queues = queues});
  EXPECT_EQ(
      lose_reply_of([&] {
        const BuildId source(test::seed_id(20));
        return store->start_runs(std::array{RunRequest{.build_id = source,
                                                       .run_id = manual_run_id(source, "k"),
                                                       .event = {.cursor = std::int64_t{1}}}});
      }),
      postgres::kCommitUnknown);
  EXPECT_EQ(line.failed().at(1), postgres::kCommitUnknown);
  EXPECT_FALSE(line.has_taken());
  EXPECT_EQ(line.waiting(), std::vector<std::uint64_t>{2});
  const auto again = tasks_.store().claim(std::array{asked});
  ASSERT_TRUE(again.ok());
  ASSERT_EQ(again->at(0).tasks.size(), 1U);
  EXPECT_TRUE(again->at(0).tasks[0].answer.reply.duplicate);
  EXPECT_TRUE(tasks_.complete(again->at(0).tasks[0], Outcome::Success).ok());
  test::expect_clean_audit(tasks_.plane());
}

TEST(TaskRaces, GiveBackAClaimThatWaitsWhereItsTransactionFails) {
  StoredTasks tasks;
  const auto pool = test::dispatcher_pool(tasks.plane());
  test::WaitingLine line;
  const auto store = tasks.another(*pool, {}, [&] { return &line; });
  line.wait({.ticket = 1,
             .claim = {.worker_id = "worker", .claim_id = ClaimId(test::seed_id(50))},
             .queues = {{QueueRuntime::EcsPlatform, QueueLevel::Normal}}});
  // Its session ends while it writes.
  tasks.plane().script("BEGIN; LOCK TABLE state.task_counts IN SHARE ROW EXCLUSIVE MODE");
  std::atomic<bool> failed = false;
  std::thread caller([&] {
    const BuildId source(test::seed_id(20));
    failed = !store
                  ->start_runs(std::array{RunRequest{.build_id = source,
                                                     .run_id = manual_run_id(source, "k"),
                                                     .event = {.cursor = std::int64_t{1}}}})
                  .ok();
  });
  while (tasks.plane().number("SELECT count(*) FROM pg_locks WHERE NOT granted") == 0) {
    std::this_thread::yield();
  }
  tasks.plane().script("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted");
  caller.join();
  tasks.plane().script("COMMIT");
  EXPECT_TRUE(failed);
  EXPECT_EQ(tasks.plane().number("SELECT count(*) FROM state.leases"), 0);
  EXPECT_FALSE(line.has_taken());
  const bool unknown = line.failed().contains(1);  // it was behind COMMIT in one pipeline
  EXPECT_EQ(line.waiting().size(), unknown ? 0U : 1U);
}

}  // namespace
}  // namespace weir::dispatcher
