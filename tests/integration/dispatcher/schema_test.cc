// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <thread>

#include "drivers/postgres/dsn.h"
#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

using testing::Contains;
using testing::Field;
using testing::HasSubstr;

template <class T>
bool succeeded(const Result<T>& result) {
  if (!result.ok()) ADD_FAILURE() << result.error().describe();
  return result.ok();
}

std::unique_ptr<postgres::Connection> login_as(const test::FreshDatabase& database,
                                               const std::string& role) {
  const auto parts = postgres::parse_dsn(database.dsn());
  EXPECT_TRUE(succeeded(parts));
  auto login = postgres::Connection::connect(
      {.dsn = "user=" + role + " dbname=" + database.name() + " host=" + parts->host});
  EXPECT_TRUE(succeeded(login));
  return login.ok() ? *std::move(login) : nullptr;
}

TEST(TaskPlaneSchema, IsMadeFromNothingAndFoundEverAfter) {
  const auto database = test::fresh_database();
  const auto login = database->connect();
  const auto first = prepare_state_schema(*login);
  ASSERT_TRUE(succeeded(first));
  EXPECT_EQ(first->major, 1);
  EXPECT_EQ(first->minor, first->applied);
  EXPECT_EQ(first->partitions_made, 5);  // This week and four more.
  EXPECT_TRUE(first->faults.empty());
  const auto data = prepare_data_schema(*login);
  ASSERT_TRUE(succeeded(data));
  EXPECT_GT(data->applied, 0);
  EXPECT_TRUE(data->faults.empty());
  for (const auto& report : {prepare_state_schema(*login), prepare_data_schema(*login)}) {
    ASSERT_TRUE(succeeded(report));
    EXPECT_EQ(report->applied, 0);
    EXPECT_EQ(report->partitions_made, 0);
    EXPECT_THAT(report->serves, testing::Each(true));
    EXPECT_TRUE(report->faults.empty());
  }
}

TEST(TaskPlaneSchema, IsMadeByManyProcessesAtOnce) {
  const auto database = test::fresh_database();
  std::vector<std::thread> processes;
  for (int i = 0; i < 4; ++i) {
    processes.emplace_back([&] {
      const auto login = database->connect();
      for (const auto& report : {prepare_state_schema(*login), prepare_data_schema(*login)}) {
        ASSERT_TRUE(succeeded(report));
        EXPECT_THAT(report->serves, testing::Each(true));
        EXPECT_TRUE(report->faults.empty())
            << report->faults.front().what << ": " << report->faults.front().mend;
      }
    });
  }
  for (std::thread& process : processes) process.join();
}

TEST(TaskPlaneSchema, BelongsToARoleThatServesNobody) {
  test::TaskPlane plane;
  EXPECT_EQ(plane.number("SELECT count(*) FROM pg_class c JOIN pg_namespace n"
                         " ON n.oid = c.relnamespace WHERE n.nspname IN ('state', 'data')"
                         " AND c.relowner <> 'weir_owner'::regrole"),
            0);
  EXPECT_EQ(plane.number("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'weir\\_%'"
                         " AND (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole)"),
            0);
}

TEST(TaskPlaneSchema, GivesThePublicNothing) {
  test::TaskPlane plane;
  EXPECT_THAT(plane.texts("SELECT p.oid::regprocedure::text FROM pg_proc p"
                          " WHERE p.pronamespace IN ('state'::regnamespace, 'data'::regnamespace)"
                          " AND (p.proacl IS NULL OR EXISTS (SELECT FROM aclexplode(p.proacl)"
                          " WHERE grantee = 0))"),
              testing::IsEmpty());
  EXPECT_THAT(plane.texts("SELECT c.oid::regclass::text FROM pg_class c, aclexplode(c.relacl) a"
                          " WHERE c.relnamespace IN ('state'::regnamespace, 'data'::regnamespace)"
                          " AND a.grantee = 0"),
              testing::IsEmpty());
  EXPECT_THAT(plane.texts("SELECT nspname::text FROM pg_namespace, aclexplode(nspacl) a"
                          " WHERE nspname IN ('state', 'data') AND a.grantee = 0"),
              testing::IsEmpty());
}

