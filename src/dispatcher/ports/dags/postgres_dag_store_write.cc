// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/dags/postgres_dag_store_write.h"

#include <set>
#include <utility>

#include "base/assert.h"
#include "base/canonical_json.h"
#include "base/json.h"
#include "base/rfc3339.h"
#include "dispatcher/core/derived_ids.h"
#include "dispatcher/dagfile/normalise.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kInsertVersion{
    "dag_store_insert_version",
    "INSERT INTO state.dag_versions (dag_version_id, org_id, dag_name, version_no, yaml_hash,"
    " registry_hash, yaml_text, canonical, created_by) VALUES ($1::uuid, $2::uuid, $3, $4, $5, $6,"
    " $7, $8, $9::uuid)"};
constexpr Statement kInsertJobs{
    "dag_store_insert_jobs",
    "INSERT INTO state.jobs (dag_version_id, name, activation, runtime, operator,"
    " operator_version, outputs, execution_strategy, update_strategy, unique_key, source,"
    " bootstrap, config, udf_bundle_id, udf_sha256, udf_entrypoint, secrets, timeout_seconds,"
    " heartbeat_timeout_seconds, max_attempts, priority, max_queue_depth, max_queue_age_ms,"
    " backpressure_mode, max_concurrency, core_id, node_id)"
    " SELECT $1::uuid, name, activation, runtime, operator, operator_version, outputs,"
    " execution_strategy, update_strategy, unique_key, source, bootstrap, config, udf_bundle_id,"
    " decode(udf_sha256, 'hex'), udf_entrypoint, secrets, timeout_seconds,"
    " heartbeat_timeout_seconds, max_attempts, priority, max_queue_depth, max_queue_age_ms,"
    " backpressure_mode, max_concurrency, core_id, node_id"
    " FROM jsonb_to_recordset($2) AS j (name text, activation text, runtime text, operator text,"
    " operator_version text, outputs int, execution_strategy text, update_strategy text,"
    " unique_key text[], source jsonb, bootstrap jsonb, config jsonb, udf_bundle_id text,"
    " udf_sha256 text, udf_entrypoint text, secrets text[], timeout_seconds int,"
    " heartbeat_timeout_seconds int, max_attempts int, priority text, max_queue_depth bigint,"
    " max_queue_age_ms bigint, backpressure_mode text, max_concurrency int, core_id text,"
    " node_id text)"};
constexpr Statement kInsertEdges{
    "dag_store_insert_edges",
    "INSERT INTO state.edges (dag_version_id, consumer_job, input_index, from_job, from_output,"
    " from_dataset_id, where_filter) SELECT $1::uuid, e.* FROM jsonb_to_recordset($2) AS e"
    " (consumer_job text, input_index int, from_job text, from_output int, from_dataset_id text,"
    " where_filter jsonb)"};
constexpr Statement kInsertBuilds{
    "dag_store_insert_builds",
    "INSERT INTO state.builds (build_id, org_id, dag_name, world, job_name, core_id, node_id,"
    " generation, definition, dispatch) SELECT build_id, $1::uuid, $2, $3, job_name, core_id,"
    " node_id, generation, definition, 'building' FROM jsonb_to_recordset($4) AS b"
    " (build_id uuid, job_name text, core_id text, node_id text, generation int,"
    " definition jsonb)"};
constexpr Statement kInsertDatasets{
    "dag_store_insert_datasets",
    "INSERT INTO state.datasets (dataset_uuid, org_id, dag_name, job_name, output_index)"
    " SELECT dataset_uuid, $1::uuid, $2, job_name, output_index FROM jsonb_to_recordset($3) AS d"
    " (dataset_uuid uuid, job_name text, output_index int) ON CONFLICT DO NOTHING"};
constexpr Statement kInsertVersions{
    "dag_store_insert_versions",
    "INSERT INTO state.dataset_versions (dataset_version, dataset_uuid, build_id, kind, storage,"
    " schema) SELECT dataset_version, dataset_uuid, build_id, kind, storage, schema"
    " FROM jsonb_to_recordset($1) AS v (dataset_version uuid, dataset_uuid uuid, build_id uuid,"
    " kind text, storage jsonb, schema jsonb)"};
