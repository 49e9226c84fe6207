// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/dispatcher/task_fixture.h"

#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "dispatcher/ports/database/postgres_auditor.h"

namespace weir::test {
namespace {

using dispatcher::AuditCount;
using dispatcher::BuildId;
using dispatcher::BuildSeed;
using dispatcher::CancelReason;
using dispatcher::DagVersionId;
using dispatcher::DagVersionSeed;
using dispatcher::DatasetKind;
using dispatcher::DatasetSeed;
using dispatcher::DatasetUuid;
using dispatcher::DatasetVersionSeed;
using dispatcher::Dispatch;
using dispatcher::InputSeed;
using dispatcher::JobSeed;
using dispatcher::OrgSeed;
using dispatcher::OutboxRecord;
using dispatcher::PauseSeed;
using dispatcher::QueueRuntime;
using dispatcher::run_audit;
using dispatcher::SeedSource;
using dispatcher::service_connect_options;
using dispatcher::ServiceRole;
using dispatcher::SourceSeed;
using dispatcher::SubscriptionSeed;
using dispatcher::TaskId;
using dispatcher::TaskSeed;
using dispatcher::word;

std::string literal(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out.push_back('\'');
    out.push_back(c);
  }
  return out + "'";
}

template <class Id>
std::string id_of(const Id& id) {
  return literal(id.text());
}

std::string or_null(std::string_view text) { return text.empty() ? "NULL" : literal(text); }

std::string instant_of(Instant at) {
  return "('epoch'::timestamptz + " + std::to_string(at.time_since_epoch().count()) +
         " * interval '1 microsecond')";
}

std::string texts(const std::vector<std::string>& items) {
  std::string out = "ARRAY[";
  for (const std::string& item : items) out += (out.back() == '[' ? "" : ", ") + literal(item);
  return out + "]::text[]";
}

std::int64_t seconds(Duration span) {
  return std::chrono::duration_cast<std::chrono::seconds>(span).count();
}

std::string_view source_word(SeedSource source) {
  if (source == SeedSource::Cron) return "cron";
  return source == SeedSource::Manual ? "manual" : "always_on";
}

std::string_view kind_word(DatasetKind kind) {
  if (kind == DatasetKind::Events) return "events";
  if (kind == DatasetKind::Parquet) return "parquet";
  return kind == DatasetKind::Table ? "table" : "virtual";
}

std::string source_json(const JobSeed& job) {
  std::string json = R"({"kind":")" + std::string(source_word(*job.source)) + "\"";
  if (!job.schedule.empty()) {
    json += ",\"schedule\":";
    base::append_json_text(json, job.schedule);
  }
  return json + "}";
}

/// What a deploy writes into `builds.definition`, as far as the task plane reads it.
std::string definition_json(const JobSeed& job) {
  std::string json = "{\"name\":";
  base::append_json_text(json, job.name);
  json += ",\"operator\":";
  base::append_json_text(json, job.operator_name);
  json += ",\"operator_version\":";
  base::append_json_text(json, job.operator_version);
  json += ",\"config\":" + job.config_json;
  const bool on_dispatcher =
      job.runtime == QueueRuntime::Dispatcher && job.declared_runtime != "dispatcher";
  json += std::string(",\"ordered\":") + (job.ordered ? "true" : "false");
  json += std::string(",\"inline\":") + (job.inlined ? "true" : "false");
  json += std::string(",\"on_dispatcher\":") + (on_dispatcher ? "true" : "false");
  if (job.source) json += ",\"source\":" + source_json(job);
  return json + "}";
}

