// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/memory/memory_task_state.h"

#include <algorithm>

#include "base/assert.h"

namespace weir::dispatcher {
namespace {

template <class Set, class Value>
void keep(Set& set, const Value& value, bool present) {
  if (present) {
    set.insert(value);
  } else {
    set.erase(value);
  }
}

}  // namespace

void MemoryTaskState::seed(const TaskSeed& seed) {
  for (const DagVersionSeed& row : seed.dag_versions) dag_versions_[row.dag_version_id] = row;
  for (const BuildSeed& row : seed.builds) {
    const DagVersionSeed& dag = dag_versions_.at(row.dag_version_id);
    const auto job = std::ranges::find(dag.jobs, row.job, &JobSeed::name);
    WEIR_ASSERT(job != dag.jobs.end());
    MemoryBuild build;
    build.row = row;
    build.org_id = dag.org_id;
    build.dag_name = dag.dag_name;
    build.job = *job;
    builds_[row.build_id] = std::move(build);
  }
  seed_datasets(seed);
  for (const PauseSeed& row : seed.pauses) {
    build(row.build_id).pauses.emplace(row.cause, row.cause_key);
  }
  for (const SourceSeed& row : seed.sources) {
    build(row.build_id).source = row.kind;
    tables.sources[row.build_id] = {.build_id = row.build_id,
                                    .enabled = row.enabled,
                                    .next_fire_at = row.next_fire_at,
                                    .last_fire_at = {},
                                    .run_epoch = row.run_epoch};
  }
}

void MemoryTaskState::seed_datasets(const TaskSeed& seed) {
  for (const DatasetSeed& row : seed.datasets) datasets_[row.dataset] = row;
  for (const DatasetVersionSeed& row : seed.dataset_versions) {
    const DatasetSeed& dataset = datasets_.at(row.dataset);
    versions_[row.version] = {.row = row, .dataset = dataset, .subscribers = {}};
    tables.versions[row.version] = {};
    build(row.build_id).outputs[dataset.output] = row.version;
  }
  for (const SubscriptionSeed& row : seed.subscriptions) {
    version(row.version).subscribers.emplace(row.build_id, row.input_index);
    build(row.build_id).inputs.emplace(row.input_index, row.version);
  }
}

MemoryBuild* MemoryTaskState::find_build(const BuildId& build) {
  const auto found = builds_.find(build);
  return found == builds_.end() ? nullptr : &found->second;
}

MemoryBuild& MemoryTaskState::build(const BuildId& build) { return builds_.at(build); }

BuildFacts MemoryTaskState::facts(const BuildId& build) const {
  const MemoryBuild& row = builds_.at(build);
  BuildFacts facts;
  facts.build_id = build;
  facts.dispatch = row.row.dispatch;
  facts.stop_reason = row.stop_reason;
  facts.live_world = row.row.world == "live";
  facts.paused = !row.pauses.empty();
  facts.max_concurrency = row.job.max_concurrency;
  facts.heartbeat_timeout = row.job.heartbeat_timeout;
  facts.timeout = row.job.timeout;
  facts.max_attempts = row.job.max_attempts;
  for (auto count = tables.counts.lower_bound({build, {QueueRuntime{}, QueueLevel::Backfill}});
       count != tables.counts.end() && count->first.first == build; ++count) {
    facts.running += count->second.running;
  }
  return facts;
}

JobContext MemoryTaskState::job_context(const BuildId& build) const {
  const MemoryBuild& row = builds_.at(build);
  JobContext job;
  job.org_id = row.org_id;
  job.dag_name = row.dag_name;
  job.dag_version_id = row.row.dag_version_id;
  job.build_id = build;
  job.world = row.row.world;
  job.job = row.job.name;
  job.operator_name = row.job.operator_name;
  job.operator_version = row.job.operator_version;
  job.runtime = row.job.declared_runtime;
  job.config_json = row.job.config_json;
  if (!row.job.source) {
    job.execution_strategy = row.job.execution_strategy;
    job.update_strategy = row.job.update_strategy;
  }
  job.unique_key = row.job.unique_key;
  job.secrets = row.job.secrets;
  job.ordered = row.job.ordered;
  job.inlined = row.job.inlined;
  for (const auto& [input, version_id] : row.inputs) {
    const MemoryVersion& version = versions_.at(version_id);
    const auto index = static_cast<std::size_t>(input);
    const bool declared = index < row.job.inputs.size();
    job.inputs.push_back({.index = input,
                          .dataset = version.row.dataset,
                          .version = version_id,
                          .dataset_id = version.dataset.dataset_id,
                          .kind = version.row.kind,
                          .where_json = declared ? row.job.inputs[index].where_json : "",
                          .schema_json = version.row.schema_json});
  }
  for (const auto& [output, version_id] : row.outputs) {
    const MemoryVersion& version = versions_.at(version_id);
    job.outputs.push_back({.output = output,
                           .dataset = version.row.dataset,
                           .version = version_id,
                           .kind = version.row.kind,
                           .buffered = version.row.buffered,
                           .schema_json = version.row.schema_json,
                           .dataset_id = version.dataset.dataset_id});
  }
  return job;
}

TaskRecord* MemoryTaskState::find_task(const TaskId& task) {
  const auto found = tables.tasks.find(task);
  return found == tables.tasks.end() ? nullptr : &found->second;
}

void MemoryTaskState::put_task(const TaskRecord& task) {
  const auto [row, fresh] = tables.tasks.try_emplace(task.task_id, task);
  if (!fresh) {
    index(row->second, false);
    row->second = task;
  }
  index(task, true);
}

void MemoryTaskState::index(const TaskRecord& task, bool present) {
  const TaskLife& life = task.life;
  const TaskId& id = task.task_id;
  if (is_terminal(life.state)) return;
  keep(unfinished[task.build_id], id, present);
  if (life.state == TaskState::Queued) keep(ready[task.queue], Rank{life.rank_at, id}, present);
  if (life.woken_at) keep(woken, Rank{*life.woken_at, id}, present);
  if (life.next_retry_at) keep(retries, Rank{*life.next_retry_at, id}, present);
  if (life.state == TaskState::Running && life.deadline_at && !life.cancel_reason) {
    keep(deadlines, Rank{*life.deadline_at, id}, present);
  }
  if (task.order_seq) {
    keep(in_order_[{task.build_id, task.input_index.value_or(0)}], std::pair{*task.order_seq, id},
         present);
  }
}

void MemoryTaskState::put_attempt(const AttemptRecord& attempt) {
  tables.attempts[{attempt.task_id, attempt.attempt}] = attempt;
  if (!attempt.claim_id) return;
  const auto key = std::pair{attempt.worker_id, *attempt.claim_id};
  keep(claims[key], std::pair{attempt.fence_no, attempt.task_id},
       attempt.state == AttemptState::Active);
  if (claims[key].empty()) claims.erase(key);
}

void MemoryTaskState::put_lease(const LeaseRecord& lease) {
  delete_lease(lease.task_id);
  tables.leases[lease.task_id] = lease;
  expiries.emplace(lease.expires_at, lease.task_id);
}

void MemoryTaskState::delete_lease(const TaskId& task) {
  const auto found = tables.leases.find(task);
  if (found == tables.leases.end()) return;
  expiries.erase({found->second.expires_at, task});
  tables.leases.erase(found);
}

void MemoryTaskState::put_event(const EventRow& event) {
  tables.events[event.event_id] = event;
  events_by_key_[event.key] = event.event_id;
}

PartitionRow* MemoryTaskState::current_partition(const DatasetVersionId& version,
                                                 const std::string& key) {
  const auto revision = revisions_.find({version, key});
  if (revision == revisions_.end()) return nullptr;
  return &tables.partitions.at({version, key, revision->second});
}

void MemoryTaskState::put_partition(const DatasetVersionId& version, const std::string& key,
                                    const PartitionRow& row) {
  tables.partitions[{version, key, ++revisions_[{version, key}]}] = row;
}

void MemoryTaskState::archive(const TaskId& task) {
  const auto found = tables.tasks.find(task);
  WEIR_ASSERT(found != tables.tasks.end() && is_terminal(found->second.life.state));
  tables.history[task] = found->second;
  tables.tasks.erase(found);
}

std::int64_t MemoryTaskState::put_message(const QueueName& queue, const TaskId& task,
                                          Instant visible_at) {
  tables.messages[++last_message_no] = {
      .queue = queue, .task_id = task, .visible_at = visible_at, .receipt = "", .deliveries = 0};
  return last_message_no;
}

void MemoryTaskState::owe_queues(const BuildId& build) {
  for (const auto& [key, counts] : tables.counts) {
    if (key.first == build && counts.queued > 0) tables.meters[key.second].owed = true;
  }
}

bool MemoryTaskState::order_blocked(const TaskRecord& task) const {
  if (!task.order_seq) return false;
  const auto found = in_order_.find({task.build_id, task.input_index.value_or(0)});
  if (found == in_order_.end() || found->second.empty()) return false;
  return found->second.begin()->first < *task.order_seq;
}

const TaskRecord* MemoryTaskState::first_in_order(const BuildId& build, int input) const {
  const auto found = in_order_.find({build, input});
  if (found == in_order_.end() || found->second.empty()) return nullptr;
  return &tables.tasks.at(found->second.begin()->second);
}

const EventRow* MemoryTaskState::find_event(const EventKey& key) const {
  const auto found = events_by_key_.find(key);
  return found == events_by_key_.end() ? nullptr : &tables.events.at(found->second);
}

const EventRow* MemoryTaskState::event_of(const TaskId& producer) const {
  const auto found = events_by_key_.lower_bound(
      {.producer = producer, .dataset = {}, .partition = false, .scope_key = {}});
  if (found == events_by_key_.end() || found->first.producer != producer) return nullptr;
  return &tables.events.at(found->second);
}

}  // namespace weir::dispatcher
