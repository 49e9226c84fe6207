// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/migrations.h"

#include <embedded_sql/embedding.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "tests/integration/postgres/test_support.h"

namespace weir::postgres {
namespace {

const std::vector<Migration> kSteps = {
    {1, "tables", "CREATE TABLE one (a int); CREATE TABLE two (b int);"},
    {2, "column", "ALTER TABLE one ADD COLUMN c text DEFAULT 'ü;''';"},
    {4, "index", "CREATE INDEX one_c ON one (c);"},
};

class MigrationsTest : public PostgresTest {
 protected:
  Result<MigrateReport> up_to(std::size_t steps, MigrateOptions options = {}) {
    options.schema = "weir_test";
    return migrate(*first_, std::span(kSteps).first(steps), options);
  }
};

TEST_F(MigrationsTest, AppliesEachStepOnceInOrder) {
  const auto first = up_to(2);
  ASSERT_TRUE(succeeded(first));
  EXPECT_EQ(first->applied, 2);
  EXPECT_EQ(first->major, 1);
  EXPECT_EQ(first->minor, 2);
  const auto second = up_to(3);
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(second->applied, 1);
  EXPECT_EQ(second->minor, 4);
  EXPECT_EQ(number("SELECT count(c) FROM weir_test.one"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM weir_test.schema_migration WHERE checksum <> '' AND "
                   "applied_at <= clock_timestamp()"),
            3);
  EXPECT_FALSE(first_->in_transaction());
}

TEST_F(MigrationsTest, OnlyReadsWhenThereIsNothingToDo) {
  ASSERT_TRUE(succeeded(up_to(3)));
  script("SELECT pg_advisory_lock(hashtextextended('weir migration weir_test', 0))");
  const auto again = up_to(3, {.lock_timeout = std::chrono::milliseconds(20)});
  ASSERT_TRUE(succeeded(again));
  EXPECT_EQ(again->applied, 0);
  EXPECT_EQ(again->minor, 4);
}

TEST_F(MigrationsTest, AcceptsAStoreThatANewerBuildTookFurther) {
  ASSERT_TRUE(succeeded(up_to(3)));
  const auto older = up_to(2);
  ASSERT_TRUE(succeeded(older));
  EXPECT_EQ(older->applied, 0);
  EXPECT_EQ(older->minor, 4);
}

TEST_F(MigrationsTest, RefusesAnotherMajorVersion) {
  ASSERT_TRUE(succeeded(up_to(2)));
  const auto refused = up_to(3, {.major = 2});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(refused.error().reason(), "schema_version");
  EXPECT_NE(refused.error().message().find("version 1.2"), std::string::npos);
  EXPECT_EQ(number("SELECT count(*) FROM weir_test.schema_migration"), 2);
}

TEST_F(MigrationsTest, RefusesAStepWhoseTextChanged) {
  ASSERT_TRUE(succeeded(up_to(2)));
  std::vector<Migration> changed = kSteps;
  changed[1].sql = "ALTER TABLE one ADD COLUMN d text;";
  EXPECT_EQ(reason_of(migrate(*first_, changed, {.schema = "weir_test"})), "migration_changed");
  EXPECT_EQ(number("SELECT count(*) FROM weir_test.schema_migration"), 2);
}

TEST_F(MigrationsTest, RefusesAStepMissingBelowAnAppliedOne) {
  ASSERT_TRUE(succeeded(up_to(3)));
  std::vector<Migration> late = kSteps;
  late.insert(late.begin() + 2, {3, "late", "SELECT 1;"});
  EXPECT_EQ(reason_of(migrate(*first_, late, {.schema = "weir_test"})), "migration_order");
}

TEST_F(MigrationsTest, KeepsWholeStepsOnlyWhenOneFails) {
  std::vector<Migration> broken = kSteps;
  broken[1].sql = "CREATE TABLE three (a int); SELECT 1 / 0;";
  const auto failed = migrate(*first_, broken, {.schema = "weir_test"});
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().reason(), "postgres_error");
  EXPECT_TRUE(failed.error().message().starts_with("migration 2 (column) of schema weir_test: "))
      << failed.error().message();
  EXPECT_FALSE(first_->in_transaction());
  EXPECT_EQ(number("SELECT minor FROM weir_test.schema_version"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM pg_class WHERE relname = 'three'"), 0);
  const auto mended = up_to(3);
  ASSERT_TRUE(succeeded(mended));
  EXPECT_EQ(mended->applied, 2);
}

TEST_F(MigrationsTest, RefusesAStepThatEndsItsTransaction) {
  std::vector<Migration> broken = kSteps;
  broken[0].sql = "CREATE TABLE one (a int); COMMIT;";
  EXPECT_EQ(reason_of(migrate(*first_, broken, {.schema = "weir_test"})), "internal");
}

TEST_F(MigrationsTest, GivesUpWaitingForAnotherProcess) {
  script("SELECT pg_advisory_lock(hashtextextended('weir migration weir_test', 0))");
  const auto locked = up_to(2, {.lock_timeout = std::chrono::milliseconds(20)});
  ASSERT_FALSE(locked.ok());
  EXPECT_EQ(locked.error().code(), Code::DeadlineExceeded);
  EXPECT_EQ(locked.error().reason(), "migration_locked");
  EXPECT_FALSE(first_->in_transaction());
  EXPECT_TRUE(first_->usable());
}

TEST_F(MigrationsTest, BoundsALongStep) {
  script("CREATE TABLE busy (a int)");
  ASSERT_TRUE(succeeded(second_->begin()));
  ASSERT_TRUE(succeeded(second_->execute("LOCK TABLE busy")));
  const std::vector<Migration> step = {{1, "wait", "LOCK TABLE public.busy"}};
  EXPECT_EQ(
      reason_of(migrate(*first_, step,
                        {.schema = "weir_test", .step_timeout = std::chrono::milliseconds(50)})),
      "postgres_timeout");
  EXPECT_EQ(number("SELECT count(*) FROM pg_class WHERE relname = 'schema_migration'"), 0);
}

TEST_F(MigrationsTest, RunsOnceWhenManyProcessesStartTogether) {
  constexpr int kProcesses = 6;
  std::vector<std::unique_ptr<Connection>> connections;
  for (int i = 0; i < kProcesses; ++i) connections.push_back(database_->connect());
  std::vector<int> applied(kProcesses, -1);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < kProcesses; ++i) {
    threads.emplace_back([&, i] {
      const auto report = migrate(*connections[i], kSteps, {.schema = "weir_test"});
      ASSERT_TRUE(succeeded(report));
      applied[i] = report->applied;
    });
  }
  for (std::thread& thread : threads) thread.join();
  int total = 0;
  for (const int count : applied) total += count;
  EXPECT_EQ(total, 3);
  EXPECT_EQ(number("SELECT minor FROM weir_test.schema_version"), 4);
}

TEST_F(MigrationsTest, EmbedsTheFilesOfAFolder) {
  const auto steps = embedded_sql::embedding();
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].number, 1);
  EXPECT_EQ(steps[0].name, "odd_characters");
  EXPECT_EQ(steps[1].number, 12);
  EXPECT_EQ(steps[1].name, "second");
  ASSERT_TRUE(succeeded(migrate(*first_, steps, {.schema = "weir_test"})));
  const auto rows = second_->execute("SELECT a FROM weir_test.odd");
  ASSERT_TRUE(succeeded(rows));
  ASSERT_EQ(rows->size(), 1U);
  EXPECT_EQ(rows->text(0, 0), "ü;[x]\\ \"q\" )sql\" ${A} @B@ \x7f");
}

}  // namespace
}  // namespace weir::postgres