constexpr Statement kInsertSubscriptions{
    "dag_store_insert_subscriptions",
    "INSERT INTO state.subscriptions (consumer_build_id, input_index, dataset_version,"
    " backfill_to_seq) SELECT s.* FROM jsonb_to_recordset($1) AS s (build_id uuid, input int,"
    " dataset_version uuid, backfill_to_seq bigint)"};
constexpr Statement kInsertSources{
    "dag_store_insert_sources",
    "INSERT INTO state.source_state (build_id, world, kind) SELECT b::uuid, $1, k"
    " FROM unnest($2::text[], $3::text[]) AS s (b, k)"};
constexpr Statement kInsertPointerSet{
    "dag_store_insert_pointer_set",
    "INSERT INTO state.pointer_sets (pointer_set_id, dag_version_id, set_no)"
    " VALUES ($1::uuid, $2::uuid, $3)"};
constexpr Statement kInsertPointerBuilds{
    "dag_store_insert_pointer_builds",
    "INSERT INTO state.dag_version_builds (pointer_set_id, dag_version_id, job_name, build_id)"
    " SELECT $1::uuid, $2::uuid, j, b::uuid FROM unnest($3::text[], $4::text[]) AS m (j, b)"};
constexpr Statement kInsertPointers{
    "dag_store_insert_pointers",
    "INSERT INTO state.dag_version_datasets (pointer_set_id, dataset_uuid, dataset_version,"
    " dataset_id) SELECT $1::uuid, u::uuid, v::uuid, nullif(n, '')"
    " FROM unnest($2::text[], $3::text[], $4::text[]) AS m (u, v, n)"};
constexpr Statement kEndDeploy{
    "dag_store_end_deploy",
    "UPDATE state.deploys SET state = $2, finished_at = $3 WHERE deploy_id = $1::uuid"};
constexpr Statement kStopBuilds{"dag_store_stop_builds",
                                "UPDATE state.builds SET dispatch = 'stopped', stopped_at = $2"
                                " WHERE build_id = ANY ($1::text[]::uuid[])"};
constexpr Statement kStopSubscriptions{
    "dag_store_stop_subscriptions",
    "UPDATE state.subscriptions s SET stopped_seq = v.last_seq FROM state.dataset_versions v"
    " WHERE v.dataset_version = s.dataset_version"
    " AND s.consumer_build_id = ANY ($1::text[]::uuid[])"};
constexpr Statement kInsertDeploy{
    "dag_store_insert_deploy",
    "INSERT INTO state.deploys (deploy_id, org_id, dag_name, world, kind, from_pointer_set_id,"
    " to_pointer_set_id, state, activate, old_version, effects, keep_jobs, plan,"
    " generation_before, generation_after, created_by, ready_at, finished_at)"
    " VALUES ($1::uuid, $2::uuid, $3, $4, 'deploy', $5::uuid, $6::uuid, $7, $8, $9, $10,"
    " $11::text[], $12, $13, $14, $15::uuid, $16, CASE WHEN $7 = 'active' THEN $16 END)"};
constexpr Statement kResumeDeploy{
    "dag_store_resume_deploy",
    "UPDATE state.deploys SET state = 'active', generation_after = $2, finished_at = $3"
    " WHERE deploy_id = $1::uuid"};

// The switch (6.6).
constexpr Statement kSetCurrent{
    "dag_store_set_current",
    "INSERT INTO state.dag_current_versions AS c (org_id, dag_name, world, dag_version_id,"
    " pointer_set_id, generation, deploy_id, activated_at)"
    " VALUES ($1::uuid, $2, $3, $4::uuid, $5::uuid, $6, $7::uuid, $8)"
    " ON CONFLICT (org_id, dag_name, world) DO UPDATE SET dag_version_id ="
    " EXCLUDED.dag_version_id, pointer_set_id = EXCLUDED.pointer_set_id,"
    " previous_pointer_set_id = c.pointer_set_id, generation = EXCLUDED.generation,"
    " deploy_id = EXCLUDED.deploy_id, activated_at = EXCLUDED.activated_at"};
