// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/connection.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <set>
#include <string>
#include <vector>

#include "tests/integration/postgres/cutting_proxy.h"
#include "tests/integration/postgres/test_support.h"

namespace weir::postgres {
namespace {

using std::chrono::milliseconds;

constexpr Statement kAdd = {"test.add", "SELECT $1 + $2"};
constexpr Statement kBroken = {"test.broken", "SELEC 1"};

class ConnectionTest : public PostgresTest {
 protected:
  Result<std::unique_ptr<Connection>> connect(ConnectOptions options) {
    if (options.dsn.empty()) options.dsn = database_->dsn();
    return Connection::connect(options);
  }
  std::string setting(Connection& connection, const std::string& name) {
    const auto rows = connection.execute("SELECT current_setting('" + name + "')");
    EXPECT_TRUE(succeeded(rows));
    return rows.ok() ? std::string(rows->text(0, 0)) : "";
  }
  /// Fails the first session's statement and says how.
  std::string failure(const std::string& sql) { return reason_of(first_->execute(sql)); }
};

TEST_F(ConnectionTest, PreparesAStatementOnceOnTheWay) {
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto rows = first_->execute(kAdd, Params().int64(i).int64(1));
    ASSERT_TRUE(succeeded(rows));
    EXPECT_EQ(rows->int64(0, 0), i + 1);
  }
  EXPECT_EQ(first_->round_trips(), 3U);
  const auto prepared = first_->execute("SELECT name FROM pg_prepared_statements");
  ASSERT_TRUE(succeeded(prepared));
  ASSERT_EQ(prepared->size(), 1U);
  EXPECT_EQ(prepared->text(0, 0), "test.add");
}

TEST_F(ConnectionTest, PreparesNothingInUnnamedMode) {
  const auto connection = connect({.statements = StatementMode::Unnamed});
  ASSERT_TRUE(succeeded(connection));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(succeeded((*connection)->execute(kAdd, Params().int64(1).int64(2))));
  }
  const auto prepared = (*connection)->execute("SELECT count(*) FROM pg_prepared_statements");
  ASSERT_TRUE(succeeded(prepared));
  EXPECT_EQ(prepared->int64(0, 0), 0);
}

TEST_F(ConnectionTest, GoesOnAfterAStatementThatCannotBePrepared) {
  EXPECT_EQ(reason_of(first_->execute(kBroken)), "postgres_error");
  EXPECT_EQ(first_->last_failure().sqlstate, "42601");
  EXPECT_EQ(reason_of(first_->execute(kBroken)), "postgres_error");
  EXPECT_TRUE(succeeded(first_->execute(kAdd, Params().int64(1).int64(2))));
}

TEST_F(ConnectionTest, AppliesSettingsAndLetsTheDsnWin) {
  const auto connection =
      connect({.dsn = database_->dsn() + "&options=-c%20lock_timeout%3D7s",
               .application_name = "weir test",
               .settings = {
                   {"statement_timeout", "90s"}, {"lock_timeout", "3s"}, {"search_path", "a, b"}}});
  ASSERT_TRUE(succeeded(connection));
  EXPECT_EQ(setting(**connection, "statement_timeout"), "90s");
  EXPECT_EQ(setting(**connection, "lock_timeout"), "7s");
  EXPECT_EQ(setting(**connection, "search_path"), "a, b");
  EXPECT_EQ(setting(**connection, "application_name"), "weir test");
  EXPECT_EQ(setting(**connection, "client_encoding"), "UTF8");
  EXPECT_EQ(setting(**connection, "synchronous_commit"), "on");
}

TEST_F(ConnectionTest, SaysWhyItCannotConnectWithoutThePassword) {
  const auto gone = connect({.dsn = "postgresql://weir:hunter2@/weir?host=/nosuch/folder"});
  ASSERT_FALSE(gone.ok());
  EXPECT_EQ(gone.error().code(), Code::Unavailable);
  EXPECT_EQ(gone.error().reason(), "postgres_unavailable");
  EXPECT_NE(gone.error().message().find("/nosuch/folder"), std::string::npos);
  EXPECT_EQ(gone.error().message().find("hunter2"), std::string::npos);
  EXPECT_EQ(reason_of(connect({.dsn = test::shared_cluster().dsn("no_such_database")})),
            "postgres_unavailable");
  EXPECT_EQ(reason_of(connect({.dsn = "nonsense"})), "dsn_invalid");
}

