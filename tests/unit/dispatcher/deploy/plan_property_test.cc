// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <set>

#include "tests/unit/dispatcher/deploy/standing.h"

namespace weir::dispatcher {
namespace {

/// A DAG of sources and control jobs that can be changed at random.
struct RandomDag {
  struct Job {
    std::vector<std::size_t> inputs = {};  ///< earlier jobs; none: a source
    bool append = false;
    int key = 0;        ///< of an appended job
    bool high = false;  ///< a field of execution alone
  };
  std::vector<Job> jobs;

  std::string yaml() const {
    std::string text = "name: random\njobs:\n";
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const Job& job = jobs[i];
      text += "  - {name: j" + std::to_string(i) + ", runtime: dispatcher, outputs: 1, ";
      if (job.high) text += "priority: high, ";
      if (job.inputs.empty()) {
        text += "activation: source, operator: trigger_manual, source: {kind: manual}}\n";
        continue;
      }
      text += "activation: reactive, operator: noop, execution_strategy: PerUpdate, inputs: [";
      for (const std::size_t from : job.inputs) {
        text += "{from: {job: j" + std::to_string(from) + ", output: 0}}, ";
      }
      text += job.append
                  ? "], update_strategy: append, unique_key: [k" + std::to_string(job.key) + "]}\n"
                  : "], update_strategy: replace}\n";
    }
    return text;
  }
};

RandomDag random_dag(base::SeededRandom& random) {
  RandomDag dag;
  dag.jobs.resize(2 + random.below(14));
  for (std::size_t i = 1; i < dag.jobs.size(); ++i) {
    if (random.chance(15)) continue;
    std::set<std::size_t> inputs;
    const std::size_t count = 1 + random.below(3);
    for (std::size_t n = 0; n < count; ++n) inputs.insert(random.below(i));
    dag.jobs[i].inputs.assign(inputs.begin(), inputs.end());
    dag.jobs[i].append = random.chance(40);
  }
  return dag;
}

/// Changes some jobs, and gives those whose output the change concerns.
std::set<std::size_t> edit(RandomDag& dag, base::SeededRandom& random) {
  std::set<std::size_t> changed;
  const std::size_t edits = random.below(3);
  for (std::size_t n = 0; n < edits; ++n) {
    const std::size_t index = random.below(dag.jobs.size());
    RandomDag::Job& job = dag.jobs[index];
    if (random.chance(30) || job.inputs.empty()) {
      job.high = !job.high;
    } else {
      job.append = true;
      ++job.key;
      changed.insert(index);
    }
  }
  return changed;
}

TEST(DeployPlanProperty, RebuildsExactlyWhatChangedAndWhatIsBehindIt) {
  base::SeededRandom random(36);
  for (int round = 0; round < 150; ++round) {
    RandomDag dag = random_dag(random);
    Standing standing;
    standing.activate(dag.yaml());
    for (int step = 0; step < 4; ++step) {
      std::set<std::size_t> affected = edit(dag, random);
      for (std::size_t i = 0; i < dag.jobs.size(); ++i) {
        for (const std::size_t from : dag.jobs[i].inputs) {
          if (affected.contains(from)) affected.insert(i);
        }
      }
      const DeployPlan plan = standing.activate(dag.yaml());
      for (std::size_t i = 0; i < dag.jobs.size(); ++i) {
        const bool built = plan.steps[i].action == PlanAction::Build;
        ASSERT_EQ(built, affected.contains(i)) << i << " in\n" << dag.yaml();
      }
    }
  }
}

TEST(DeployPlanProperty, BringsAnOldDocumentBackWithoutBuilding) {
  base::SeededRandom random(37);
  for (int round = 0; round < 100; ++round) {
    RandomDag dag = random_dag(random);
    const std::string first = dag.yaml();
    Standing standing;
    standing.activate(first);
    for (int step = 0; step < 3; ++step) {
      edit(dag, random);
      standing.activate(dag.yaml());
    }
    for (const JobStep& step : standing.plan(first).steps) {
      ASSERT_EQ(step.action, PlanAction::Reuse);
    }
  }
}

TEST(DeployPlanProperty, SaysTheSameOfTheSame) {
  base::SeededRandom random(38);
  for (int round = 0; round < 50; ++round) {
    RandomDag dag = random_dag(random);
    Standing standing;
    standing.activate(dag.yaml());
    edit(dag, random);
    const std::string json = plan_json(standing.plan(dag.yaml()).plan);
    ASSERT_EQ(plan_json(standing.plan(dag.yaml()).plan), json);
    const auto read = read_plan(json);
    ASSERT_TRUE(read.ok());
    ASSERT_EQ(plan_json(*read), json);
  }
}

}  // namespace
}  // namespace weir::dispatcher
