// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/dispatcher/task_plane.h"

#include <gtest/gtest.h>

#include <utility>

#include "tests/must.h"

namespace weir::test {
namespace {

using postgres::Connection;

std::unique_ptr<Connection> superuser_of(const FreshDatabase& database) {
  return must(Connection::connect({.dsn = database.superuser_dsn()}));
}

}  // namespace

TaskPlane::TaskPlane() : database_(fresh_database()), superuser_(superuser_of(*database_)) {
  const auto login = database_->connect();
  state_ = must(dispatcher::prepare_state_schema(*login));
  data_ = must(dispatcher::prepare_data_schema(*login));
}

std::unique_ptr<Connection> TaskPlane::session(dispatcher::ServiceRole role) const {
  return must(
      Connection::connect(dispatcher::service_connect_options(database_->dsn(), role, data_)));
}

void TaskPlane::script(const std::string& sql) {
  const auto done = superuser_->execute_script(sql);
  EXPECT_TRUE(done.ok()) << done.error().describe() << superuser_->last_failure().detail;
}

std::int64_t TaskPlane::number(const std::string& sql) {
  return must(superuser_->execute(sql)).int64(0, 0);
}

std::vector<std::string> TaskPlane::texts(const std::string& sql) {
  return texts_of(*superuser_, sql);
}

std::string refusal(Connection& session, const std::string& sql) {
  const auto done = session.execute_script(sql);
  return done.ok() ? "" : session.last_failure().sqlstate;
}

std::string refusal_within(Connection& session, std::string_view org, const std::string& sql) {
  EXPECT_TRUE(session.begin().ok());
  postgres::Params params;
  params.text(org);
  EXPECT_TRUE(session.execute(dispatcher::kSetOrgSql, params).ok());
  std::string sqlstate = refusal(session, sql);
  EXPECT_TRUE(session.rollback().ok());
  return sqlstate;
}

std::vector<std::string> texts_of(Connection& session, const std::string& sql) {
  const auto rows = session.execute(sql);
  if (!rows.ok()) return {rows.error().describe()};
  std::vector<std::string> texts;
  for (std::size_t row = 0; row < rows->size(); ++row) texts.emplace_back(rows->text(row, 0));
  return texts;
}

}  // namespace weir::test