TEST_F(ConnectionTest, MapsWhatTheServerRefuses) {
  script("CREATE TABLE t (a int CONSTRAINT t_key PRIMARY KEY); INSERT INTO t VALUES (1)");
  const auto duplicate = first_->execute("INSERT INTO t VALUES (1)");
  ASSERT_FALSE(duplicate.ok());
  EXPECT_EQ(duplicate.error().code(), Code::AlreadyExists);
  EXPECT_EQ(duplicate.error().reason(), "unique_violation");
  EXPECT_NE(duplicate.error().message().find("t_key"), std::string::npos);
  EXPECT_EQ(first_->last_failure().constraint, "t_key");
  EXPECT_EQ(failure("DO $$ BEGIN RAISE EXCEPTION 'stop' USING ERRCODE = 'WR042'; END $$"), "WR042");
  EXPECT_EQ(failure("SELECT 1 / 0"), "postgres_error");
  EXPECT_EQ(failure("SELECT * FROM nowhere"), "postgres_error");
  EXPECT_TRUE(first_->usable());
  EXPECT_TRUE(succeeded(first_->execute("SELECT 1")));
  EXPECT_TRUE(first_->last_failure().sqlstate.empty());
}

TEST_F(ConnectionTest, EndsWaitsForLocksInTime) {
  script("CREATE TABLE t (a int)");
  ASSERT_TRUE(succeeded(second_->begin()));
  ASSERT_TRUE(succeeded(second_->execute("LOCK TABLE t")));
  script("SELECT 1");
  ASSERT_TRUE(succeeded(first_->execute("SET lock_timeout = '20ms'")));
  EXPECT_EQ(failure("SELECT * FROM t"), "postgres_timeout");
  EXPECT_EQ(first_->last_failure().sqlstate, "55P03");
  ASSERT_TRUE(
      succeeded(first_->execute_script("SET lock_timeout = 0; SET statement_timeout = '20ms'")));
  const auto cancelled = first_->execute("SELECT * FROM t");
  ASSERT_FALSE(cancelled.ok());
  EXPECT_EQ(cancelled.error().code(), Code::DeadlineExceeded);
  EXPECT_EQ(first_->last_failure().sqlstate, "57014");
}

TEST_F(ConnectionTest, ReportsSerializationFailuresAndDeadlocks) {
  script("CREATE TABLE t (k int PRIMARY KEY, a int); INSERT INTO t VALUES (1, 0), (2, 0)");
  ASSERT_TRUE(succeeded(first_->execute_script("BEGIN ISOLATION LEVEL REPEATABLE READ; TABLE t")));
  script("UPDATE t SET a = 1 WHERE k = 1");
  const auto late = first_->execute("UPDATE t SET a = 2 WHERE k = 1");
  ASSERT_FALSE(late.ok());
  EXPECT_EQ(late.error().code(), Code::Aborted);
  EXPECT_EQ(late.error().reason(), "serialization");
  ASSERT_TRUE(succeeded(first_->rollback()));

  ASSERT_TRUE(succeeded(first_->execute_script("BEGIN; UPDATE t SET a = 3 WHERE k = 1")));
  ASSERT_TRUE(succeeded(second_->execute_script("BEGIN; UPDATE t SET a = 3 WHERE k = 2")));
  auto other = std::async(std::launch::async, [this] {
    const std::string reason = reason_of(second_->execute("UPDATE t SET a = 4 WHERE k = 1"));
    static_cast<void>(second_->rollback().ok());
    return reason;
  });
  const std::string mine = failure("UPDATE t SET a = 4 WHERE k = 2");
  static_cast<void>(first_->rollback().ok());
  EXPECT_EQ((std::multiset<std::string>{mine, other.get()}),
            (std::multiset<std::string>{"ok", "serialization"}));
}

