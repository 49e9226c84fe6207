// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/database/service_rights.h"

#include <gmock/gmock.h>

#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

using test::Org;
using test::seeded;

constexpr const char* kDenied = "42501";

class ServiceRightsTest : public testing::Test {
 protected:
  ServiceRightsTest() { plane_.script(test::healthy(Org::A)); }

  void expect_denied(ServiceRole role, std::initializer_list<const char*> statements) {
    const auto session = plane_.session(role);
    for (const char* sql : statements) {
      EXPECT_EQ(test::refusal_within(*session, test::org_id(Org::A), seeded(Org::A, sql)), kDenied)
          << role_name(role) << ": " << sql;
    }
  }
  void expect_allowed(ServiceRole role, std::string_view org,
                      std::initializer_list<const char*> statements) {
    const auto session = plane_.session(role);
    for (const char* sql : statements) {
      EXPECT_EQ(test::refusal_within(*session, org, seeded(Org::A, sql)), "")
          << role_name(role) << ": " << sql << ": " << session->last_failure().message;
    }
  }

  test::TaskPlane plane_;
};

TEST_F(ServiceRightsTest, AreExactlyThoseThatAreListed) {
  for (const auto role :
       {ServiceRole::Dispatcher, ServiceRole::Sink, ServiceRole::Query, ServiceRole::Readonly}) {
    std::int64_t listed = 0;
    for (const std::string schema : {"state", "data"}) {
      for (const auto& right : rights_of(role, schema)) listed += right.privilege != "EXECUTE";
    }
    const std::string name(role_name(role));
    EXPECT_EQ(plane_.number("SELECT count(*) FROM pg_class c, aclexplode(c.relacl) a"
                            " WHERE a.grantee = '" +
                            name +
                            "'::regrole AND c.relnamespace IN"
                            " ('state'::regnamespace, 'data'::regnamespace)"),
              listed)
        << name;
    EXPECT_EQ(plane_.number("SELECT count(*) FROM pg_namespace, aclexplode(nspacl) a"
                            " WHERE nspname IN ('state', 'data') AND a.grantee = '" +
                            name + "'::regrole AND a.privilege_type = 'CREATE'"),
              0)
        << name;
  }
}

TEST_F(ServiceRightsTest, OfTheDispatcherEndWhereHistoryBegins) {
  expect_denied(ServiceRole::Dispatcher,
                {"UPDATE state.events SET seq = 1", "DELETE FROM state.events",
                 "UPDATE state.dag_versions SET yaml_text = ''", "DELETE FROM state.jobs",
                 "UPDATE state.audit_log SET actor = ''", "DELETE FROM state.audit_log",
                 "UPDATE state.task_history SET state = 'failed'", "DELETE FROM state.task_history",
                 "TRUNCATE state.tasks", "CREATE TABLE state.mine (a int)",
                 "ALTER TABLE state.tasks DISABLE ROW LEVEL SECURITY", "DROP TABLE state.tasks",
                 "SELECT state.protect_by_org('state.tasks')",
                 "INSERT INTO data.applied_publishes VALUES ({ff}, {51}, 1, 1)",
                 "UPDATE state.query_pins SET expires_at = now()",
                 "SELECT * FROM state.task_history_default"});
}

TEST_F(ServiceRightsTest, OfTheDispatcherSufficeForAnAcceptanceAndAClaim) {
  expect_allowed(
      ServiceRole::Dispatcher, kAllOrgs,
      {"SELECT * FROM state.dataset_versions WHERE dataset_version = {50} FOR UPDATE",
       "INSERT INTO state.events (event_id, org_id, dataset_uuid, dataset_version, seq,"
       " producer_task_id, producer_attempt, kind, scope_key, class, root_event_id)"
       " VALUES ({7a}, {01}, {40}, {50}, 7, {80}, 1, 'cursor', '7', 'live', {7a})",
       "UPDATE state.tasks SET state = 'running', woken_at = NULL WHERE task_id = {81};"
       "INSERT INTO state.attempts (task_id, attempt, lease_token, worker_id, state)"
       " VALUES ({81}, 1, {a1}, 'w', 'active');"
       "INSERT INTO state.leases (task_id, attempt, worker_id, expires_at)"
       " VALUES ({81}, 1, 'w', now())",
       "INSERT INTO state.task_counts VALUES ({21}, 'q', 1) ON CONFLICT (build_id, queue, slot)"
       " DO UPDATE SET queued = task_counts.queued + 1",
       "INSERT INTO state.pointer_sets (pointer_set_id, dag_version_id, set_no)"
       " VALUES ({31}, {10}, 2);"
       "INSERT INTO state.dag_version_builds VALUES ({31}, {10}, 'bars', {21})",
       "SELECT * FROM state.dataset_current"});
}