std::string insert_job(const DagVersionSeed& version, const JobSeed& job) {
  const bool append = !job.source && job.update_strategy == "append";
  const std::vector<std::string> key =
      job.unique_key.empty() ? std::vector<std::string>{"key"} : job.unique_key;
  std::string sql =
      "INSERT INTO state.jobs (dag_version_id, name, activation, runtime, operator,"
      " operator_version, outputs, execution_strategy, update_strategy, unique_key, source, config,"
      " secrets, timeout_seconds, heartbeat_timeout_seconds, max_attempts, priority,"
      " max_queue_depth, max_queue_age_ms, backpressure_mode, max_concurrency, core_id, node_id)"
      " VALUES (";
  sql += id_of(version.dag_version_id) + ", " + literal(job.name) + ", ";
  sql += job.source ? "'source', " : "'reactive', ";
  sql += literal(job.declared_runtime) + ", " + literal(job.operator_name) + ", ";
  sql += literal(job.operator_version) + ", " + std::to_string(job.outputs) + ", ";
  sql += (job.source ? "NULL, NULL"
                     : literal(job.execution_strategy) + ", " + literal(job.update_strategy)) +
         ", ";
  sql += (append ? texts(key) : "NULL") + ", ";
  sql += (job.source ? literal(source_json(job)) : "NULL") + ", ";
  sql += literal(job.config_json) + ", " + texts(job.secrets) + ", ";
  sql += (job.timeout ? std::to_string(seconds(*job.timeout)) : "NULL") + ", ";
  sql += std::to_string(seconds(job.heartbeat_timeout)) + ", " + std::to_string(job.max_attempts) +
         ", " + literal(word(job.priority)) + ", 1000000, 3600000, 'none', ";
  sql += (job.max_concurrency ? std::to_string(*job.max_concurrency) : "NULL") + ", ";
  sql += literal("core-" + job.name) + ", " + literal("node-" + job.name) + ");\n";
  return sql;
}

std::string insert_edges(const DagVersionSeed& version, const JobSeed& job) {
  std::string sql;
  int index = 0;
  for (const InputSeed& input : job.inputs) {
    sql +=
        "INSERT INTO state.edges (dag_version_id, consumer_job, input_index, from_job,"
        " from_output, from_dataset_id, where_filter) VALUES (" +
        id_of(version.dag_version_id) + ", " + literal(job.name) + ", " + std::to_string(index++) +
        ", " + or_null(input.from_job) + ", " +
        (input.from_job.empty() ? "NULL" : std::to_string(input.from_output)) + ", " +
        (input.from_job.empty() ? literal(input.from_dataset_id) : "NULL") + ", " +
        or_null(input.where_json) + ");\n";
  }
  return sql;
}

/// Ids of the rows that a seed does not name, made from the version's.
std::string beside(const DagVersionId& version, std::string_view what) {
  return literal(base::uuid_v5(version.uuid(), what).text());
}

std::string insert_version(const DagVersionSeed& version) {
  const std::string id = id_of(version.dag_version_id);
  std::string sql =
      "INSERT INTO state.dag_versions (dag_version_id, org_id, dag_name, version_no, yaml_hash,"
      " registry_hash, yaml_text, canonical) SELECT " +
      id + ", " + id_of(version.org_id) + ", " + literal(version.dag_name) +
      ", 1 + count(*), 'blake3:' || lpad(count(*)::text, 64, '0'), 'blake3:' || repeat('1', 64)," +
      " 'name: x', '{}' FROM state.dag_versions WHERE dag_name = " + literal(version.dag_name) +
      ";\n";
  for (const JobSeed& job : version.jobs) sql += insert_job(version, job);
  for (const JobSeed& job : version.jobs) sql += insert_edges(version, job);
  const std::string current = beside(version.dag_version_id, "current");
  const std::string deploy = beside(version.dag_version_id, "deploy");
  sql += "INSERT INTO state.pointer_sets (pointer_set_id, dag_version_id, set_no) VALUES (" +
         current + ", " + id + ", 1), (" + beside(version.dag_version_id, "other") + ", " + id +
         ", 2);\n";
  sql +=
      "INSERT INTO state.deploys (deploy_id, org_id, dag_name, kind, to_pointer_set_id, state,"
      " activate, plan, generation_after) VALUES (" +
      deploy + ", " + id_of(version.org_id) + ", " + literal(version.dag_name) + ", 'deploy', " +
      current + ", 'active', 'auto', '{}', 1);\n";
  sql +=
      "INSERT INTO state.dag_current_versions (org_id, dag_name, dag_version_id, pointer_set_id,"
      " generation, deploy_id) VALUES (" +
      id_of(version.org_id) + ", " + literal(version.dag_name) + ", " + id + ", " + current +
      ", 1, " + deploy +
      ") ON CONFLICT (org_id, dag_name, world) DO UPDATE SET dag_version_id ="
      " excluded.dag_version_id, pointer_set_id = excluded.pointer_set_id, deploy_id ="
      " excluded.deploy_id, generation = state.dag_current_versions.generation + 1;\n";
  return sql;
}

