// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/private_cluster.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <system_error>

#include "base/error.h"
#include "base/text.h"
#include "drivers/postgres/cluster_files.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/leftovers.h"
#include "drivers/postgres/limits.h"

namespace weir::postgres {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSuperuser = "postgres";
constexpr const char* kPort = "5432";  // Only names the socket's file.
constexpr std::chrono::seconds kProbeTimeout{2};
constexpr mode_t kServerFileMask = 077;
/// Files of the write-ahead log that the server always has ready, and the size of one: what some 60
/// diffs of 1,000 new nodes bring.
constexpr int kLogFilesReady = 8;
constexpr int kLogFileMebibytes = 16;

using Setting = std::pair<std::string, std::string>;

Error start_failed(const std::string& message) {
  return base::unavailable("cluster_start_failed", message);
}

bool is_plain_name(const std::string& name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

/// A folder in a setting that holds a list of folders.
std::string quote_folder(const std::string& folder) {
  std::string quoted = "\"";
  for (const char c : folder) quoted.append(c == '"' ? 2 : 1, c);
  return quoted + "\"";
}

/// Tells a server to end, ever more harshly. `wait` says whether it has, within a time.
template <class Signal, class Wait>
bool shut_down(Signal signal, Wait wait) {
  signal(SIGINT);  // Fast: sessions are ended, a checkpoint is written.
  if (wait(kClusterFastStopTimeout)) return true;
  signal(SIGQUIT);  // Immediate: as if it had crashed.
  if (wait(kClusterImmediateStopTimeout)) return true;
  signal(SIGKILL);
  return wait(kClusterImmediateStopTimeout);
}

/// Where a sync costs nothing.
bool is_in_memory(const fs::path& folder) {
  struct statfs system{};
  return statfs(folder.c_str(), &system) == 0 && system.f_type == TMPFS_MAGIC;
}

/// A file of the write-ahead log is first written with zeros and synced, by whoever commits as the
/// one before it is full: a stall of some 20 ms, on a busy disk of 200. Later the server uses old
/// files again, so that only a new one stalls. This fills files once; the checkpoint, and every
/// later one, keeps them for what comes (`min_wal_size`).
Result<void> lay_in_log(Connection& connection) {
  WEIR_CHECK(connection.execute_script(
      "DO $$ BEGIN FOR file IN 1.." + std::to_string(kLogFilesReady) +
      " LOOP PERFORM pg_logical_emit_message(false, 'weir', 'a file of the log');"
      " PERFORM pg_switch_wal(); END LOOP; END $$"));
  return connection.execute_script("CHECKPOINT");
}

}  // namespace

Result<std::unique_ptr<PrivateCluster>> PrivateCluster::create(PrivateClusterConfig config,
                                                               Clock& clock) {
  if (!is_plain_name(config.role) || !is_plain_name(config.database)) {
    return base::invalid_argument("cluster_name_invalid",
                                  "role and database are lower-case letters, digits and _");
  }
  std::error_code error;
  config.state_dir = fs::absolute(config.state_dir, error).lexically_normal();
  std::unique_ptr<PrivateCluster> cluster(new PrivateCluster(std::move(config), clock));
  WEIR_CHECK(cluster->prepare_folders());
  return cluster;
}

PrivateCluster::PrivateCluster(PrivateClusterConfig config, Clock& clock)
    : config_(std::move(config)),
      clock_(clock),
      pg_dir_(config_.state_dir / "pg"),
      data_dir_(pg_dir_ / "data"),
      log_file_(pg_dir_ / "log") {}

PrivateCluster::~PrivateCluster() {
  const auto stopped = stop();
  static_cast<void>(stopped);  // Nothing more can be done about a process that survives SIGKILL.
  std::error_code error;
  if (lock_.open() && socket_dir_.parent_path() != pg_dir_) fs::remove(socket_dir_, error);
}

Result<void> PrivateCluster::start() {
  if (running()) return {};
  WEIR_CHECK(stop_leftover());
  WEIR_CHECK(prepare_data());
  const Duration give_up = clock_.monotonic() + Duration(kClusterLeftoverTimeout);
  Duration pause = kClusterPollFirst;
  while (true) {
    WEIR_CHECK(launch());
    auto early_exit = wait_until_ready();
    if (!early_exit.ok()) {
      WEIR_CHECK(stop());
      return std::move(early_exit).error();
    }
    if (!*early_exit) break;
    // Backends of a postmaster that was killed end by themselves, a moment later.
    const bool leftovers = (*early_exit)->log.find("shared memory block") != std::string::npos;
    if (!leftovers || clock_.monotonic() >= give_up) {
      return start_failed("the server ended with " + (*early_exit)->ending + ":\n" +
                          (*early_exit)->log);
    }
    clock_.sleep_for(pause);
    pause = std::min<Duration>(pause * 2, kClusterPollMax);
  }
  auto made = make_role_and_database();
  if (!made.ok()) WEIR_CHECK(stop());
  return made;
}

Result<void> PrivateCluster::stop() {
  if (server_.pid >= 0) {
    const bool ended = shut_down([this](int signal) { kill(server_.pid, signal); },
                                 [this](std::chrono::milliseconds timeout) {
                                   return process::wait_for_exit(server_.pid_fd, timeout);
                                 });
    if (!ended) return base::internal("the server survives SIGKILL");
    process::reap(server_);
  }
  // A postmaster that was killed leaves backends.
  if (was_started_ && !end_backends(data_dir_)) return base::internal("a backend survives SIGKILL");
  was_started_ = false;
  return {};
}

std::string PrivateCluster::dsn(const std::string& database) const {
  return make_dsn(config_.role, database);
}

std::string PrivateCluster::superuser_dsn(const std::string& database) const {
  return make_dsn(kSuperuser, database);
}

bool PrivateCluster::running() {
  using std::chrono::milliseconds;
  if (server_.pid < 0) return false;
  if (!process::wait_for_exit(server_.pid_fd, milliseconds::zero())) return true;
  process::reap(server_);
  return false;
}

Result<void> PrivateCluster::prepare_folders() {
  const auto unusable = [](const std::string& message) {
    return base::failed_precondition("state_dir_unusable", message);
  };
  std::error_code error;
  const bool created = fs::create_directories(config_.state_dir, error);
  if (error) return unusable(config_.state_dir.string() + ": " + error.message());
  // The server's user must pass through, whatever our umask is.
  if (created && geteuid() == 0) chmod(config_.state_dir.c_str(), 0711);
  WEIR_TRY(user_, choose_user(config_.run_as, data_dir_));
  WEIR_CHECK(make_private_folder(pg_dir_, user_));
  WEIR_CHECK(check_reachable(pg_dir_, user_));
  WEIR_TRY(lock_, take_lock(pg_dir_ / "lock"));
  WEIR_TRY(binaries_dir_, find_binaries(config_.binaries_dir, data_dir_));
  WEIR_TRY(socket_dir_, make_socket_folder(pg_dir_ / "socket", user_));
  return {};
}

Result<void> PrivateCluster::prepare_data() {
  if (data_version(data_dir_)) return {};
  if (fs::exists(fs::symlink_status(data_dir_))) {
    return base::failed_precondition("state_dir_unusable",
                                     data_dir_.string() + " is not a data folder of PostgreSQL");
  }
  const fs::path unfinished = pg_dir_ / "data.new";
  std::error_code error;
  fs::remove_all(unfinished, error);
  if (error) return start_failed(unfinished.string() + ": " + error.message());

  if (!config_.template_data_dir.empty()) {
    WEIR_CHECK(copy_data(config_.template_data_dir, unfinished, user_));
  } else {
    const fs::path log_file = pg_dir_ / "initdb.log";
    WEIR_TRY(const process::FileDescriptor log, open_log(log_file));
    std::vector<std::string> initdb = {(binaries_dir_ / "initdb").string(),
                                       "--pgdata",
                                       unfinished.string(),
                                       "--username",
                                       kSuperuser,
                                       "--auth",
                                       "trust",
                                       "--no-locale",
                                       "--encoding",
                                       "UTF8",
                                       "--data-checksums"};
    if (!config_.fsync) initdb.emplace_back("--no-sync");
    const auto options = options_of(std::move(initdb), log, SIGKILL);
    if (auto made = process::run_to_end(options, kInitdbTimeout); !made.ok()) {
      return start_failed(made.error().message() + ":\n" + read_tail(log_file));
    }
  }
  fs::rename(unfinished, data_dir_, error);
  if (error) return start_failed(data_dir_.string() + ": " + error.message());
  return config_.fsync ? sync_folder(pg_dir_) : Result<void>();
}

Result<void> PrivateCluster::stop_leftover() {
  if (const int pid = read_pid_file(data_dir_); pid > 0) {
    const process::FileDescriptor pid_fd = process::open_pid_fd(pid);
    if (!pid_fd.open() && errno != ESRCH && errno != EINVAL) {
      return start_failed("process " + std::to_string(pid) + ": " +
                          std::string(std::strerror(errno)));
    }
    // Looked at after the descriptor is open: the number cannot change hands any more.
    if (pid_fd.open() && works_in(pid, data_dir_)) {
      const bool ended = shut_down([&](int signal) { process::send_signal(pid_fd, signal); },
                                   [&](std::chrono::milliseconds timeout) {
                                     return process::wait_for_exit(pid_fd, timeout);
                                   });
      if (!ended) {
        return start_failed("a server left behind, process " + std::to_string(pid) +
                            ", cannot be stopped");
      }
    }
    // PostgreSQL would refuse to start while any process has that number, a dead one whose parent
    // has not looked included.
    std::error_code error;
    fs::remove(data_dir_ / "postmaster.pid", error);
    if (error) return start_failed("postmaster.pid: " + error.message());
  }
  if (!end_backends(data_dir_)) return start_failed("a backend left behind cannot be stopped");
  const std::string socket = ".s.PGSQL." + std::string(kPort);
  for (const std::string& name : {socket, socket + ".lock"}) {
    std::error_code error;
    fs::remove(socket_dir_ / name, error);
    if (error) return start_failed((socket_dir_ / name).string() + ": " + error.message());
  }
  return {};
}

std::vector<std::string> PrivateCluster::server_command() const {
  std::vector<Setting> settings = {
      {"listen_addresses", ""},
      {"unix_socket_directories", quote_folder(socket_dir_.string())},
      {"unix_socket_permissions", "0700"},
      {"port", kPort},
      {"max_connections", "100"},
      {"shared_buffers", "128MB"},
      {"fsync", config_.fsync ? "on" : "off"},
      {"full_page_writes", config_.fsync ? "on" : "off"},
      {"synchronous_commit", "on"},
      {"min_wal_size", std::to_string(kLogFilesReady * kLogFileMebibytes) + "MB"},
      {"jit", "off"},               // Short statements: compiling costs more than it gains.
      {"random_page_cost", "1.1"},  // Everything fits into memory or lies on flash.
      {"max_logical_replication_workers", "0"},
      {"logging_collector", "off"},
      {"log_destination", "stderr"},
      {"log_checkpoints", "off"},
      {"log_timezone", "UTC"},
      {"timezone", "UTC"},
      {"cluster_name", "weir"},
  };
  settings.insert(settings.end(), config_.settings.begin(), config_.settings.end());
  std::vector<std::string> command = {(binaries_dir_ / "postgres").string(), "-D",
                                      data_dir_.string()};
  for (const auto& [name, value] : settings) {
    command.emplace_back("-c");
    command.emplace_back(name).append("=").append(value);
  }
  return command;
}

/// How PostgreSQL's programs are run: as its own user, with next to nothing of what is ours.
process::ProcessOptions PrivateCluster::options_of(std::vector<std::string> command,
                                                   const process::FileDescriptor& log,
                                                   int death_signal) const {
  return {.argv = std::move(command),
          .environment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"LC_ALL", "C"}},
          .inherit_environment = false,
          .folder = "/",
          .output = log.number(),
          .run_as = user_,
          .new_session = true,
          .file_mask = kServerFileMask,
          .death_signal = death_signal};
}

