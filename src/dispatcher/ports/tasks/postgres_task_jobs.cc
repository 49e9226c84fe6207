// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_jobs.h"

#include <string>

#include "base/assert.h"
#include "base/json.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "dispatcher/ports/tasks/postgres_task_sql.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kReadJobs = {
    "task_read_jobs",
    "SELECT w.d, w.b, b.org_id, b.dag_name, j.name, j.operator, j.operator_version, j.runtime,"
    " j.config, j.execution_strategy, j.update_strategy, j.unique_key, j.secrets,"
    " coalesce(b.definition->>'ordered' = 'true', false),"
    " coalesce(b.definition->>'inline' = 'true', false),"
    " j.udf_bundle_id, u.language, encode(j.udf_sha256, 'hex'), j.udf_entrypoint"
    " FROM unnest($1::uuid[], $2::uuid[]) AS w (d, b) JOIN state.builds b ON b.build_id = w.b"
    " JOIN state.jobs j ON j.dag_version_id = w.d AND j.name = b.job_name"
    " LEFT JOIN state.bundles u ON u.bundle_id = j.udf_bundle_id"};

constexpr Statement kReadOutputs = {
    "task_read_outputs",
    "SELECT w.d, w.b, d.output_index, d.dataset_uuid, v.dataset_version, v.kind,"
    " coalesce(v.storage->>'write_mode' = 'buffered', false), v.schema,"
    " (SELECT p.dataset_id FROM state.dag_version_builds s JOIN state.dag_version_datasets p"
    " ON p.pointer_set_id = s.pointer_set_id AND p.dataset_uuid = d.dataset_uuid"
    " WHERE s.build_id = w.b AND s.dag_version_id = w.d AND p.dataset_id IS NOT NULL LIMIT 1)"
    " FROM unnest($1::uuid[], $2::uuid[]) AS w (d, b) JOIN state.builds b ON b.build_id = w.b"
    " JOIN state.datasets d ON d.org_id = b.org_id AND d.dag_name = b.dag_name"
    " AND d.job_name = b.job_name JOIN state.dataset_versions v"
    " ON v.dataset_uuid = d.dataset_uuid AND v.build_id = b.build_id ORDER BY d.output_index"};

DatasetKind kind_of(std::string_view word) {
  if (word == "parquet") return DatasetKind::Parquet;
  if (word == "table") return DatasetKind::Table;
  return word == "virtual" ? DatasetKind::Virtual : DatasetKind::Events;
}

std::string text_or_empty(const Rows& rows, std::size_t row, std::size_t column) {
  return std::string(rows.text_if(row, column).value_or(""));
}

std::string json_or_empty(const Rows& rows, std::size_t row, std::size_t column) {
  const auto json = rows.text_if(row, column);
  return json ? canonical(*json) : "";
}

std::vector<std::string> texts_of(const Rows& rows, std::size_t row, std::size_t column) {
  std::vector<std::string> texts;
  if (rows.is_null(row, column)) return texts;
  for (const std::string_view text : rows.text_array(row, column)) texts.emplace_back(text);
  return texts;
}

JobKey key_of(const Rows& rows, std::size_t row) {
  return {id_of<DagVersionId>(rows, row, 0), id_of<BuildId>(rows, row, 1)};
}

std::string udf_json(const Rows& rows, std::size_t row) {
  if (rows.is_null(row, 15)) return {};
  std::string json = "{\"bundle_id\":";
  base::append_json_text(json, rows.text(row, 15));
  json += ",\"entrypoint\":";
  const auto entrypoint = rows.text_if(row, 18);
  if (entrypoint) base::append_json_text(json, *entrypoint);
  if (!entrypoint) json += "null";
  json += ",\"language\":";
  base::append_json_text(json, text_or_empty(rows, row, 16));
  json += ",\"sha256\":";
  base::append_json_text(json, text_or_empty(rows, row, 17));
  return json + "}";
}

JobContext job_of(const Rows& rows, std::size_t row) {
  JobContext job;
  std::tie(job.dag_version_id, job.build_id) = key_of(rows, row);
  job.org_id = id_of<OrgId>(rows, row, 2);
  job.dag_name = std::string(rows.text(row, 3));
  job.job = std::string(rows.text(row, 4));
  job.operator_name = std::string(rows.text(row, 5));
  job.operator_version = std::string(rows.text(row, 6));
  job.runtime = std::string(rows.text(row, 7));
  job.config_json = canonical(rows.text(row, 8));
  job.execution_strategy = text_or_empty(rows, row, 9);
  job.update_strategy = text_or_empty(rows, row, 10);
  job.unique_key = texts_of(rows, row, 11);
  job.secrets = texts_of(rows, row, 12);
  job.ordered = rows.boolean(row, 13);
  job.inlined = rows.boolean(row, 14);
  job.udf_json = udf_json(rows, row);
  return job;
}

