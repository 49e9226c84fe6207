// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_schema.h"

#include <gmock/gmock.h>

#include <thread>

#include "drivers/postgres/dsn.h"
#include "tests/conformance/graph_cases.h"
#include "tests/conformance/postgres_engine.h"

namespace weir::dagmanager {
namespace {

using test::reason_of;
using test::succeeded;

class PostgresSchemaTest : public testing::Test {
 protected:
  std::unique_ptr<postgres::Connection> service_session() {
    auto connection = postgres::Connection::connect(store_connect_options(database_->dsn(), true));
    EXPECT_TRUE(succeeded(connection));
    return connection.ok() ? *std::move(connection) : nullptr;
  }

  /// The database for another role.
  std::string dsn_of(const std::string& role) const {
    const auto parts = postgres::parse_dsn(database_->dsn());
    EXPECT_TRUE(succeeded(parts));
    return "user=" + role + " dbname=" + database_->name() + " host=" + parts->host;
  }

  std::unique_ptr<test::FreshDatabase> database_ = test::fresh_database();
};

TEST_F(PostgresSchemaTest, IsMadeOnceAndFoundEverAfter) {
  const auto owner = database_->connect();
  const auto first = prepare_graph_schema(*owner);
  ASSERT_TRUE(succeeded(first));
  EXPECT_GT(first->applied, 0);
  EXPECT_EQ(first->major, 1);
  EXPECT_TRUE(first->service_role);
  const auto second = prepare_graph_schema(*owner);
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(second->applied, 0);
  EXPECT_EQ(second->minor, first->minor);
  EXPECT_TRUE(second->service_role);
  const auto topics = prepare_topic_schema(*owner);
  ASSERT_TRUE(succeeded(topics));
  EXPECT_GT(topics->applied, 0);
}

TEST_F(PostgresSchemaTest, IsMadeByManyProcessesAtOnce) {
  std::vector<std::thread> processes;
  for (int i = 0; i < 6; ++i) {
    processes.emplace_back([&] {
      const auto owner = database_->connect();
      const auto graph = prepare_graph_schema(*owner);
      ASSERT_TRUE(succeeded(graph));
      EXPECT_TRUE(graph->service_role) << testing::PrintToString(graph->notes);
      const auto topics = prepare_topic_schema(*owner);
      ASSERT_TRUE(succeeded(topics));
      EXPECT_TRUE(topics->service_role) << testing::PrintToString(topics->notes);
    });
  }
  for (std::thread& process : processes) process.join();
}

TEST_F(PostgresSchemaTest, NotesThatACrashMayLoseCommits) {
  const auto report = prepare_graph_schema(*database_->connect());
  ASSERT_TRUE(succeeded(report));
  // The tests' server runs without fsync.
  EXPECT_THAT(report->notes, testing::Contains(testing::HasSubstr("fsync is off")));
}

TEST_F(PostgresSchemaTest, LetsTheServiceRoleDoNoMoreThanItNeeds) {
  const auto owner = database_->connect();
  ASSERT_TRUE(succeeded(prepare_graph_schema(*owner)));
  ASSERT_TRUE(succeeded(prepare_topic_schema(*owner)));
  const auto service = service_session();
  ASSERT_NE(service, nullptr);
  for (const char* refused :
       {"UPDATE weir_dagmanager.topic_log_batch SET actor = 'nobody'",
        "DELETE FROM weir_dagmanager.topic_log_batch", "DELETE FROM weir_dagmanager.deploy",
        "UPDATE weir_dagmanager.compute_node SET name = 'x'", "TRUNCATE weir_dagmanager.queue",
        "DROP TABLE weir_dagmanager.queue", "ALTER TABLE weir_dagmanager.queue ADD COLUMN x int",
        "CREATE TABLE weir_dagmanager.x (a int)",
        "UPDATE weir_topics.topic_registry SET topic = 'x'",
        "UPDATE weir_dagmanager.schema_version SET major = 2",
        "DELETE FROM weir_dagmanager.graph_epoch"}) {
    EXPECT_EQ(reason_of(service->execute(std::string(refused))), "postgres_error") << refused;
    EXPECT_EQ(service->last_failure().sqlstate, "42501") << refused;
  }
  EXPECT_TRUE(
      succeeded(service->execute(std::string("SELECT * FROM weir_dagmanager.sentinel_has"))));
}

TEST_F(PostgresSchemaTest, ServesALoginThatMayOnlyServe) {
  ASSERT_TRUE(succeeded(prepare_graph_schema(*database_->connect())));
  const auto superuser = postgres::Connection::connect({.dsn = database_->superuser_dsn()});
  ASSERT_TRUE(succeeded(superuser));
  ASSERT_TRUE(succeeded((*superuser)
                            ->execute_script("DROP ROLE IF EXISTS only_serves; CREATE ROLE "
                                             "only_serves LOGIN IN ROLE weir_dagmanager")));
  const std::string dsn = dsn_of("only_serves");
  auto options = store_connect_options(dsn, true);
  const auto login = postgres::Connection::connect(options);
  ASSERT_TRUE(succeeded(login));
  const auto report = prepare_graph_schema(**login);
  ASSERT_TRUE(succeeded(report));
  EXPECT_EQ(report->applied, 0);
  EXPECT_TRUE(report->service_role);
}

/// A database whose owner may make no role.
class PlainOwnerTest : public PostgresSchemaTest {
 protected:
  PlainOwnerTest() {
    auto superuser = postgres::Connection::connect({.dsn = database_->superuser_dsn()});
    EXPECT_TRUE(succeeded(superuser));
    superuser_ = *std::move(superuser);
    const std::string own = "ALTER DATABASE \"" + database_->name() + "\" OWNER TO plain_owner";
    EXPECT_TRUE(succeeded(superuser_->execute_script(
        "DROP ROLE IF EXISTS plain_owner; CREATE ROLE plain_owner LOGIN;" + own)));
  }
  SchemaReport prepare() {
    const auto login = postgres::Connection::connect({.dsn = dsn_of("plain_owner")});
    EXPECT_TRUE(succeeded(login));
    const auto report = prepare_graph_schema(**login);
    EXPECT_TRUE(succeeded(report));
    return report.ok() ? *report : SchemaReport{};
  }
  void expect_to_serve(const SchemaReport& report) {
    const auto session = postgres::Connection::connect(
        store_connect_options(dsn_of("plain_owner"), report.service_role));
    ASSERT_TRUE(succeeded(session));
    EXPECT_TRUE(succeeded(
        (*session)->execute(std::string("SELECT epoch FROM weir_dagmanager.graph_epoch"))));
  }

