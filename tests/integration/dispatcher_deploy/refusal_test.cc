// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <fstream>
#include <iterator>
#include <thread>

#include "base/json.h"
#include "tests/integration/dispatcher_deploy/deploy_fixture.h"

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

using DeployRefusals = DeployTest;

constexpr std::string_view kFaulty = R"(name: faulty
jobs:
  - name: tick
    activation: source
    runtime: dispatcher
    operator: trigger_cron
    outputs: 2
    source: {kind: cron, schedule: every day}
  - name: relay
    activation: reactive
    runtime: dispatcher
    operator: noop
    outputs: 1
    inputs: [{from: {job: nobody, output: 0}}]
    execution_strategy: PerUpdate
    update_strategy: append
)";

TEST_F(DeployRefusals, TellsTheFaultsThatOfflineValidationTells) {
  const DeployRefusal refusal = refused(kFaulty);
  EXPECT_EQ(refusal.code, "dag_invalid");
  const ValidationReport offline = validate_dag(
      kFaulty,
      {.mode = ValidationMode::Offline, .operators = operators_, .now = test::real_clock().now()});
  EXPECT_GE(refusal.errors.size(), 4U);
  EXPECT_EQ(refusal.errors, offline.errors);
  EXPECT_EQ(number("SELECT count(*) FROM state.dag_versions"), 0);
}

TEST_F(DeployRefusals, TellsTheOneDanglingReferenceOfTheSpecificationsExample) {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/data/dagfile/specification.yaml");
  const std::string yaml((std::istreambuf_iterator<char>(file)), {});
  const DeployRefusal refusal = refused(yaml);
  ASSERT_EQ(refusal.errors.size(), 1U);
  EXPECT_EQ(refusal.errors[0].code, "E_UNKNOWN_JOB");
  EXPECT_EQ(refusal.errors[0].line, 29U);
  EXPECT_EQ(refusal.errors[0].column, 22U);
}

TEST_F(DeployRefusals, SaysWhatThisInstallationCannotRun) {
  const DeployRefusal refusal = refused(R"(name: later
jobs:
  - {name: hook, activation: source, runtime: dispatcher, operator: trigger_webhook, outputs: 1,
     source: {kind: webhook, webhook_path: a}}
  - name: view
    activation: reactive
    runtime: ecs_platform
    operator: query
    outputs: 1
    inputs: [{from: {job: hook, output: 0}}]
    execution_strategy: PerUpdate
    update_strategy: replace
    config: {sql: SELECT 1}
)");
  std::vector<std::string> faults;
  for (const DagFault& fault : refusal.errors) faults.push_back(fault.code + ' ' + fault.path);
  EXPECT_THAT(faults,
              ElementsAre("E_NOT_AVAILABLE jobs[0].operator", "E_NOT_AVAILABLE jobs[1].operator"));
}

TEST_F(DeployRefusals, RefusesAZeroCharacterWhereItStands) {
  const DeployRefusal refusal = refused(R"(name: zero
jobs:
  - {name: go, activation: source, runtime: dispatcher, operator: trigger_manual, outputs: 1,
     source: {kind: manual}}
publish:
  "a\0b": {from: {job: go, output: 0}}
)");
  EXPECT_EQ(refusal.code, "dag_invalid");
  EXPECT_THAT(refusal.errors, testing::Not(IsEmpty()));
}

TEST_F(DeployRefusals, GivesOneNameToOneOfTwoDags) {
  deployed(chain_yaml("one", "marks"));
  const std::vector<std::string> before = row_counts();
  const DeployRefusal refusal = refused(chain_yaml("two", "marks"));
  EXPECT_EQ(refusal.code, "dataset_owned");
  EXPECT_EQ(refusal.members_json, R"({"datasets":["marks"]})");
  EXPECT_EQ(row_counts(), before);
  // It may be prepared, and validation says at which place it would be refused.
  EXPECT_TRUE(deployed(chain_yaml("two", "marks"), activate(Activate::None)).created);
  const auto checked =
      service_->validate(actor_, {.dag = "two", .yaml = chain_yaml("two", "marks")});
  ASSERT_TRUE(checked.ok());
  ASSERT_TRUE(checked->refused.has_value());
  ASSERT_EQ(checked->refused->errors.size(), 1U);
  EXPECT_EQ(checked->refused->errors[0].code, "E_DATASET_OWNED");
  // Names are unique over all organisations.
  const auto foreign = service_->deploy(other_, {.dag = "one", .yaml = chain_yaml("one", "marks")});
  ASSERT_TRUE(foreign.ok()) << foreign.error().describe();
  EXPECT_EQ(foreign->refused.value_or(DeployRefusal{}).code, "dataset_owned");
}