constexpr Statement kClaimNames{
    "dag_store_claim_names",
    "INSERT INTO state.dataset_names (dataset_id, org_id, world, owner_dag_name, dataset_uuid,"
    " filterable) SELECT dataset_id, $1::uuid, $2, $3, dataset_uuid, filterable"
    " FROM jsonb_to_recordset($4) AS n (dataset_id text, dataset_uuid uuid, filterable jsonb)"
    " ORDER BY dataset_id ON CONFLICT DO NOTHING RETURNING dataset_id"};
constexpr Statement kOpenBuilds{
    "dag_store_open_builds",
    "UPDATE state.builds SET dispatch = 'open', opened_at = coalesce(opened_at, $2)"
    " WHERE build_id = ANY ($1::text[]::uuid[]) AND dispatch <> 'open'"};
constexpr Statement kCompleteVersions{
    "dag_store_complete_versions",
    "UPDATE state.dataset_versions SET state = 'complete' WHERE state = 'building'"
    " AND build_id = ANY ($1::text[]::uuid[])"};
constexpr Statement kMarkCurrent{
    "dag_store_mark_current",
    "UPDATE state.pointer_sets SET first_current_at = coalesce(first_current_at, $2),"
    " last_current_at = $2 WHERE pointer_set_id = $1::uuid"};
/// Microseconds since 1970, which no float rounds.
constexpr Statement kStartSources{
    "dag_store_start_sources",
    "UPDATE state.source_state s SET next_fire_at = timestamptz 'epoch'"
    " + n * interval '1 microsecond' FROM unnest($1::text[], $2::bigint[]) AS f (b, n)"
    " WHERE s.build_id = f.b::uuid"};
constexpr Statement kOweQueues{"dag_store_owe_queues",
                               "INSERT INTO state.wakeup_meters (queue_name, slot, owed)"
                               " SELECT q, 0, true FROM unnest($1::text[]) AS u (q) ORDER BY q"
                               " ON CONFLICT (queue_name, slot) DO UPDATE SET owed = true"};
constexpr Statement kInsertResets{
    "dag_store_insert_resets",
    "INSERT INTO state.bootstrap_runs (dag_version_id, job_name, action)"
    " SELECT $1::uuid, j, 'reset_outputs' FROM unnest($2::text[]) AS u (j)"
    " ON CONFLICT DO NOTHING"};
/// Stamped under the lock of the DAG, a microsecond apart: told in the order they happened in.
constexpr Statement kInsertEvents{
    "dag_store_insert_events",
    "INSERT INTO state.outbox (outbox_id, kind, topic, order_key, payload, created_at)"
    " SELECT o.outbox_id, 'control_event', o.topic, $1, o.payload,"
    " (SELECT clock_timestamp()) + e.place * interval '1 microsecond'"
    " FROM jsonb_array_elements($2) WITH ORDINALITY AS e (event, place),"
    " jsonb_to_record(e.event) AS o (outbox_id uuid, topic text, payload jsonb)"
    " ON CONFLICT DO NOTHING"};
constexpr Statement kInsertAudit{
    "dag_store_insert_audit",
    "INSERT INTO state.audit_log (org_id, actor_kind, actor, action, target, decision, request_id,"
    " detail) VALUES ($1::uuid, $2, $3, $4, $5, 'allow', $6::uuid, $7)"};

std::string_view kind_word(DatasetKind kind) {
  constexpr std::array<std::string_view, 4> kKinds = {"events", "parquet", "table", "virtual"};
  return word_of(kKinds, kind);
}

