// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dispatcher/dagfile/operator_registry.h"
#include "dispatcher/dispatcher_config.h"
#include "dispatcher/ports/dag_store.h"
#include "dispatcher/ports/dataset_reader.h"
#include "dispatcher/ports/outbox.h"
#include "dispatcher/ports/registry/postgres_housekeeping.h"
#include "dispatcher/ports/registry_reader.h"
#include "dispatcher/ports/task_store.h"
#include "dispatcher/ports/user_store.h"
#include "dispatcher/ports/wakeup_queue.h"
#include "drivers/postgres/pool.h"
#include "server/events/event_log.h"
#include "storage/object_store.h"
#include "storage/staging_waste.h"

namespace weir::dispatcher {

/// Everything that the dispatcher stands on, opened by its configuration.
struct DispatcherStores {
  OperatorRegistry operators;
  std::unique_ptr<postgres::Pool> pool;       ///< schema state, as role weir_dispatcher
  std::unique_ptr<postgres::Pool> looks;      ///< the same, for statements that are read alone
  std::unique_ptr<postgres::Pool> slow;       ///< the same, for the auditor and the like
  std::unique_ptr<postgres::Pool> data_pool;  ///< schema data, as its owner: makes tables
  std::unique_ptr<storage::ObjectStore> objects;
  std::unique_ptr<TaskStore> tasks;
  std::unique_ptr<WakeupQueue> queue;
  std::unique_ptr<Outbox> outbox;
  std::unique_ptr<DatasetReader> datasets;
  std::unique_ptr<DagStore> dags;
  std::unique_ptr<RegistryReader> registry;
  std::unique_ptr<UserStore> users;
  std::unique_ptr<PostgresHousekeeping> housekeeping;
  std::unique_ptr<storage::CommitLedger> commits;
  std::unique_ptr<server::EventLog> events;
};

/// Reads the operator registry, opens the object store, brings both schemas up to this build and
/// opens the pools. FAILED_PRECONDITION `not_ready` names every fault that a service must not start
/// over, with its mend; else errors of the parts. `clock` and `random` outlive the stores; `rung`
/// and `waiting` are TaskStorePorts'.
Result<std::unique_ptr<DispatcherStores>> open_stores(const DispatcherConfig& config, Clock& clock,
                                                      Random& random, Rung rung = {},
                                                      FindWaitingClaims waiting = {});

}  // namespace weir::dispatcher
