// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "dispatcher/dagfile/faults.h"
#include "dispatcher/dagfile/identity.h"
#include "dispatcher/ports/dag_rows.h"

/// What a deploy is going to do, job by job (contract section 6.6, appendix A.6). Pure.
namespace weir::dispatcher {

enum class PlanAction : std::uint8_t { Reuse, Build, Drop, Keep };
inline constexpr std::array<std::string_view, 4> kPlanActions = {"reuse", "build", "drop", "keep"};

enum class OldVersion : std::uint8_t { Live, Hold };
inline constexpr std::array<std::string_view, 2> kOldVersions = {"live", "hold"};

/// The options that a plan depends on or carries along.
struct PlanOptions {
  std::vector<std::string> keep = {};  ///< sorted
  OldVersion old_version = OldVersion::Live;
  Effects effects = Effects::Suppress;
  bool run_sources = false;

  friend bool operator==(const PlanOptions&, const PlanOptions&) = default;
};

struct PlannedJob {
  std::string job;
  PlanAction action = PlanAction::Build;
  /// The first field that differs (`config`, `inputs[1]`, …), or `new`, `unchanged`, `reopened`,
  /// `upstream`, `bootstrap`; of a dropped job `removed`.
  std::string reason;
  std::string node_id;                   ///< the effective one
  std::optional<BuildId> build_id = {};  ///< none of a job to be built

  friend bool operator==(const PlannedJob&, const PlannedJob&) = default;
};

/// What the plan starts from; nothing before the first activation.
struct PlanBase {
  std::int64_t generation = 0;
  std::optional<PointerSetId> pointer_set = {};

  friend bool operator==(const PlanBase&, const PlanBase&) = default;
};

/// Appendix A.6.
struct Plan {
  std::string dag;
  std::string world = std::string(kLiveWorld);
  std::string yaml_hash;
  std::string registry_hash;
  std::optional<PlanBase> base = {};
  PlanOptions options = {};
  std::map<std::string, std::string> bundles = {};  ///< sha256 by id
  std::vector<PlannedJob> jobs = {};                ///< by name
};

/// Where an input of a job comes from under a plan.
struct NewVersionOf {
  std::size_t job = 0;  ///< index in the file
  int output = 0;
};
using PlannedInput = std::variant<DatasetVersionId, NewVersionOf>;

/// A job of the file with all that carrying the plan out takes.
struct JobStep {
  PlanAction action = PlanAction::Build;
  std::string reason;
  CoreId core;
  JobNodeId node;                         ///< effective
  const StandingBuild* build = nullptr;   ///< reused or kept; of the standing
  std::vector<PlannedInput> inputs = {};  ///< by index
};

/// A plan with its steps, in the order of the file's jobs.
struct DeployPlan {
  Plan plan;
  std::vector<JobStep> steps;
  std::vector<DagFault> warnings;  ///< W_EMPTY_REBUILD
};

/// What a plan is made of; all outlives it.
struct PlanInput {
  const DagFile& file;
  const DagStanding& standing;
  const std::map<std::string, KnownBundle, std::less<>>& bundles;
  std::string world = std::string(kLiveWorld);
  PlanOptions options = {};
};

/// Makes the plan. FAILED_PRECONDITION `keep_not_allowed`; NOT_FOUND `bundle_unknown`; ABORTED
/// `standing_changed` where a dataset that the file reads is gone.
Result<DeployPlan> make_plan(const PlanInput& input);

/// Canonical JSON with `plan_hash`.
std::string plan_json(const Plan& plan);
std::string plan_hash(const Plan& plan);
/// The list `plan` of a Deploy (A.5); `built` has the ids of builds that were made, by job.
std::string deploy_plan_json(const Plan& plan, const std::map<std::string, BuildId>& built);

/// Reads a saved plan and checks its hash. INVALID_ARGUMENT `plan_invalid`.
Result<Plan> read_plan(std::string_view json);

/// The first thing that a saved plan says otherwise than the new one: base, registry, bundles, jobs
/// by name.
struct PlanDifference {
  std::string path;
  std::string planned_json;
  std::string now_json;
};
std::optional<PlanDifference> difference_of(const Plan& saved, const Plan& now);

}  // namespace weir::dispatcher