TEST_F(ConnectionTest, KeepsATransactionOverRoundTrips) {
  script("CREATE TABLE t (a int)");
  ASSERT_TRUE(succeeded(first_->begin()));
  EXPECT_TRUE(first_->in_transaction());
  ASSERT_TRUE(succeeded(first_->execute("INSERT INTO t VALUES (1)")));
  EXPECT_EQ(number("SELECT count(*) FROM t"), 0);
  ASSERT_TRUE(succeeded(first_->commit()));
  EXPECT_FALSE(first_->in_transaction());
  EXPECT_EQ(number("SELECT count(*) FROM t"), 1);
  ASSERT_TRUE(succeeded(first_->begin()));
  ASSERT_TRUE(succeeded(first_->execute("DELETE FROM t")));
  ASSERT_TRUE(succeeded(first_->rollback()));
  EXPECT_EQ(number("SELECT count(*) FROM t"), 1);
}

TEST_F(ConnectionTest, ReportsACommitThatTheServerTurnedIntoARollback) {
  script("CREATE TABLE t (a int)");
  ASSERT_TRUE(succeeded(first_->begin()));
  ASSERT_TRUE(succeeded(first_->execute("INSERT INTO t VALUES (1)")));
  EXPECT_EQ(failure("SELECT 1 / 0"), "postgres_error");
  EXPECT_TRUE(first_->in_transaction());
  const auto committed = first_->commit();
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(committed.error().code(), Code::Aborted);
  EXPECT_EQ(committed.error().reason(), "transaction_aborted");
  EXPECT_FALSE(first_->in_transaction());
  EXPECT_EQ(number("SELECT count(*) FROM t"), 0);
}

TEST_F(ConnectionTest, RunsAScriptAsOneTransaction) {
  EXPECT_EQ(reason_of(first_->execute_script(
                "CREATE TABLE t (a int); INSERT INTO t VALUES (1); SELECT 1 / 0; TABLE t")),
            "postgres_error");
  EXPECT_EQ(first_->last_failure().sqlstate, "22012");
  EXPECT_EQ(number("SELECT count(*) FROM pg_class WHERE relname = 't'"), 0);
  ASSERT_TRUE(
      succeeded(first_->execute_script("CREATE TABLE t (a int); INSERT INTO t VALUES (1)")));
  EXPECT_EQ(number("SELECT count(*) FROM t"), 1);
}

TEST_F(ConnectionTest, SeesThatTheServerEndedAnIdleSession) {
  ASSERT_TRUE(first_->usable());
  kill_first();
  EXPECT_EQ(failure("CREATE TABLE t (a int)"), "postgres_unavailable");
  EXPECT_FALSE(first_->usable());
  EXPECT_EQ(failure("SELECT 1"), "postgres_unavailable");
}

TEST_F(ConnectionTest, LeavesNoDoubtWhenASessionEndsBeforeTheCommit) {
  ASSERT_TRUE(succeeded(first_->begin()));
  EXPECT_EQ(failure("SELECT pg_terminate_backend(pg_backend_pid())"), "postgres_unavailable");
  EXPECT_EQ(first_->last_failure().sqlstate, "57P01");
  EXPECT_FALSE(first_->usable());
}

TEST_F(ConnectionTest, SaysThatACommitIsUnknownWhenTheSessionEndsInIt) {
  script(
      "CREATE TABLE t (a int);"
      "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
      "  PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER die AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED"
      "  FOR EACH ROW EXECUTE FUNCTION die()");
  ASSERT_TRUE(succeeded(first_->begin()));
  ASSERT_TRUE(succeeded(first_->execute("INSERT INTO t VALUES (1)")));
  const auto committed = first_->commit();
  ASSERT_FALSE(committed.ok());
  EXPECT_EQ(committed.error().code(), Code::Unavailable);
  EXPECT_EQ(committed.error().reason(), "commit_unknown");

  auto again = connect({});
  ASSERT_TRUE(succeeded(again));
  EXPECT_EQ(reason_of((*again)->execute("INSERT INTO t VALUES (1)")), "commit_unknown");
  EXPECT_EQ(number("SELECT count(*) FROM t"), 0);
}

