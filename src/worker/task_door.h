// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/result.h"
#include "server/auth/capability.h"
#include "server/http/http_server.h"
#include "server/log.h"
#include "storage/object_store.h"
#include "worker/attempt.h"
#include "worker/internal_api.h"
#include "worker/rows/direct_rows.h"
#include "worker/rows/rows_converter.h"

namespace weir::worker {

/// What a door uses; each outlives it.
struct DoorParts {
  InternalApi& api;
  storage::ObjectStore& objects;
  DirectRows* rows;  ///< null: there is no schema `data` here
  const Clock& clock;
  Random& random;
  server::Log& log;
  Duration cancel_grace;
  Duration kill_after;
  const RowsConverter* converter = nullptr;  ///< null: rows are JSON Lines alone
};

/// The socket of one slot, which the operator of the attempt that stands behind it may call
/// (contract section 3.4). Its routes add task, attempt and lease; nothing else of the dispatcher
/// can be reached here. Without an attempt everything is 404.
class TaskDoor {
 public:
  /// Listens on a Unix socket of that path. Errors of HttpServer::start.
  static Result<std::unique_ptr<TaskDoor>> open(const std::string& path, const DoorParts& parts);
  ~TaskDoor();
  TaskDoor(const TaskDoor&) = delete;
  TaskDoor& operator=(const TaskDoor&) = delete;

  /// Puts an attempt behind the door; null: nobody.
  void serve(AttemptPtr attempt) WEIR_EXCLUDES(mutex_);

  /// The attempt behind the door, if one is and its rate admits a request. `not_found`,
  /// `rate_limited`.
  Result<AttemptPtr> admit() WEIR_EXCLUDES(mutex_);
  const DoorParts& parts() const { return parts_; }

 private:
  explicit TaskDoor(const DoorParts& parts) : parts_(parts) {}

  const DoorParts parts_;
  base::Mutex mutex_;
  AttemptPtr attempt_ WEIR_GUARDED_BY(mutex_);
  std::unique_ptr<server::HttpServer> server_;
};

/// The routes by what they touch; `door` outlives the router.
void add_call_routes(server::Router& router, TaskDoor& door);
void add_object_routes(server::Router& router, TaskDoor& door);
void add_rows_routes(server::Router& router, TaskDoor& door);

/// Answers with what `serve` gives for the admitted attempt, or with its problem.
using DoorHandler =
    std::function<Result<server::HttpResponse>(Attempt&, const server::HttpRequest&)>;
server::HttpHandler door_handler(TaskDoor& door, DoorHandler serve);

/// What the attempt may read and write: the grants of its capability; if that names none, those of
/// its payload.
auth::CapabilityGrants grants_of(const Attempt& attempt, const storage::StorageRoot& root);

}  // namespace weir::worker