Result<void> PrivateCluster::launch() {
  WEIR_TRY(const process::FileDescriptor log, open_log(log_file_));
  std::error_code error;
  log_start_ = fs::file_size(log_file_, error);
  WEIR_TRY(server_, process::start_process(options_of(server_command(), log, SIGINT)));
  was_started_ = true;
  return {};
}

Result<std::optional<PrivateCluster::EarlyExit>> PrivateCluster::wait_until_ready() {
  ConnectOptions probe;
  probe.dsn = superuser_dsn(kSuperuser);
  probe.connect_timeout = kProbeTimeout;
  const Duration give_up = clock_.monotonic() + Duration(kClusterReadyTimeout);
  Duration pause = kClusterPollFirst;
  while (true) {
    const auto connection = Connection::connect(probe);
    if (connection.ok()) return std::optional<EarlyExit>();
    if (process::wait_for_exit(server_.pid_fd, std::chrono::milliseconds::zero())) {
      std::string ending = process::reap(server_).text;
      return std::optional(EarlyExit{std::move(ending), read_tail(log_file_, log_start_)});
    }
    if (clock_.monotonic() >= give_up) {
      return start_failed("the server does not accept connections: " +
                          connection.error().message() + "\n" + read_tail(log_file_, log_start_));
    }
    clock_.sleep_for(pause);
    pause = std::min<Duration>(pause * 2, kClusterPollMax);
  }
}