  std::unique_ptr<postgres::Connection> superuser_;
};

TEST_F(PlainOwnerTest, WorksWithItsOwnRightsWhereThereIsNoRole) {
  // The role belongs to the whole server: another test's is put aside.
  const auto rename = [&](const char* from, const char* to) {
    const std::string script = "DO 'BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = ''" +
                               std::string(from) + "'') THEN ALTER ROLE " + from + " RENAME TO " +
                               to + "; END IF; END'";
    ASSERT_TRUE(succeeded(superuser_->execute_script(script)));
  };
  rename("weir_dagmanager", "put_aside");
  const SchemaReport report = prepare();
  rename("put_aside", "weir_dagmanager");
  EXPECT_FALSE(report.service_role);
  EXPECT_THAT(report.notes, testing::Contains(testing::HasSubstr("may not make it")));
  expect_to_serve(report);
}

TEST_F(PlainOwnerTest, GrantsToARoleThatItMayNotTakeOn) {
  ASSERT_TRUE(succeeded(superuser_->execute_script(
      "DO 'BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = ''weir_dagmanager'') THEN"
      " CREATE ROLE weir_dagmanager; END IF; END'")));
  const SchemaReport report = prepare();
  EXPECT_FALSE(report.service_role);
  EXPECT_THAT(report.notes, testing::Contains(testing::HasSubstr("may not take on role")));
  const auto granted = superuser_->execute(std::string(
      "SELECT has_table_privilege('weir_dagmanager', 'weir_dagmanager.queue', 'INSERT')"));
  ASSERT_TRUE(succeeded(granted));
  EXPECT_TRUE(granted->boolean(0, 0));
  expect_to_serve(report);
}

TEST_F(PostgresSchemaTest, BoundsEverySessionOfTheStores) {
  ASSERT_TRUE(succeeded(prepare_graph_schema(*database_->connect())));
  const auto session = service_session();
  ASSERT_NE(session, nullptr);
  for (const auto& [setting, value] :
       {std::pair{"statement_timeout", "10s"}, std::pair{"lock_timeout", "5s"},
        std::pair{"idle_in_transaction_session_timeout", "10s"},
        std::pair{"synchronous_commit", "on"}, std::pair{"jit", "off"},
        std::pair{"role", "weir_dagmanager"}}) {
    const auto shown = session->execute("SHOW " + std::string(setting));
    ASSERT_TRUE(succeeded(shown));
    EXPECT_EQ(shown->text(0, 0), value) << setting;
  }
}

}  // namespace
}  // namespace weir::dagmanager
