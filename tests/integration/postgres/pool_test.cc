// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/postgres/test_support.h"

namespace weir::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kShort{20};
constexpr seconds kLong{30};

class PoolTest : public PostgresTest {
 protected:
  PoolOptions options(std::size_t connections_max) const {
    return {.connect = {.dsn = database_->dsn()}, .connections_max = connections_max};
  }
};

TEST_F(PoolTest, ConnectsWhenNeededAndLendsTheSameConnectionAgain) {
  Pool pool(options(4), test::real_clock());
  EXPECT_EQ(pool.counts().connects, 0U);
  int pid = 0;
  for (int i = 0; i < 3; ++i) {
    const auto lease = pool.acquire(kLong);
    ASSERT_TRUE(succeeded(lease));
    if (i == 0) pid = (*lease)->backend_pid();
    EXPECT_EQ((*lease)->backend_pid(), pid);
  }
  EXPECT_EQ(pool.counts().connects, 1U);
  EXPECT_EQ(pool.counts().idle, 1U);
  EXPECT_TRUE(succeeded(pool.ping(kLong)));
}

TEST_F(PoolTest, DropsAConnectionThatComesBackWithWorkUnderWay) {
  Pool pool(options(1), test::real_clock());
  const Request request{.sql = "SELECT pg_sleep(3600)"};
  {
    const auto lease = pool.acquire(kLong);
    ASSERT_TRUE(succeeded(lease));
    ASSERT_TRUE(succeeded((*lease)->start({&request, 1})));
  }
  EXPECT_EQ(pool.counts().idle, 0U);
  EXPECT_TRUE(succeeded(pool.ping(kLong)));
  EXPECT_EQ(pool.counts().connects, 2U);
}

TEST_F(PoolTest, RefusesMoreThanItsBoundAfterTheTimeout) {
  Pool pool(options(2), test::real_clock());
  const auto one = pool.acquire(kLong);
  const auto two = pool.acquire(kLong);
  ASSERT_TRUE(one.ok() && two.ok());
  const auto three = pool.acquire(kShort);
  ASSERT_FALSE(three.ok());
  EXPECT_EQ(three.error().code(), Code::ResourceExhausted);
  EXPECT_EQ(three.error().reason(), "postgres_pool_exhausted");
  EXPECT_EQ(pool.counts().lent, 2U);
  EXPECT_EQ(pool.counts().waiting, 0U);
}

TEST_F(PoolTest, WakesAWaiterWhenALeaseComesBack) {
  Pool pool(options(1), test::real_clock());
  std::optional<Pool::Lease> lease(*pool.acquire(kLong));
  std::atomic<bool> got = false;
  std::thread waiter([&] { got = pool.acquire(kLong).ok(); });
  while (pool.counts().waiting == 0) std::this_thread::yield();
  lease.reset();
  waiter.join();
  EXPECT_TRUE(got);
}

TEST_F(PoolTest, RefusesAtOnceWhenTooManyWait) {
  PoolOptions narrow = options(1);
  narrow.waiters_max = 1;
  Pool pool(narrow, test::real_clock());
  std::optional<Pool::Lease> lease(*pool.acquire(kLong));
  std::thread waiter([&] { EXPECT_TRUE(succeeded(pool.acquire(kLong))); });
  while (pool.counts().waiting == 0) std::this_thread::yield();
  EXPECT_EQ(reason_of(pool.acquire(kLong)), "postgres_pool_exhausted");
  lease.reset();
  waiter.join();
}

TEST_F(PoolTest, RollsBackWhatABorrowerLeftOpen) {
  script("CREATE TABLE t (a int)");
  Pool pool(options(1), test::real_clock());
  {
    const auto lease = pool.acquire(kLong);
    ASSERT_TRUE(succeeded(lease));
    ASSERT_TRUE(succeeded((*lease)->begin()));
    ASSERT_TRUE(succeeded((*lease)->execute("INSERT INTO t VALUES (1)")));
  }
  const auto lease = pool.acquire(kLong);
  ASSERT_TRUE(succeeded(lease));
  EXPECT_FALSE((*lease)->in_transaction());
  EXPECT_EQ(number("SELECT count(*) FROM t"), 0);
  EXPECT_EQ(pool.counts().connects, 1U);
}

