// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/ports/database/postgres_schema.h"
#include "drivers/postgres/connection.h"
#include "tests/integration/postgres_fixture.h"

namespace weir::test {

/// A database with both schemas of the task plane, prepared as role `weir`, and sessions on it.
class TaskPlane {
 public:
  TaskPlane();

  const FreshDatabase& database() const { return *database_; }
  const dispatcher::SchemaReport& state() const { return state_; }
  const dispatcher::SchemaReport& data() const { return data_; }

  /// A session that works as the role; aborts if there is none to be had.
  std::unique_ptr<postgres::Connection> session(dispatcher::ServiceRole role) const;
  /// The session of a superuser, whom no right and no policy binds.
  postgres::Connection& superuser() { return *superuser_; }

  /// SQL as the superuser; fails the test with the server's words.
  void script(const std::string& sql);
  /// The integer, or the texts of the first column, that a query gives the superuser.
  std::int64_t number(const std::string& sql);
  std::vector<std::string> texts(const std::string& sql);

 private:
  std::unique_ptr<FreshDatabase> database_;
  dispatcher::SchemaReport state_;
  dispatcher::SchemaReport data_;
  std::unique_ptr<postgres::Connection> superuser_;
};

/// The SQLSTATE with which the statement fails; empty if it does not.
std::string refusal(postgres::Connection& session, const std::string& sql);

/// The same inside a transaction that names an organisation first and is rolled back.
std::string refusal_within(postgres::Connection& session, std::string_view org,
                           const std::string& sql);

/// Rows of the first column of a query, as text, for any session; a failure is a text as well.
std::vector<std::string> texts_of(postgres::Connection& session, const std::string& sql);

}  // namespace weir::test