const DagVersionSeed& version_of(const TaskSeed& seed, const DagVersionId& id) {
  for (const DagVersionSeed& version : seed.dag_versions) {
    if (version.dag_version_id == id) return version;
  }
  ADD_FAILURE() << "the seed has no such version";
  std::abort();
}

const JobSeed& job_of(const DagVersionSeed& version, std::string_view name) {
  for (const JobSeed& job : version.jobs) {
    if (job.name == name) return job;
  }
  ADD_FAILURE() << "the seed has no job " << name;
  std::abort();
}

std::string insert_build(const TaskSeed& seed, const BuildSeed& build) {
  const DagVersionSeed& version = version_of(seed, build.dag_version_id);
  const std::string id = id_of(build.build_id);
  std::string sql =
      "INSERT INTO state.builds (build_id, org_id, dag_name, job_name, world, core_id, node_id,"
      " generation, definition, dispatch, opened_at, stopped_at) SELECT " +
      id + ", " + id_of(version.org_id) + ", " + literal(version.dag_name) + ", " +
      literal(build.job) + ", " + literal(build.world) + ", " + literal("core-" + build.job) +
      ", " + literal("node-" + build.job) + ", 1 + count(*), " +
      literal(definition_json(job_of(version, build.job))) + ", " + literal(word(build.dispatch)) +
      ", " + (build.dispatch == Dispatch::Building ? "NULL" : instant_of(build.opened_at)) + ", " +
      (build.dispatch == Dispatch::Stopped ? "clock_timestamp()" : "NULL") +
      " FROM state.builds WHERE org_id = " + id_of(version.org_id) +
      " AND dag_name = " + literal(version.dag_name) + " AND job_name = " + literal(build.job) +
      ";\n";
  const bool current = build.dispatch == Dispatch::Open;
  sql += "INSERT INTO state.dag_version_builds VALUES (" +
         beside(build.dag_version_id, current ? "current" : "other") + ", " +
         id_of(build.dag_version_id) + ", " + literal(build.job) + ", " + id + ");\n";
  return sql;
}

std::string insert_datasets(const TaskSeed& seed) {
  std::string sql;
  for (const DatasetSeed& dataset : seed.datasets) {
    sql +=
        "INSERT INTO state.datasets (dataset_uuid, org_id, dag_name, job_name, output_index)"
        " VALUES (" +
        id_of(dataset.dataset) + ", " + id_of(dataset.org_id) + ", " + literal(dataset.dag_name) +
        ", " + literal(dataset.job) + ", " + std::to_string(dataset.output) + ");\n";
    if (dataset.dataset_id.empty()) continue;
    sql +=
        "INSERT INTO state.dataset_names (dataset_id, org_id, owner_dag_name, dataset_uuid)"
        " VALUES (" +
        literal(dataset.dataset_id) + ", " + id_of(dataset.org_id) + ", " +
        literal(dataset.dag_name) + ", " + id_of(dataset.dataset) + ");\n";
  }
  return sql;
}

std::string name_of(const TaskSeed& seed, const DatasetUuid& id) {
  for (const DatasetSeed& dataset : seed.datasets) {
    if (dataset.dataset == id) return dataset.dataset_id;
  }
  return {};
}

