// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/dags/postgres_dag_store_read.h"

#include <utility>

#include "dispatcher/ports/database/org_scope.h"
#include "drivers/postgres/errors.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

// $1 organisation, $2 DAG, $3 world of every statement here, unless it says otherwise.

#define WEIR_CURRENT_SQL                                                                  \
  "SELECT dag_version_id::text, pointer_set_id::text, previous_pointer_set_id::text,"     \
  " generation FROM state.dag_current_versions WHERE org_id = $1::uuid AND dag_name = $2" \
  " AND world = $3"
constexpr Statement kCurrent{"dag_store_current", WEIR_CURRENT_SQL};
constexpr Statement kLockCurrent{"dag_store_lock_current", WEIR_CURRENT_SQL " FOR UPDATE"};
#undef WEIR_CURRENT_SQL

/// Builds that a plan looks at: what is current, and the newest of each slot and node id.
#define WEIR_LOOKED_AT_SQL                                                                   \
  "WITH newest AS (SELECT DISTINCT ON (job_name, node_id) build_id FROM state.builds"        \
  " WHERE org_id = $1::uuid AND dag_name = $2 ORDER BY job_name, node_id, generation DESC)," \
  " current AS (SELECT v.job_name, v.build_id FROM state.dag_current_versions c"             \
  " JOIN state.dag_version_builds v USING (pointer_set_id)"                                  \
  " WHERE c.org_id = $1::uuid AND c.dag_name = $2 AND c.world = $3),"                        \
  " looked_at AS (SELECT build_id FROM newest UNION SELECT build_id FROM current) "
constexpr Statement kBuilds{
    "dag_store_builds", WEIR_LOOKED_AT_SQL
    "SELECT b.build_id::text, b.job_name, b.world::text, b.core_id, b.node_id, b.generation,"
    " b.dispatch, CASE WHEN c.build_id IS NOT NULL THEN b.definition::text END"
    " FROM looked_at JOIN state.builds b USING (build_id) LEFT JOIN current c USING (build_id)"
    " ORDER BY b.job_name, b.node_id"};
constexpr Statement kOutputs{
    "dag_store_outputs", WEIR_LOOKED_AT_SQL
    "SELECT v.build_id::text, d.output_index, v.dataset_version::text, v.state, v.last_seq"
    " FROM looked_at JOIN state.dataset_versions v USING (build_id)"
    " JOIN state.datasets d USING (dataset_uuid) ORDER BY v.build_id, d.output_index"};
constexpr Statement kInputs{
    "dag_store_inputs", WEIR_LOOKED_AT_SQL
    "SELECT s.consumer_build_id::text, s.input_index, s.dataset_version::text"
    " FROM looked_at JOIN state.subscriptions s ON s.consumer_build_id = looked_at.build_id"
    " ORDER BY s.consumer_build_id, s.input_index"};
#undef WEIR_LOOKED_AT_SQL

/// $4 dataset ids.
constexpr Statement kForeign{
    "dag_store_foreign",
    "SELECT n.dataset_id, n.owner_dag_name, n.dataset_uuid::text, d.dataset_version::text,"
    " v.last_seq FROM state.dataset_names n JOIN state.dag_current_versions c"
    " ON c.org_id = n.org_id AND c.dag_name = n.owner_dag_name AND c.world = n.world"
    " JOIN state.dag_version_datasets d ON d.pointer_set_id = c.pointer_set_id"
    " AND d.dataset_uuid = n.dataset_uuid JOIN state.dataset_versions v USING (dataset_version)"
    " WHERE n.org_id = $1::uuid AND n.owner_dag_name <> $2 AND n.world = $3"
    " AND n.dataset_id = ANY ($4::text[])"};

/// $3 yaml_hash, $4 registry_hash.
#define WEIR_SAME_SQL                                                        \
  " FROM state.dag_versions v WHERE v.org_id = $1::uuid AND v.dag_name = $2" \
  " AND v.yaml_hash = $3 AND v.registry_hash = $4"
constexpr Statement kSame{"dag_store_same",
                          "SELECT v.dag_version_id::text, v.version_no" WEIR_SAME_SQL};
constexpr Statement kSamePointers{
    "dag_store_same_pointers",
    "SELECT p.pointer_set_id::text, p.set_no, b.job_name, b.build_id::text"
    " FROM (SELECT v.dag_version_id" WEIR_SAME_SQL
    ") AS same JOIN state.pointer_sets p USING (dag_version_id)"
    " JOIN state.dag_version_builds b USING (pointer_set_id) ORDER BY p.set_no"};