TEST_F(PoolTest, DropsConnectionsThatTheServerClosed) {
  Pool pool(options(3), test::real_clock());
  {
    const auto one = pool.acquire(kLong);
    const auto two = pool.acquire(kLong);
    ASSERT_TRUE(one.ok() && two.ok());
    // One dies while lent, both before they are lent again.
    ASSERT_TRUE(succeeded(second_->execute("SELECT pg_terminate_backend(" +
                                           std::to_string((*one)->backend_pid()) + ", 20000)")));
  }
  EXPECT_EQ(pool.counts().dropped, 1U);
  EXPECT_EQ(pool.counts().idle, 1U);
  ASSERT_TRUE(succeeded(second_->execute(
      "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity WHERE application_name = "
      "'weir' AND datname = current_database() AND pid <> pg_backend_pid()")));
  EXPECT_TRUE(succeeded(pool.ping(kLong)));
  EXPECT_EQ(pool.counts().dropped, 2U);
  EXPECT_EQ(pool.counts().lent, 0U);
}

TEST_F(PoolTest, FreesTheSlotWhenItCannotConnect) {
  PoolOptions nowhere = options(1);
  nowhere.connect.dsn = "host=/nosuch/folder";
  Pool pool(nowhere, test::real_clock());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(reason_of(pool.ping(kShort)), "postgres_unavailable");
  EXPECT_EQ(pool.counts().lent, 0U);
  EXPECT_EQ(pool.counts().connects, 3U);
}

TEST_F(PoolTest, LendsNothingWhileItIsNotAdmittedButPings) {
  PoolOptions gated = options(4);
  bool open = false;
  gated.admit = [&]() -> Result<void> {
    if (open) return base::unavailable("breaker_open", "it is being probed");
    return {};
  };
  Pool pool(std::move(gated), test::real_clock());
  EXPECT_TRUE(succeeded(pool.acquire(kLong)));
  open = true;
  EXPECT_EQ(reason_of(pool.acquire(kLong)), "breaker_open");
  EXPECT_TRUE(succeeded(pool.ping(kLong)));
}

TEST_F(PoolTest, TellsWhetherTheServerWasThere) {
  std::vector<bool> seen;
  PoolOptions watched = options(4);
  watched.saw = [&](bool there) { seen.push_back(there); };
  Pool pool(std::move(watched), test::real_clock());
  {
    const auto lease = pool.acquire(kLong);
    ASSERT_TRUE(succeeded(lease));
    EXPECT_FALSE((*lease)->execute(std::string("SELECT 1/0")).ok());
  }
  EXPECT_EQ(seen, std::vector<bool>{true}) << "a refusal of content comes from a server";
  {
    const auto lease = pool.acquire(kLong);
    ASSERT_TRUE(succeeded(lease));
    const std::string pid = std::to_string((*lease)->backend_pid());
    ASSERT_TRUE(succeeded(second_->execute("SELECT pg_terminate_backend(" + pid + ", 20000)")));
  }
  EXPECT_EQ(seen, (std::vector<bool>{true, false}));
  PoolOptions nowhere{.connect = {.dsn = "host=/nowhere dbname=none"}, .connections_max = 1};
  nowhere.saw = [&](bool there) { seen.push_back(there); };
  Pool away(std::move(nowhere), test::real_clock());
  EXPECT_FALSE(away.acquire(kShort).ok());
  EXPECT_EQ(seen, (std::vector<bool>{true, false, false}));
}

TEST_F(PoolTest, ServesManyThreadsWithFewConnections) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 50;
  constexpr Statement kBump = {"test.bump", "UPDATE t SET a = a + 1"};
  script("CREATE TABLE t (a bigint); INSERT INTO t VALUES (0)");
  Pool pool(options(3), test::real_clock());
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        const auto lease = pool.acquire(kLong);
        ASSERT_TRUE(succeeded(lease));
        ASSERT_TRUE(succeeded((*lease)->execute(kBump)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(number("SELECT a FROM t"), kThreads * kRounds);
  EXPECT_LE(pool.counts().connects, 3U);
}

TEST_F(PoolTest, MovesALeaseFromOwnerToOwner) {
  Pool pool(options(2), test::real_clock());
  auto one = pool.acquire(kLong);
  auto two = pool.acquire(kLong);
  ASSERT_TRUE(one.ok() && two.ok());
  const int pid = (*two)->backend_pid();
  *one = *std::move(two);
  EXPECT_EQ((*one)->backend_pid(), pid);
  EXPECT_EQ(pool.counts().lent, 1U);
}

}  // namespace
}  // namespace weir::postgres
