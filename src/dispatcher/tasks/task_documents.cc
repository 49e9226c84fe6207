// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/task_documents.h"

#include <algorithm>
#include <utility>

#include "base/json.h"
#include "dispatcher/core/claim_gate.h"
#include "dispatcher/core/limits.h"
#include "storage/staging.h"

namespace weir::dispatcher {
namespace {

using operators::TaskInput;
using operators::TaskOutput;
using operators::TaskPayload;

constexpr std::string_view kSourceRelation = "source";
constexpr std::string_view kReadsItsSource = "parquet_compact";

operators::DatasetKind payload_kind(DatasetKind kind) {
  return static_cast<operators::DatasetKind>(kind);
}

std::string relation_of(int index) { return "input_" + std::to_string(index); }

/// The source that a compaction reads: its config's, else its trigger's manifest's.
std::optional<VersionAsk> compact_source(const TaskContext& context) {
  if (context.job->operator_name != kReadsItsSource) return std::nullopt;
  const auto config = JsonDocument::parse(context.job->config_json);
  if (config.ok()) {
    const JsonValue named = config->root().find(kSourceRelation);
    if (named.is_text()) return VersionAsk{.dataset_id = std::string(named.text())};
  }
  if (!context.trigger) return std::nullopt;
  const auto manifest = JsonDocument::parse(context.trigger->payload_json);
  if (!manifest.ok()) return std::nullopt;
  const JsonValue version = manifest->root().find(kSourceRelation).find("dataset_version");
  const auto uuid = Uuid::parse(version.text());
  if (!version.is_text() || !uuid) return std::nullopt;
  return VersionAsk{.version = DatasetVersionId(*uuid)};
}

/// The columns of a version's schema; none if it has no schema.
std::vector<operators::ColumnSpec> columns_of(const std::string& schema_json) {
  std::vector<operators::ColumnSpec> columns;
  const auto schema = JsonDocument::parse(schema_json.empty() ? "{}" : schema_json);
  if (!schema.ok()) return columns;
  for (const JsonValue column : schema->root().find("columns")) {
    columns.push_back({.name = std::string(column.find("name").text()),
                       .type = std::string(column.find("type").text()),
                       .nullable = column.find("nullable").is_bool() &&
                                   column.find("nullable").kind() == JsonKind::True});
  }
  return columns;
}

void note_facts(TaskInput& input, const VersionFacts& facts) {
  input.max_cursor = facts.max_cursor;
  if (!facts.partitions) return;
  input.partitions.emplace();
  for (const PartitionFacts& partition : *facts.partitions) {
    input.partitions->push_back(
        {partition.partition_key, partition.location, partition.manifest_sha256});
  }
}

std::optional<std::string> storage_ref(DatasetKind kind, const DatasetUuid& dataset,
                                       const DatasetVersionId& version,
                                       const storage::StorageRoot& root) {
  if (kind != DatasetKind::Parquet) return std::nullopt;
  return root.uri_of(storage::version_prefix(dataset, version));
}

TaskInput make_input(const InputContext& from, const storage::StorageRoot& root) {
  TaskInput input;
  input.index = from.index;
  input.relation = relation_of(from.index);
  input.dataset = from.dataset;
  input.version = from.version;
  if (!from.dataset_id.empty()) input.dataset_id = from.dataset_id;
  input.kind = payload_kind(from.kind);
  input.storage_ref = storage_ref(from.kind, from.dataset, from.version, root);
  input.columns = columns_of(from.schema_json);
  if (!from.where_json.empty()) input.where = from.where_json;
  return input;
}

/// The version that the first claim froze for this input, else the subscription's.
DatasetVersionId pinned_version(const TaskContext& context, const InputContext& input) {
  const auto& pinned = context.task.life.scope.pinned;
  const auto found = std::ranges::find(pinned, input.index, &PinnedInput::input_index);
  return found == pinned.end() ? input.version : found->version;
}

void add_inputs(TaskPayload& payload, const TaskContext& context, std::span<const ExtraGrant> extra,
                const storage::StorageRoot& root) {
  for (InputContext input : context.job->inputs) {
    input.version = pinned_version(context, input);
    payload.inputs.push_back(make_input(input, root));
  }
  for (const ExtraGrant& grant : extra) {
    const auto known = std::ranges::find(payload.inputs, grant.relation, &TaskInput::relation);
    if (known != payload.inputs.end()) {
      note_facts(*known, grant.version);
      continue;
    }
    const VersionFacts& facts = grant.version;
    TaskInput input;
    input.relation = grant.relation;
    input.dataset = facts.dataset;
    input.version = facts.version;
    if (!facts.dataset_id.empty()) input.dataset_id = facts.dataset_id;
    input.kind = payload_kind(facts.kind);
    input.storage_ref = storage_ref(facts.kind, facts.dataset, facts.version, root);
    input.columns = columns_of(facts.schema_json);
    note_facts(input, facts);
    payload.inputs.push_back(std::move(input));
  }
}

void add_outputs(TaskPayload& payload, const JobContext& job, const storage::StorageRoot& root) {
  for (const OutputContext& from : job.outputs) {
    TaskOutput output{.output = from.output,
                      .dataset = from.dataset,
                      .version = from.version,
                      .kind = payload_kind(from.kind),
                      .staging_prefix = {},
                      .columns = columns_of(from.schema_json)};
    if (from.kind == DatasetKind::Parquet) {
      output.staging_prefix = root.uri_of(
          storage::staging_prefix({from.dataset, from.version, payload.task_id, payload.attempt}));
    }
    payload.outputs.push_back(std::move(output));
  }
}

void add_trigger(TaskPayload& payload, const TaskContext& context) {
  if (!context.trigger) return;
  const EventContext& event = *context.trigger;
  operators::TaskTrigger trigger;
  trigger.input = context.task.input_index.value_or(0);
  trigger.event_id = event.event_id.uuid();
  trigger.seq = event.seq;
  trigger.cursor = event.cursor;
  trigger.partition_key = event.partition_key;
  if (event.start && event.end) trigger.range = operators::CursorRange{*event.start, *event.end};
  trigger.payload = event.payload_json;
  payload.trigger = std::move(trigger);
}

operators::PayloadScope payload_scope(const TaskScope& from) {
  operators::PayloadScope scope;
  scope.partition_key = from.partition_key;
  if (from.start && from.end) scope.range = operators::CursorRange{*from.start, *from.end};
  scope.cursor_from = from.cursor_from;
  scope.cursor_to = from.cursor_to;
  return scope;
}

}  // namespace

std::vector<WantedVersion> wanted_versions(const TaskContext& context) {
  std::vector<WantedVersion> wanted;
  for (const InputContext& input : context.job->inputs) {
    if (input.kind != DatasetKind::Parquet) continue;
    wanted.push_back({relation_of(input.index), {.version = pinned_version(context, input)}});
  }
  if (auto source = compact_source(context)) {
    wanted.push_back({std::string(kSourceRelation), *std::move(source)});
  }
  return wanted;
}

TaskPayload make_payload(const TaskContext& context, std::int64_t fence_no,
                         std::span<const ExtraGrant> extra, const storage::StorageRoot& root) {
  const TaskRecord& task = context.task;
  const JobContext& job = *context.job;
  TaskPayload payload;
  payload.task_id = task.task_id;
  payload.attempt = task.life.attempt;
  payload.kind = word(task.kind);
  payload.task_class = word(task.life.task_class);
  if (task.life.effects) payload.effects = word(*task.life.effects);
  payload.org_id = job.org_id.uuid();
  payload.dag_name = job.dag_name;
  payload.dag_version_id = task.dag_version_id.uuid();
  payload.build_id = job.build_id.uuid();
  payload.world = job.world;
  payload.fence_no = fence_no;
  payload.job = job.job;
  payload.op = job.operator_name;
  payload.operator_version = job.operator_version;
  payload.runtime = job.runtime;
  payload.config = job.config_json;
  if (!job.execution_strategy.empty()) payload.execution_strategy = job.execution_strategy;
  if (!job.update_strategy.empty()) payload.update_strategy = job.update_strategy;
  payload.unique_key = job.unique_key;
  payload.deadline_at = task.life.deadline_at;
  const Duration lease = lease_terms(task.kind, context.build).lease;
  payload.heartbeat_interval_seconds = static_cast<int>(std::max<std::int64_t>(
      1, std::chrono::duration_cast<std::chrono::seconds>(lease / kHeartbeatsPerLease).count()));
  payload.max_attempts = task.life.max_attempts;
  payload.scope = payload_scope(task.life.scope);
  if (!job.udf_json.empty()) payload.udf = job.udf_json;
  add_trigger(payload, context);
  add_inputs(payload, context, extra, root);
  add_outputs(payload, job, root);
  return payload;
}

auth::CapabilityGrants make_grants(const TaskPayload& payload, const storage::StorageRoot& root) {
  auth::CapabilityGrants grants;
  const bool sandboxed = payload.udf.has_value();
  const std::string scratch =
      root.uri_of(storage::scratch_prefix(payload.task_id, payload.attempt));
  for (const TaskInput& input : payload.inputs) {
    auth::DatasetGrant grant{.dataset_uuid = input.dataset.uuid(),
                             .dataset_version = input.version.uuid(),
                             .relation = input.relation,
                             .storage_ref = {},
                             .where = {}};
    if (input.where != "{}") grant.where = input.where;
    if (!sandboxed && input.storage_ref) {
      grant.storage_ref = input.storage_ref;
      grants.read_prefixes.push_back(*input.storage_ref);
    }
    grants.datasets.push_back(std::move(grant));
  }
  for (const TaskOutput& output : payload.outputs) {
    grants.outputs.push_back({.output = std::to_string(output.output),
                              .dataset_uuid = output.dataset.uuid(),
                              .dataset_version = output.version.uuid()});
    if (output.staging_prefix) grants.write_prefixes.push_back(*output.staging_prefix);
  }
  grants.read_prefixes.push_back(scratch);
  grants.write_prefixes.push_back(scratch);
  return grants;
}

}  // namespace weir::dispatcher