std::string insert_versions(const TaskSeed& seed) {
  std::string sql;
  for (const DatasetVersionSeed& version : seed.dataset_versions) {
    sql +=
        "INSERT INTO state.dataset_versions (dataset_version, dataset_uuid, build_id, kind,"
        " storage, schema, state) VALUES (" +
        id_of(version.version) + ", " + id_of(version.dataset) + ", " + id_of(version.build_id) +
        ", " + literal(kind_word(version.kind)) + ", " +
        (version.buffered ? R"('{"write_mode":"buffered"}')" : "'{}'") + ", " +
        or_null(version.schema_json) + ", 'complete');\n";
    sql += "INSERT INTO state.dag_version_datasets SELECT v.pointer_set_id, " +
           id_of(version.dataset) + ", " + id_of(version.version) + ", " +
           or_null(name_of(seed, version.dataset)) +
           " FROM state.dag_version_builds v WHERE v.build_id = " + id_of(version.build_id) + ";\n";
  }
  return sql;
}

std::string insert_routes(const TaskSeed& seed) {
  std::string sql;
  for (const SubscriptionSeed& row : seed.subscriptions) {
    sql +=
        "INSERT INTO state.subscriptions (consumer_build_id, input_index, dataset_version,"
        " backfill_to_seq) VALUES (" +
        id_of(row.build_id) + ", " + std::to_string(row.input_index) + ", " + id_of(row.version) +
        ", " + std::to_string(row.backfill_to_seq) + ");\n";
  }
  for (const SourceSeed& row : seed.sources) {
    sql +=
        "INSERT INTO state.source_state (build_id, kind, enabled, next_fire_at, run_epoch)"
        " VALUES (" +
        id_of(row.build_id) + ", " + literal(source_word(row.kind)) + ", " +
        (row.enabled ? "true" : "false") + ", " +
        (row.next_fire_at ? instant_of(*row.next_fire_at) : "NULL") + ", " +
        std::to_string(row.run_epoch) + ");\n";
  }
  return sql;
}

/// One transaction on which no trigger fires.
void change(TaskPlane& plane, const std::string& sql) {
  plane.script("BEGIN; SET LOCAL session_replication_role = replica;\n" + sql + "COMMIT;");
}

/// The queues in which the build has work are owed, in a slot that no session uses.
std::string owe_queues(const BuildId& build) {
  return "INSERT INTO state.wakeup_meters (queue_name, slot, owed)"
         " SELECT queue, 15, true FROM state.task_counts WHERE build_id = " +
         id_of(build) +
         " GROUP BY queue HAVING sum(queued) > 0 ON CONFLICT (queue_name, slot)"
         " DO UPDATE SET owed = true;\n";
}

std::string insert_pause(const PauseSeed& row) {
  return "INSERT INTO state.pauses (build_id, cause, cause_key) VALUES (" + id_of(row.build_id) +
         ", " + literal(row.cause) + ", " + literal(row.cause_key) + ") ON CONFLICT DO NOTHING;\n";
}

}  // namespace

void insert_seed(TaskPlane& plane, const TaskSeed& seed) {
  std::string sql;
  for (const OrgSeed& org : seed.orgs) {
    sql += "INSERT INTO state.orgs (org_id, slug, name) VALUES (" + id_of(org.org_id) + ", " +
           literal(org.slug) + ", " + literal(org.slug) + ");\n";
  }
  for (const DagVersionSeed& version : seed.dag_versions) sql += insert_version(version);
  for (const BuildSeed& build : seed.builds) sql += insert_build(seed, build);
  sql += insert_datasets(seed) + insert_versions(seed) + insert_routes(seed);
  for (const PauseSeed& row : seed.pauses) sql += insert_pause(row);
  sql +=
      "UPDATE state.pointer_sets SET first_current_at = now(), last_current_at = now()"
      " WHERE set_no = 1;\n";
  change(plane, sql);
}