/// Members of a row are left out where the column is null.
void add_text(JsonText& out, std::string_view key, std::string_view text) {
  if (!text.empty()) out.key(key).text(text);
}
void add_json(JsonText& out, std::string_view key, std::string_view json) {
  if (!json.empty()) out.key(key).raw(json);
}
void add_integer(JsonText& out, std::string_view key, const std::optional<std::int64_t>& value) {
  if (value) out.key(key).integer(*value);
}

std::string source_json(const DagSource& source) {
  JsonText out;
  out.open('{').key("kind").text(word_of(kSourceKinds, source.kind));
  add_text(out, "schedule", source.schedule_text);
  add_text(out, "webhook_path", source.webhook_path);
  return out.close('}').written();
}

void add_job(JsonText& out, const DagJob& job, const NewJob& row) {
  const OperatorSpec& operation = *job.operation;
  const JobTuning& tuning = job.tuning;
  out.open('{').key("name").text(job.name);
  out.key("activation").text(word_of(kActivations, job.activation));
  out.key("runtime").text(word_of(kRuntimes, job.runtime));
  out.key("operator").text(operation.name).key("operator_version").text(operation.version);
  out.key("outputs").integer(static_cast<std::int64_t>(job.outputs.size()));
  if (job.execution) {
    out.key("execution_strategy").text(word_of(kExecutionStrategies, *job.execution));
  }
  if (job.update) out.key("update_strategy").text(word_of(kUpdateStrategies, *job.update));
  if (job.update == UpdateStrategy::Append) out.key("unique_key").texts(job.unique_key);
  if (job.source) out.key("source").raw(source_json(*job.source));
  if (job.reset_outputs) out.key("bootstrap").raw(R"({"reset_outputs":true})");
  out.key("config").raw(job.config_json);
  if (job.udf) {
    out.key("udf_bundle_id").text(job.udf->bundle.view());
    add_text(out, "udf_entrypoint", job.udf->entrypoint);
  }
  add_text(out, "udf_sha256", row.udf_sha256);
  out.key("secrets").texts(job.secrets);
  add_integer(out, "timeout_seconds", tuning.timeout_seconds);
  out.key("heartbeat_timeout_seconds").integer(tuning.heartbeat_timeout_seconds);
  out.key("max_attempts").integer(tuning.max_attempts);
  out.key("priority").text(word_of(kPriorities, tuning.priority));
  out.key("max_queue_depth").integer(tuning.max_queue_depth);
  out.key("max_queue_age_ms").integer(tuning.max_queue_age_ms);
  out.key("backpressure_mode").text(word_of(kBackpressureModes, tuning.backpressure_mode));
  add_integer(out, "max_concurrency", job.max_concurrency);
  out.key("core_id").text(row.core_id).key("node_id").text(row.node_id).close('}');
}

void add_edge(JsonText& out, const DagFile& file, const DagJob& job, std::size_t index) {
  const DagInput& input = job.inputs[index];
  out.open('{').key("consumer_job").text(job.name);
  out.key("input_index").integer(static_cast<std::int64_t>(index));
  if (input.job) {
    out.key("from_job").text(file.jobs[*input.job].name).key("from_output").integer(input.output);
  } else {
    out.key("from_dataset_id").text(input.dataset.view());
  }
  add_json(out, "where_filter", input.where_json);
  out.close('}');
}

std::vector<std::string> texts_of(const std::vector<BuildId>& ids) {
  std::vector<std::string> texts;
  texts.reserve(ids.size());
  for (const BuildId& id : ids) texts.push_back(id.text());
  return texts;
}

/// The rows of one table as a JSON list; nothing is sent where there are none.
template <class Rows, class Add>
std::string list_of(const Rows& rows, const Add& add) {
  JsonText out;
  out.open('[');
  for (const auto& row : rows) add(out, row);
  return out.close(']').written();
}

}  // namespace

std::string tables_json(std::span<const DatasetTable> tables) {
  return list_of(tables, [](JsonText& out, const DatasetTable& table) {
    out.open('{').key("version").text(table.version.text());
    out.key("columns").raw(table.columns_json).key("unique").texts(table.unique);
    out.key("indexes").raw(table.indexes_json).close('}');
  });
}