OutputContext output_of(const Rows& rows, std::size_t row) {
  return {.output = static_cast<int>(rows.int64(row, 2)),
          .dataset = id_of<DatasetUuid>(rows, row, 3),
          .version = id_of<DatasetVersionId>(rows, row, 4),
          .kind = kind_of(rows.text(row, 5)),
          .buffered = rows.boolean(row, 6),
          .schema_json = json_or_empty(rows, row, 7),
          .dataset_id = text_or_empty(rows, row, 8)};
}

}  // namespace

const Statement kReadInputs = {
    "task_read_inputs",
    "SELECT x.dag_version_id, x.build_id, s.input_index, d.dataset_uuid, s.dataset_version,"
    " n.dataset_id, v.kind, e.where_filter, v.schema, CASE WHEN v.kind IN ('table', 'parquet')"
    " THEN p.definition->'config'->>'cursor_column' END"
    " FROM " WEIR_NOTED_JOBS
    " AS x JOIN state.builds b ON b.build_id = x.build_id"
    " JOIN state.subscriptions s ON s.consumer_build_id = x.build_id"
    " JOIN state.dataset_versions v ON v.dataset_version = s.dataset_version"
    " JOIN state.builds p ON p.build_id = v.build_id"
    " JOIN state.datasets d ON d.dataset_uuid = v.dataset_uuid"
    " LEFT JOIN state.edges e ON e.dag_version_id = x.dag_version_id"
    " AND e.consumer_job = b.job_name AND e.input_index = s.input_index"
    " LEFT JOIN LATERAL (SELECT q.dataset_id FROM state.dag_current_versions c"
    " JOIN state.dag_version_datasets q ON q.pointer_set_id = c.pointer_set_id"
    " AND q.dataset_uuid = d.dataset_uuid WHERE c.org_id = d.org_id AND c.dag_name = d.dag_name"
    " AND c.world = p.world) AS n ON true"
    " WHERE s.stopped_seq IS NULL ORDER BY 1, 2, 3, 5"};

std::vector<std::pair<JobKey, InputContext>> inputs_of(const Rows& rows) {
  std::vector<std::pair<JobKey, InputContext>> inputs;
  inputs.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    InputContext input{.index = static_cast<int>(rows.int64(row, 2)),
                       .dataset = id_of<DatasetUuid>(rows, row, 3),
                       .version = id_of<DatasetVersionId>(rows, row, 4),
                       .dataset_id = text_or_empty(rows, row, 5),
                       .kind = kind_of(rows.text(row, 6)),
                       .where_json = json_or_empty(rows, row, 7),
                       .schema_json = json_or_empty(rows, row, 8)};
    if (const auto column = rows.text_if(row, 9)) input.cursor_column = std::string(*column);
    inputs.emplace_back(key_of(rows, row), std::move(input));
  }
  return inputs;
}

std::shared_ptr<const JobContext> JobCache::find(const JobKey& key) const {
  const base::MutexLock lock(mutex_);
  const auto found = jobs_.find(key);
  return found == jobs_.end() ? nullptr : found->second;
}

Result<void> JobCache::fetch(postgres::Connection& connection, const std::set<JobKey>& keys) {
  std::vector<JobKey> missing;
  for (const JobKey& key : keys) {
    if (!find(key)) missing.push_back(key);
  }
  if (missing.empty()) return {};
  Pipeline pipeline(connection);
  for (const Statement* statement : {&kReadJobs, &kReadOutputs}) {
    Params params;
    params.uuid_array(missing, [](const JobKey& key) { return key.first.uuid(); })
        .uuid_array(missing, [](const JobKey& key) { return key.second.uuid(); });
    pipeline.add(*statement, std::move(params));
  }
  WEIR_TRY(const std::vector<Rows> rows, pipeline.run());
  std::map<JobKey, JobContext> jobs;
  for (std::size_t row = 0; row < rows[0].size(); ++row) {
    jobs.emplace(key_of(rows[0], row), job_of(rows[0], row));
  }
  for (std::size_t row = 0; row < rows[1].size(); ++row) {
    jobs.at(key_of(rows[1], row)).outputs.push_back(output_of(rows[1], row));
  }
  const base::MutexLock lock(mutex_);
  if (jobs_.size() + jobs.size() > kJobsKept) jobs_.clear();
  for (auto& [key, job] : jobs) jobs_[key] = std::make_shared<const JobContext>(std::move(job));
  return {};
}

}  // namespace weir::dispatcher
