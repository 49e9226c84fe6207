// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/deploy/plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "dispatcher/dagfile/codes.h"
#include "dispatcher/deploy/definition.h"
#include "dispatcher/deploy/plan_reason.h"

namespace weir::dispatcher {
namespace {

bool all_complete(const StandingBuild& build) {
  return std::ranges::all_of(build.outputs, [](const StandingOutput& output) {
    return output.state == VersionState::Complete;
  });
}

bool any_purged(const StandingBuild& build) {
  return std::ranges::any_of(build.outputs, [](const StandingOutput& output) {
    return output.state == VersionState::Purging || output.state == VersionState::Purged;
  });
}

bool holds_data(const StandingBuild& build) {
  return std::ranges::any_of(build.outputs,
                             [](const StandingOutput& output) { return output.last_seq > 0; });
}

const StandingOutput* output_of(const StandingBuild& build, std::int64_t index) {
  const auto found = std::ranges::find(build.outputs, index, &StandingOutput::output);
  return found == build.outputs.end() ? nullptr : &*found;
}

/// Goes over the document, producers first, and finds for each job what stands of it.
class Planner {
 public:
  explicit Planner(const PlanInput& input)
      : in_(input), normalised_(input.file), nodes_(input.file.jobs.size()) {
    made_.steps.resize(in_.file.jobs.size());
    for (const StandingBuild& build : in_.standing.builds) {
      by_id_.emplace(build.build_id, &build);
      const StandingBuild*& newest = newest_[{build.job, build.node_id}];
      if (newest == nullptr || newest->generation < build.generation) newest = &build;
    }
    if (const auto& open = in_.standing.open_deploy) {
      taken_over_.insert(open->builds.begin(), open->builds.end());
    }
  }

  Result<DeployPlan> make() && {
    for (const std::string& name : in_.options.keep) {
      if (std::ranges::find(in_.file.jobs, name, &DagJob::name) == in_.file.jobs.end()) {
        return not_kept(name);
      }
    }
    for (const std::size_t index : in_.file.order) WEIR_CHECK(plan_job(index));
    describe();
    return std::move(made_);
  }

 private:
  static Error not_kept(const std::string& name) {
    return base::failed_precondition(
        "keep_not_allowed",
        "job " + name + " cannot be kept: more than its execution_strategy differs from what runs");
  }

  Result<const KnownBundle*> bundle_of(const DagJob& job) {
    if (!job.udf) return static_cast<const KnownBundle*>(nullptr);
    const auto found = in_.bundles.find(job.udf->bundle.view());
    if (found == in_.bundles.end() || found->second.sha256.empty()) {
      return base::not_found("bundle_unknown",
                             "bundle " + job.udf->bundle.text() + " is not known");
    }
    made_.plan.bundles.emplace(job.udf->bundle.text(), found->second.sha256);
    return &found->second;
  }

  Result<PlannedInput> source_of(const DagInput& input) const {
    if (!input.job) {
      const auto found = in_.standing.foreign.find(input.dataset.text());
      if (found == in_.standing.foreign.end()) {
        return Error(Code::Aborted, "standing_changed",
                     "dataset " + input.dataset.text() + " is published no more");
      }
      return PlannedInput(found->second.version);
    }
    const JobStep& producer = made_.steps[*input.job];
    if (producer.build != nullptr) {
      if (const StandingOutput* output = output_of(*producer.build, input.output)) {
        return PlannedInput(output->version);
      }
    }
    return PlannedInput(NewVersionOf{*input.job, static_cast<int>(input.output)});
  }

  const StandingBuild* current_of(const std::string& job) const {
    const auto current = in_.standing.current_builds.find(job);
    if (current == in_.standing.current_builds.end()) return nullptr;
    const auto found = by_id_.find(current->second);
    return found == by_id_.end() ? nullptr : found->second;
  }

  const StandingBuild* candidate_for(const DagJob& job, const JobNodeId& node) const {
    const StandingBuild* current = current_of(job.name);
    if (current != nullptr && current->node_id == node.view()) return current;
    const auto found = newest_.find({job.name, node.text()});
    return found == newest_.end() ? nullptr : found->second;
  }

