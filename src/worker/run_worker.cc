// SPDX-License-Identifier: Apache-2.0
#include "worker/run_worker.h"

#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>

#include "drivers/postgres/pool.h"
#include "server/auth/secret_file.h"
#include "server/auth/worker_token.h"
#include "server/log.h"
#include "server/shutdown.h"
#include "server/system_clock.h"
#include "storage/folder_object_store.h"
#include "worker/child/orphans.h"
#include "worker/child/task_log.h"
#include "worker/http_dispatcher.h"
#include "worker/limits.h"
#include "worker/worker.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;

/// The role: everything it stands on, in the order it is made.
class Role {
 public:
  static Result<std::unique_ptr<Role>> create(const WorkerConfig& config) {
    WEIR_CHECK(config.validate());
    std::unique_ptr<Role> role(new Role(config));
    WEIR_CHECK(role->make_folders());
    // Before any thread: it forks.
    WEIR_TRY(role->guardian_, Guardian::start(role->scratch_->folder()));
    become_subreaper();
    WEIR_CHECK(role->connect());
    return role;
  }

  void start() {
    worker_->start();
    server::log().info("working", {{"worker_id", worker_id_of(config_)},
                                   {"runtime", config_.runtime},
                                   {"slots", config_.slots},
                                   {"swept", scratch_->swept()}});
  }

  bool drain() { return worker_->drain(); }

 private:
  explicit Role(const WorkerConfig& config) : config_(config) {}

  Result<void> make_folders() {
    WEIR_TRY(scratch_, Scratch::open(config_.scratch_folder, random_));
    std::error_code error;
    fs::create_directories(config_.log_folder, error);
    if (error) {
      return base::failed_precondition("log_folder_unusable",
                                       "log_folder " + config_.log_folder + ": " + error.message());
    }
    prune_logs(config_.log_folder, clock_.now());
    return {};
  }

  Result<void> connect() {
    WEIR_TRY(const server::Secret token, auth::read_worker_token(config_.worker_token_file));
    WEIR_TRY(dispatcher_, HttpDispatcher::create(config_.internal_socket, token, clock_));
    WEIR_TRY(const storage::StorageRoot root, storage::StorageRoot::of_folder(config_.object_root));
    WEIR_TRY(objects_, storage::FolderObjectStore::open(root, random_));
    if (!config_.data_dsn.empty()) {
      data_.emplace(postgres::PoolOptions{.connect = data_connect_options(config_.data_dsn,
                                                                          config_.data_role),
                                          .connections_max = kDataConnectionsMax},
                    clock_);
      rows_.emplace(*data_);
    }
    WorkerPorts ports{.dispatcher = *dispatcher_,
                      .objects = *objects_,
                      .rows = rows_ ? &*rows_ : nullptr,
                      .clock = clock_,
                      .random = random_,
                      .log = server::log(),
                      .scratch = *scratch_,
                      .guardian = guardian_->pid()};
    ports.hidden.push_back(token.reveal());
    for (const auto& [name, file] : config_.secret_files) {
      WEIR_TRY(const server::Secret secret, auth::read_secret_file(file));
      ports.secrets[name] = secret.reveal();
    }
    WEIR_TRY(worker_, Worker::create(config_, std::move(ports)));
    return {};
  }

  const WorkerConfig& config_;
  server::SystemClock clock_;
  server::SystemRandom random_;
  std::unique_ptr<Scratch> scratch_;
  std::unique_ptr<Guardian> guardian_;
  std::unique_ptr<HttpDispatcher> dispatcher_;
  std::unique_ptr<storage::FolderObjectStore> objects_;
  std::optional<postgres::Pool> data_;
  std::optional<DirectRows> rows_;
  std::unique_ptr<Worker> worker_;
};

int report(const Error& error) {
  server::log().error("cannot start", {{"reason", error.reason()}, {"message", error.describe()}});
  return 1;
}

}  // namespace

int run_worker(const WorkerConfig& config) {
  server::block_shutdown_signals();
  auto role = Role::create(config);
  if (!role.ok()) return report(role.error());
  auto signals = server::ShutdownSignals::create();
  if (!signals.ok()) return report(signals.error());
  (*role)->start();
  (*signals)->wait();
  server::log().info("draining");
  if (!(*role)->drain()) {
    server::log().warning("some outcomes could not be reported; their leases will expire");
  }
  server::log().info("stopped");
  return 0;
}

}  // namespace weir::worker