TEST(TaskPlaneSchema, PinsTheSearchPathOfEveryFunction) {
  test::TaskPlane plane;
  EXPECT_THAT(
      plane.texts("SELECT p.oid::regprocedure::text FROM pg_proc p"
                  " WHERE p.pronamespace IN ('state'::regnamespace, 'data'::regnamespace)"
                  " AND NOT EXISTS (SELECT FROM unnest(p.proconfig) s"
                  " WHERE s IN ('search_path=state, pg_temp', 'search_path=data, pg_temp'))"),
      testing::IsEmpty());
}

TEST(TaskPlaneSchema, KeepsRoomAndCallsVacuumEarlyWhereRowsChange) {
  test::TaskPlane plane;
  for (const char* table : {"tasks", "attempts", "leases", "task_counts", "wakeup_meters", "outbox",
                            "queue_messages", "dataset_versions"}) {
    const auto options =
        plane.texts("SELECT unnest(reloptions)::text FROM pg_class WHERE oid = 'state." +
                    std::string(table) + "'::regclass");
    EXPECT_THAT(options, Contains("autovacuum_vacuum_scale_factor=0.01")) << table;
    EXPECT_THAT(options, Contains("autovacuum_analyze_scale_factor=0.01")) << table;
    EXPECT_THAT(options, Contains(testing::MatchesRegex("fillfactor=[57]0"))) << table;
  }
}

TEST(TaskPlaneSchema, ServesALoginThatMayOnlyServe) {
  test::TaskPlane plane;
  plane.script(
      "DROP ROLE IF EXISTS only_dispatches;"
      "CREATE ROLE only_dispatches LOGIN IN ROLE weir_dispatcher");
  const auto login = login_as(plane.database(), "only_dispatches");
  ASSERT_NE(login, nullptr);
  const auto report = prepare_state_schema(*login);
  ASSERT_TRUE(succeeded(report));
  EXPECT_EQ(report->applied, 0);
  EXPECT_TRUE(report->can_serve(ServiceRole::Dispatcher));
  EXPECT_FALSE(report->can_serve(ServiceRole::Sink));
  EXPECT_TRUE(report->faults.empty());
}

TEST(TaskPlaneSchema, TellsWhatIsMissingWhereALoginMayMakeNoRole) {
  const auto database = test::fresh_database();
  auto superuser = postgres::Connection::connect({.dsn = database->superuser_dsn()});
  ASSERT_TRUE(succeeded(superuser));
  // Roles belong to the server: what another test of this process made is put aside.
  const auto rename = [&](const std::string& from, const std::string& to) {
    for (const std::string role : {"owner", "dispatcher", "sink", "query", "readonly"}) {
      ASSERT_TRUE(succeeded((*superuser)
                                ->execute_script("DO $$ BEGIN IF to_regrole('" + from + role +
                                                 "') IS NOT NULL THEN ALTER ROLE " + from + role +
                                                 " RENAME TO " + to + role + "; END IF; END $$")));
    }
  };
  ASSERT_TRUE(succeeded(
      (*superuser)
          ->execute_script("DROP ROLE IF EXISTS plain_owner; CREATE ROLE plain_owner LOGIN;"
                           "ALTER DATABASE \"" +
                           database->name() + "\" OWNER TO plain_owner")));
  rename("weir_", "aside_");
  const auto report = prepare_state_schema(*login_as(*database, "plain_owner"));
  rename("aside_", "weir_");
  ASSERT_TRUE(succeeded(report));
  EXPECT_GT(report->applied, 0);
  EXPECT_FALSE(report->can_serve(ServiceRole::Dispatcher));
  EXPECT_THAT(report->faults,
              Contains(Field(&StartFault::what, "there is no role weir_dispatcher")));
  EXPECT_THAT(report->faults,
              Contains(Field(&StartFault::mend, HasSubstr("CREATE ROLE weir_sink"))));
  EXPECT_THAT(report->notes, Contains(HasSubstr("belongs to this login")));
}

