// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "drivers/postgres/connection.h"
#include "tests/integration/postgres_fixture.h"

namespace weir::postgres {

/// Fails the test with the error's text, and stays false.
template <class T>
testing::AssertionResult succeeded(const Result<T>& result) {
  if (result.ok()) return testing::AssertionSuccess();
  return testing::AssertionFailure() << result.error().describe();
}

/// The reason word of a failure, or "ok".
template <class T>
std::string reason_of(const Result<T>& result) {
  return result.ok() ? "ok" : result.error().reason();
}

/// A database of its own for each test and two sessions with it.
class PostgresTest : public testing::Test {
 protected:
  PostgresTest()
      : database_(test::fresh_database()),
        first_(database_->connect()),
        second_(database_->connect()) {}

  void script(const std::string& sql) { ASSERT_TRUE(succeeded(second_->execute_script(sql))); }
  /// The integer that a query gives, seen from the second session.
  std::int64_t number(const std::string& sql) {
    const auto rows = second_->execute(sql);
    EXPECT_TRUE(succeeded(rows)) << sql;
    return rows.ok() ? rows->int64(0, 0) : -1;
  }
  /// Ends the first session's server process from the second session, and returns when it is gone.
  void kill_first() {
    const std::string pid = std::to_string(first_->backend_pid());
    ASSERT_TRUE(succeeded(second_->execute("SELECT pg_terminate_backend(" + pid + ", 20000)")));
  }

  std::unique_ptr<test::FreshDatabase> database_;
  std::unique_ptr<Connection> first_;
  std::unique_ptr<Connection> second_;
};

}  // namespace weir::postgres
