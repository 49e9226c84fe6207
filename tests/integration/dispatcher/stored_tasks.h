// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/random.h"
#include "dispatcher/ports/tasks/postgres_task_store.h"
#include "tests/integration/dispatcher/task_fixture.h"

namespace weir::test {

/// Random numbers for several threads.
class LockedRandom final : public Random {
 public:
  explicit LockedRandom(std::uint64_t seed) : random_(seed) {}
  std::uint64_t next() override {
    const std::scoped_lock lock(mutex_);
    return random_.next();
  }

 private:
  std::mutex mutex_;
  base::SeededRandom random_;
};

/// A DAG `trades` of organisation 1: a manual source `ticks`, a reactive job `bars` that reads it
/// and one more that reads `bars`, `days`.
dispatcher::TaskSeed trades_seed(const dispatcher::JobSeed& bars = {.name = "bars"});

/// The n-th id of a kind of thing in trades_seed.
Uuid seed_id(int number);

/// A database with that DAG and a store on it.
class StoredTasks {
 public:
  explicit StoredTasks(const dispatcher::TaskSeed& seed = trades_seed());

  TaskPlane& plane() { return plane_; }
  dispatcher::PostgresTaskStore& store() { return *store_; }
  postgres::Pool& pool() { return *pool_; }
  /// Another instance, as in another process.
  std::unique_ptr<dispatcher::PostgresTaskStore> another(
      postgres::Pool& pool, dispatcher::Rung rung = {}, dispatcher::FindWaitingClaims waiting = {});

  /// A manual run whose event has this cursor.
  dispatcher::RunReply run(std::int64_t cursor) { return run(cursor, *store_); }
  dispatcher::RunReply run(std::int64_t cursor, dispatcher::TaskStore& store);
  /// Many at once.
  void run_many(std::int64_t first, std::int64_t count);
  dispatcher::ClaimAnswer claim_ready(std::size_t max, const std::string& worker = "worker");
  dispatcher::Answer<dispatcher::HeartbeatReply> heartbeat(const dispatcher::ClaimedTask& task);
  dispatcher::Answer<dispatcher::CompleteReply> complete(const dispatcher::ClaimedTask& task,
                                                         dispatcher::Outcome outcome);
  dispatcher::ChorePage chore(dispatcher::Chore chore, std::size_t limit = 500);

 private:
  TaskPlane plane_;
  LockedRandom random_{7};
  std::unique_ptr<postgres::Pool> pool_;
  std::unique_ptr<dispatcher::PostgresTaskStore> store_;
};

}  // namespace weir::test
