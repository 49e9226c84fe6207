// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "cli/up/kept_child.h"
#include "cli/up/ports.h"
#include "cli/up/restart_budget.h"
#include "cli/up/state_folder.h"
#include "cli/up/task_plane.h"
#include "cli/up/wakeup.h"
#include "drivers/postgres/private_cluster.h"
#include "drivers/process/child_process.h"
#include "server/shutdown.h"

namespace weir::cli {

struct UpOptions {
  std::filesystem::path state_dir;
  UpPorts ports{.grpc = 50051, .http = 8001, .tasks = 8002};
  /// Brokers of a Kafka cluster, "host:port,host:port", for topics and control events; empty:
  /// PostgreSQL keeps both.
  std::string kafka = {};
  /// Counts where `ports.tasks` is given.
  TaskPlaneOptions tasks = {};
  /// Run when everything is ready, with WEIR_TARGET, WEIR_HTTP, WEIR_URL, WEIR_TOKEN_FILE and
  /// WEIR_STATE_DIR; then all is stopped. Empty: run until a signal comes.
  std::vector<std::string> command = {};
};

/// Everything of one machine: a private PostgreSQL, and the roles as child processes that are kept
/// running. `weir up` is this and its output.
///
/// Protocol. The folder's lock is taken first and given back last, so one supervisor owns a folder.
/// PostgreSQL is started before the roles and stopped after them; the worker is started when the
/// dispatcher serves, and stopped before it. All of them are told to die when
/// this process does, however it does: roles by SIGKILL (their store needs no goodbye), PostgreSQL
/// by a fast shutdown. What a killed supervisor left is taken over by the next one. A dead child is
/// started again with growing waits; one that cannot be kept up ends the whole.
///
/// The thread that runs it must be the main one: children die with their thread.
class Supervisor {
 public:
  struct Events {
    std::function<void(const std::string& what)> starting;
    std::function<void(const UpNote& note)> ready;
    /// A child died, or is back.
    std::function<void(const std::string& text)> noted;
  };

  /// Call before any thread exists, after server::block_shutdown_signals. `clock` and `random`
  /// outlive it.
  static Result<std::unique_ptr<Supervisor>> create(UpOptions options, Events events, Clock& clock,
                                                    Random& random);
  ~Supervisor();
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  /// Runs until a signal comes or the command ends, then stops everything, in every case. Gives the
  /// exit code: 0 after a signal, the command's own (128 + n for a signal that killed it).
  Result<int> run();

 private:
  Supervisor(UpOptions options, Events events, Clock& clock, Random& random);

  Result<void> start();
  Result<void> write_config();
  KeptChildPlan dagmanager_plan() const;
  KeptChildPlan dispatcher_plan() const;
  KeptChildPlan worker_plan() const;
  Result<void> start_child(KeptChildPlan plan);
  /// Returns the exit code once it is time to stop.
  Result<std::optional<int>> step();
  Result<void> tend_postgres();
  Result<void> tend_children();
  Result<void> child_is_ready(std::size_t number);
  Result<void> announce();
  std::map<std::string, std::string> command_environment() const;
  Result<void> start_command();
  std::optional<int> command_ended();
  void wait();
  Result<void> stop();
  UpNote note() const;

  const UpOptions options_;
  const Events events_;
  Clock& clock_;
  Random& random_;
  std::unique_ptr<StateFolder> folder_;
  std::unique_ptr<Wakeup> wakeup_;
  std::unique_ptr<server::ShutdownSignals> signals_;
  struct SignalWatch;
  std::unique_ptr<SignalWatch> watch_;
  UpPorts ports_;
  std::unique_ptr<postgres::PrivateCluster> postgres_;
  RestartBudget postgres_budget_;
  Duration postgres_since_{};
  std::optional<Duration> postgres_again_;
  /// In the order of their starts.
  std::vector<std::unique_ptr<KeptChild>> children_;
  ShortFolders task_folders_;
  bool worker_due_ = false;           // it is started once the dispatcher serves
  std::set<std::size_t> ready_once_;  // by place in children_, until the announcement
  bool announced_ = false;
  std::unique_ptr<process::ChildProcess> command_;
};

}  // namespace weir::cli
