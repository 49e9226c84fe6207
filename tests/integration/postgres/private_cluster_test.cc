// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/private_cluster.h"

#include <gtest/gtest.h>

#include "tests/integration/postgres_fixture.h"

namespace weir::postgres {
namespace {

TEST(PrivateCluster, GivesAnEmptyDatabaseToEachTest) {
  const auto one = test::fresh_database();
  const auto other = test::fresh_database();
  ASSERT_TRUE(one->connect()->execute_script("CREATE TABLE t (a int)").ok());
  ASSERT_TRUE(other->connect()->execute_script("CREATE TABLE t (a int)").ok());
}

}  // namespace
}  // namespace weir::postgres