  /// Every input is the very version that the build was made from.
  static bool reads_the_same(const StandingBuild& build, const JobStep& step) {
    if (build.inputs.size() != step.inputs.size()) return false;
    for (const StandingInput& input : build.inputs) {
      const auto index = static_cast<std::size_t>(input.index);
      if (index >= step.inputs.size()) return false;
      const auto* version = std::get_if<DatasetVersionId>(&step.inputs[index]);
      if (version == nullptr || *version != input.version) return false;
    }
    return true;
  }

  /// Why the build may be used again; empty: it may not.
  std::string_view reusable(const StandingBuild& build, const DagJob& job,
                            const JobStep& step) const {
    const bool whole = build.outputs.size() == job.outputs.size() && !any_purged(build);
    if (!whole || !reads_the_same(build, step)) return {};
    if (build.world != in_.world) return all_complete(build) ? "unchanged" : "";
    switch (build.dispatch) {
      case Dispatch::Open:
        return "unchanged";
      case Dispatch::Stopped:
        return all_complete(build) ? "reopened" : "";
      case Dispatch::Building:
        return taken_over_.contains(build.build_id) ? "unchanged" : "";
    }
    return {};
  }

  /// A reset of its outputs, once a version: not again where a waiting deploy made it.
  bool is_reset(const DagJob& job, const StandingBuild* candidate) const {
    if (!job.reset_outputs || in_.standing.reset_done.contains(job.name)) return false;
    const auto& open = in_.standing.open_deploy;
    const bool waits = open && in_.standing.same && open->version == in_.standing.same->id;
    return !(waits && candidate != nullptr && taken_over_.contains(candidate->build_id));
  }

  Result<void> plan_job(std::size_t index) {
    const DagJob& job = in_.file.jobs[index];
    JobStep& step = made_.steps[index];
    WEIR_TRY(const KnownBundle* bundle, bundle_of(job));
    for (const DagInput& input : job.inputs) {
      WEIR_TRY(PlannedInput source, source_of(input));
      step.inputs.push_back(source);
    }
    step.core = core_id(job, bundle);
    step.node = node_id(job, step.core, nodes_);
    const StandingBuild* candidate = candidate_for(job, step.node);
    const bool reset = is_reset(job, candidate);
    const std::string_view why =
        candidate == nullptr || reset ? std::string_view() : reusable(*candidate, job, step);
    if (!why.empty()) {
      step.action = PlanAction::Reuse;
      step.build = candidate;
      step.reason = why;
    } else if (std::ranges::find(in_.options.keep, job.name) != in_.options.keep.end()) {
      WEIR_CHECK(keep(job, bundle, step));
    } else {
      step.reason = reset && current_of(job.name) != nullptr ? "bootstrap"
                                                             : reason_to_build(job, bundle, step);
    }
    nodes_[index] = step.node;
    return {};
  }

  JobNow now_of(const DagJob& job, const std::string& core, const std::string& node) const {
    return {.core_json = core, .node_json = node, .normalised = normalised_.of(job)};
  }

  Result<void> keep(const DagJob& job, const KnownBundle* bundle, JobStep& step) const {
    const StandingBuild* current = current_of(job.name);
    if (current == nullptr || current->core_id != step.core.view() || any_purged(*current) ||
        !reads_the_same(*current, step)) {
      return not_kept(job.name);
    }
    const std::string core = core_json(job, bundle);
    const std::string node = node_json(job, step.core, nodes_);
    if (!same_inputs(current->definition_json, now_of(job, core, node))) return not_kept(job.name);
    step.action = PlanAction::Keep;
    step.reason = "execution_strategy";
    step.build = current;
    step.node = JobNodeId(current->node_id);
    return {};
  }

  std::string reason_to_build(const DagJob& job, const KnownBundle* bundle,
                              const JobStep& step) const {
    const StandingBuild* current = current_of(job.name);
    if (current == nullptr) return "new";
    const std::string core = core_json(job, bundle);
    const std::string node = node_json(job, step.core, nodes_);
    std::string reason = reason_of_change(current->definition_json, now_of(job, core, node));
    if (!reason.empty()) return reason;
    return any_purged(*current) ? "purged" : "upstream";
  }

