// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/text.h"
#include "drivers/postgres/cluster_files.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/process/pid_fd.h"
#include "tests/integration/postgres/test_support.h"

namespace weir::postgres {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProgram = "/usr/sbin/pgbouncer";
constexpr Statement kCountAbove = {"test.count", "SELECT count(*) FROM t WHERE a > $1"};
constexpr int kClients = 6;
constexpr int kServers = 2;

/// A pooler in transaction mode before the test's database, with fewer server sessions than
/// clients: the arrangement in which named statements break.
class PgbouncerTest : public PostgresTest {
 protected:
  void SetUp() override {
    if (access(kProgram, X_OK) != 0) GTEST_SKIP() << "pgbouncer is not installed";
    std::string path = "/tmp/weir-bouncer-XXXXXX";
    ASSERT_NE(mkdtemp(path.data()), nullptr);
    folder_ = path;
    const auto user = choose_user("", test::shared_cluster().data_dir());
    ASSERT_TRUE(succeeded(user));
    if (*user) {
      ASSERT_EQ(chown(folder_.c_str(), (*user)->uid, (*user)->gid), 0);
    }
    std::ofstream(folder_ / "pgbouncer.ini")
        << "[databases]\nweir = host=" << parse_dsn(database_->dsn())->host
        << " dbname=" << database_->name() << " user=weir\n[pgbouncer]\nlisten_addr =\n"
        << "unix_socket_dir = " << folder_.string() << "\nlisten_port = 5432\nauth_type = any\n"
        << "pool_mode = transaction\ndefault_pool_size = " << kServers << "\n";
    ASSERT_EQ(chmod((folder_ / "pgbouncer.ini").c_str(), 0644), 0);
    const auto log = open_log(folder_ / "log");
    ASSERT_TRUE(succeeded(log));
    auto process = process::start_process({.argv = {kProgram, (folder_ / "pgbouncer.ini").string()},
                                           .output = log->number(),
                                           .run_as = *user,
                                           .death_signal = SIGKILL});
    ASSERT_TRUE(succeeded(process));
    pooler_ = *std::move(process);
    for (int i = 0; i < 2'000 && !connect().ok(); ++i) {
      test::real_clock().sleep_for(Duration(10'000));
    }
    script("CREATE TABLE t (a bigint)");
  }
  void TearDown() override {
    if (pooler_.pid < 0) return;
    process::send_signal(pooler_.pid_fd, SIGKILL);
    process::reap(pooler_);
    fs::remove_all(folder_);
  }
  Result<std::unique_ptr<Connection>> connect(StatementMode mode = StatementMode::Unnamed) {
    return Connection::connect(
        {.dsn = "postgresql://weir@/weir?host=" + base::percent_encode(folder_.string()),
         .statements = mode});
  }

  fs::path folder_;
  process::Process pooler_;
};

TEST_F(PgbouncerTest, IsNoticed) {
  const auto connection = connect();
  ASSERT_TRUE(succeeded(connection)) << read_tail(folder_ / "log");
  const auto pooled = (*connection)->behind_pooler();
  ASSERT_TRUE(succeeded(pooled));
  EXPECT_TRUE(*pooled);
}

TEST_F(PgbouncerTest, ServesManyClientsWithUnnamedStatements) {
  std::vector<std::unique_ptr<Connection>> clients;
  for (int i = 0; i < kClients; ++i) {
    auto connection = connect();
    ASSERT_TRUE(succeeded(connection));
    clients.push_back(*std::move(connection));
  }
  for (int round = 0; round < 3; ++round) {
    for (const auto& client : clients) {
      Pipeline pipeline(*client);
      pipeline.begin();
      pipeline.add("INSERT INTO t VALUES ($1)", Params().int64(1));
      pipeline.add(kCountAbove, Params().int64(0));
      pipeline.commit();
      ASSERT_TRUE(succeeded(pipeline.run()));
      ASSERT_TRUE(succeeded(client->execute(kCountAbove, Params().int64(0))));
    }
  }
  EXPECT_EQ(number("SELECT count(*) FROM t"), 3 * kClients);
}

TEST_F(PgbouncerTest, BreaksNamedStatementsWhichIsWhyThereIsAMode) {
  std::vector<std::unique_ptr<Connection>> clients;
  bool broke = false;
  for (int i = 0; i < kClients && !broke; ++i) {
    auto connection = connect(StatementMode::Named);
    ASSERT_TRUE(succeeded(connection));
    clients.push_back(*std::move(connection));
    broke = !clients.back()->execute(kCountAbove, Params().int64(0)).ok();
  }
  EXPECT_TRUE(broke);
  EXPECT_FALSE(clients.back()->usable()) << "dropped, as its names cannot be trusted";
}

}  // namespace
}  // namespace weir::postgres