TEST_F(ConnectionTest, SaysThatACommitIsUnknownWhenItsReplyIsLost) {
  script("CREATE TABLE t (a int)");
  for (const bool explicit_commit : {true, false}) {
    CuttingProxy proxy(database_->dsn());
    const auto connection = connect({.dsn = proxy.dsn()});
    ASSERT_TRUE(succeeded(connection));
    if (explicit_commit) {
      ASSERT_TRUE(succeeded((*connection)->begin()));
      ASSERT_TRUE(succeeded((*connection)->execute("INSERT INTO t VALUES (1)")));
      proxy.lose_next_reply();
      EXPECT_EQ(reason_of((*connection)->commit()), "commit_unknown");
    } else {
      proxy.lose_next_reply();
      EXPECT_EQ(reason_of((*connection)->execute("INSERT INTO t VALUES (1)")), "commit_unknown");
    }
    EXPECT_FALSE((*connection)->usable());
  }
  EXPECT_EQ(number("SELECT count(*) FROM t"), 2) << "the server had committed";
}

TEST_F(ConnectionTest, LeavesNoDoubtWhenTheReplyToAQueryIsLost) {
  CuttingProxy proxy(database_->dsn());
  const auto connection = connect({.dsn = proxy.dsn()});
  ASSERT_TRUE(succeeded(connection));
  proxy.lose_next_reply();
  EXPECT_EQ(reason_of((*connection)->execute("SELECT 1")), "postgres_unavailable");
}

TEST_F(ConnectionTest, GivesUpAServerThatStaysSilent) {
  const auto connection = connect({.reply_timeout = milliseconds(20)});
  ASSERT_TRUE(succeeded(connection));
  ASSERT_TRUE(succeeded(first_->execute("SELECT pg_advisory_lock(1)")));
  const auto silent = (*connection)->execute("SELECT pg_advisory_lock(1)");
  ASSERT_FALSE(silent.ok());
  EXPECT_EQ(silent.error().reason(), "postgres_unavailable");
  EXPECT_EQ(silent.error().message(), "no answer from the server for 20 ms");
  EXPECT_FALSE((*connection)->usable());
}

TEST_F(ConnectionTest, DropsASessionWhoseCachedPlanNoLongerFits) {
  constexpr Statement kAll = {"test.all", "SELECT * FROM t"};
  script("CREATE TABLE t (a int)");
  ASSERT_TRUE(succeeded(first_->execute(kAll)));
  script("ALTER TABLE t ADD COLUMN b int");
  EXPECT_EQ(reason_of(first_->execute(kAll)), "postgres_error");
  EXPECT_FALSE(first_->usable());
}

TEST_F(ConnectionTest, RunsFurtherStatementsUnnamedWhenItsCacheIsFull) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kPreparedMax + 2; ++i) names.push_back("test.n" + std::to_string(i));
  for (const std::string& name : names) {
    ASSERT_TRUE(succeeded(first_->execute(Statement{name.c_str(), "SELECT 1"})));
  }
  const auto prepared = first_->execute("SELECT count(*) FROM pg_prepared_statements");
  ASSERT_TRUE(succeeded(prepared));
  EXPECT_EQ(prepared->int64(0, 0), static_cast<std::int64_t>(kPreparedMax));
}

TEST_F(ConnectionTest, KnowsTheServerItTalksTo) {
  EXPECT_GE(first_->server_version(), 130'000);
  const auto pooled = first_->behind_pooler();
  ASSERT_TRUE(succeeded(pooled));
  EXPECT_FALSE(*pooled);
}

using ConnectionDeathTest = ConnectionTest;

TEST_F(ConnectionDeathTest, StopsTheProgramOverOneNameForTwoStatements) {
  ASSERT_TRUE(succeeded(first_->execute(kAdd, Params().int64(1).int64(2))));
  EXPECT_DEATH(static_cast<void>(first_->execute(Statement{"test.add", "SELECT 2"}).ok()),
               "assert");
  EXPECT_DEATH(static_cast<void>(first_->execute(kAdd, Params().int64(1).text("2")).ok()),
               "assert");
}

}  // namespace
}  // namespace weir::postgres
