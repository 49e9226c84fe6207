// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <optional>

#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

using test::Org;

constexpr const char* kGuardedTablesSql =
    "SELECT c.oid::regclass::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
    " AND a.attname = 'org_id' AND NOT a.attisdropped WHERE c.relkind IN ('r', 'p')"
    " AND c.relnamespace IN ('state'::regnamespace, 'data'::regnamespace) ORDER BY 1";

/// Two organisations with rows in every table.
class RowLevelSecurityTest : public testing::Test {
 protected:
  RowLevelSecurityTest() {
    plane_.script(test::healthy(Org::A) + test::healthy(Org::B));
    tables_ = plane_.texts(kGuardedTablesSql);
    EXPECT_GT(tables_.size(), 25U);
  }

  std::int64_t rows_of(const std::string& table, Org org) {
    return plane_.number("SELECT count(*) FROM " + table + " WHERE org_id = '" + test::org_id(org) +
                         "'");
  }

  /// How many rows the session sees after it has named `org`, or none at all; nothing if it may not
  /// look.
  static std::optional<std::int64_t> seen(postgres::Connection& session, const std::string& table,
                                          std::optional<std::string> org) {
    EXPECT_TRUE(session.begin().ok());
    if (org) {
      postgres::Params params;
      params.text(*org);
      EXPECT_TRUE(session.execute(kSetOrgSql, params).ok());
    }
    const auto rows = session.execute("SELECT count(*) FROM " + table);
    std::optional<std::int64_t> count;
    if (rows.ok()) {
      count = rows->int64(0, 0);
    } else {
      EXPECT_EQ(session.last_failure().sqlstate, "42501") << table;
    }
    EXPECT_TRUE(session.rollback().ok());
    return count;
  }

  /// Looks at every table in every way; `all` is what the `*` setting may show of it.
  void expect_own_rows_only(postgres::Connection& session, bool all) {
    int looked_at = 0;
    for (const std::string& table : tables_) {
      if (!seen(session, table, {})) continue;
      SCOPED_TRACE(table);
      ++looked_at;
      const std::int64_t a = rows_of(table, Org::A);
      const std::int64_t b = rows_of(table, Org::B);
      EXPECT_EQ(seen(session, table, {}), 0);
      EXPECT_EQ(seen(session, table, test::org_id(Org::A)), a);
      EXPECT_EQ(seen(session, table, test::org_id(Org::B)), b);
      EXPECT_EQ(seen(session, table, ""), 0);
      EXPECT_EQ(seen(session, table, "00000000-0000-4000-8000-000000000000"), 0);
      EXPECT_EQ(seen(session, table, std::string(kAllOrgs)), all ? a + b : 0);
    }
    looked_at_ = looked_at;
  }

  test::TaskPlane plane_;
  std::vector<std::string> tables_;
  int looked_at_ = 0;
};

TEST_F(RowLevelSecurityTest, EveryTableOfAnOrganisationHasRowsToHide) {
  for (const std::string& table : tables_) {
    if (table.starts_with("state.task_history_")) continue;  // Of its parent's rows.
    EXPECT_GT(rows_of(table, Org::A), 0) << table;
    EXPECT_GT(rows_of(table, Org::B), 0) << table;
  }
}

TEST_F(RowLevelSecurityTest, IsForcedWithTwoPoliciesOnEveryTable) {
  EXPECT_THAT(
      plane_.texts("SELECT c.oid::regclass::text FROM pg_class c WHERE c.oid::regclass::text"
                   " = ANY (ARRAY(" +
                   std::string(kGuardedTablesSql) +
                   "))"
                   " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)"),
      testing::IsEmpty());
  for (const std::string& table : tables_) {
    EXPECT_THAT(plane_.texts("SELECT polname || ' ' || polcmd::text || ' ' || (SELECT string_agg("
                             "CASE r WHEN 0 THEN 'public' ELSE r::regrole::text END, ',')"
                             " FROM unnest(polroles) r) FROM pg_policy WHERE polpermissive"
                             " AND polrelid = '" +
                             table + "'::regclass ORDER BY 1"),
                testing::ElementsAre("all_orgs * weir_dispatcher", "own_org * public"))
        << table;
  }
}

