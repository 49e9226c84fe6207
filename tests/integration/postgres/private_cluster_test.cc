// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/private_cluster.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <string>
#include <thread>

#include "drivers/postgres/cluster_files.h"
#include "drivers/postgres/limits.h"
#include "drivers/process/pid_fd.h"
#include "tests/integration/postgres/test_support.h"

namespace weir::postgres {
namespace {

namespace fs = std::filesystem;

/// A state folder of its own; its server starts from a copy of the shared one's files.
constexpr const char* kBusy =
    "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%generate_series("
    "1,%' AND pid <> pg_backend_pid()";

class PrivateClusterTest : public testing::Test {
 protected:
  PrivateClusterTest() {
    std::string path = "/tmp/weir-cluster-XXXXXX";
    EXPECT_NE(mkdtemp(path.data()), nullptr);
    EXPECT_EQ(chmod(path.c_str(), 0711), 0);
    state_dir_ = path;
  }
  ~PrivateClusterTest() override { fs::remove_all(state_dir_); }

  PrivateClusterConfig config() const {
    PrivateClusterConfig config = test::test_cluster_config(state_dir_);
    config.settings.emplace_back("max_connections", "20");
    return config;
  }
  std::unique_ptr<PrivateCluster> create() const {
    auto cluster = PrivateCluster::create(config(), test::real_clock());
    EXPECT_TRUE(succeeded(cluster));
    return cluster.ok() ? *std::move(cluster) : nullptr;
  }
  std::unique_ptr<PrivateCluster> start() const {
    auto cluster = create();
    if (cluster) {
      EXPECT_TRUE(succeeded(cluster->start()));
    }
    return cluster;
  }
  static Result<void> run(const PrivateCluster& cluster, const std::string& sql) {
    WEIR_TRY(const auto connection, Connection::connect({.dsn = cluster.dsn()}));
    return connection->execute_script(sql);
  }
  static std::int64_t number(const PrivateCluster& cluster, const std::string& sql) {
    const auto connection = Connection::connect({.dsn = cluster.dsn()});
    EXPECT_TRUE(succeeded(connection));
    if (!connection.ok()) return -1;
    const auto rows = (*connection)->execute(sql);
    EXPECT_TRUE(succeeded(rows));
    return rows.ok() ? rows->int64(0, 0) : -1;
  }