class ServiceSessionTest : public testing::Test {
 protected:
  std::vector<std::string> faults_of(postgres::Connection& session) {
    const auto faults = check_service_session(session, "state");
    EXPECT_TRUE(succeeded(faults));
    std::vector<std::string> whats;
    for (const StartFault& fault : *faults) {
      EXPECT_FALSE(fault.mend.empty());
      // The tests' server runs without these two, on purpose.
      const bool is_known =
          fault.what.ends_with("fsync is off") || fault.what.ends_with("full_page_writes is off");
      if (!is_known) whats.push_back(fault.what);
    }
    EXPECT_EQ(faults->size(), whats.size() + 2);
    return whats;
  }
  test::TaskPlane plane_;
};

TEST_F(ServiceSessionTest, MayStartAsEachRole) {
  for (const auto role :
       {ServiceRole::Dispatcher, ServiceRole::Sink, ServiceRole::Query, ServiceRole::Readonly}) {
    EXPECT_THAT(faults_of(*plane_.session(role)), testing::IsEmpty()) << role_name(role);
  }
}

TEST_F(ServiceSessionTest, RefusesASuperuserAndAnOwner) {
  EXPECT_THAT(faults_of(plane_.superuser()), Contains(HasSubstr("is a superuser")));
  EXPECT_THAT(faults_of(*plane_.database().connect()), Contains(HasSubstr("owns tables")));
}

TEST_F(ServiceSessionTest, RefusesALoginThatPoliciesDoNotBind) {
  plane_.script(
      "DROP ROLE IF EXISTS passes_by; CREATE ROLE passes_by LOGIN BYPASSRLS IN ROLE"
      " weir_dispatcher");
  EXPECT_THAT(faults_of(*login_as(plane_.database(), "passes_by")),
              testing::ElementsAre("row level security does not bind login passes_by"));
}

TEST_F(ServiceSessionTest, RefusesCommitsThatACrashMayLose) {
  const auto session = plane_.session(ServiceRole::Dispatcher);
  ASSERT_TRUE(succeeded(session->execute_script("SET synchronous_commit = off")));
  EXPECT_THAT(faults_of(*session), Contains(HasSubstr("synchronous_commit is off")));
}

TEST_F(ServiceSessionTest, RefusesATableWithoutItsGuard) {
  plane_.script(
      "ALTER TABLE state.tasks NO FORCE ROW LEVEL SECURITY;"
      "DROP POLICY all_orgs ON state.users");
  const auto session = plane_.session(ServiceRole::Dispatcher);
  EXPECT_THAT(faults_of(*session),
              testing::ElementsAre("table state.tasks is not guarded by organisation",
                                   "table state.users is not guarded by organisation"));
  // The next start of whoever may mends the policy.
  ASSERT_TRUE(succeeded(prepare_state_schema(*plane_.database().connect())));
  EXPECT_THAT(faults_of(*session),
              testing::ElementsAre("table state.tasks is not guarded by organisation"));
}

TEST_F(ServiceSessionTest, IsBounded) {
  for (const auto& [role, timeout] :
       {std::pair{ServiceRole::Dispatcher, "10s"}, std::pair{ServiceRole::Query, "5min"}}) {
    const auto session = plane_.session(role);
    for (const auto& [setting, value] :
         {std::pair{"statement_timeout", timeout}, std::pair{"lock_timeout", "5s"},
          std::pair{"idle_in_transaction_session_timeout", "10s"},
          std::pair{"synchronous_commit", "on"}}) {
      EXPECT_THAT(test::texts_of(*session, "SHOW " + std::string(setting)),
                  testing::ElementsAre(value))
          << setting;
    }
    EXPECT_THAT(test::texts_of(*session, "SELECT current_user::text"),
                testing::ElementsAre(role_name(role)));
  }
  // And so is a login that is the role itself.
  EXPECT_THAT(plane_.texts("SELECT unnest(setconfig) FROM pg_db_role_setting"
                           " WHERE setrole = 'weir_dispatcher'::regrole"),
              testing::UnorderedElementsAre("statement_timeout=10s", "lock_timeout=5s",
                                            "idle_in_transaction_session_timeout=10s"));
}

}  // namespace
}  // namespace weir::dispatcher