  /// Whether building the job gives it anything to work through (6.6).
  bool is_filled(std::size_t index, std::vector<std::optional<bool>>& known) const {
    if (known[index]) return *known[index];
    const DagJob& job = in_.file.jobs[index];
    bool filled = job.source && job.source->kind == SourceKind::AlwaysOn;
    for (std::size_t i = 0; i < job.inputs.size() && !filled; ++i) {
      filled = has_events(made_.steps[index].inputs[i], job.inputs[i], known);
    }
    known[index] = filled;
    return filled;
  }

  bool has_events(const PlannedInput& from, const DagInput& input,
                  std::vector<std::optional<bool>>& known) const {
    // Producers come first in the order, so that what they are filled with is known.
    if (const auto* made = std::get_if<NewVersionOf>(&from)) {
      return known[made->job].value_or(false);
    }
    if (!input.job) return in_.standing.foreign.at(input.dataset.text()).last_seq > 0;
    const StandingBuild* producer = made_.steps[*input.job].build;
    const StandingOutput* output = output_of(*producer, input.output);
    return output != nullptr && output->last_seq > 0;
  }

  void warn_of_empty_rebuilds() {
    std::vector<std::optional<bool>> known(in_.file.jobs.size());
    for (const std::size_t index : in_.file.order) {
      const DagJob& job = in_.file.jobs[index];
      const StandingBuild* current = current_of(job.name);
      const bool filled = is_filled(index, known);
      const bool built = made_.steps[index].action == PlanAction::Build;
      if (!built || filled || current == nullptr || !holds_data(*current)) continue;
      made_.warnings.push_back(
          {.code = std::string(code::kEmptyRebuild),
           .path = "jobs[" + std::to_string(index) + "].name",
           .detail = "is rebuilt from nothing, in place of a version that holds data"});
    }
    std::ranges::sort(made_.warnings, {}, &DagFault::path);
  }

  void describe() {
    Plan& plan = made_.plan;
    plan.dag = in_.file.name;
    plan.world = in_.world;
    plan.yaml_hash = in_.file.yaml_hash.text();
    plan.registry_hash = in_.file.registry_hash.text();
    if (in_.standing.current) {
      plan.base = PlanBase{.generation = in_.standing.current->generation,
                           .pointer_set = in_.standing.current->pointer_set};
    }
    plan.options = in_.options;
    std::ranges::sort(plan.options.keep);
    const auto repeated = std::ranges::unique(plan.options.keep);
    plan.options.keep.erase(repeated.begin(), repeated.end());
    std::set<std::string_view> named;
    for (std::size_t i = 0; i < made_.steps.size(); ++i) {
      const JobStep& step = made_.steps[i];
      named.insert(in_.file.jobs[i].name);
      plan.jobs.push_back({.job = in_.file.jobs[i].name,
                           .action = step.action,
                           .reason = step.reason,
                           .node_id = step.node.text()});
      if (step.build != nullptr) plan.jobs.back().build_id = step.build->build_id;
    }
    for (const auto& [name, id] : in_.standing.current_builds) {
      if (named.contains(name)) continue;
      const StandingBuild* build = current_of(name);
      plan.jobs.push_back({.job = name,
                           .action = PlanAction::Drop,
                           .reason = "removed",
                           .node_id = build == nullptr ? "" : build->node_id,
                           .build_id = id});
    }
    std::ranges::sort(plan.jobs, {}, &PlannedJob::job);
    warn_of_empty_rebuilds();
  }

  const PlanInput& in_;
  NormalisedJobs normalised_;
  std::vector<JobNodeId> nodes_;
  std::map<BuildId, const StandingBuild*> by_id_;
  std::map<std::pair<std::string, std::string>, const StandingBuild*> newest_;
  std::set<BuildId> taken_over_;
  DeployPlan made_;
};

}  // namespace

Result<DeployPlan> make_plan(const PlanInput& input) { return Planner(input).make(); }

}  // namespace weir::dispatcher
