// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "tests/integration/dispatcher/task_plane.h"

namespace weir::dispatcher {
namespace {

constexpr const char* kVersion = "'0190a000-0000-7000-8000-00000000abcd'";
constexpr const char* kTable =
    "data.d_0190a0000000700080000000"
    "0000abcd";

class DatasetTablesTest : public testing::Test {
 protected:
  DatasetTablesTest() : dispatcher_(plane_.session(ServiceRole::Dispatcher)) {}

  std::string make(const std::string& columns, const std::string& rest = "'{}', '[]'") {
    return test::refusal(*dispatcher_, "SELECT data.make_dataset_table(" + std::string(kVersion) +
                                           ", '" + columns + "', " + rest + ")");
  }

  test::TaskPlane plane_;
  std::unique_ptr<postgres::Connection> dispatcher_;
};

TEST_F(DatasetTablesTest, HaveTheDeclaredColumnsAndThoseOfThePlatform) {
  ASSERT_EQ(make(R"([{"name": "symbol", "type": "text"}, {"name": "price", "type": "double",)"
                 R"( "nullable": true}, {"name": "at", "type": "timestamptz"}])",
                 R"('{symbol,at}', '[["at"], ["price", "at"]]')"),
            "");
  EXPECT_THAT(plane_.texts("SELECT attname || ' ' || format_type(atttypid, -1) || CASE WHEN"
                           " attnotnull THEN ' not null' ELSE '' END FROM pg_attribute WHERE"
                           " attnum > 0 AND attrelid = '" +
                           std::string(kTable) + "'::regclass ORDER BY attnum"),
              testing::ElementsAre("symbol text not null", "price double precision",
                                   "at timestamp with time zone not null", "_weir_publish_id uuid",
                                   "_weir_order bigint not null", "_weir_scope text not null",
                                   "_weir_task_id uuid not null",
                                   "_weir_written_at timestamp with time zone not null"));
  EXPECT_THAT(
      plane_.texts("SELECT (CASE WHEN indisunique THEN 'unique ' ELSE '' END) ||"
                   " substring(pg_get_indexdef(indexrelid) from '\\(.*\\)$') FROM pg_index"
                   " WHERE indrelid = '" +
                   std::string(kTable) + "'::regclass"),
      testing::UnorderedElementsAre("unique (symbol, at)", "(_weir_scope)", "(at)", "(price, at)"));
}

TEST_F(DatasetTablesTest, AreWrittenByTheSinkAndReadByQueries) {
  ASSERT_EQ(make(R"([{"name": "a", "type": "bigint"}])"), "");
  const std::string table = kTable;
  const auto sink = plane_.session(ServiceRole::Sink);
  EXPECT_EQ(test::refusal(*sink, "INSERT INTO " + table +
                                     " (a, _weir_order, _weir_scope,"
                                     " _weir_task_id) VALUES (1, 1, 's', gen_random_uuid());"
                                     "UPDATE " +
                                     table + " SET a = 2"),
            "");
  EXPECT_EQ(test::refusal(*sink, "DROP TABLE " + table), "42501");
  const auto query = plane_.session(ServiceRole::Query);
  EXPECT_THAT(test::texts_of(*query, "SELECT a::text FROM " + table), testing::ElementsAre("2"));
  EXPECT_EQ(test::refusal(*query, "DELETE FROM " + table), "42501");
  EXPECT_EQ(test::refusal(*dispatcher_, "SELECT * FROM " + table), "42501");
}

TEST_F(DatasetTablesTest, AreMadeOnceAndDroppedOnce) {
  const std::string version = kVersion;
  const std::string make_sql = "SELECT data.make_dataset_table(" + version +
                               R"(, '[{"name": "a", "type": "bigint"}]', '{}', NULL)::text)";
  const std::string drop_sql = "SELECT data.drop_dataset_table(" + version + ")::text";
  for (const auto& [sql, answer] : {std::pair{make_sql, "true"}, std::pair{make_sql, "false"},
                                    std::pair{drop_sql, "true"}, std::pair{drop_sql, "false"}}) {
    EXPECT_THAT(test::texts_of(*dispatcher_, sql), testing::ElementsAre(answer)) << sql;
  }
}

TEST_F(DatasetTablesTest, RefuseWhatADeclarationMayNotSay) {
  for (const char* columns :
       {"[]", R"([{"name": "a", "type": "oid"}])", R"([{"name": "a", "type": "text; DROP"}])",
        R"([{"name": "_weir_order", "type": "text"}])", R"([{"name": "A b", "type": "text"}])",
        R"([{"type": "text"}])", R"([{"name": "a"}])"}) {
    EXPECT_EQ(make(columns), "22023") << columns;
  }
  EXPECT_EQ(make(R"([{"name": "a", "type": "text"}])", "'{b}', '[]'"), "42703");
}

}  // namespace
}  // namespace weir::dispatcher
