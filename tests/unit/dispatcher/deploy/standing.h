// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "base/random.h"
#include "dispatcher/core/derived_ids.h"
#include "dispatcher/deploy/definition.h"
#include "dispatcher/deploy/plan.h"
#include "tests/unit/dispatcher/dagfile/reading.h"

/// What the tests of plans share.
namespace weir::dispatcher {

/// What stands of one DAG, kept as the database keeps it over any number of switches.
class Standing {
 public:
  /// The plan for a document that must be sound, over what stands.
  Result<DeployPlan> try_plan(const std::string& yaml, PlanOptions options = {}) {
    file_ = sound(yaml);
    standing_.same.reset();
    standing_.reset_done.clear();
    if (const auto known = versions_.find(file_.yaml_hash.text()); known != versions_.end()) {
      standing_.same.emplace();
      standing_.same->id = DagVersionId(known->second);
      standing_.reset_done = resets_[file_.yaml_hash.text()];
    }
    return make_plan(
        {.file = file_, .standing = standing_, .bundles = {}, .options = std::move(options)});
  }

  DeployPlan plan(const std::string& yaml, PlanOptions options = {}) {
    auto plan = try_plan(yaml, std::move(options));
    if (!plan.ok()) ADD_FAILURE() << plan.error().describe();
    return plan.ok() ? *std::move(plan) : DeployPlan{};
  }

  /// Carries the plan out: builds what is new, stops what leaves, makes the rest current.
  DeployPlan activate(const std::string& yaml, PlanOptions options = {}) {
    DeployPlan made = plan(yaml, std::move(options));
    const NormalisedJobs normalised(file_);
    std::vector<JobNodeId> nodes;
    for (const JobStep& step : made.steps) nodes.push_back(step.node);
    std::vector<StandingBuild> builds = standing_.builds;
    std::map<std::string, BuildId> current;
    std::map<std::string, std::vector<StandingOutput>> outputs;
    for (const std::size_t index : file_.order) {
      const DagJob& job = file_.jobs[index];
      const JobStep& step = made.steps[index];
      if (step.build != nullptr) {
        current[job.name] = step.build->build_id;
        outputs[job.name] = step.build->outputs;
        continue;
      }
      StandingBuild build{.build_id = BuildId(draw()),
                          .job = job.name,
                          .world = "live",
                          .core_id = step.core.text(),
                          .node_id = step.node.text(),
                          .generation = ++standing_.generations[{job.name, step.node.text()}],
                          .dispatch = Dispatch::Open,
                          .definition_json = {},
                          .inputs = {},
                          .outputs = {}};
      build.definition_json = definition_json(job, {.normalised = normalised.of(job),
                                                    .core_json = core_json(job, nullptr),
                                                    .node_json = node_json(job, step.core, nodes)});
      for (std::size_t i = 0; i < job.inputs.size(); ++i) {
        const DagInput& input = job.inputs[i];
        const auto& from = outputs[file_.jobs[*input.job].name];
        build.inputs.push_back({.index = static_cast<int>(i),
                                .version = from[static_cast<std::size_t>(input.output)].version});
      }
      for (std::size_t o = 0; o < job.outputs.size(); ++o) {
        build.outputs.push_back({.output = static_cast<int>(o),
                                 .version = DatasetVersionId(draw()),
                                 .state = VersionState::Complete});
      }
      current[job.name] = build.build_id;
      outputs[job.name] = build.outputs;
      builds.push_back(std::move(build));
    }
    for (StandingBuild& build : builds) {
      const auto now = current.find(build.job);
      const bool stays = now != current.end() && now->second == build.build_id;
      build.dispatch = stays ? Dispatch::Open : Dispatch::Stopped;
    }
    standing_.builds = std::move(builds);
    standing_.current_builds = std::move(current);
    if (!standing_.current) standing_.current.emplace();
    ++standing_.current->generation;
    versions_.emplace(file_.yaml_hash.text(), draw());
    for (const DagJob& job : file_.jobs) {
      if (job.reset_outputs) resets_[file_.yaml_hash.text()].insert(job.name);
    }
    return made;
  }

  /// Events arrive on the current outputs of a job.
  void fill(const std::string& job) {
    for (StandingBuild& build : standing_.builds) {
      if (build.build_id != standing_.current_builds.at(job)) continue;
      for (StandingOutput& output : build.outputs) output.last_seq += 3;
    }
  }

  /// The stopped builds of a job lose their data.
  void purge(const std::string& job) {
    for (StandingBuild& build : standing_.builds) {
      if (build.job != job || build.dispatch != Dispatch::Stopped) continue;
      for (StandingOutput& output : build.outputs) output.state = VersionState::Purged;
    }
  }

  const DagStanding& rows() const { return standing_; }
  const DagFile& file() const { return file_; }

 private:
  Uuid draw() { return base::uuid_v7(kTestNow, random_); }

  base::SeededRandom random_{7};
  DagFile file_;
  DagStanding standing_;
  std::map<std::string, Uuid> versions_;
  std::map<std::string, std::set<std::string>> resets_;
};

}  // namespace weir::dispatcher