constexpr Statement kResetDone{"dag_store_reset_done",
                               "SELECT r.job_name FROM (SELECT v.dag_version_id" WEIR_SAME_SQL
                               ") AS same JOIN state.bootstrap_runs r USING (dag_version_id)"};
#undef WEIR_SAME_SQL
/// $1, $2.
constexpr Statement kVersionNo{"dag_store_version_no",
                               "SELECT coalesce(max(version_no), 0) FROM state.dag_versions"
                               " WHERE org_id = $1::uuid AND dag_name = $2"};

constexpr Statement kOpenDeploy{
    "dag_store_open_deploy",
    "SELECT d.deploy_id::text, p.dag_version_id::text, p.pointer_set_id::text, d.state,"
    " ARRAY(SELECT b.build_id::text FROM state.dag_version_builds b"
    " WHERE b.pointer_set_id = p.pointer_set_id ORDER BY b.job_name)"
    " FROM state.deploys d JOIN state.pointer_sets p ON p.pointer_set_id = d.to_pointer_set_id"
    " WHERE d.org_id = $1::uuid AND d.dag_name = $2 AND d.world = $3"
    " AND d.state IN ('planned', 'building', 'ready')"};

/// The results, by their place behind the first.
enum Place : std::size_t {
  NowAt,
  CurrentAt,
  BuildsAt,
  OutputsAt,
  InputsAt,
  ForeignAt,
  SameAt,
  SamePointersAt,
  ResetDoneAt,
  VersionNoAt,
  OpenDeployAt,
};

VersionState version_state(std::string_view text) {
  constexpr std::array<std::string_view, 4> kStates = {"building", "complete", "purging", "purged"};
  return enum_of<VersionState>(kStates, text).value_or(VersionState::Purged);
}

std::optional<OpenDeploy> open_deploy_of(const Rows& rows) {
  if (rows.empty()) return {};
  OpenDeploy open{.id = id_at<DeployId>(rows, 0, 0),
                  .version = id_at<DagVersionId>(rows, 0, 1),
                  .pointer_set = id_at<PointerSetId>(rows, 0, 2),
                  .state = std::string(rows.text(0, 3)),
                  .builds = {}};
  for (const std::string_view build : rows.text_array(0, 4)) {
    open.builds.emplace_back(Uuid::parse(build).value_or(Uuid{}));
  }
  return open;
}

}  // namespace

Params dag_params(const DagName& dag) {
  Params params;
  params.text(dag.org_id.text()).text(dag.dag_name).text(dag.world);
  return params;
}

Error dag_store_error(const Error& error) {
  if (error.reason() == postgres::kSerialization ||
      error.reason() == postgres::kTransactionAborted) {
    return {Code::Aborted, "transaction_conflict", error.message()};
  }
  const bool late = error.reason() == postgres::kPostgresTimeout ||
                    error.reason() == postgres::kPoolExhausted ||
                    error.reason() == postgres::kPostgresUnavailable;
  return late ? base::unavailable("unavailable", error.message()) : error;
}

Params StandingReader::dag_params() const {
  Params params;
  params.text(request_.dag.org_id.text()).text(request_.dag.dag_name).text(request_.dag.world);
  return params;
}

void StandingReader::add_to(Pipeline& pipeline, bool lock) {
  const auto same = [&] {
    Params params;
    params.text(request_.dag.org_id.text()).text(request_.dag.dag_name);
    params.text(request_.yaml_hash).text(request_.registry_hash);
    return params;
  };
  first_ = pipeline.add(kReadClock);
  pipeline.add(lock ? kLockCurrent : kCurrent, dag_params());
  pipeline.add(kBuilds, dag_params());
  pipeline.add(kOutputs, dag_params());
  pipeline.add(kInputs, dag_params());
  pipeline.add(kForeign, dag_params().text_array(request_.foreign));
  pipeline.add(kSame, same());
  pipeline.add(kSamePointers, same());
  pipeline.add(kResetDone, same());
  pipeline.add(kVersionNo, Params().text(request_.dag.org_id.text()).text(request_.dag.dag_name));
  pipeline.add(kOpenDeploy, dag_params());
}

