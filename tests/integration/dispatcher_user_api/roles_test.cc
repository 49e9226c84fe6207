// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <array>

#include "server/auth/roles.h"
#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher_user_api/user_listener.h"

namespace weir::test {
namespace {

using auth::Role;

/// A route with ids of organisation A, who may ask it, and what a caller of A and one of B get.
struct RouteCase {
  std::string method;
  std::string target;
  Role least = Role::Reader;
  int status = 200;
  int foreign = 404;
  std::string body = {};
  std::string type = "application/json";
};

std::vector<RouteCase> every_route() {
  const std::string active = R"({"dag_version_id":")" + id("10") + "\"}";
  return {
      {"GET", "/v1/dags", Role::Reader, 200, 200},
      {"GET", "/v1/dags/trades", Role::Reader, 200, 200},
      {"GET", "/v1/dags/trades/versions", Role::Reader, 200, 200},
      {"GET", "/v1/dags/trades/versions/" + id("10")},
      {"GET", "/v1/dags/trades/deploys", Role::Reader, 200, 200},
      {"GET", "/v1/dags/trades/deploys/" + id("60")},
      {"GET", "/v1/dags/trades/graph", Role::Reader, 200, 200},
      {"GET", "/v1/dags/trades/graph?pointer_set=" + id("30")},
      {"GET", "/v1/tasks", Role::Reader, 200, 200},
      {"GET", "/v1/tasks/" + id("82")},
      {"GET", "/v1/datasets", Role::Reader, 200, 200},
      {"GET", "/v1/datasets/a%2Fbars"},
      {"GET", "/v1/datasets/a%2Fbars/versions"},
      {"GET", "/v1/datasets/a%2Fbars/partitions"},
      {"GET", "/v1/audit", Role::Admin, 200, 200},
      {"POST", "/v1/tasks/" + id("82") + "/cancel", Role::Writer, 200, 200},
      {"POST", "/v1/tasks/" + id("82") + "/retry", Role::Writer, 200, 200},
      {"POST", "/v1/dags/trades/jobs/ticks/runs", Role::Writer, 202, 202, R"({"cursor":7})"},
      // What the deploy service answers is its own tests' matter; here, that it was asked.
      {"POST", "/v1/dags/validate", Role::Writer, 422, 422, "name: [", "application/yaml"},
      {"POST", "/v1/dags/trades/versions", Role::Writer, 422, 422, "name: [", "application/yaml"},
      {"PUT", "/v1/dags/trades/active", Role::Writer, 200, 404, active},
  };
}

Ask asked(const RouteCase& route, std::string token) {
  return {.method = route.method,
          .target = route.target,
          .token = std::move(token),
          .body = route.body,
          .type = route.type};
}

TEST(UserRoles, DecideEveryRoute) {
  const UserListener listener;
  const std::array<std::pair<Role, std::string>, 3> users = {
      {{Role::Reader, "reader-"}, {Role::Writer, "writer-"}, {Role::Admin, "admin-"}}};
  for (const RouteCase& route : every_route()) {
    SCOPED_TRACE(route.method + " " + route.target);
    for (const auto& [role, name] : users) {
      SCOPED_TRACE(name);
      const Seen own = listener.ask(asked(route, listener.token(name + "a")));
      const Seen foreign = listener.ask(asked(route, listener.token(name + "b")));
      if (role < route.least) {
        expect_problem(own, 403, "forbidden");
        expect_problem(foreign, 403, "forbidden");
      } else {
        EXPECT_EQ(own.status, route.status) << own.body;
        EXPECT_EQ(foreign.status, route.foreign) << foreign.body;
      }
    }
  }
}

TEST(UserRoles, AreAskedForAfterATokenOfEveryRoute) {
  const UserListener listener;
  const auth::SigningKey other = *auth::new_signing_key();
  auth::UserClaims expired = listener.claims("admin-a");
  expired.issued_at -= std::chrono::hours(3);
  expired.expires_at -= std::chrono::hours(3);
  auth::UserClaims elsewhere = listener.claims("admin-a");
  elsewhere.audience = "trace.task";
  const std::array<std::string, 5> bad = {
      "", "nonsense", listener.token(listener.claims("admin-a"), other),
      listener.token(expired, listener.key()), listener.token(elsewhere, listener.key())};
  for (const RouteCase& route : every_route()) {
    SCOPED_TRACE(route.method + " " + route.target);
    for (const std::string& token : bad) {
      const Seen seen = listener.ask(asked(route, token));
      expect_problem(seen, 401, "unauthenticated");
      EXPECT_EQ(seen.field("www-authenticate"), "Bearer");
    }
    expect_problem(listener.ask(asked(route, listener.token("gone-a"))), 403, "not_a_member");
    expect_problem(listener.ask(asked(route, listener.token("nobody"))), 403, "not_a_member");
  }
}

TEST(UserRoles, TakeNoCredentialOfAnotherListener) {
  const UserListener listener;
  for (const char* header :
       {"X-Trace-Worker-Token: abcdefghijklmnopqrstuvwxyz0123456789abcdefg\r\n",
        "X-Trace-Task-Capability: a.b.c\r\n", "Authorization: Basic YTpi\r\n"}) {
    expect_problem(listener.ask({.target = "/v1/dags", .headers = header}), 401, "unauthenticated");
  }
}

TEST(UserRoles, ShowAForeignIdAsAnUnknownOne) {
  const UserListener listener;
  const std::string unknown = "01970000-0000-7000-8000-00000000dead";
  for (const char* path : {"/v1/tasks/", "/v1/dags/trades/versions/", "/v1/dags/trades/deploys/",
                           "/v1/dags/trades/graph?pointer_set="}) {
    for (const char* digits : {"82", "10", "60", "30"}) {
      nlohmann::json foreign = listener.get(path + id(digits), "reader-b").json();
      nlohmann::json missing = listener.get(path + unknown, "reader-b").json();
      EXPECT_EQ(foreign.at("status"), 404) << path;
      foreign.erase("instance");
      missing.erase("instance");
      EXPECT_EQ(foreign, missing) << path;
    }
  }
  EXPECT_EQ(listener.get("/v1/datasets/a%2Fbars", "reader-b").status, 404);
}

TEST(UserRoles, GiveTheStoreTheCallersOrganisation) {
  UserListener listener;
  EXPECT_EQ(listener.post("/v1/tasks/" + id("82") + "/cancel", "writer-b").status, 200);
  ASSERT_EQ(listener.tasks().commands().size(), 1U);
  EXPECT_EQ(listener.tasks().commands()[0].org_id.text(), org_id(Org::B));
}

TEST(UserRoles, AreWrittenDownWhereTheyDeny) {
  UserListener listener;
  listener.plane().script("TRUNCATE state.audit_log");
  EXPECT_EQ(listener.get("/v1/audit", "reader-a").status, 403);
  EXPECT_EQ(listener.post("/v1/tasks/" + id("82") + "/retry", "reader-a").status, 403);
  EXPECT_EQ(listener.get("/v1/dags", "nobody").status, 403);
  EXPECT_EQ(listener.ask({.target = "/v1/dags", .token = "nonsense"}).status, 401);
  EXPECT_EQ(listener.ask({.target = "/v1/dags"}).status, 401);
  EXPECT_THAT(
      listener.plane().texts("SELECT concat_ws(' ', coalesce(org_id::text, '-'), actor_kind, actor,"
                             " action, target, decision, detail->>'code') FROM state.audit_log"
                             " WHERE request_id IS NOT NULL ORDER BY audit_id"),
      testing::ElementsAre(
          id("01") + " user " + id("e1") + " read_audit GET /v1/audit deny forbidden",
          id("01") + " user " + id("e1") + " retry_task POST /v1/tasks/" + id("82") +
              "/retry deny forbidden",
          "- user issuer|nobody read GET /v1/dags deny not_a_member",
          "- user unknown read GET /v1/dags deny unauthenticated"));
}

TEST(UserRoles, AreWrittenDownWhereTheyLetSomethingChange) {
  UserListener listener;
  listener.plane().script("TRUNCATE state.audit_log");
  EXPECT_EQ(listener.post("/v1/tasks/" + id("82") + "/cancel", "writer-a").status, 200);
  EXPECT_EQ(listener.post("/v1/dags/trades/jobs/ticks/runs", "admin-a").status, 202);
  EXPECT_EQ(listener.get("/v1/tasks", "writer-a").status, 200);
  EXPECT_THAT(
      listener.plane().texts("SELECT concat_ws(' ', org_id, actor, action, target,"
                             " decision) FROM state.audit_log ORDER BY audit_id"),
      testing::ElementsAre(
          id("01") + " " + id("e2") + " cancel_task POST /v1/tasks/" + id("82") + "/cancel allow",
          id("01") + " " + id("e3") + " run_manually POST /v1/dags/trades/jobs/ticks/runs allow"));
}

TEST(UserRoles, EndWithTheUserAtOnce) {
  UserListener listener;
  EXPECT_EQ(listener.get("/v1/dags", "writer-a").status, 200);
  listener.plane().script("UPDATE state.users SET disabled_at = now() WHERE subject = 'writer-a'");
  expect_problem(listener.get("/v1/dags", "writer-a"), 403, "not_a_member");
}

}  // namespace
}  // namespace weir::test
