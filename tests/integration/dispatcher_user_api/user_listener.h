// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/deploy/deploy_service.h"
#include "dispatcher/ports/dags/postgres_dag_store.h"
#include "dispatcher/ports/registry/postgres_event_log.h"
#include "dispatcher/ports/registry/postgres_registry_reader.h"
#include "dispatcher/ports/registry/postgres_user_store.h"
#include "dispatcher/user_api/user_api.h"
#include "drivers/postgres/pool.h"
#include "server/auth/es256.h"
#include "server/events/event_stream.h"
#include "server/http/http_server.h"
#include "server/system_clock.h"
#include "tests/integration/dispatcher/task_plane.h"
#include "tests/integration/dispatcher_user_api/noted_task_store.h"

namespace weir::test {

/// An answer as a client sees it.
struct Seen {
  int status = 0;
  std::string head;
  std::string body;

  nlohmann::json json() const { return nlohmann::json::parse(body, nullptr, false); }
  /// Of a problem: its code; else empty.
  std::string code() const;
  std::string field(std::string_view name) const;
};

/// One request.
struct Ask {
  std::string method = "GET";
  std::string target;
  std::string token = {};  ///< empty: no Authorization
  std::string body = {};
  std::string type = "application/json";
  std::string headers = {};  ///< further ones, each with its line end
};

/// The user listener on loopback over a database with two healthy organisations. Each has the users
/// `reader-@`, `writer-@`, `admin-@` and a disabled `gone-@`.
class UserListener {
 public:
  struct Options {
    std::size_t user_requests_a_minute = 1'000'000;
    std::size_t org_requests_a_minute = 1'000'000;
  };
  UserListener() : UserListener(Options{}) {}
  explicit UserListener(Options options);
  ~UserListener();
  UserListener(const UserListener&) = delete;
  UserListener& operator=(const UserListener&) = delete;

  TaskPlane& plane() { return plane_; }
  dispatcher::NotedTaskStore& tasks() { return tasks_; }
  /// Where this listener's readers of events are; tell it of new ones.
  server::EventStream& events() { return events_; }
  std::uint16_t port() const { return server_->port(); }
  /// What /readyz asks.
  void set_ready(Result<void> ready) { ready_ = std::move(ready); }

  /// A token of the subject, good for an hour.
  std::string token(std::string_view subject) const;
  /// A token with other claims or of another key.
  std::string token(const auth::UserClaims& claims, const auth::SigningKey& key) const;
  auth::UserClaims claims(std::string_view subject) const;
  const auth::SigningKey& key() const { return key_; }

  Seen ask(const Ask& request) const;
  /// GET as the subject.
  Seen get(const std::string& target, std::string_view subject = "reader-a") const;
  Seen post(const std::string& target, std::string_view subject, std::string body = {},
            std::string headers = {}) const;
  /// All pages of a list, `limit` items each; fails the test if a page is no page.
  std::vector<nlohmann::json> pages(const std::string& target, int limit,
                                    std::string_view subject = "reader-a") const;

 private:
  void start(Options options);

  server::SystemClock clock_;
  server::SystemRandom random_;
  server::Log log_;
  TaskPlane plane_;
  auth::SigningKey key_;
  auth::KeySet keys_;
  postgres::Pool pool_;
  dispatcher::PostgresRegistryReader registry_;
  dispatcher::PostgresUserStore users_;
  dispatcher::NotedTaskStore tasks_;
  dispatcher::PostgresDagStore dags_;
  dispatcher::OperatorRegistry operators_;
  dispatcher::DeployService deploys_;
  dispatcher::PostgresEventLog event_log_;
  server::EventStream events_;
  Result<void> ready_;
  std::unique_ptr<dispatcher::UserApi> api_;
  std::unique_ptr<server::HttpServer> server_;
};

/// The id of two hexadecimal digits that the seed gave organisation A.
std::string id(std::string_view digits);

/// A problem as section 0 wants it, with this status and code.
void expect_problem(const Seen& seen, int status, std::string_view code);

}  // namespace weir::test
