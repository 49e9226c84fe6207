// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/process/pid_fd.h"

namespace weir::postgres {

/// How to run a private server. Only `state_dir` has no default.
struct PrivateClusterConfig {
  /// Everything lives under `<state_dir>/pg`: data, socket, log, lock.
  std::filesystem::path state_dir = {};
  /// Folder of `postgres` and `initdb`. Empty: Debian's, the version that wrote the data if there
  /// is data, else the newest.
  std::filesystem::path binaries_dir = {};
  /// Role and database made for the caller.
  std::string role = "weir";
  std::string database = "weir";
  /// User the server runs as when we are root, which it refuses to be. Empty: `postgres` if there
  /// is one, else `nobody`.
  std::string run_as = {};
  /// Off only in tests: data survives no crash of the machine then.
  bool fsync = true;
  /// A data folder to copy instead of running initdb (tests).
  std::filesystem::path template_data_dir = {};
  /// Further settings of the server, by name; they win over ours.
  std::vector<std::pair<std::string, std::string>> settings = {};
};

/// A PostgreSQL server of our own: started, watched and stopped by this process, reachable through
/// a Unix socket in a folder that only its user (and root) can enter. That folder's mode is what
/// guards it: inside, every role is trusted.
///
/// Protocol. `<state_dir>/pg/lock` is held (flock) for the life of this object: a second one on the
/// same folder fails with `cluster_in_use`. The data folder is made under another name and renamed
/// when whole, so a crash in between is simply repeated. The server is a direct child that is told
/// to shut down fast (SIGINT) if the thread that started it dies, so start() belongs on a thread
/// that lives as long as the process. What an earlier, killed owner left behind is cleaned up by
/// start(): a server still running on the data is stopped first; a stale pid file is removed;
/// backends of a killed postmaster are ended. Nobody else may wait for this child: do not call
/// waitpid(-1).
///
/// One thread at a time.
class PrivateCluster {
 public:
  /// Checks the configuration, takes the lock, makes the folders. Fails with
  ///   `cluster_in_use` (FailedPrecondition): another process owns the folder
  ///   `postgres_missing` (FailedPrecondition): no server binaries, or not of the data's version
  ///   `state_dir_unusable` (FailedPrecondition): not writable, or not reachable for the user that
  ///   the server must run as.
  /// `clock` must outlive the cluster.
  static Result<std::unique_ptr<PrivateCluster>> create(PrivateClusterConfig config, Clock& clock);

  PrivateCluster(const PrivateCluster&) = delete;
  PrivateCluster& operator=(const PrivateCluster&) = delete;
  /// Stops the server.
  ~PrivateCluster();

  /// Returns when the server accepts connections and role and database exist. May be called again
  /// after the server exited. Fails with `cluster_start_failed` (Unavailable), the end of the
  /// server's log in the message; nothing is left running then.
  Result<void> start();

  /// Fast shutdown, after 20 s immediate shutdown, then kill; ends what a killed server left too.
  /// No process of it is left on return. Safe twice and before start().
  Result<void> stop();

  /// "postgresql://…" for role and database of the config, or for another database.
  std::string dsn() const { return dsn(config_.database); }
  std::string dsn(const std::string& database) const;
  /// The same for the cluster's superuser.
  std::string superuser_dsn(const std::string& database) const;

  /// False before start(), after stop() and once the server has exited.
  bool running();
  /// Readable when the server exits: for poll(). -1 if it does not run.
  int exit_fd() const { return server_.pid_fd.number(); }
  /// -1 if it does not run.
  int pid() const { return server_.pid; }
  const std::filesystem::path& log_file() const { return log_file_; }
  const std::filesystem::path& data_dir() const { return data_dir_; }

 private:
  PrivateCluster(PrivateClusterConfig config, Clock& clock);

  Result<void> prepare_folders();
  Result<void> prepare_data();
  Result<void> stop_leftover();
  Result<void> launch();
  /// The server's exit before it was ready; its log is the only one to say why.
  struct EarlyExit {
    std::string ending;
    std::string log;
  };
  Result<std::optional<EarlyExit>> wait_until_ready();
  Result<void> make_role_and_database() const;
  std::vector<std::string> server_command() const;
  process::ProcessOptions options_of(std::vector<std::string> command,
                                     const process::FileDescriptor& log, int death_signal) const;
  std::string make_dsn(const std::string& role, const std::string& database) const;

  PrivateClusterConfig config_;
  Clock& clock_;
  std::optional<process::User> user_;  // Whom the server runs as; absent if it runs as we do.
  std::filesystem::path pg_dir_;
  std::filesystem::path data_dir_;
  std::filesystem::path socket_dir_;
  std::filesystem::path log_file_;
  std::filesystem::path binaries_dir_;
  process::FileDescriptor lock_;
  process::Process server_;
  bool was_started_ = false;      // And not stopped since: a killed one may have left backends.
  std::uintmax_t log_start_ = 0;  // Where this run's log begins.
};

}  // namespace weir::postgres