void DeployWriter::add_to(Pipeline& pipeline) {
  if (writes_.new_version) add_version(pipeline);
  if (!writes_.builds.empty()) {
    add_builds(pipeline);
    add_outputs(pipeline);
    add_inputs(pipeline);
  }
  if (writes_.pointers && !writes_.pointers->exists) add_pointers(pipeline);
  if (writes_.ended) add_ended(pipeline);
  if (writes_.deploy) add_deploy(pipeline);
  if (writes_.cutover) add_cutover(pipeline);
  if (!writes_.events.empty()) add_events(pipeline);
  if (!writes_.audit_action.empty()) add_audit(pipeline);
}

void DeployWriter::add_version(Pipeline& pipeline) const {
  WEIR_ASSERT(request_.file != nullptr);
  const DagFile& file = *request_.file;
  Params version;
  version.text(writes_.version.text()).text(dag().org_id.text()).text(dag().dag_name);
  version.int64(writes_.version_no).text(file.yaml_hash.view()).text(file.registry_hash.view());
  version.text(request_.yaml_text).json(file.normalised);
  const auto& user = request_.actor.user_id;
  version.text_or_null(user ? std::optional(user->text()) : std::nullopt);
  pipeline.add(kInsertVersion, std::move(version));
  pipeline.add(kInsertJobs, Params()
                                .text(writes_.version.text())
                                .json(list_of(writes_.jobs, [&](JsonText& out, const NewJob& row) {
                                  add_job(out, file.jobs[row.job], row);
                                })));
  pipeline.add(kInsertEdges, Params()
                                 .text(writes_.version.text())
                                 .json(list_of(file.jobs, [&](JsonText& out, const DagJob& job) {
                                   for (std::size_t i = 0; i < job.inputs.size(); ++i) {
                                     add_edge(out, file, job, i);
                                   }
                                 })));
}

void DeployWriter::add_builds(Pipeline& pipeline) const {
  const DagFile& file = *request_.file;
  Params params;
  params.text(dag().org_id.text()).text(dag().dag_name).text(dag().world);
  params.json(list_of(writes_.builds, [&](JsonText& out, const NewBuild& build) {
    out.open('{').key("build_id").text(build.build_id.text());
    out.key("job_name").text(file.jobs[build.job].name).key("core_id").text(build.core_id);
    out.key("node_id").text(build.node_id).key("generation").integer(build.generation);
    out.key("definition").raw(build.definition_json).close('}');
  }));
  pipeline.add(kInsertBuilds, std::move(params));
}

void DeployWriter::add_outputs(Pipeline& pipeline) const {
  const DagFile& file = *request_.file;
  Params datasets;
  datasets.text(dag().org_id.text()).text(dag().dag_name);
  datasets.json(list_of(writes_.builds, [&](JsonText& out, const NewBuild& build) {
    for (const NewOutput& output : build.outputs) {
      out.open('{').key("dataset_uuid").text(output.dataset.text());
      out.key("job_name").text(file.jobs[build.job].name);
      out.key("output_index").integer(output.output).close('}');
    }
  }));
  pipeline.add(kInsertDatasets, std::move(datasets));
  const auto add_versions = [](JsonText& out, const NewBuild& build) {
    for (const NewOutput& output : build.outputs) {
      out.open('{').key("dataset_version").text(output.version.text());
      out.key("dataset_uuid").text(output.dataset.text());
      out.key("build_id").text(build.build_id.text()).key("kind").text(kind_word(output.kind));
      out.key("storage").raw(output.storage_json);
      add_json(out, "schema", output.schema_json);
      out.close('}');
    }
  };
  pipeline.add(kInsertVersions, Params().json(list_of(writes_.builds, add_versions)));
}

