// SPDX-License-Identifier: Apache-2.0
#include "worker/task_door.h"

#include <utility>
#include <vector>

#include "base/base64.h"
#include "base/text.h"
#include "storage/staging.h"
#include "worker/door_problem.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

/// The grants a token carries. It came from the dispatcher itself, over its own socket, so its
/// signature is not looked at again.
std::optional<auth::CapabilityGrants> grants_of_token(const std::string& token) {
  const std::vector<std::string_view> parts = base::split(token, '.');
  if (parts.size() != 3) return {};
  const std::optional<std::string> claims = base::decode_base64url(parts[1]);
  if (!claims) return {};
  const auto document = JsonDocument::parse(*claims);
  if (!document.ok()) return {};
  auto capability = auth::read_capability(document->root());
  if (!capability.ok() || capability->cap) return {};
  return std::move(capability->grants);
}

void add_not_found(server::Router& router) {
  const auto not_found = [](const server::HttpRequest& request) {
    return Result<server::HttpResponse>(
        door_problem(refusal("not_found", "there is no such route"), request.request_id));
  };
  for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
    for (const char* path : {"/", "/{rest...}"}) {
      router.add({.method = method, .path = path, .handler = server::HttpHandler(not_found)});
    }
  }
}

}  // namespace

Result<std::unique_ptr<TaskDoor>> TaskDoor::open(const std::string& path, const DoorParts& parts) {
  std::unique_ptr<TaskDoor> door(new TaskDoor(parts));
  server::Router router;
  add_call_routes(router, *door);
  add_object_routes(router, *door);
  add_rows_routes(router, *door);
  add_not_found(router);
  server::HttpServerConfig config;
  config.address.path = path;
  config.handler_threads = kDoorThreads;
  config.stream_threads = kDoorThreads;
  config.connections_max = kDoorConnectionsMax;
  config.too_large_reason = "too_large";
  WEIR_TRY(door->server_, server::HttpServer::create(std::move(config), std::move(router),
                                                     {parts.random, parts.log}));
  WEIR_CHECK(door->server_->start());
  return door;
}

TaskDoor::~TaskDoor() {
  if (server_) server_->stop();
}

void TaskDoor::serve(AttemptPtr attempt) {
  const base::MutexLock lock(mutex_);
  attempt_ = std::move(attempt);
}

Result<AttemptPtr> TaskDoor::admit() {
  AttemptPtr attempt;
  {
    const base::MutexLock lock(mutex_);
    attempt = attempt_;
  }
  if (!attempt) return refusal("not_found", "no task stands behind this socket");
  if (!attempt->admit(parts_.clock.monotonic())) {
    return refusal("rate_limited", "a task may make 50 requests in a second");
  }
  return attempt;
}

server::HttpHandler door_handler(TaskDoor& door, DoorHandler serve) {
  return [&door, serve = std::move(serve)](const server::HttpRequest& request) {
    const auto attempt = door.admit();
    if (!attempt.ok()) {
      return Result<server::HttpResponse>(door_problem(attempt.error(), request.request_id));
    }
    auto response = serve(**attempt, request);
    if (response.ok()) return response;
    return Result<server::HttpResponse>(door_problem(response.error(), request.request_id));
  };
}

auth::CapabilityGrants grants_of(const Attempt& attempt, const storage::StorageRoot& root) {
  const operators::TaskPayload& payload = attempt.payload();
  if (auto grants = grants_of_token(attempt.capability())) return std::move(*grants);
  auth::CapabilityGrants grants;
  for (const operators::TaskInput& input : payload.inputs) {
    grants.datasets.push_back({input.dataset.uuid(), input.version.uuid(), input.relation,
                               input.storage_ref, input.where});
    if (input.storage_ref) grants.read_prefixes.push_back(*input.storage_ref);
  }
  for (const operators::TaskOutput& output : payload.outputs) {
    if (output.staging_prefix) grants.write_prefixes.push_back(*output.staging_prefix);
  }
  const std::string scratch =
      root.uri_of(storage::scratch_prefix(payload.task_id, payload.attempt));
  grants.read_prefixes.push_back(scratch);
  grants.write_prefixes.push_back(scratch);
  return grants;
}

}  // namespace weir::worker
