// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/deploy/plan.h"

#include <gmock/gmock.h>

#include "tests/unit/dispatcher/deploy/standing.h"

namespace weir::dispatcher {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// "a build config": every job of the plan.
std::vector<std::string> lines(const Plan& plan) {
  std::vector<std::string> lines;
  for (const PlannedJob& job : plan.jobs) {
    lines.push_back(job.job + ' ' + std::string(word_of(kPlanActions, job.action)) + ' ' +
                    job.reason);
  }
  return lines;
}

/// tick → a → b → c → d, of which `c` has what `tuning` says besides.
std::string chain_of_five(const std::string& c_strategy = "PerUpdate",
                          const std::string& b_more = "", const std::string& b_update = "replace") {
  const auto job = [](const std::string& name, const std::string& from, const std::string& strategy,
                      const std::string& more, const std::string& update) {
    return "  - {name: " + name + ", activation: reactive, runtime: dispatcher, operator: noop, " +
           "outputs: 1, inputs: [{from: {job: " + from +
           ", output: 0}}], execution_strategy: " + strategy + ", update_strategy: " + update +
           more + "}\n";
  };
  return "name: five\njobs:\n"
         "  - {name: tick, activation: source, runtime: dispatcher, operator: trigger_manual, "
         "outputs: 1, source: {kind: manual}}\n" +
         job("a", "tick", "PerUpdate", "", "replace") +
         job("b", "a", "PerUpdate", b_more, b_update) + job("c", "b", c_strategy, "", "replace") +
         job("d", "c", "PerUpdate", "", "replace");
}

TEST(DeployPlan, BuildsEverythingOfANewDag) {
  Standing standing;
  const DeployPlan plan = standing.plan(chain_of_five());
  EXPECT_THAT(lines(plan.plan), ElementsAre("a build new", "b build new", "c build new",
                                            "d build new", "tick build new"));
  EXPECT_FALSE(plan.plan.base.has_value());
  EXPECT_THAT(plan.warnings, IsEmpty());
}

TEST(DeployPlan, ReusesEverythingOfAnUnchangedDag) {
  Standing standing;
  standing.activate(chain_of_five());
  const DeployPlan plan = standing.plan(chain_of_five());
  EXPECT_THAT(lines(plan.plan),
              ElementsAre("a reuse unchanged", "b reuse unchanged", "c reuse unchanged",
                          "d reuse unchanged", "tick reuse unchanged"));
}

TEST(DeployPlan, RebuildsOneChangedJobOfAChainAndWhatIsBehindIt) {
  Standing standing;
  standing.activate(chain_of_five());
  const DeployPlan plan = standing.plan(chain_of_five("PerUpdate", ", unique_key: [k]", "append"));
  EXPECT_THAT(lines(plan.plan),
              ElementsAre("a reuse unchanged", "b build unique_key", "c build upstream",
                          "d build upstream", "tick reuse unchanged"));
}

TEST(DeployPlan, BuildsNothingForFieldsOfExecutionAlone) {
  Standing standing;
  standing.activate(chain_of_five());
  const DeployPlan plan = standing.plan(chain_of_five("PerUpdate", ", priority: high"));
  for (const PlannedJob& job : plan.plan.jobs) EXPECT_EQ(job.action, PlanAction::Reuse) << job.job;
}

TEST(DeployPlan, RebuildsForAnotherStrategyUnlessItIsToKeep) {
  Standing standing;
  standing.activate(chain_of_five());
  const std::string changed = chain_of_five("PerPartition");
  EXPECT_THAT(lines(standing.plan(changed).plan),
              ElementsAre("a reuse unchanged", "b reuse unchanged", "c build execution_strategy",
                          "d build upstream", "tick reuse unchanged"));
  const DeployPlan kept = standing.plan(changed, {.keep = {"c"}});
  EXPECT_THAT(lines(kept.plan),
              ElementsAre("a reuse unchanged", "b reuse unchanged", "c keep execution_strategy",
                          "d reuse unchanged", "tick reuse unchanged"));
  // What was kept goes on under its node id.
  EXPECT_EQ(kept.plan.jobs[2].node_id, standing.plan(chain_of_five()).plan.jobs[2].node_id);
}

TEST(DeployPlan, RefusesToKeepWhatChangedOtherwise) {
  Standing standing;
  standing.activate(chain_of_five());
  const std::string changed = chain_of_five("PerUpdate", ", unique_key: [k]", "append");
  for (const char* job : {"b", "c", "nobody"}) {
    const auto plan = standing.try_plan(changed, {.keep = {job}});
    ASSERT_FALSE(plan.ok()) << job;
    EXPECT_EQ(plan.error().reason(), "keep_not_allowed");
  }
}

TEST(DeployPlan, ReopensAnOldDefinition) {
  Standing standing;
  const std::string first = chain_of_five();
  standing.activate(first);
  standing.activate(chain_of_five("PerPartition"));
  EXPECT_THAT(lines(standing.plan(first).plan),
              ElementsAre("a reuse unchanged", "b reuse unchanged", "c reuse reopened",
                          "d reuse reopened", "tick reuse unchanged"));
  standing.purge("d");
  const DeployPlan plan = standing.plan(first);
  EXPECT_EQ(plan.plan.jobs[2].reason, "reopened");
  EXPECT_EQ(plan.plan.jobs[3].action, PlanAction::Build);
}

TEST(DeployPlan, DropsWhatTheDocumentNoLongerHas) {
  Standing standing;
  standing.activate(chain_of_five());
  std::string shorter = chain_of_five();
  shorter.erase(shorter.find("  - {name: d"));
  EXPECT_EQ(lines(standing.plan(shorter).plan)[3], "d drop removed");
}

TEST(DeployPlan, NamesTheInputThatChanged) {
  Standing standing;
  standing.activate(chain_of_five());
  std::string rewired = chain_of_five();
  const std::size_t at = rewired.find("job: c");
  rewired.replace(at, 6, "job: a");
  EXPECT_EQ(lines(standing.plan(rewired).plan)[3], "d build inputs[0]");
}

TEST(DeployPlan, ResetsOutputsOnceAVersion) {
  Standing standing;
  standing.activate(chain_of_five());
  std::string reset = chain_of_five();
  const std::string kind = "source: {kind: manual}";
  reset.replace(reset.find(kind), kind.size(), kind + ", bootstrap: {reset_outputs: true}");
  EXPECT_THAT(lines(standing.plan(reset).plan),
              ElementsAre("a build upstream", "b build upstream", "c build upstream",
                          "d build upstream", "tick build bootstrap"));
  standing.activate(reset);
  for (const PlannedJob& job : standing.plan(reset).plan.jobs) {
    EXPECT_EQ(job.action, PlanAction::Reuse) << job.job;
  }
}

TEST(DeployPlan, WarnsOfARebuildFromNothing) {
  Standing standing;
  const std::string first = chain_of_five();
  standing.activate(first);
  standing.fill("d");
  const std::string changed = chain_of_five("PerPartition");
  EXPECT_THAT(standing.plan(changed).warnings, testing::SizeIs(1));
  EXPECT_EQ(standing.plan(changed).warnings.at(0).code, "W_EMPTY_REBUILD");
  standing.fill("b");  // Now c has something to work through, and so has d behind it.
  EXPECT_THAT(standing.plan(changed).warnings, IsEmpty());
}

TEST(DeployPlan, ReadsBackWhatItWrites) {
  Standing standing;
  standing.activate(chain_of_five());
  const Plan plan = standing.plan(chain_of_five("PerPartition"), {.keep = {"c"}}).plan;
  const std::string json = plan_json(plan);
  const auto read = read_plan(json);
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(plan_json(*read), json);
  EXPECT_FALSE(difference_of(plan, *read).has_value());
}

TEST(DeployPlan, RefusesASavedPlanThatWasChanged) {
  Standing standing;
  const std::string json = plan_json(standing.plan(chain_of_five()).plan);
  for (const char* word : {"five", "new", "live", "build"}) {
    std::string changed = json;
    changed.replace(changed.find(word), 1, "x");
    EXPECT_FALSE(read_plan(changed).ok()) << word;
  }
  for (const char* text : {"", "{}", "[]", "null", R"({"plan_version":1})"}) {
    const auto read = read_plan(text);
    ASSERT_FALSE(read.ok()) << text;
    EXPECT_EQ(read.error().reason(), "plan_invalid");
  }
}

TEST(DeployPlan, TellsTheFirstDifferenceOfASavedPlan) {
  Standing standing;
  const Plan saved = standing.plan(chain_of_five()).plan;
  Plan now = saved;
  now.jobs[1].reason = "config";
  EXPECT_EQ(difference_of(saved, now).value_or(PlanDifference{}).path, "jobs.b");
  now.bundles["code"] = "00";
  EXPECT_EQ(difference_of(saved, now).value_or(PlanDifference{}).path, "bundles.code");
  now.registry_hash = "blake3:00";
  EXPECT_EQ(difference_of(saved, now).value_or(PlanDifference{}).path, "registry_hash");
  now.base = PlanBase{.generation = 3};
  const auto difference = difference_of(saved, now);
  ASSERT_TRUE(difference.has_value());
  EXPECT_EQ(difference->path, "base");
  EXPECT_EQ(difference->planned_json, "null");
  EXPECT_EQ(difference->now_json, R"({"generation":3,"pointer_set_id":null})");
}

}  // namespace
}  // namespace weir::dispatcher