void set_dispatch(TaskPlane& plane, const BuildId& build, Dispatch dispatch, CancelReason reason) {
  const bool open = dispatch == Dispatch::Open;
  const bool stopped = dispatch == Dispatch::Stopped;
  const std::string id = id_of(build);
  // The build changes sides: open builds are those of the current pointer set.
  std::string sql = "UPDATE state.builds SET dispatch = " + literal(word(dispatch)) +
                    ", stopped_at = " + (stopped ? "clock_timestamp()" : "NULL") +
                    (open ? ", opened_at = coalesce(opened_at, clock_timestamp())" : "") +
                    " WHERE build_id = " + id + ";\n";
  sql +=
      "UPDATE state.dag_version_builds v SET pointer_set_id = p.pointer_set_id"
      " FROM state.pointer_sets p WHERE v.build_id = " +
      id +
      " AND p.dag_version_id = v.dag_version_id"
      " AND p.set_no = " +
      (open ? "1" : "2") + ";\n";
  if (stopped) {
    sql += "UPDATE state.deploys d SET kind = " +
           literal(reason == CancelReason::Rollback ? "rollback" : "deploy") +
           " FROM state.dag_current_versions c, state.builds b WHERE d.deploy_id = c.deploy_id"
           " AND c.org_id = b.org_id AND c.dag_name = b.dag_name AND c.world = b.world"
           " AND b.build_id = " +
           id + ";\n";
  }
  if (stopped && reason == CancelReason::DagRemoved) {
    sql +=
        "UPDATE state.dag_current_versions c SET dag_version_id = NULL, pointer_set_id = NULL"
        " FROM state.builds b WHERE c.org_id = b.org_id AND c.dag_name = b.dag_name"
        " AND c.world = b.world AND b.build_id = " +
        id + ";\n";
  }
  if (open) sql += owe_queues(build);
  change(plane, sql);
}

void pause(TaskPlane& plane, const PauseSeed& row) { change(plane, insert_pause(row)); }

void unpause(TaskPlane& plane, const PauseSeed& row) {
  const std::string where = " WHERE build_id = " + id_of(row.build_id);
  change(plane, "DELETE FROM state.pauses" + where + " AND cause = " + literal(row.cause) +
                    " AND cause_key = " + literal(row.cause_key) + ";\n");
  if (plane.number("SELECT count(*) FROM state.pauses" + where) == 0) {
    change(plane, owe_queues(row.build_id));
  }
}

void archive(TaskPlane& plane, const TaskId& task) {
  const std::string where = " WHERE task_id = " + id_of(task) + ";\n";
  change(plane,
         "INSERT INTO state.task_history SELECT task_id, org_id, build_id, dag_version_id, kind,"
         " queue, state, class, effects, attempt, max_attempts, priority, trigger_event_id,"
         " root_event_id, input_index, invalidation_id, order_seq, scope, cancel_reason,"
         " last_error, result, (SELECT coalesce(jsonb_agg(to_jsonb(a) ORDER BY a.attempt), '[]')"
         " FROM state.attempts a WHERE a.task_id = t.task_id), created_at, started_at, finished_at"
         " FROM state.tasks t" +
             where + "DELETE FROM state.attempts" + where + "DELETE FROM state.tasks" + where);
}

void put_outbox(TaskPlane& plane, const OutboxRecord& row) {
  change(plane,
         "INSERT INTO state.outbox (outbox_id, kind, topic, order_key, payload, available_at,"
         " created_at) VALUES (" +
             id_of(row.outbox_id) + ", " + literal(word(row.kind)) + ", " + literal(row.topic) +
             ", " + or_null(row.order_key.value_or("")) + ", " + literal(row.payload) + ", " +
             instant_of(row.available_at) + ", " + instant_of(row.created_at) + ");\n");
}

std::unique_ptr<postgres::Pool> dispatcher_pool(const TaskPlane& plane, std::string dsn) {
  if (dsn.empty()) dsn = plane.database().dsn();
  postgres::PoolOptions options;
  options.connect = service_connect_options(std::move(dsn), ServiceRole::Dispatcher, plane.state());
  return std::make_unique<postgres::Pool>(std::move(options), real_clock());
}

void expect_clean_audit(TaskPlane& plane) {
  const auto session = plane.session(ServiceRole::Dispatcher);
  const auto counts = run_audit(*session, nullptr);
  ASSERT_TRUE(counts.ok()) << counts.error().describe();
  for (const AuditCount& count : *counts) {
    EXPECT_EQ(count.violations, 0) << count.id << ": " << count.statement;
  }
}

}  // namespace weir::test
