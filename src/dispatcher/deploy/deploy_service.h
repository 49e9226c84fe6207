// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "dispatcher/dagfile/operator_registry.h"
#include "dispatcher/dagfile/validate.h"
#include "dispatcher/deploy/plan.h"
#include "dispatcher/ports/dag_store.h"

namespace weir::dispatcher {

class DeployAttempt;
struct DeployJob;

enum class Activate : std::uint8_t { Auto, Manual, None };
inline constexpr std::array<std::string_view, 3> kActivates = {"auto", "manual", "none"};

/// What the query of a deploy says (3.5).
struct DeployOptions {
  std::string world = std::string(kLiveWorld);
  Activate activate = Activate::Auto;
  PlanOptions plan = {};
  std::optional<std::int64_t> expect_generation = {};
};

/// Why a request about deploys was not carried out: a code of section 3.7, for people `detail`, and
/// the members its problem has besides.
struct DeployRefusal {
  std::string code;
  std::string detail;
  std::vector<DagFault> errors = {};    ///< of `dag_invalid`
  std::vector<DagFault> warnings = {};  ///< likewise
  std::string members_json = {};  ///< an object: `difference`, `datasets`, `blockers`; or empty
};

/// `reply` holds unless it was refused.
template <class Reply>
struct DeployAnswer {
  std::optional<DeployRefusal> refused = {};
  Reply reply = {};

  bool ok() const { return !refused; }
};

struct ValidateRequest {
  std::string dag = {};  ///< the name that the file must have; empty: any
  std::string_view yaml;
  std::string world = std::string(kLiveWorld);
  PlanOptions options = {};
};
struct ValidateReply {
  std::string yaml_hash;
  std::string registry_hash;
  std::vector<DagFault> warnings;
  Plan plan;
};

struct DeployRequest {
  std::string dag;
  std::string_view yaml;
  std::string plan_json = {};  ///< a saved plan to carry out; its options count then
  DeployOptions options = {};
};
struct DeployReply {
  DagVersionId dag_version_id;
  std::int64_t version_no = 0;
  std::string yaml_hash;
  std::string registry_hash;
  bool created = false;  ///< 201, else 200
  std::optional<DeployRow> deploy = {};
  std::vector<DagFault> warnings = {};
};

struct ActivateRequest {
  std::string dag;
  DagVersionId version;
  DeployOptions options = {};
};
struct ActivateReply {
  std::optional<DeployRow> deploy = {};  ///< of a switch that waits: 202; else 200
  DagVersionId dag_version_id;
  std::int64_t generation = 0;
};

struct DeployPorts {
  DagStore& store;
  Random& random;
  /// Called after what is current has changed, outside any transaction: the caller nudges its loops
  /// (sources may be due, queues are owed, the outbox has rows). May be empty.
  std::function<void()> switched = {};
};

/// What this build runs by itself: the triggers cron and manual, and the built-in operators whose
/// engines are here, the extension operators of the registry, direct tables; neither buffered
/// tables nor checks.
Engines own_engines(const OperatorRegistry& operators, std::set<std::string, std::less<>> roots);

/// Deploys DAG files (contract sections 3.5, 5.3, 6.6): validates, plans, and carries the plan out
/// in one transaction. In this release a DAG is activated once: a different file for an active DAG
/// is stored (`activate=none`), and activating it is refused with `switch_not_available`; worlds
/// other than `live` are not found. May be called from any thread.
///
/// Answers are refusals of section 3.7 or replies; a Result fails only for what the database could
/// not do (`unavailable`, `commit_unknown`: repeat as it is).
class DeployService {
 public:
  /// All outlive the service.
  DeployService(DeployPorts ports, const OperatorRegistry& operators, Engines engines);

  /// Refused: `dag_invalid` with all faults, `keep_not_allowed`. Stores nothing.
  Result<DeployAnswer<ValidateReply>> validate(const Actor& actor, const ValidateRequest& request);

  /// Refused: `dag_invalid`, `keep_not_allowed`, `plan_invalid`, `dataset_owned`,
  /// `generation_mismatch`, `plan_stale`, `switch_not_available`, `not_found`.
  Result<DeployAnswer<DeployReply>> deploy(const Actor& actor, const DeployRequest& request);

  /// Makes a stored version current. Refused as deploy.
  Result<DeployAnswer<ActivateReply>> set_active(const Actor& actor,
                                                 const ActivateRequest& request);

  /// Refused: `not_found`, `no_previous`, `generation_mismatch`, `switch_not_available`.
  Result<DeployAnswer<ActivateReply>> rollback(const Actor& actor, const DagName& dag,
                                               std::optional<DagVersionId> to,
                                               std::optional<std::int64_t> expect_generation);

  /// A deploy that waits (`activate=manual`). Refused: `not_found`, `deploy_finished`, `not_ready`,
  /// `dataset_owned`, `generation_mismatch`.
  Result<DeployAnswer<DeployRow>> cutover(const Actor& actor, const DagName& dag,
                                          const DeployId& id,
                                          std::optional<std::int64_t> expect_generation);
  Result<DeployAnswer<DeployRow>> cancel(const Actor& actor, const DagName& dag,
                                         const DeployId& id);

 private:
  Result<DeployAnswer<DeployReply>> carry_out(const Actor& actor, const DeployJob& job);
  Result<DeployAnswer<DeployReply>> try_once(const Actor& actor, const DeployJob& job);
  Result<DeployReply> write(const Actor& actor, const DeployJob& job, const DagFile& file,
                            DeployAttempt& attempt);
  ValidationReport check(const DagSurroundings& around, std::string_view yaml,
                         const std::string& name) const;

  DeployPorts ports_;
  const OperatorRegistry& operators_;
  Engines engines_;
};

/// Appendix A.5, and the bodies of the answers, as JSON texts.
std::string deploy_json(const DeployRow& deploy);
std::string faults_json(const std::vector<DagFault>& faults);
std::string body_of(const ValidateReply& reply);
std::string body_of(const DeployReply& reply);
std::string body_of(const ActivateReply& reply);

}  // namespace weir::dispatcher