TEST_F(ServiceRightsTest, OfTheDispatcherSweepLapsedPinsOnly) {
  const auto session = plane_.session(ServiceRole::Dispatcher);
  ASSERT_TRUE(session->begin().ok());
  postgres::Params all;
  all.text(kAllOrgs);
  ASSERT_TRUE(session->execute(kSetOrgSql, all).ok());
  const auto swept = session->execute(std::string("DELETE FROM state.query_pins"));
  ASSERT_TRUE(swept.ok()) << swept.error().describe();
  EXPECT_EQ(swept->affected(), 1);
  ASSERT_TRUE(session->commit().ok());
  EXPECT_EQ(plane_.number("SELECT count(*) FROM state.query_pins WHERE expires_at > now()"), 1);
}

TEST_F(ServiceRightsTest, OfTheSinkReachSchemaDataAlone) {
  expect_denied(ServiceRole::Sink,
                {"SELECT * FROM state.tasks", "SELECT * FROM state.buffered_publishes",
                 "SELECT * FROM data.query_audit", "DELETE FROM data.applied_publishes",
                 "UPDATE data.applied_publishes SET rows_in = 0",
                 "SELECT data.make_dataset_table({51}, '[]', '{}', '[]')",
                 "SELECT data.drop_dataset_table({51})", "CREATE TABLE data.mine (a int)"});
  expect_allowed(ServiceRole::Sink, "",
                 {"INSERT INTO data.applied_publishes VALUES ({ff}, {51}, 1, 1)",
                  "SELECT * FROM data.applied_scopes FOR UPDATE",
                  "UPDATE data.applied_scopes SET fence_no = 2"});
}

TEST_F(ServiceRightsTest, OfTheQueryRoleReadTheRegistryAndWritePins) {
  const auto session = plane_.session(ServiceRole::Query);
  expect_denied(ServiceRole::Query,
                {"SELECT * FROM state.tasks", "SELECT * FROM state.dataset_names",
                 "SELECT * FROM state.dataset_current", "SELECT * FROM state.users",
                 "SELECT * FROM data.query_audit", "DELETE FROM data.query_audit",
                 "SELECT * FROM data.applied_publishes",
                 "INSERT INTO state.query_pins (query_id, dataset_version, org_id, principal,"
                 " expires_at) VALUES ({ff}, {51}, {other}, 'x', now())"});
  expect_allowed(ServiceRole::Query, test::org_id(Org::A),
                 {"INSERT INTO state.query_pins (query_id, dataset_version, org_id, principal,"
                  " expires_at) VALUES ({ff}, {51}, {01}, 'x', now())",
                  "INSERT INTO data.query_audit (query_id, org_id, user_id, sql_sha256, pinned)"
                  " VALUES ({ff}, {01}, {02}, sha256('x'), '[]')"});
}

TEST_F(ServiceRightsTest, OfTheRegistryViewsStayInOneOrganisation) {
  plane_.script(test::healthy(Org::B));
  const auto session = plane_.session(ServiceRole::Query);
  for (const auto& [view, rows] :
       {std::pair{"registry_datasets", 1}, std::pair{"registry_versions", 3},
        std::pair{"registry_partitions", 1}}) {
    const auto count = [&, name = std::string(view)](const std::string& org) {
      EXPECT_TRUE(session->execute_script("SET weir.org = '" + org + "'").ok());
      return test::texts_of(*session,
                            "SELECT count(*)::text || ' ' || count(*) FILTER (WHERE"
                            " org_id::text = '" +
                                org + "') FROM state." + name);
    };
    const std::string all_own = std::to_string(rows) + " " + std::to_string(rows);
    EXPECT_THAT(count(test::org_id(Org::A)), testing::ElementsAre(all_own)) << view;
    EXPECT_THAT(count(test::org_id(Org::B)), testing::ElementsAre(all_own)) << view;
    EXPECT_THAT(count("*"), testing::ElementsAre("0 0")) << view;
    EXPECT_THAT(count(""), testing::ElementsAre("0 0")) << view;
  }
}

TEST_F(ServiceRightsTest, OfTheReadonlyRoleWriteNothing) {
  for (const std::string& table :
       plane_.texts("SELECT c.oid::regclass::text FROM pg_class c WHERE c.relkind IN ('r', 'p')"
                    " AND c.relnamespace IN ('state'::regnamespace, 'data'::regnamespace)")) {
    EXPECT_EQ(plane_.number("SELECT has_table_privilege('weir_readonly', '" + table +
                            "', 'INSERT, UPDATE, DELETE, TRUNCATE')::int"),
              0)
        << table;
  }
  expect_denied(ServiceRole::Readonly,
                {"SELECT * FROM state.worker_tokens", "SELECT * FROM state.signing_keys",
                 "SELECT * FROM state.idempotency_keys", "SELECT * FROM state.attempts"});
}

}  // namespace
}  // namespace weir::dispatcher