TEST_F(DeployRefusals, LetsOneOfManyRacingDeploysWin) {
  constexpr int kCallers = 4;
  std::vector<Result<DeployAnswer<DeployReply>>> answers(
      kCallers, Result<DeployAnswer<DeployReply>>(base::internal("not called")));
  std::vector<base::SeededRandom> randoms;
  for (int i = 0; i < kCallers; ++i) randoms.emplace_back(static_cast<std::uint64_t>(i));
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < kCallers; ++i) {
      callers.emplace_back([&, i] {
        const auto at = static_cast<std::size_t>(i);
        DeployService service({.store = *store_, .random = randoms[at]}, operators_,
                              own_engines(operators_, {}));
        // Two say the same, and two others another thing.
        const std::string yaml = chain_yaml("one", i < 2 ? "marks" : "others");
        answers[at] = service.deploy(actor_, {.dag = "one", .yaml = yaml});
      });
    }
  }
  int created = 0;
  int refusals = 0;
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer.ok()) << answer.error().describe();
    if (answer->refused) {
      EXPECT_EQ(answer->refused->code, "switch_not_available");
      ++refusals;
    } else {
      created += answer->reply.created ? 1 : 0;
    }
  }
  EXPECT_EQ(created, 1);
  EXPECT_EQ(refusals, 2);
  EXPECT_EQ(number("SELECT count(*) FROM state.dag_versions"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM state.deploys"), 1);
}

TEST_F(DeployRefusals, LetsOneOfTwoRacingDagsHaveAName) {
  std::vector<std::string> outcomes(2);
  {
    std::vector<std::jthread> callers;
    for (std::size_t i = 0; i < 2; ++i) {
      callers.emplace_back([&, i] {
        base::SeededRandom random(i + 1);
        DeployService service({.store = *store_, .random = random}, operators_,
                              own_engines(operators_, {}));
        const std::string dag = i == 0 ? "one" : "two";
        const auto answer = service.deploy(actor_, {.dag = dag, .yaml = chain_yaml(dag, "marks")});
        outcomes[i] = !answer.ok()      ? answer.error().describe()
                      : answer->refused ? answer->refused->code
                                        : "done";
      });
    }
  }
  std::ranges::sort(outcomes);
  EXPECT_THAT(outcomes, ElementsAre("dataset_owned", "done"));
}

TEST_F(DeployRefusals, ChecksTheGenerationThatTheCallerExpects) {
  DeployOptions options;
  options.expect_generation = 4;
  EXPECT_EQ(refused(chain_yaml("one", "marks"), options).code, "generation_mismatch");
  options.expect_generation = 0;
  EXPECT_TRUE(deployed(chain_yaml("one", "marks"), options).created);
}

TEST_F(DeployRefusals, CarriesASavedPlanOutAsLongAsItHolds) {
  const std::string yaml = chain_yaml("one", "marks");
  const auto planned = service_->validate(actor_, {.dag = "one", .yaml = yaml});
  ASSERT_TRUE(planned.ok());
  ASSERT_TRUE(planned->ok());
  const std::string plan = plan_json(planned->reply.plan);
  const auto other = service_->deploy(
      actor_, {.dag = "one", .yaml = chain_yaml("one", "others"), .plan_json = plan});
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->refused.value_or(DeployRefusal{}).code, "plan_invalid");
  const auto done = service_->deploy(actor_, {.dag = "one", .yaml = yaml, .plan_json = plan});
  ASSERT_TRUE(done.ok());
  EXPECT_TRUE(done->ok());
  const auto again = service_->deploy(actor_, {.dag = "one", .yaml = yaml, .plan_json = plan});
  ASSERT_TRUE(again.ok());
  ASSERT_TRUE(again->refused.has_value());
  EXPECT_EQ(again->refused->code, "plan_stale");
  EXPECT_THAT(again->refused->members_json, testing::HasSubstr(R"("path":"base")"));
}

TEST_F(DeployRefusals, KnowsNoOtherWorldAndNoOtherOrganisationsDags) {
  DeployOptions options;
  options.world = "staging";
  EXPECT_EQ(refused(chain_yaml("one", "marks"), options).code, "not_found");
  const DeployReply reply = deployed(chain_yaml("one", "marks"));
  const auto activated =
      service_->set_active(other_, {.dag = "one", .version = reply.dag_version_id});
  ASSERT_TRUE(activated.ok());
  EXPECT_EQ(activated->refused.value_or(DeployRefusal{}).code, "not_found");
  ASSERT_TRUE(reply.deploy.has_value());
  const auto canceled = service_->cancel(other_, dag("one"), reply.deploy->id);
  ASSERT_TRUE(canceled.ok());
  EXPECT_EQ(canceled->refused.value_or(DeployRefusal{}).code, "not_found");
}

TEST_F(DeployRefusals, HasNothingToRollBackTo) {
  const auto unknown = service_->rollback(actor_, dag("one"), {}, {});
  ASSERT_TRUE(unknown.ok());
  EXPECT_EQ(unknown->refused.value_or(DeployRefusal{}).code, "not_found");
  deployed(chain_yaml("one", "marks"));
  const auto rolled = service_->rollback(actor_, dag("one"), {}, {});
  ASSERT_TRUE(rolled.ok());
  EXPECT_EQ(rolled->refused.value_or(DeployRefusal{}).code, "no_previous");
}

TEST_F(DeployRefusals, AnswersInTheFormOfTheContract) {
  const DeployReply reply = deployed(chain_yaml("one", "marks"));
  const auto body = JsonDocument::parse(body_of(reply));
  ASSERT_TRUE(body.ok());
  const JsonValue deploy = body->root().find("deploy");
  for (const char* member :
       {"deploy_id", "kind", "state", "from", "to", "activate", "old_version", "effects", "plan",
        "progress", "blockers", "checks", "world", "created_at", "ready_at", "finished_at"}) {
    EXPECT_FALSE(deploy.find(member).missing()) << member;
  }
  ASSERT_EQ(deploy.find("plan").size(), 2U);
  for (const JsonValue job : deploy.find("plan")) {
    EXPECT_EQ(job.find("action").text(), "build");
    EXPECT_FALSE(job.find("build_id").missing());
  }
}

}  // namespace
}  // namespace weir::dispatcher