void StandingReader::read_builds(const std::vector<Rows>& results, DagStanding& standing) const {
  const Rows& builds = results[first_ + BuildsAt];
  std::map<BuildId, std::size_t> places;
  for (std::size_t row = 0; row < builds.size(); ++row) {
    StandingBuild build{.build_id = id_at<BuildId>(builds, row, 0),
                        .job = std::string(builds.text(row, 1)),
                        .world = std::string(builds.text(row, 2)),
                        .core_id = std::string(builds.text(row, 3)),
                        .node_id = std::string(builds.text(row, 4)),
                        .generation = static_cast<int>(builds.int64(row, 5)),
                        .dispatch = parse_dispatch(builds.text(row, 6)).value_or(Dispatch::Stopped),
                        .definition_json = std::string(builds.text_if(row, 7).value_or("")),
                        .inputs = {},
                        .outputs = {}};
    if (!build.definition_json.empty()) standing.current_builds.emplace(build.job, build.build_id);
    int& highest = standing.generations[{build.job, build.node_id}];
    highest = std::max(highest, build.generation);
    places.emplace(build.build_id, standing.builds.size());
    standing.builds.push_back(std::move(build));
  }
  const Rows& outputs = results[first_ + OutputsAt];
  for (std::size_t row = 0; row < outputs.size(); ++row) {
    const auto place = places.find(id_at<BuildId>(outputs, row, 0));
    if (place == places.end()) continue;
    standing.builds[place->second].outputs.push_back(
        {.output = static_cast<int>(outputs.int64(row, 1)),
         .version = id_at<DatasetVersionId>(outputs, row, 2),
         .state = version_state(outputs.text(row, 3)),
         .last_seq = outputs.int64(row, 4)});
  }
  const Rows& inputs = results[first_ + InputsAt];
  for (std::size_t row = 0; row < inputs.size(); ++row) {
    const auto place = places.find(id_at<BuildId>(inputs, row, 0));
    if (place == places.end()) continue;
    standing.builds[place->second].inputs.push_back(
        {.index = static_cast<int>(inputs.int64(row, 1)),
         .version = id_at<DatasetVersionId>(inputs, row, 2)});
  }
}

void StandingReader::read_same(const std::vector<Rows>& results, DagStanding& standing) const {
  const Rows& same = results[first_ + SameAt];
  if (same.empty()) return;
  standing.same = DagVersionRow{.id = id_at<DagVersionId>(same, 0, 0),
                                .version_no = same.int64(0, 1),
                                .yaml_hash = request_.yaml_hash,
                                .registry_hash = request_.registry_hash,
                                .yaml_text = {},
                                .created_by = {},
                                .created_at = {},
                                .state = {}};
  const Rows& pointers = results[first_ + SamePointersAt];
  for (std::size_t row = 0; row < pointers.size(); ++row) {
    const auto id = id_at<PointerSetId>(pointers, row, 0);
    if (standing.same_pointers.empty() || standing.same_pointers.back().id != id) {
      standing.same_pointers.push_back(
          {.id = id, .set_no = static_cast<int>(pointers.int64(row, 1)), .builds = {}});
    }
    standing.same_pointers.back().builds.emplace(pointers.text(row, 2),
                                                 id_at<BuildId>(pointers, row, 3));
  }
  const Rows& resets = results[first_ + ResetDoneAt];
  for (std::size_t row = 0; row < resets.size(); ++row) {
    standing.reset_done.emplace(resets.text(row, 0));
  }
}

DagStanding StandingReader::read(const std::vector<Rows>& results) const {
  DagStanding standing;
  standing.now = results[first_ + NowAt].instant(0, 0);
  if (const Rows& current = results[first_ + CurrentAt]; !current.empty()) {
    standing.current = CurrentDag{.version = id_if<DagVersionId>(current, 0, 0),
                                  .pointer_set = id_if<PointerSetId>(current, 0, 1),
                                  .previous = id_if<PointerSetId>(current, 0, 2),
                                  .generation = current.int64(0, 3)};
  }
  read_builds(results, standing);
  const Rows& foreign = results[first_ + ForeignAt];
  for (std::size_t row = 0; row < foreign.size(); ++row) {
    standing.foreign.emplace(foreign.text(row, 0),
                             ForeignDataset{.owner_dag = std::string(foreign.text(row, 1)),
                                            .dataset = id_at<DatasetUuid>(foreign, row, 2),
                                            .version = id_at<DatasetVersionId>(foreign, row, 3),
                                            .last_seq = foreign.int64(row, 4)});
  }
  read_same(results, standing);
  standing.version_no_max = results[first_ + VersionNoAt].int64(0, 0);
  standing.open_deploy = open_deploy_of(results[first_ + OpenDeployAt]);
  return standing;
}

}  // namespace weir::dispatcher