  /// Kills the server once a BusySession's query runs, and waits until it has ended.
  static void kill_while_busy(const PrivateCluster& cluster) {
    for (int i = 0; i < 2'000 && number(cluster, kBusy) == 0; ++i) {
      test::real_clock().sleep_for(Duration(10'000));
    }
    kill(cluster.pid(), SIGKILL);
    pollfd exit{.fd = cluster.exit_fd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(poll(&exit, 1, 20'000), 1);
  }
  /// An owner in another process: says its server's process id once that runs, then is killed.
  int start_owner_and_kill_it() const {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    const process::FileDescriptor read_end(ends[0]);
    process::FileDescriptor write_end(ends[1]);
    const pid_t owner = fork();
    if (owner == 0) {
      const auto cluster = start();
      const int pid = cluster ? cluster->pid() : -1;
      if (write(write_end.number(), &pid, sizeof pid) != sizeof pid) _exit(1);
      pause();
    }
    write_end.close();
    int pid = -1;
    EXPECT_EQ(read(read_end.number(), &pid, sizeof pid), static_cast<ssize_t>(sizeof pid));
    kill(owner, SIGKILL);
    int status = 0;
    while (waitpid(owner, &status, 0) < 0 && errno == EINTR) {
    }
    return pid;
  }

  fs::path state_dir_;
};

TEST_F(PrivateClusterTest, MakesAServerWithRoleAndDatabaseFromNothing) {
  PrivateClusterConfig from_nothing = config();
  from_nothing.template_data_dir.clear();  // Runs initdb.
  from_nothing.role = "weir";
  from_nothing.database = "graphs";
  auto cluster = PrivateCluster::create(from_nothing, test::real_clock());
  ASSERT_TRUE(succeeded(cluster));
  EXPECT_FALSE((*cluster)->running());
  ASSERT_TRUE(succeeded((*cluster)->start()));
  EXPECT_TRUE((*cluster)->running());
  const auto connection = Connection::connect({.dsn = (*cluster)->dsn()});
  ASSERT_TRUE(succeeded(connection));
  const auto rows = (*connection)
                        ->execute(
                            "SELECT current_user, current_database(), rolsuper, rolcreaterole, "
                            "current_setting('data_checksums'), current_setting('server_encoding') "
                            "FROM pg_roles WHERE "
                            "rolname = current_user");
  ASSERT_TRUE(succeeded(rows));
  EXPECT_EQ(rows->text(0, 0), "weir");
  EXPECT_EQ(rows->text(0, 1), "graphs");
  EXPECT_FALSE(rows->boolean(0, 2));
  EXPECT_TRUE(rows->boolean(0, 3));
  EXPECT_EQ(rows->text(0, 4), "on");
  EXPECT_EQ(rows->text(0, 5), "UTF8");
  EXPECT_FALSE(fs::exists(state_dir_ / "pg/data.new"));
}

TEST_F(PrivateClusterTest, ListensOnASocketInAClosedFolderOnly) {
  const auto cluster = start();
  ASSERT_TRUE(cluster);
  EXPECT_EQ(number(*cluster, "SELECT length(current_setting('listen_addresses'))::bigint"), 0);
  struct stat folder{};
  ASSERT_EQ(stat((state_dir_ / "pg/socket").c_str(), &folder), 0);
  EXPECT_EQ(folder.st_mode & 07777U, 0700U);
  struct stat data{};
  ASSERT_EQ(stat(cluster->data_dir().c_str(), &data), 0);
  EXPECT_EQ(data.st_mode & 07777U, 0700U);
  if (geteuid() == 0) {
    EXPECT_NE(data.st_uid, 0U) << "steps down";
  }
}

TEST_F(PrivateClusterTest, KeepsItsDataThroughStopAndStart) {
  const auto cluster = start();
  ASSERT_TRUE(cluster);
  ASSERT_TRUE(succeeded(run(*cluster, "CREATE TABLE t AS SELECT 7 AS a")));
  ASSERT_TRUE(succeeded(cluster->start())) << "twice is once";
  ASSERT_TRUE(succeeded(cluster->stop()));
  ASSERT_TRUE(succeeded(cluster->stop()));
  EXPECT_FALSE(cluster->running());
  EXPECT_EQ(cluster->pid(), -1);
  EXPECT_EQ(reason_of(run(*cluster, "SELECT 1")), "postgres_unavailable");
  ASSERT_TRUE(succeeded(cluster->start()));
  EXPECT_EQ(number(*cluster, "SELECT a FROM t"), 7);
}

TEST_F(PrivateClusterTest, MayBeStoppedBeforeItIsStarted) {
  const auto cluster = create();
  ASSERT_TRUE(cluster);
  EXPECT_TRUE(succeeded(cluster->stop()));
  EXPECT_EQ(cluster->exit_fd(), -1);
}

TEST_F(PrivateClusterTest, BelongsToOneOwnerAtATime) {
  auto cluster = create();
  ASSERT_TRUE(cluster);
  const auto second = PrivateCluster::create(config(), test::real_clock());
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(second.error().reason(), "cluster_in_use");
  cluster.reset();
  EXPECT_TRUE(succeeded(PrivateCluster::create(config(), test::real_clock())));
}

TEST_F(PrivateClusterTest, TellsWhenTheServerIsKilledAndStartsItAgain) {
  const auto cluster = start();
  ASSERT_TRUE(cluster);
  ASSERT_TRUE(succeeded(run(*cluster, "CREATE TABLE t AS SELECT 7 AS a")));
  // A session stays open: its process outlives the postmaster for a moment.
  const auto session = Connection::connect({.dsn = cluster->dsn()});
  ASSERT_TRUE(succeeded(session));
  kill(cluster->pid(), SIGKILL);
  pollfd exit{.fd = cluster->exit_fd(), .events = POLLIN, .revents = 0};
  ASSERT_EQ(poll(&exit, 1, 20'000), 1);
  EXPECT_FALSE(cluster->running());
  ASSERT_TRUE(succeeded(cluster->start()));
  EXPECT_EQ(number(*cluster, "SELECT a FROM t"), 7);
}

/// A session whose statement outlasts any test, and looks at no socket while it runs.
class BusySession {
 public:
  explicit BusySession(const PrivateCluster& cluster) {
    auto made = Connection::connect({.dsn = cluster.dsn()});
    EXPECT_TRUE(succeeded(made));
    process_ = process::open_pid_fd((*made)->backend_pid());
    thread_ = std::thread([session = *std::move(made)] {
      // It is cut off sooner or later.
      static_cast<void>(session->execute("SELECT count(*) FROM generate_series(1, 10000000000)"));
    });
  }
  ~BusySession() { thread_.join(); }
  BusySession(const BusySession&) = delete;
  BusySession& operator=(const BusySession&) = delete;

  bool has_ended() const { return process::wait_for_exit(process_, std::chrono::milliseconds(0)); }

 private:
  process::FileDescriptor process_;
  std::thread thread_;
};

TEST_F(PrivateClusterTest, StopsTheBackendsOfAServerThatWasKilled) {
  const auto cluster = start();
  ASSERT_TRUE(cluster);
  const BusySession busy(*cluster);
  ASSERT_NO_FATAL_FAILURE(kill_while_busy(*cluster));
  EXPECT_FALSE(cluster->running());
  ASSERT_FALSE(busy.has_ended()) << "the session must be one that does not see it";
  ASSERT_TRUE(succeeded(cluster->stop()));
  EXPECT_TRUE(busy.has_ended());
}

TEST_F(PrivateClusterTest, StartsAgainWhileABackendOfTheKilledServerIsBusy) {
  const auto cluster = start();
  ASSERT_TRUE(cluster);
  const BusySession busy(*cluster);
  ASSERT_NO_FATAL_FAILURE(kill_while_busy(*cluster));
  ASSERT_TRUE(succeeded(cluster->start()));
  EXPECT_TRUE(busy.has_ended());
  EXPECT_EQ(number(*cluster, "SELECT 1::bigint"), 1);
}

TEST_F(PrivateClusterTest, TakesOverFromAnOwnerThatWasKilled) {
  const int pid = start_owner_and_kill_it();
  ASSERT_GT(pid, 0);
  const auto cluster = start();
  ASSERT_TRUE(cluster);
  EXPECT_NE(cluster->pid(), pid);
  EXPECT_EQ(number(*cluster, "SELECT 1::bigint"), 1);
}

TEST_F(PrivateClusterTest, LeavesNoServerBehindWhenItsOwnerIsKilled) {
  const int pid = start_owner_and_kill_it();
  ASSERT_GT(pid, 0);
  const process::FileDescriptor server = process::open_pid_fd(pid);
  if (server.open()) {
    EXPECT_TRUE(process::wait_for_exit(server, kClusterFastStopTimeout));
  }
}

TEST_F(PrivateClusterTest, StopsAServerThatStillRunsOnItsData) {
  auto cluster = start();
  ASSERT_TRUE(cluster);
  ASSERT_TRUE(succeeded(run(*cluster, "CREATE TABLE t AS SELECT 7 AS a")));
  ASSERT_TRUE(succeeded(cluster->stop()));
  // A server of nobody, as if the kernel's signal at the owner's death had been lost.
  const auto user = choose_user("", cluster->data_dir());
  ASSERT_TRUE(succeeded(user));
  const auto binaries = find_binaries({}, cluster->data_dir());
  ASSERT_TRUE(succeeded(binaries));
  auto stray = process::start_process(
      {.argv = {(*binaries / "postgres").string(), "-D", cluster->data_dir().string(), "-c",
                "listen_addresses=", "-c",
                "unix_socket_directories=" + parse_dsn(cluster->dsn())->host},
       .run_as = *user,
       .death_signal = 0});
  ASSERT_TRUE(succeeded(stray));
  const fs::path pid_file = cluster->data_dir() / "postmaster.pid";
  const auto ready = [&] { return read_tail(pid_file).find("ready") != std::string::npos; };
  for (int i = 0; i < 2'000 && !ready(); ++i) test::real_clock().sleep_for(Duration(10'000));
  ASSERT_TRUE(ready());

  ASSERT_TRUE(succeeded(cluster->start()));
  EXPECT_TRUE(process::wait_for_exit(stray->pid_fd, std::chrono::seconds(20)));
  EXPECT_EQ(process::reap(*stray).text, "exit status 0") << "a fast shutdown, not a kill";
  EXPECT_EQ(number(*cluster, "SELECT a FROM t"), 7);
}

TEST_F(PrivateClusterTest, IgnoresAPidFileWhoseNumberIsAnotherProcessNow) {
  auto cluster = start();
  ASSERT_TRUE(cluster);
  ASSERT_TRUE(succeeded(cluster->stop()));
  const auto user = choose_user("", cluster->data_dir());
  ASSERT_TRUE(succeeded(user));
  // A process of the server's own user: what PostgreSQL by itself would take for a live server.
  auto other = process::start_process(
      {.argv = {"/bin/cat", "/dev/zero"}, .output_path = "/dev/null", .run_as = *user});
  ASSERT_TRUE(succeeded(other));
  std::ofstream(cluster->data_dir() / "postmaster.pid") << other->pid << "\n"
                                                        << cluster->data_dir().string() << "\n";
  std::ofstream(state_dir_ / "pg/socket/.s.PGSQL.5432.lock") << other->pid << "\n";
  EXPECT_TRUE(succeeded(cluster->start()));
  EXPECT_FALSE(process::wait_for_exit(other->pid_fd, std::chrono::milliseconds(0))) << "left alone";
  process::send_signal(other->pid_fd, SIGKILL);
  process::reap(*other);
}

TEST_F(PrivateClusterTest, RepeatsAnUnfinishedBeginning) {
  fs::create_directories(state_dir_ / "pg/data.new/base");
  std::ofstream(state_dir_ / "pg/data.new/PG_VERSION") << "15\n";
  const auto cluster = start();
  ASSERT_TRUE(cluster);
  EXPECT_EQ(number(*cluster, "SELECT 1::bigint"), 1);
}

TEST_F(PrivateClusterTest, TouchesNoFolderThatIsNotItsData) {
  fs::create_directories(state_dir_ / "pg/data");
  std::ofstream(state_dir_ / "pg/data/thesis.txt") << "mine";
  const auto cluster = create();
  ASSERT_TRUE(cluster);
  EXPECT_EQ(reason_of(cluster->start()), "state_dir_unusable");
  EXPECT_EQ(read_tail(state_dir_ / "pg/data/thesis.txt"), "mine");
}

TEST_F(PrivateClusterTest, SaysWhatTheServerSaidWhenItDoesNotStart) {
  PrivateClusterConfig broken = config();
  broken.settings.emplace_back("no_such_setting", "1");
  const auto cluster = PrivateCluster::create(broken, test::real_clock());
  ASSERT_TRUE(succeeded(cluster));
  const auto started = (*cluster)->start();
  ASSERT_FALSE(started.ok());
  EXPECT_EQ(started.error().reason(), "cluster_start_failed");
  EXPECT_NE(started.error().message().find("no_such_setting"), std::string::npos)
      << started.error().message();
  EXPECT_FALSE((*cluster)->running());
}

TEST_F(PrivateClusterTest, WorksInAFolderWithALongName) {
  const fs::path parent = state_dir_;
  state_dir_ /= std::string(kSocketPathBytesMax, 'd') + " ü, \"quoted\"";
  std::string socket_folder;
  {
    const auto cluster = start();
    ASSERT_TRUE(cluster);
    EXPECT_EQ(number(*cluster, "SELECT 1::bigint"), 1);
    socket_folder = parse_dsn(cluster->dsn())->host;
    EXPECT_LT(socket_folder.size(), 40U);
  }
  EXPECT_FALSE(fs::exists(socket_folder)) << "what is not under the state folder goes";
  state_dir_ = parent;
}

TEST_F(PrivateClusterTest, WorksInAFolderWithOddCharacters) {
  const fs::path parent = state_dir_;
  state_dir_ /= "a b,c\"ü";
  {
    const auto cluster = start();
    ASSERT_TRUE(cluster);
    EXPECT_EQ(number(*cluster, "SELECT 1::bigint"), 1);
  }
  state_dir_ = parent;
}

TEST_F(PrivateClusterTest, RefusesAFolderThatItsUserCannotReach) {
  if (geteuid() != 0) GTEST_SKIP() << "only root steps down";
  ASSERT_EQ(chmod(state_dir_.c_str(), 0700), 0);
  EXPECT_EQ(reason_of(PrivateCluster::create(config(), test::real_clock())), "state_dir_unusable");
}

TEST_F(PrivateClusterTest, RefusesNamesThatAreNotPlain) {
  PrivateClusterConfig odd = config();
  odd.role = "weir\"; DROP";
  EXPECT_EQ(reason_of(PrivateCluster::create(odd, test::real_clock())), "cluster_name_invalid");
}

}  // namespace
}  // namespace weir::postgres
