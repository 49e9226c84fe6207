// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/service_role.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "drivers/postgres/connection.h"
#include "drivers/postgres/limits.h"
#include "tests/integration/postgres_fixture.h"

namespace weir::postgres {
namespace {

constexpr std::array<Right, 2> kRights = {{{"t", "SELECT"}, {"t", "INSERT"}}};

/// A superuser's session in a database where so many grants fail, whatever becomes of their
/// transactions.
std::unique_ptr<Connection> where_grants_fail(const test::FreshDatabase& database, int times) {
  auto session = Connection::connect({.dsn = database.superuser_dsn()});
  EXPECT_TRUE(session.ok());
  const auto made = (*session)->execute_script(
      "CREATE SCHEMA s; CREATE TABLE s.t (); CREATE SEQUENCE public.grants;"
      "CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN"
      " IF nextval('public.grants') <= " +
      std::to_string(times) +
      " THEN RAISE EXCEPTION 'tuple concurrently updated'; END IF; END $$;"
      "CREATE EVENT TRIGGER refuse ON ddl_command_start WHEN TAG IN ('GRANT')"
      " EXECUTE FUNCTION public.refuse();");
  EXPECT_TRUE(made.ok()) << made.error().describe();
  return *std::move(session);
}

TEST(ServiceRoles, SeeWhatTheLastTryGave) {
  const auto database = test::fresh_database();
  const auto session = where_grants_fail(*database, kGrantTriesMax - 1);
  const ServiceRole role{.name = "weir_patient", .schema = "s", .rights = kRights};
  const auto report = prepare_service_role(*session, role);
  ASSERT_TRUE(report.ok()) << report.error().describe();
  EXPECT_TRUE(report->exists && report->may_take_on && report->complete);
  EXPECT_EQ(report->failure, "");
}

TEST(ServiceRoles, TellWhyTheyLackRights) {
  const auto database = test::fresh_database();
  const auto session = where_grants_fail(*database, kGrantTriesMax);
  const ServiceRole role{.name = "weir_impatient", .schema = "s", .rights = kRights};
  const auto report = prepare_service_role(*session, role);
  ASSERT_TRUE(report.ok()) << report.error().describe();
  EXPECT_FALSE(report->complete);
  EXPECT_NE(report->failure.find("tuple concurrently updated"), std::string::npos);
  const auto again = prepare_service_role(*session, role);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(again->complete);
}

}  // namespace
}  // namespace weir::postgres
