// SPDX-License-Identifier: Apache-2.0
// The migrations against the data model of the contract, loaded into a database of its own.
#include <gmock/gmock.h>

#include <algorithm>
#include <fstream>
#include <ostream>
#include <sstream>

#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

/// Whatever a schema has of one kind, a line each, without the names that may differ.
constexpr const char* kColumnsSql =
    "SELECT a.attrelid::regclass || '.' || a.attname || ' ' || format_type(a.atttypid, a.atttypmod)"
    " || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END || ' ' || a.attidentity"
    " || ' ' || coalesce(pg_get_expr(d.adbin, d.adrelid), '')"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
    " WHERE c.relnamespace IN ('state'::regnamespace, 'data'::regnamespace)"
    " AND c.relkind IN ('r', 'p', 'v') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1";
constexpr const char* kConstraintsSql =
    "SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint"
    " WHERE connamespace IN ('state'::regnamespace, 'data'::regnamespace)"
    " AND contype IN ('p', 'u', 'f', 'c', 'x') ORDER BY 1";
constexpr const char* kIndexesSql =
    "SELECT replace(pg_get_indexdef(i.indexrelid), ' ' || c.relname || ' ', ' ')"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
    " WHERE c.relnamespace IN ('state'::regnamespace, 'data'::regnamespace) ORDER BY 1";
constexpr const char* kViewsSql =
    "SELECT c.oid::regclass || ' ' || pg_get_viewdef(c.oid) FROM pg_class c"
    " WHERE c.relnamespace = 'state'::regnamespace AND c.relkind = 'v' ORDER BY 1";
constexpr const char* kDomainsSql =
    "SELECT t.typname || ' ' || format_type(t.typbasetype, t.typtypmod) || ' '"
    " || pg_get_constraintdef(k.oid) FROM pg_type t JOIN pg_constraint k ON k.contypid = t.oid"
    " WHERE t.typnamespace = 'state'::regnamespace ORDER BY 1";
constexpr const char* kPartitionsSql =
    "SELECT inhrelid::regclass || ' of ' || inhparent::regclass || ' ' || "
    "pg_get_partkeydef(inhparent)"
    " || ' ' || pg_get_expr(c.relpartbound, c.oid) FROM pg_inherits JOIN pg_class c"
    " ON c.oid = inhrelid WHERE c.relkind = 'r' ORDER BY 1";
constexpr const char* kFillFactorsSql =
    "SELECT oid::regclass || ' ' || o FROM pg_class, unnest(reloptions) o"
    " WHERE relnamespace = 'state'::regnamespace AND o LIKE 'fillfactor=%' ORDER BY 1";

std::string model() {
  std::ifstream file(std::string(WEIR_SOURCE_DIR) + "/tests/data/dispatcher_model.sql");
  std::ostringstream text;
  text << file.rdbuf();
  EXPECT_GT(text.str().size(), 20'000U);
  return text.str();
}

/// One kind of thing, and the query that lists it.
struct Kind {
  const char* name;
  const char* sql;
};
std::ostream& operator<<(std::ostream& out, const Kind& kind) { return out << kind.name; }

class ModelTest : public testing::TestWithParam<Kind> {};

TEST_P(ModelTest, EverythingOfTheModelIsInTheDatabase) {
  const auto model_database = test::fresh_database();
  auto connection = postgres::Connection::connect({.dsn = model_database->superuser_dsn()});
  ASSERT_TRUE(connection.ok());
  const auto loaded = (*connection)->execute_script(model());
  ASSERT_TRUE(loaded.ok()) << loaded.error().describe();
  test::TaskPlane plane;
  auto wanted = test::texts_of(**connection, GetParam().sql);
  auto found = plane.texts(GetParam().sql);
  ASSERT_FALSE(wanted.empty());
  std::ranges::sort(wanted);
  std::ranges::sort(found);
  std::vector<std::string> missing;
  std::ranges::set_difference(wanted, found, std::back_inserter(missing));
  EXPECT_THAT(missing, testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(
    All, ModelTest,
    testing::Values(Kind{"Columns", kColumnsSql}, Kind{"Constraints", kConstraintsSql},
                    Kind{"Indexes", kIndexesSql}, Kind{"Views", kViewsSql},
                    Kind{"Domains", kDomainsSql}, Kind{"Partitions", kPartitionsSql},
                    Kind{"FillFactors", kFillFactorsSql}),
    [](const testing::TestParamInfo<Kind>& kind) { return std::string(kind.param.name); });

}  // namespace
}  // namespace weir::dispatcher
