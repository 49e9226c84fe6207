// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "dispatcher/deploy/deploy_service.h"
#include "dispatcher/deploy/plan.h"
#include "dispatcher/ports/dag_store.h"

/// What carrying out a plan changes. Pure but for the ids it draws.
namespace weir::dispatcher {

/// What a deploy is asked to do with a plan.
struct WriteInput {
  const DagFile& file;
  const std::map<std::string, KnownBundle, std::less<>>& bundles;
  const DeployPlan& plan;
  const DagStanding& standing;
  DagName dag;
  Activate activate = Activate::Auto;
  PlanOptions options = {};
  std::optional<std::int64_t> expect_generation = {};
  Random& random;
};

/// The rows of a deploy (5.3, 6.6): nothing where the version is current already, or waits and
/// shall go on waiting. FAILED_PRECONDITION `switch_not_available`, `generation_mismatch`.
Result<DeployWrites> make_writes(const WriteInput& input);

/// What canceling an open deploy changes. FAILED_PRECONDITION `deploy_finished` if it is not open.
Result<DeployWrites> cancel_writes(const DagStanding& standing, const DeployId& id);

/// The tables of the `direct` outputs that the plan's new builds write.
std::vector<DatasetTable> tables_of(const DagFile& file, const DagStanding& standing,
                                    const DeployPlan& plan, const DagName& dag);

}  // namespace weir::dispatcher
