// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/database/postgres_auditor.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

#include "dispatcher/ports/database/audit_queries.h"
#include "tests/integration/dispatcher/seed.h"
#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

using test::Org;
using test::seeded;

class AuditorTest : public testing::Test {
 protected:
  AuditorTest() : dispatcher_(plane_.session(ServiceRole::Dispatcher)) {}

  void seed() { plane_.script(test::healthy(Org::A) + test::healthy(Org::B)); }

  /// What the auditor counts above 0, as the dispatcher.
  std::map<std::string, std::int64_t> violations(postgres::Connection* data = nullptr) {
    const auto counts = run_audit(*dispatcher_, data);
    EXPECT_TRUE(counts.ok()) << counts.error().describe();
    std::map<std::string, std::int64_t> found;
    if (!counts.ok()) return found;
    EXPECT_EQ(counts->size(), audit_queries().size());
    for (const AuditCount& count : *counts) {
      if (count.violations != 0) found.emplace(count.id, count.violations);
    }
    return found;
  }

  test::TaskPlane plane_;
  std::unique_ptr<postgres::Connection> dispatcher_;
};

TEST_F(AuditorTest, CountsNothingInAnEmptyDatabase) {
  EXPECT_THAT(violations(), testing::IsEmpty());
}

TEST_F(AuditorTest, CountsNothingInAHealthyDatabase) {
  seed();
  EXPECT_THAT(violations(), testing::IsEmpty());
  EXPECT_THAT(violations(dispatcher_.get()), testing::IsEmpty());
}

TEST_F(AuditorTest, CountsEachViolation) {
  seed();
  std::map<std::string_view, const char*> sql;
  for (const AuditQuery& query : audit_queries()) {
    EXPECT_FALSE(query.statement.empty());
    EXPECT_TRUE(sql.emplace(query.id, query.sql).second) << query.id;
  }
  std::set<std::string_view> violated;
  for (const test::Violation& violation : test::violations()) {
    SCOPED_TRACE(std::string(violation.id) + ": " + std::string(violation.sql));
    violated.insert(violation.id);
    ASSERT_TRUE(sql.contains(violation.id));
    plane_.script("BEGIN; SET LOCAL session_replication_role = replica;" +
                  seeded(Org::A, violation.sql));
    EXPECT_GT(plane_.number(sql[violation.id]), 0);
    plane_.script("ROLLBACK");
    EXPECT_EQ(plane_.number(sql[violation.id]), 0);
  }
  for (const AuditQuery& query : audit_queries()) EXPECT_TRUE(violated.contains(query.id));
}

TEST_F(AuditorTest, SeesAllOrganisations) {
  seed();
  for (const Org org : {Org::A, Org::B}) {
    plane_.script(seeded(org,
                         "UPDATE state.wakeup_meters SET outstanding = 5 WHERE slot = ~;"
                         "DELETE FROM state.leases WHERE task_id = {82}"));
  }
  const auto found = violations();
  EXPECT_EQ(found.at("I1"), 2);
  EXPECT_EQ(found.at("I2"), 2);
  EXPECT_EQ(found.at("I42"), 2);  // Two queues.
  EXPECT_EQ(found.size(), 3U);
}

TEST_F(AuditorTest, ComparesTwoServers) {
  seed();
  const test::TaskPlane elsewhere;
  const auto data = elsewhere.session(ServiceRole::Dispatcher);
  EXPECT_EQ(violations(data.get()).at("I21"), 2);
  const auto superuser =
      postgres::Connection::connect({.dsn = elsewhere.database().superuser_dsn()});
  ASSERT_TRUE(superuser.ok());
  ASSERT_TRUE(
      (*superuser)
          ->execute_script(
              seeded(Org::A, "INSERT INTO data.applied_publishes VALUES ({87}, {51}, 1, 1);") +
              seeded(Org::B, "INSERT INTO data.applied_publishes VALUES ({87}, {51}, 1, 1)"))
          .ok());
  EXPECT_THAT(violations(data.get()), testing::IsEmpty());
}

}  // namespace
}  // namespace weir::dispatcher
