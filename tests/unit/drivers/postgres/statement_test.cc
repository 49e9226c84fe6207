// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/statement.h"

#include <gtest/gtest.h>

namespace weir::postgres {
namespace {

TEST(Statement, KnowsReadingByItsFirstWord) {
  for (const char* sql : {"SELECT 1", " \n select 1", "(SELECT 1) UNION (SELECT 2)", "SHOW fsync",
                          "VALUES (1)", "TABLE t"}) {
    EXPECT_TRUE(only_reads(sql)) << sql;
  }
}

TEST(Statement, TakesEverythingElseForWriting) {
  for (const char* sql :
       {"INSERT INTO t VALUES (1)", "WITH x AS (DELETE FROM t) SELECT 1", "selection", "",
        "-- SELECT\nDELETE FROM t", "EXPLAIN ANALYZE DELETE FROM t"}) {
    EXPECT_FALSE(only_reads(sql)) << sql;
  }
}

}  // namespace
}  // namespace weir::postgres
