// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "dispatcher/deploy/deploy_service.h"

/// One try of a deploy: the parts of deploy_service.cc that decide.
namespace weir::dispatcher {

/// A file on its way: what is to be done with it, and what must be so.
struct DeployJob {
  DagName dag;
  std::string_view yaml;
  DeployOptions options = {};
  std::optional<Plan> saved = {};
  std::optional<std::string> registry_hash = {};  ///< of a stored version
  std::optional<DeployId> waiting = {};           ///< the deploy that this must bring to its end
};

/// Plans a file over what stands, and decides what to write: first outside of a transaction, to
/// know what tables it takes, then inside.
class DeployAttempt {
 public:
  using Bundles = std::map<std::string, KnownBundle, std::less<>>;

  /// All outlive the attempt.
  DeployAttempt(const DeployJob& job, const DagFile& file, const Bundles& bundles, Random& random)
      : job_(job), file_(file), bundles_(bundles), random_(random) {}

  /// Errors are refusals (refusal() has the members), or ABORTED `standing_changed`, which also is
  /// what a decision inside says that takes other tables than the one before it.
  Result<DeployWrites> decide(const DagStanding& standing);
  void begin_inside() { inside_ = true; }

  const std::vector<DatasetTable>& tables() const { return tables_; }
  const std::vector<DagFault>& warnings() const { return warnings_; }
  /// The unfinished deploy that the last decision saw.
  const std::optional<DeployId>& waiting() const { return waiting_; }
  const DeployRefusal& refusal() const { return refusal_; }

 private:
  Error refuse(DeployRefusal refusal);
  Result<void> check_saved(const Plan& now);
  Result<void> check_waiting(const DeployWrites& writes);

  const DeployJob& job_;
  const DagFile& file_;
  const Bundles& bundles_;
  Random& random_;
  std::vector<DatasetTable> tables_;
  std::vector<DagFault> warnings_;
  std::optional<DeployId> waiting_;
  DeployRefusal refusal_;
  bool inside_ = false;
};

}  // namespace weir::dispatcher