Result<void> PrivateCluster::make_role_and_database() const {
  ConnectOptions options;
  options.dsn = superuser_dsn(kSuperuser);
  WEIR_TRY(const auto connection, Connection::connect(options));
  Params names;
  names.text(config_.role).text(config_.database);
  WEIR_TRY(const Rows found,
           connection->execute("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1), EXISTS "
                               "(SELECT FROM pg_database WHERE datname = $2)",
                               names));
  if (!found.boolean(0, 0)) {
    // Not a superuser; CREATEROLE, because migrations make the roles of the services.
    WEIR_CHECK(connection->execute_script("CREATE ROLE \"" + config_.role + "\" LOGIN CREATEROLE"));
  }
  if (!found.boolean(0, 1)) {
    WEIR_CHECK(connection->execute_script("CREATE DATABASE \"" + config_.database + "\" OWNER \"" +
                                          config_.role + "\""));
    if (config_.fsync && !is_in_memory(data_dir_)) WEIR_CHECK(lay_in_log(*connection));
  }
  return {};
}

std::string PrivateCluster::make_dsn(const std::string& role, const std::string& database) const {
  return "postgresql://" + base::percent_encode(role) + "@/" + base::percent_encode(database) +
         "?host=" + base::percent_encode(socket_dir_.string()) + "&port=" + kPort;
}

}  // namespace weir::postgres