void DeployWriter::add_inputs(Pipeline& pipeline) const {
  const auto add = [](JsonText& out, const NewBuild& build) {
    for (const NewSubscription& input : build.inputs) {
      out.open('{').key("build_id").text(build.build_id.text());
      out.key("input").integer(input.index);
      out.key("dataset_version").text(input.version.text());
      out.key("backfill_to_seq").integer(input.backfill_to_seq).close('}');
    }
  };
  pipeline.add(kInsertSubscriptions, Params().json(list_of(writes_.builds, add)));
  std::vector<std::string> builds;
  std::vector<std::string> kinds;
  for (const NewBuild& build : writes_.builds) {
    if (build.source_kind.empty()) continue;
    builds.push_back(build.build_id.text());
    kinds.push_back(build.source_kind);
  }
  pipeline.add(kInsertSources, Params().text(dag().world).text_array(builds).text_array(kinds));
}

void DeployWriter::add_pointers(Pipeline& pipeline) const {
  const NewPointerSet& set = *writes_.pointers;
  const std::string id = set.id.text();
  const std::string version = writes_.version.text();
  pipeline.add(kInsertPointerSet, Params().text(id).text(version).int32(set.set_no));
  std::vector<std::string> builds;
  builds.reserve(set.builds.size());
  for (const auto& [job, build] : set.builds) builds.push_back(build.text());
  pipeline.add(kInsertPointerBuilds,
               Params()
                   .text(id)
                   .text(version)
                   .text_array(set.builds, &std::pair<std::string, BuildId>::first)
                   .text_array(builds));
  std::vector<std::string> datasets;
  std::vector<std::string> versions;
  for (const NewPointer& pointer : set.datasets) {
    datasets.push_back(pointer.dataset.text());
    versions.push_back(pointer.version.text());
  }
  pipeline.add(kInsertPointers,
               Params().text(id).text_array(datasets).text_array(versions).text_array(
                   set.datasets, &NewPointer::dataset_id));
}

void DeployWriter::add_ended(Pipeline& pipeline) const {
  const EndedDeploy& ended = *writes_.ended;
  pipeline.add(kEndDeploy, Params()
                               .text(ended.id.text())
                               .text(ended.canceled ? "canceled" : "superseded")
                               .instant(now_));
  if (writes_.stopped.empty()) return;
  const std::vector<std::string> stopped = texts_of(writes_.stopped);
  pipeline.add(kStopBuilds, Params().text_array(stopped).instant(now_));
  pipeline.add(kStopSubscriptions, Params().text_array(stopped));
}

void DeployWriter::add_deploy(Pipeline& pipeline) const {
  const NewDeploy& deploy = *writes_.deploy;
  std::optional<std::int64_t> after;
  if (writes_.cutover) after = writes_.cutover->generation;
  if (deploy.exists) {
    pipeline.add(kResumeDeploy, Params().text(deploy.id.text()).int64_or_null(after).instant(now_));
    return;
  }
  const auto& user = request_.actor.user_id;
  Params params;
  params.text(deploy.id.text()).text(dag().org_id.text()).text(dag().dag_name).text(dag().world);
  params.text_or_null(deploy.from ? std::optional(deploy.from->text()) : std::nullopt);
  params.text(writes_.pointers->id.text()).text(writes_.cutover ? "active" : "ready");
  params.text(deploy.activate).text(deploy.old_version).text(deploy.effects);
  params.text_array(deploy.keep).json(deploy.plan_json);
  params.int64_or_null(deploy.generation_before).int64_or_null(after);
  params.text_or_null(user ? std::optional(user->text()) : std::nullopt).instant(now_);
  pipeline.add(kInsertDeploy, std::move(params));
}

