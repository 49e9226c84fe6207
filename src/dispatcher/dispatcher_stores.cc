// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/dispatcher_stores.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "dispatcher/ports/dags/postgres_dag_store.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "dispatcher/ports/registry/postgres_commit_ledger.h"
#include "dispatcher/ports/registry/postgres_dataset_reader.h"
#include "dispatcher/ports/registry/postgres_event_log.h"
#include "dispatcher/ports/registry/postgres_registry_reader.h"
#include "dispatcher/ports/registry/postgres_user_store.h"
#include "dispatcher/ports/tasks/postgres_outbox.h"
#include "dispatcher/ports/tasks/postgres_task_store.h"
#include "dispatcher/ports/tasks/postgres_wakeup_queue.h"
#include "drivers/postgres/connection.h"
#include "server/log.h"
#include "storage/folder_object_store.h"

namespace weir::dispatcher {
namespace {

constexpr std::size_t kDataSessions = 2;
constexpr std::size_t kLookSessions = 1;
constexpr std::size_t kSlowSessions = 1;

Result<void> read_operators(const std::string& path, OperatorRegistry& operators) {
  if (path.empty()) return {};
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  if (!file) return base::invalid_argument("file_unreadable", "cannot read " + path);
  auto added = operators.add_file(text.str());
  if (!added.ok()) return std::move(added).error().prepend(path);
  return {};
}

/// The folder is made if it is not there.
Result<std::unique_ptr<storage::ObjectStore>> open_objects(const std::string& folder,
                                                           Random& random) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const std::filesystem::path path = std::filesystem::canonical(folder, error);
  if (error) {
    return base::unavailable("store_unavailable",
                             "cannot open the object store " + folder + ": " + error.message());
  }
  WEIR_TRY(const storage::StorageRoot root, storage::StorageRoot::of_folder(path.string()));
  WEIR_TRY(auto store, storage::FolderObjectStore::open(root, random));
  return std::unique_ptr<storage::ObjectStore>(std::move(store));
}

Error not_ready(const std::vector<StartFault>& faults) {
  std::string text = "the database is not as a service needs it:";
  for (const StartFault& fault : faults) text += "\n  " + fault.what + "; " + fault.mend;
  return base::failed_precondition("not_ready", text);
}

/// At most so many sessions.
std::unique_ptr<postgres::Pool> pool_of(postgres::ConnectOptions options, std::size_t sessions,
                                        Clock& clock) {
  return std::make_unique<postgres::Pool>(
      postgres::PoolOptions{.connect = std::move(options), .connections_max = sessions}, clock);
}

/// Prepares a schema by the login of the DSN and opens a pool as the dispatcher's role.
Result<std::unique_ptr<postgres::Pool>> open_pool(const std::string& dsn, std::string_view schema,
                                                  std::size_t sessions, Clock& clock) {
  WEIR_TRY(const auto owner, postgres::Connection::connect({.dsn = dsn}));
  WEIR_TRY(const SchemaReport report,
           schema == "state" ? prepare_state_schema(*owner) : prepare_data_schema(*owner));
  for (const std::string& note : report.notes) server::log().info(note);
  if (!report.faults.empty()) return not_ready(report.faults);
  auto options = service_connect_options(dsn, ServiceRole::Dispatcher, report);
  WEIR_TRY(const auto session, postgres::Connection::connect(options));
  WEIR_TRY(const auto faults, check_service_session(*session, schema));
  if (!faults.empty()) return not_ready(faults);
  return pool_of(std::move(options), sessions, clock);
}

/// Sessions of their own for slow work, so that it keeps nobody waiting and is told apart.
std::unique_ptr<postgres::Pool> open_beside(const postgres::Pool& pool, Clock& clock) {
  postgres::ConnectOptions options = pool.connect_options();
  options.application_name = "weir_housekeeper";
  return pool_of(std::move(options), kSlowSessions, clock);
}

/// Sessions that begin as looks need them; none where a pooler may stand in between.
std::unique_ptr<postgres::Pool> open_looks(const postgres::Pool& pool, Clock& clock) {
  postgres::ConnectOptions options = pool.connect_options();
  if (options.statements != postgres::StatementMode::Named) return nullptr;
  for (auto& setting : PostgresTaskStore::look_settings()) {
    options.settings.push_back(std::move(setting));
  }
  return pool_of(std::move(options), kLookSessions, clock);
}

}  // namespace

Result<std::unique_ptr<DispatcherStores>> open_stores(const DispatcherConfig& config, Clock& clock,
                                                      Random& random, Rung rung,
                                                      FindWaitingClaims waiting) {
  auto stores = std::make_unique<DispatcherStores>();
  WEIR_CHECK(read_operators(config.operators_file, stores->operators));
  WEIR_TRY(stores->objects, open_objects(config.object_root, random));
  WEIR_TRY(stores->pool,
           open_pool(config.state_dsn, "state", static_cast<std::size_t>(config.sessions), clock));
  const std::string& data_dsn = config.data_dsn.empty() ? config.state_dsn : config.data_dsn;
  WEIR_TRY(stores->data_pool, open_pool(data_dsn, "data", kDataSessions, clock));
  postgres::Pool& pool = *stores->pool;
  stores->looks = open_looks(pool, clock);
  stores->slow = open_beside(pool, clock);
  stores->tasks = std::make_unique<PostgresTaskStore>(
      pool,
      TaskStorePorts{.random = random, .rung = std::move(rung), .waiting = std::move(waiting)},
      stores->looks.get());
  stores->queue = std::make_unique<PostgresWakeupQueue>(pool, random);
  stores->outbox = std::make_unique<PostgresOutbox>(pool);
  stores->datasets = std::make_unique<PostgresDatasetReader>(pool);
  stores->dags = std::make_unique<PostgresDagStore>(pool, *stores->data_pool);
  stores->registry = std::make_unique<PostgresRegistryReader>(pool);
  stores->users = std::make_unique<PostgresUserStore>(pool);
  stores->housekeeping = std::make_unique<PostgresHousekeeping>(*stores->slow, *stores->data_pool);
  stores->commits = std::make_unique<PostgresCommitLedger>(*stores->slow);
  stores->events = std::make_unique<PostgresEventLog>(pool);
  return stores;
}

}  // namespace weir::dispatcher
