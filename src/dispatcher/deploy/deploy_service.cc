// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/deploy/deploy_service.h"

#include <algorithm>
#include <utility>

#include "dispatcher/dagfile/normalise.h"
#include "dispatcher/deploy/deploy_attempt.h"
#include "dispatcher/deploy/deploy_writes.h"
#include "dispatcher/deploy/file_check.h"
#include "dispatcher/deploy/limits.h"

namespace weir::dispatcher {
namespace {

constexpr std::array<std::string_view, 11> kRefusals = {
    "not_found",  "dag_invalid",     "keep_not_allowed",    "plan_invalid",
    "plan_stale", "dataset_owned",   "generation_mismatch", "switch_not_available",
    "not_ready",  "deploy_finished", "no_previous"};

/// True of an error that is an answer to the caller, not a failure.
bool is_refusal(const Error& error) {
  return std::ranges::find(kRefusals, error.reason()) != kRefusals.end();
}

DeployRefusal refusal_of(const Error& error) {
  DeployRefusal refusal{.code = error.reason(), .detail = error.message()};
  if (error.reason() != "dataset_owned") return refusal;
  JsonText members;
  members.open('{').key("datasets").open('[');
  for (const Fault& fault : error.faults()) members.text(fault.path);
  refusal.members_json = members.close(']').close('}').written();
  return refusal;
}

DeployRefusal invalid_file(ValidationReport report) {
  return {.code = "dag_invalid",
          .detail = "the DAG file has " + std::to_string(report.errors.size()) +
                    (report.errors.size() == 1 ? " fault" : " faults"),
          .errors = std::move(report.errors),
          .warnings = std::move(report.warnings)};
}

template <class Reply>
DeployAnswer<Reply> refused(const DeployRefusal& refusal) {
  return {.refused = refusal};
}

/// An error that is an answer becomes one; others stay errors.
template <class Reply>
Result<DeployAnswer<Reply>> answer_of(const Error& error) {
  if (!is_refusal(error)) return error;
  return refused<Reply>(refusal_of(error));
}

std::optional<DeployRefusal> check_world(const std::string& world) {
  if (world == kLiveWorld) return {};
  return DeployRefusal{
      .code = "not_found",
      .detail = "there is no world " + shown(world) + ": this release has `live` alone"};
}

std::vector<std::string> foreign_of(const DagFile& file) {
  std::vector<std::string> names;
  for (const DagJob& job : file.jobs) {
    for (const DagInput& input : job.inputs) {
      if (!input.job) names.push_back(input.dataset.text());
    }
  }
  std::ranges::sort(names);
  const auto repeated = std::ranges::unique(names);
  names.erase(repeated.begin(), repeated.end());
  return names;
}

/// Warnings of the file and of the plan by their places.
std::vector<DagFault> with(std::vector<DagFault> warnings, std::vector<DagFault> more) {
  const auto place = [](const DagFault& fault) { return std::pair(fault.line, fault.column); };
  for (DagFault& fault : more) {
    const auto behind = std::ranges::upper_bound(warnings, place(fault), {}, place);
    warnings.insert(behind, std::move(fault));
  }
  return warnings;
}

/// What was read before the transaction no longer holds, or another was in the way: begin anew.
bool is_passing(const Error& error) {
  return error.reason() == "standing_changed" || error.reason() == "transaction_conflict" ||
         error.reason() == "bundle_unknown";
}

}  // namespace

Engines own_engines(const OperatorRegistry& operators, std::set<std::string, std::less<>> roots) {
  constexpr std::array<std::string_view, 8> kBuiltIn = {
      "trigger_cron", "trigger_manual",   "sequence_source", "noop",
      "table_ingest", "range_aggregator", "range_splitter",  "parquet_compact"};
  Engines engines{.direct = true, .ingest_roots = std::move(roots)};
  for (const std::string_view name : kBuiltIn) engines.operators.emplace(name);
  for (const std::string_view name : operators.names()) {
    const OperatorSpec* operation = operators.find(name);
    // What has no program of its own would run in a sandbox that is not here.
    if (operation->extension && !operation->command.empty()) engines.operators.emplace(name);
  }
  return engines;
}

DeployService::DeployService(DeployPorts ports, const OperatorRegistry& operators, Engines engines)
    : ports_(std::move(ports)), operators_(operators), engines_(std::move(engines)) {}

ValidationReport DeployService::check(const DagSurroundings& around, std::string_view yaml,
                                      const std::string& name) const {
  return check_file(yaml, {.mode = ValidationMode::Deploy,
                           .operators = operators_,
                           .known = &around.names,
                           .engines = &engines_,
                           .expected_name = name,
                           .now = around.now});
}

Result<DeployAnswer<ValidateReply>> DeployService::validate(const Actor& actor,
                                                            const ValidateRequest& request) {
  if (auto refusal = check_world(request.world)) return refused<ValidateReply>(*refusal);
  const DagName dag{.org_id = actor.org_id,
                    .dag_name = request.dag.empty() ? name_in(request.yaml) : request.dag,
                    .world = request.world};
  for (int attempt = 1;; ++attempt) {
    WEIR_TRY(const DagSurroundings around, ports_.store.surroundings(dag, /*ownership=*/true));
    ValidationReport report = check(around, request.yaml, request.dag);
    if (!report.valid()) return refused<ValidateReply>(invalid_file(std::move(report)));
    const DagFile& file = *report.file;
    WEIR_TRY(const DagStanding standing,
             ports_.store.standing({.dag = dag,
                                    .yaml_hash = file.yaml_hash.text(),
                                    .registry_hash = file.registry_hash.text(),
                                    .foreign = foreign_of(file)}));
    auto plan = make_plan({.file = file,
                           .standing = standing,
                           .bundles = around.names.bundles,
                           .world = request.world,
                           .options = request.options});
    if (!plan.ok()) {
      if (is_passing(plan.error()) && attempt < kDeployTriesMax) continue;
      return answer_of<ValidateReply>(plan.error());
    }
    place_faults(request.yaml, plan->warnings);
    DeployAnswer<ValidateReply> answer;
    answer.reply = {.yaml_hash = file.yaml_hash.text(),
                    .registry_hash = file.registry_hash.text(),
                    .warnings = with(std::move(report.warnings), std::move(plan->warnings)),
                    .plan = std::move(plan->plan)};
    return answer;
  }
}

Result<DeployAnswer<DeployReply>> DeployService::deploy(const Actor& actor,
                                                        const DeployRequest& request) {
  DeployJob job{
      .dag = {.org_id = actor.org_id, .dag_name = request.dag, .world = request.options.world},
      .yaml = request.yaml,
      .options = request.options};
  if (!request.plan_json.empty()) {
    auto saved = read_plan(request.plan_json);
    if (!saved.ok()) return answer_of<DeployReply>(saved.error());
    job.options.plan = saved->options;
    job.saved = *std::move(saved);
  }
  return carry_out(actor, job);
}

Result<DeployAnswer<DeployReply>> DeployService::carry_out(const Actor& actor,
                                                           const DeployJob& job) {
  if (auto refusal = check_world(job.dag.world)) return refused<DeployReply>(*refusal);
  for (int attempt = 1;; ++attempt) {
    auto answer = try_once(actor, job);
    const bool again = !answer.ok() && is_passing(answer.error()) && attempt < kDeployTriesMax;
    if (!again) return answer;
  }
}

Result<DeployAnswer<DeployReply>> DeployService::try_once(const Actor& actor,
                                                          const DeployJob& job) {
  WEIR_TRY(const DagSurroundings around, ports_.store.surroundings(job.dag, /*ownership=*/false));
  ValidationReport report = check(around, job.yaml, job.dag.dag_name);
  if (!report.valid()) return refused<DeployReply>(invalid_file(std::move(report)));
  const DagFile& file = *report.file;
  if (job.saved && (job.saved->dag != file.name || job.saved->world != job.dag.world ||
                    job.saved->yaml_hash != file.yaml_hash.view())) {
    return refused<DeployReply>(
        {.code = "plan_invalid", .detail = "the saved plan is of another DAG, world or file"});
  }
  if (job.registry_hash && *job.registry_hash != file.registry_hash.view()) {
    return refused<DeployReply>(
        {.code = "not_supported",
         .detail = "the version's operators have other versions now: deploy its file again"});
  }
  DeployAttempt attempt(job, file, around.names.bundles, ports_.random);
  auto reply = write(actor, job, file, attempt);
  if (!reply.ok()) {
    if (reply.error().reason() == attempt.refusal().code) {
      return refused<DeployReply>(attempt.refusal());
    }
    return answer_of<DeployReply>(reply.error());
  }
  std::vector<DagFault> warnings = attempt.warnings();
  place_faults(job.yaml, warnings);
  DeployAnswer<DeployReply> answer;
  answer.reply = *std::move(reply);
  answer.reply.warnings = with(std::move(report.warnings), std::move(warnings));
  return answer;
}

Result<DeployReply> DeployService::write(const Actor& actor, const DeployJob& job,
                                         const DagFile& file, DeployAttempt& attempt) {
  const StandingRequest about{.dag = job.dag,
                              .yaml_hash = file.yaml_hash.text(),
                              .registry_hash = file.registry_hash.text(),
                              .foreign = foreign_of(file)};
  WEIR_TRY(const DagStanding standing, ports_.store.standing(about));
  WEIR_TRY(DeployWrites writes, attempt.decide(standing));
  if (writes.new_version || writes.ended || writes.deploy) {
    WEIR_CHECK(ports_.store.make_tables(attempt.tables()));
    attempt.begin_inside();
    WEIR_TRY(writes, ports_.store.apply({.actor = actor,
                                         .about = about,
                                         .file = &file,
                                         .yaml_text = std::string(job.yaml),
                                         .decide = [&](const DagStanding& locked) {
                                           return attempt.decide(locked);
                                         }}));
  }
  if ((writes.cutover || !writes.stopped.empty()) && ports_.switched) ports_.switched();
  DeployReply reply{.dag_version_id = writes.version,
                    .version_no = writes.version_no,
                    .yaml_hash = about.yaml_hash,
                    .registry_hash = about.registry_hash,
                    .created = writes.new_version};
  auto waiting = attempt.waiting();
  if (writes.deploy) waiting = writes.deploy->id;
  if (writes.deploy || (waiting && job.options.activate == Activate::Manual)) {
    WEIR_TRY(reply.deploy, ports_.store.read_deploy(job.dag, *waiting));
  }
  return reply;
}

Result<DeployAnswer<ActivateReply>> DeployService::set_active(const Actor& actor,
                                                              const ActivateRequest& request) {
  if (auto refusal = check_world(request.options.world)) return refused<ActivateReply>(*refusal);
  const DagName dag{
      .org_id = actor.org_id, .dag_name = request.dag, .world = request.options.world};
  auto version = ports_.store.read_version(dag, request.version);
  if (!version.ok()) return answer_of<ActivateReply>(version.error());
  DeployJob job{.dag = dag, .yaml = version->yaml_text, .options = request.options};
  if (job.options.activate == Activate::None) job.options.activate = Activate::Auto;
  job.registry_hash = version->registry_hash;
  DeployAnswer<ActivateReply> answer;
  if (version->state != "active") {
    WEIR_TRY(DeployAnswer<DeployReply> done, carry_out(actor, job));
    if (!done.ok()) return refused<ActivateReply>(*done.refused);
    const bool waits = done.reply.deploy && done.reply.deploy->state != "active";
    if (waits) answer.reply.deploy = std::move(done.reply.deploy);
  }
  WEIR_TRY(const DagStanding standing, ports_.store.standing({.dag = dag}));
  answer.reply.dag_version_id = request.version;
  if (standing.current) answer.reply.generation = standing.current->generation;
  return answer;
}

Result<DeployAnswer<ActivateReply>> DeployService::rollback(
    const Actor& actor, const DagName& dag, std::optional<DagVersionId> to,
    std::optional<std::int64_t> expect_generation) {
  if (auto refusal = check_world(dag.world)) return refused<ActivateReply>(*refusal);
  const DagName own{.org_id = actor.org_id, .dag_name = dag.dag_name, .world = dag.world};
  if (const auto known = ports_.store.list_versions(own, {.limit = 1}); !known.ok()) {
    return answer_of<ActivateReply>(known.error());
  }
  if (to) {
    if (const auto found = ports_.store.read_version(own, *to); !found.ok()) {
      return answer_of<ActivateReply>(found.error());
    }
  }
  WEIR_TRY(const DagStanding standing, ports_.store.standing({.dag = own}));
  const std::int64_t generation = standing.current ? standing.current->generation : 0;
  if (expect_generation && *expect_generation != generation) {
    return refused<ActivateReply>(
        {.code = "generation_mismatch",
         .detail = "the DAG is at generation " + std::to_string(generation)});
  }
  if (!to && (!standing.current || !standing.current->previous)) {
    return refused<ActivateReply>(
        {.code = "no_previous", .detail = "nothing was current before this version"});
  }
  return refused<ActivateReply>(
      {.code = "switch_not_available",
       .detail = "this release cannot switch an active DAG to another version"});
}

Result<DeployAnswer<DeployRow>> DeployService::cutover(
    const Actor& actor, const DagName& dag, const DeployId& id,
    std::optional<std::int64_t> expect_generation) {
  if (auto refusal = check_world(dag.world)) return refused<DeployRow>(*refusal);
  const DagName own{.org_id = actor.org_id, .dag_name = dag.dag_name, .world = dag.world};
  auto deploy = ports_.store.read_deploy(own, id);
  if (!deploy.ok()) return answer_of<DeployRow>(deploy.error());
  if (deploy->state != "ready" || !deploy->to) {
    return refused<DeployRow>({.code = "deploy_finished", .detail = "this deploy is over"});
  }
  WEIR_TRY(const DagVersionRow version, ports_.store.read_version(own, *deploy->to));
  DeployJob job{.dag = own, .yaml = version.yaml_text};
  job.options.expect_generation = expect_generation;
  job.registry_hash = version.registry_hash;
  job.waiting = id;
  WEIR_TRY(DeployAnswer<DeployReply> done, carry_out(actor, job));
  if (!done.ok()) return refused<DeployRow>(*done.refused);
  DeployAnswer<DeployRow> answer;
  WEIR_TRY(answer.reply, ports_.store.read_deploy(own, id));
  return answer;
}

Result<DeployAnswer<DeployRow>> DeployService::cancel(const Actor& actor, const DagName& dag,
                                                      const DeployId& id) {
  if (auto refusal = check_world(dag.world)) return refused<DeployRow>(*refusal);
  const DagName own{.org_id = actor.org_id, .dag_name = dag.dag_name, .world = dag.world};
  if (const auto known = ports_.store.read_deploy(own, id); !known.ok()) {
    return answer_of<DeployRow>(known.error());
  }
  const ApplyRequest request{
      .actor = actor, .about = {.dag = own}, .decide = [&](const DagStanding& standing) {
        return cancel_writes(standing, id);
      }};
  for (int attempt = 1;; ++attempt) {
    auto done = ports_.store.apply(request);
    if (done.ok()) break;
    if (is_passing(done.error()) && attempt < kDeployTriesMax) continue;
    return answer_of<DeployRow>(done.error());
  }
  if (ports_.switched) ports_.switched();
  DeployAnswer<DeployRow> answer;
  WEIR_TRY(answer.reply, ports_.store.read_deploy(own, id));
  return answer;
}

}  // namespace weir::dispatcher