void DeployWriter::add_cutover(Pipeline& pipeline) {
  const Cutover& cutover = *writes_.cutover;
  Params current;
  current.text(dag().org_id.text()).text(dag().dag_name).text(dag().world);
  current.text(cutover.version.text()).text(cutover.to.text()).int64(cutover.generation);
  current.text(writes_.deploy->id.text()).instant(now_);
  pipeline.add(kSetCurrent, std::move(current));
  Params names;
  names.text(dag().org_id.text()).text(dag().world).text(dag().dag_name);
  names.json(list_of(cutover.names, [](JsonText& out, const NewPointer& name) {
    out.open('{').key("dataset_id").text(name.dataset_id);
    out.key("dataset_uuid").text(name.dataset.text());
    out.key("filterable").raw(name.filterable_json).close('}');
  }));
  names_at_ = pipeline.add(kClaimNames, std::move(names));
  const std::vector<std::string> entering = texts_of(cutover.entering);
  pipeline.add(kOpenBuilds, Params().text_array(entering).instant(now_));
  pipeline.add(kCompleteVersions, Params().text_array(entering));
  pipeline.add(kMarkCurrent, Params().text(cutover.to.text()).instant(now_));
  std::vector<std::string> sources;
  std::vector<std::optional<std::int64_t>> fire_at;
  for (const SourceStart& source : cutover.sources) {
    sources.push_back(source.build_id.text());
    fire_at.emplace_back();
    if (source.next_fire_at) fire_at.back() = source.next_fire_at->time_since_epoch().count();
  }
  pipeline.add(kStartSources, Params().text_array(sources).int64_array(fire_at));
  if (!cutover.resets.empty()) {
    pipeline.add(kInsertResets, Params().text(cutover.version.text()).text_array(cutover.resets));
  }
  pipeline.add(kOweQueues, Params().text_array(cutover.queues_owed));
}

std::string DeployWriter::envelope_of(const ControlEvent& event, const OutboxId& id) const {
  const Result<JsonDocument> members = JsonDocument::parse(event.data_json);
  WEIR_ASSERT(members.ok());
  JsonText out;
  out.open('{').key("specversion").text("1.0").key("id").text(id.text());
  out.key("source").text("weir.dispatcher").key("type").text(event.type);
  out.key("time").text(base::rfc3339(now_)).key("datacontenttype").text("application/json");
  out.key("org_id").text(dag().org_id.text()).key("data").open('{');
  out.key("dag").text(dag().dag_name).key("world").text(dag().world);
  out.key("deploy_id").text(event.deploy.text());
  for (const JsonValue member : members->root()) {
    out.key(member.key()).raw(base::canonical_json(member));
  }
  return out.close('}').close('}').written();
}

void DeployWriter::add_events(Pipeline& pipeline) const {
  Params params;
  params.text("control." + dag().org_id.text() + '.' + dag().dag_name);
  params.json(list_of(writes_.events, [&](JsonText& out, const ControlEvent& event) {
    const OutboxId id = control_event_id(
        {.subject = event.deploy.text(), .type = event.type, .instance = event.instance});
    out.open('{').key("outbox_id").text(id.text()).key("topic").text(event.type);
    out.key("payload").raw(envelope_of(event, id)).close('}');
  }));
  pipeline.add(kInsertEvents, std::move(params));
}

void DeployWriter::add_audit(Pipeline& pipeline) const {
  const Actor& actor = request_.actor;
  Params params;
  params.text(dag().org_id.text()).text(actor.user_id ? "user" : "system").text(actor.name);
  params.text(writes_.audit_action).text(dag().dag_name);
  params.text_or_null(actor.request_id ? std::optional(actor.request_id->text()) : std::nullopt);
  params.json(writes_.audit_detail_json);
  pipeline.add(kInsertAudit, std::move(params));
}

Result<void> DeployWriter::check(const std::vector<Rows>& results) const {
  if (!writes_.cutover) return {};
  const Rows& claimed = results.at(names_at_);
  if (claimed.size() == writes_.cutover->names.size()) return {};
  std::set<std::string_view> mine;
  for (std::size_t row = 0; row < claimed.size(); ++row) mine.insert(claimed.text(row, 0));
  std::vector<Fault> faults;
  for (const NewPointer& name : writes_.cutover->names) {
    if (mine.contains(name.dataset_id)) continue;
    faults.push_back({"dataset_owned", name.dataset_id, "is published by another DAG"});
  }
  return Error(Code::AlreadyExists, "dataset_owned", "another DAG publishes " + faults.front().path)
      .with_faults(std::move(faults));
}

}  // namespace weir::dispatcher
