// SPDX-License-Identifier: Apache-2.0
#include "base/crash_point.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "dispatcher/ports/database/postgres_auditor.h"
#include "tests/integration/dispatcher_deploy/deploy_fixture.h"

#ifdef WEIR_CRASH_POINTS
/// A deploy that is killed at a step, and its repeat by another process.
namespace weir::dispatcher {
namespace {

constexpr const char* kDsn = "WEIR_TEST_DEPLOY_DSN";
constexpr std::string_view kOrg = "00000000-0000-7000-8000-00000000000a";

constexpr std::string_view kYaml = R"(name: tables
jobs:
  - {name: go, activation: source, runtime: dispatcher, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
  - name: load
    activation: reactive
    runtime: ecs_platform
    operator: table_ingest
    outputs: 1
    inputs: [{from: {job: go, output: 0}}]
    execution_strategy: PerUpdate
    update_strategy: append
    unique_key: [id]
    config: {path: a.csv, format: csv, columns: {id: bigint, note: {type: text, nullable: true}}}
publish:
  rows: {from: {job: load, output: 0}, storage: postgres, write_mode: direct}
)";

/// What a process deploys that has nothing but a DSN.
std::optional<DeployReply> deploy_by(const std::string& dsn) {
  SchemaReport report;
  report.serves.fill(true);
  postgres::PoolOptions options;
  options.connect = service_connect_options(dsn, ServiceRole::Dispatcher, report);
  postgres::Pool pool(options, test::real_clock());
  PostgresDagStore store(pool, pool);
  base::SeededRandom random(1);
  const OperatorRegistry operators;
  DeployService service({.store = store, .random = random}, operators,
                        own_engines(operators, {"default"}));
  const Actor actor{.org_id = OrgId(Uuid::parse(kOrg).value_or(Uuid{}))};
  const auto answer = service.deploy(actor, {.dag = "tables", .yaml = kYaml});
  if (!answer.ok() || !answer->ok()) return {};
  return answer->reply;
}

class DeployCrash : public testing::TestWithParam<const char*> {
 protected:
  DeployCrash() {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    if (std::getenv(kDsn) != nullptr) return;  // the process to be killed
    plane_.emplace();
    plane_->script("INSERT INTO state.orgs (org_id, slug, name) VALUES ('" + std::string(kOrg) +
                   "', 'a', 'A')");
    setenv(kDsn, plane_->database().dsn().c_str(), 1);
  }
  ~DeployCrash() override {
    if (plane_) unsetenv(kDsn);
  }

  std::optional<test::TaskPlane> plane_;
};

TEST_P(DeployCrash, LeavesNothingThatItsRepeatDoesNotTakeOver) {
  EXPECT_EXIT(
      {
        setenv("WEIR_CRASH_AT", (std::string(GetParam()) + ":1").c_str(), 1);
        deploy_by(std::getenv(kDsn));
        std::exit(0);
      },
      testing::ExitedWithCode(137), "");
  ASSERT_TRUE(plane_);
  plane_->script(
      "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
      " WHERE datname = current_database() AND pid <> pg_backend_pid()");
  const bool committed = std::string(GetParam()) == "deploy.after_commit";
  EXPECT_EQ(plane_->number("SELECT count(*) FROM state.dag_versions"), committed ? 1 : 0);
  EXPECT_EQ(plane_->number("SELECT count(*) FROM state.builds"), committed ? 2 : 0);

  const auto reply = deploy_by(plane_->database().dsn());
  ASSERT_TRUE(reply.has_value());
  EXPECT_EQ(reply->created, !committed);
  EXPECT_EQ(plane_->number("SELECT count(*) FROM state.builds WHERE dispatch = 'open'"), 2);
  EXPECT_EQ(plane_->number("SELECT count(*) FROM state.dag_current_versions"), 1);
  // The table that the killed process made is the one that is used: none is left over.
  EXPECT_EQ(plane_->number("SELECT count(*) FROM pg_class c JOIN state.dataset_versions v"
                           " ON c.relname = 'd_' || replace(v.dataset_version::text, '-', '')"
                           " WHERE c.relkind = 'r'"),
            1);
  EXPECT_EQ(plane_->number("SELECT count(*) FROM pg_class WHERE relkind = 'r'"
                           " AND relnamespace = 'data'::regnamespace AND relname LIKE 'd\\_%'"),
            1);
  const auto session = plane_->session(ServiceRole::Dispatcher);
  const auto counts = run_audit(*session, nullptr);
  ASSERT_TRUE(counts.ok());
  for (const AuditCount& count : *counts) EXPECT_EQ(count.violations, 0) << count.id;
}

std::string label_name(const testing::TestParamInfo<const char*>& info) {
  std::string name = info.param;
  std::ranges::replace(name, '.', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Steps, DeployCrash,
                         testing::Values("deploy.tables_made", "deploy.before_commit",
                                         "deploy.after_commit"),
                         label_name);

}  // namespace
}  // namespace weir::dispatcher
#endif