TEST_F(RowLevelSecurityTest, ShowsTheDispatcherOneOrganisationOrAll) {
  // All of schema state, but nothing of partitions past their table, nor of what others asked.
  expect_own_rows_only(*plane_.session(ServiceRole::Dispatcher), true);
  EXPECT_EQ(looked_at_, plane_.number("SELECT count(*) FROM (" + std::string(kGuardedTablesSql) +
                                      ") t (n) WHERE n NOT LIKE 'state.task\\_history\\_%'"
                                      " AND n <> 'data.query_audit'"));
}

TEST_F(RowLevelSecurityTest, ShowsTheQueryRoleOnePinOwner) {
  expect_own_rows_only(*plane_.session(ServiceRole::Query), false);
  EXPECT_EQ(looked_at_, 1);  // query_pins
}

TEST_F(RowLevelSecurityTest, ShowsTheReadonlyRoleOneOrganisation) {
  expect_own_rows_only(*plane_.session(ServiceRole::Readonly), false);
  EXPECT_GT(looked_at_, 15);
}

TEST_F(RowLevelSecurityTest, ShowsTheSinkNothing) {
  expect_own_rows_only(*plane_.session(ServiceRole::Sink), false);
  EXPECT_EQ(looked_at_, 0);
}

TEST_F(RowLevelSecurityTest, BindsTheOwnerToo) {
  const auto owner = plane_.database().connect();
  ASSERT_TRUE(owner->execute_script("SET ROLE weir_owner").ok());
  expect_own_rows_only(*owner, false);
  EXPECT_EQ(looked_at_, static_cast<int>(tables_.size()));
}

TEST_F(RowLevelSecurityTest, RefusesRowsOfAnotherOrganisation) {
  const auto dispatcher = plane_.session(ServiceRole::Dispatcher);
  const std::string a = test::org_id(Org::A);
  const std::string b = test::org_id(Org::B);
  int updated = 0;
  for (const std::string& table : tables_) {
    if (plane_.number("SELECT has_table_privilege('weir_dispatcher', '" + table +
                      "', 'UPDATE')::int") == 0) {
      continue;
    }
    ++updated;
    EXPECT_EQ(test::refusal_within(*dispatcher, a, "UPDATE " + table + " SET org_id = '" + b + "'"),
              "42501")
        << table;
  }
  EXPECT_GT(updated, 12);
  const std::string record =
      "INSERT INTO state.audit_log (org_id, actor_kind, actor, action,"
      " target, decision) VALUES (";
  const std::string rest = ", 'system', 'x', 'x', 'x', 'allow')";
  EXPECT_EQ(test::refusal_within(*dispatcher, a, record + "'" + b + "'" + rest), "42501");
  EXPECT_EQ(test::refusal_within(*dispatcher, a, record + "NULL" + rest), "42501");
  EXPECT_EQ(test::refusal_within(*dispatcher, a, record + "'" + a + "'" + rest), "");
  EXPECT_EQ(test::refusal_within(*dispatcher, kAllOrgs, record + "NULL" + rest), "");
}

TEST_F(RowLevelSecurityTest, LeavesClaimsTheirIndex) {
  const auto dispatcher = plane_.session(ServiceRole::Dispatcher);
  ASSERT_TRUE(dispatcher->execute_script("SET enable_seqscan = off; SET weir.org = '*'").ok());
  const auto plan = test::texts_of(*dispatcher,
                                   "EXPLAIN SELECT task_id FROM state.tasks WHERE state = 'queued'"
                                   " AND queue = 'tasks.dispatcher.normal'"
                                   " AND build_id = 'a0000000-0000-4000-8000-000000000021'"
                                   " ORDER BY rank_at, task_id LIMIT 10 FOR UPDATE SKIP LOCKED");
  EXPECT_THAT(plan, testing::Contains(testing::HasSubstr("tasks_ready")));
  EXPECT_THAT(plan, testing::Contains(testing::ContainsRegex("Index Cond: .*queue = .*build_id")));
}

}  // namespace
}  // namespace weir::dispatcher
