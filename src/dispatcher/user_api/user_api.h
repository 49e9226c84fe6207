// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "dispatcher/ports/registry_reader.h"
#include "dispatcher/ports/task_store.h"
#include "dispatcher/ports/user_store.h"
#include "dispatcher/user_api/limits.h"
#include "server/auth/key_set.h"
#include "server/auth/user_token.h"
#include "server/events/event_request.h"
#include "server/http/router.h"
#include "server/log.h"

namespace weir::dispatcher {

class DeployService;

struct UserApiConfig {
  auth::UserTokenIssuer issuer;  ///< whose tokens are taken
  std::size_t user_requests_a_minute = kUserRequestsAMinute;
  std::size_t org_requests_a_minute = kOrgRequestsAMinute;
};

/// What the user listener uses; each outlives it and may be called from any thread.
struct UserApiPorts {
  RegistryReader& registry;
  UserStore& users;
  TaskStore& tasks;
  DeployService& deploys;
  const auth::TokenKeys& keys;
  Clock& clock;
  Random& random;
  server::Log& log;
  /// Success while this process serves: what /readyz says.
  std::function<Result<void>()> ready;
  /// Called where a run or a command has left rows in the outbox; returns at once. Without it they
  /// wait for the loops' next look.
  std::function<void()> outbox_due = {};
  /// Answers with an organisation's control events from then on (section 3.5.2).
  std::function<void(server::EventRequest, const OrgId&, server::Responder)> follow_events;
};

/// The routes of people and the Gateway (contract section 3.5). Each request: token, body, rights,
/// repeat, then the work, in the order of section 0; every fault a problem of section 3.7. Denials
/// and changes are rows of `audit_log`.
class UserApi {
 public:
  UserApi(UserApiConfig config, UserApiPorts ports);
  ~UserApi();
  UserApi(const UserApi&) = delete;
  UserApi& operator=(const UserApi&) = delete;

 private:
  friend void add_user_routes(server::Router& router, UserApi& api);
  class Desk;
  std::unique_ptr<Desk> desk_;
};

/// Adds every route of the user listener; `api` outlives the server that the router goes to.
void add_user_routes(server::Router& router, UserApi& api);

}  // namespace weir::dispatcher
