// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/deploy/deploy_attempt.h"

#include <utility>

#include "dispatcher/dagfile/normalise.h"
#include "dispatcher/deploy/deploy_writes.h"

namespace weir::dispatcher {

Error DeployAttempt::refuse(DeployRefusal refusal) {
  refusal_ = std::move(refusal);
  return base::failed_precondition(refusal_.code, refusal_.detail);
}

Result<void> DeployAttempt::check_saved(const Plan& now) {
  if (!job_.saved) return {};
  const auto difference = difference_of(*job_.saved, now);
  if (!difference) return {};
  JsonText members;
  members.open('{').key("difference").open('{').key("path").text(difference->path);
  members.key("planned").raw(difference->planned_json).key("now").raw(difference->now_json);
  return refuse({.code = "plan_stale",
                 .detail = "planned again it is another plan: see " + difference->path,
                 .members_json = members.close('}').close('}').written()});
}

Result<void> DeployAttempt::check_waiting(const DeployWrites& writes) {
  if (!job_.waiting) return {};
  const auto& deploy = writes.deploy;
  if (deploy && deploy->exists && deploy->id == *job_.waiting) return {};
  return refuse({.code = "not_ready",
                 .detail = "what this deploy was made from has changed: deploy again",
                 .members_json = R"({"blockers":[]})"});
}

Result<DeployWrites> DeployAttempt::decide(const DagStanding& standing) {
  WEIR_TRY(DeployPlan plan, make_plan({.file = file_,
                                       .standing = standing,
                                       .bundles = bundles_,
                                       .world = job_.dag.world,
                                       .options = job_.options.plan}));
  WEIR_CHECK(check_saved(plan.plan));
  WEIR_TRY(DeployWrites writes, make_writes({.file = file_,
                                             .bundles = bundles_,
                                             .plan = plan,
                                             .standing = standing,
                                             .dag = job_.dag,
                                             .activate = job_.options.activate,
                                             .options = job_.options.plan,
                                             .expect_generation = job_.options.expect_generation,
                                             .random = random_}));
  WEIR_CHECK(check_waiting(writes));
  std::vector<DatasetTable> tables;
  if (!writes.builds.empty()) tables = tables_of(file_, standing, plan, job_.dag);
  if (inside_ && tables != tables_) {
    return Error(Code::Aborted, "standing_changed", "the DAG was changed by another deploy");
  }
  tables_ = std::move(tables);
  warnings_ = std::move(plan.warnings);
  waiting_.reset();
  if (standing.open_deploy) waiting_ = standing.open_deploy->id;
  return writes;
}

}  // namespace weir::dispatcher
