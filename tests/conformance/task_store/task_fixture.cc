// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/task_store/task_fixture.h"

#include <algorithm>

namespace weir::dispatcher {
namespace {

JobSeed source_job(std::string_view name, SeedSource kind, std::string_view operator_name) {
  JobSeed job;
  job.name = name;
  job.source = kind;
  job.operator_name = operator_name;
  job.inlined = kind != SeedSource::AlwaysOn;
  job.runtime = job.inlined ? QueueRuntime::Dispatcher : QueueRuntime::EcsPlatform;
  job.declared_runtime = job.inlined ? "dispatcher" : "ecs_platform";
  if (kind == SeedSource::Cron) job.schedule = "rate(5 minutes)";
  if (kind == SeedSource::AlwaysOn) job.timeout.reset();
  return job;
}

JobSeed consumer(std::string_view name, std::string_view from) {
  JobSeed job;
  job.name = name;
  job.operator_name = "table_ingest";
  job.inputs = {{.from_job = std::string(from)}};
  return job;
}

std::vector<JobSeed> sample_jobs() {
  std::vector<JobSeed> jobs = {source_job("manual", SeedSource::Manual, "trigger_manual"),
                               source_job("cron", SeedSource::Cron, "trigger_cron"),
                               source_job("follow", SeedSource::AlwaysOn, "sequence_source")};
  jobs.push_back(consumer("relay", "manual"));
  jobs.back().inputs.front().where_json = R"({"chain_id":1})";
  jobs.back().config_json = R"({"depth":2})";
  jobs.push_back(consumer("last", "relay"));
  jobs.push_back(consumer("parts", "manual"));
  jobs.back().execution_strategy = "PerPartition";
  jobs.push_back(consumer("ordered", "manual"));
  jobs.back().operator_name = "range_aggregator";
  jobs.back().ordered = true;
  jobs.back().runtime = QueueRuntime::Dispatcher;
  jobs.push_back(consumer("single", "manual"));
  jobs.back().max_concurrency = 1;
  jobs.back().priority = QueueLevel::High;
  jobs.push_back(consumer("buffer", "manual"));
  return jobs;
}

/// The answer to an item whose whole call failed.
template <class Reply>
Answer<Reply> failed(const Error& error) {
  Answer<Reply> answer;
  answer.fault = error;
  return answer;
}

}  // namespace

BuildId build_of(std::string_view job) { return id_named<BuildId>("build " + std::string(job)); }
DatasetVersionId version_of(std::string_view job) {
  return id_named<DatasetVersionId>("version " + std::string(job));
}
DatasetUuid dataset_of(std::string_view job) {
  return dataset_uuid({org(), "demo", std::string(job)}, 0);
}

TaskSeed sample_seed() {
  TaskSeed seed = seed_of("demo", sample_jobs());
  seed.orgs = {{.org_id = org(), .slug = "acme"}};
  return seed;
}

TaskSeed seed_of(const std::string& dag_name, std::vector<JobSeed> jobs) {
  TaskSeed seed;
  const auto dag = id_named<DagVersionId>("dag " + dag_name);
  seed.dag_versions = {
      {.dag_version_id = dag, .org_id = org(), .dag_name = dag_name, .jobs = std::move(jobs)}};
  for (const JobSeed& job : seed.dag_versions.front().jobs) {
    const BuildId build = build_of(job.name);
    seed.builds.push_back({.build_id = build,
                           .dag_version_id = dag,
                           .job = job.name,
                           .opened_at = test::kEngineStart});
    seed.datasets.push_back({.dataset = dataset_of(job.name),
                             .org_id = org(),
                             .dag_name = dag_name,
                             .job = job.name,
                             .dataset_id = job.name == "relay" ? "relayed" : ""});
    DatasetVersionSeed version{
        .version = version_of(job.name), .dataset = dataset_of(job.name), .build_id = build};
    if (job.name == "parts") version.kind = DatasetKind::Parquet;
    if (job.name == "buffer") {
      version.kind = DatasetKind::Table;
      version.buffered = true;
    }
    seed.dataset_versions.push_back(version);
    for (const InputSeed& input : job.inputs) {
      seed.subscriptions.push_back({.build_id = build, .version = version_of(input.from_job)});
    }
    if (job.source) {
      seed.sources.push_back({.build_id = build, .kind = *job.source});
      if (job.source == SeedSource::Cron) {
        seed.sources.back().next_fire_at = test::kEngineStart + minutes(5);
      }
    }
  }
  return seed;
}

NewEvent TaskStoreSuite::cursor_event(Cursor cursor) {
  NewEvent event;
  event.output = 0;
  event.cursor = std::move(cursor);
  return event;
}

NewEvent TaskStoreSuite::partition_event(const std::string& key) {
  NewEvent event;
  event.output = 0;
  event.partition_key = key;
  return event;
}

Answer<RunReply> TaskStoreSuite::try_run(const RunRequest& request) {
  const auto answers = store().start_runs(std::span(&request, 1));
  EXPECT_TRUE(answers.ok()) << answers.error().describe();
  return answers.ok() ? answers->front() : failed<RunReply>(answers.error());
}

RunReply TaskStoreSuite::run_source(std::int64_t cursor) {
  const auto key = "run " + std::to_string(++runs_);
  const auto answer = try_run({.build_id = build_of("manual"),
                               .run_id = manual_run_id(build_of("manual"), key),
                               .event = cursor_event(cursor)});
  EXPECT_TRUE(answer.ok());
  return answer.reply;
}

RunReply TaskStoreSuite::run_source(const std::string& partition) {
  const auto key = "run " + std::to_string(++runs_);
  const auto answer = try_run({.build_id = build_of("manual"),
                               .run_id = manual_run_id(build_of("manual"), key),
                               .event = partition_event(partition)});
  EXPECT_TRUE(answer.ok());
  return answer.reply;
}

std::vector<TaskId> TaskStoreSuite::tasks_of(std::string_view job) {
  std::vector<std::pair<Instant, TaskId>> found;
  for (const auto& [id, task] : tables().tasks) {
    if (task.build_id == build_of(job)) found.emplace_back(task.created_at, id);
  }
  std::ranges::sort(found);
  std::vector<TaskId> ids;
  for (const auto& [at, id] : found) ids.push_back(id);
  return ids;
}

TaskId TaskStoreSuite::task_of(std::string_view job, const RunReply& run) {
  for (const auto& [id, task] : tables().tasks) {
    if (task.build_id == build_of(job) && task.trigger_event_id == run.event_id) return id;
  }
  ADD_FAILURE() << "the run has no task of " << job;
  return {};
}

TaskId TaskStoreSuite::queued_task(std::string_view job) {
  std::vector<TaskId> queued;
  for (const TaskId& id : tasks_of(job)) {
    if (state_of(id) == TaskState::Queued) queued.push_back(id);
  }
  EXPECT_EQ(queued.size(), 1U) << job;
  return queued.empty() ? TaskId{} : queued.front();
}

TaskRecord TaskStoreSuite::row(const TaskId& task) {
  const TaskTables all = tables();
  const auto found = all.tasks.find(task);
  if (found != all.tasks.end()) return found->second;
  const auto archived = all.history.find(task);
  EXPECT_NE(archived, all.history.end()) << "no row of " << task.text();
  return archived == all.history.end() ? TaskRecord{} : archived->second;
}

AttemptRecord TaskStoreSuite::attempt_row(const TaskId& task, int attempt) {
  const TaskTables all = tables();
  const auto found = all.attempts.find({task, attempt});
  EXPECT_NE(found, all.attempts.end());
  return found == all.attempts.end() ? AttemptRecord{} : found->second;
}

ClaimAnswer TaskStoreSuite::claim(const ClaimRequest& request) {
  auto answers = store().claim(std::span(&request, 1));
  EXPECT_TRUE(answers.ok()) << answers.error().describe();
  if (answers.ok()) return std::move(answers->front());
  ClaimAnswer nothing;
  for (const TaskId& task : request.task_ids) {
    nothing.tasks.push_back(
        {.task_id = task, .answer = failed<ClaimReply>(answers.error()), .context = {}});
  }
  return nothing;
}

Answer<ClaimReply> TaskStoreSuite::try_claim(const TaskId& task, const std::string& worker) {
  const ClaimAnswer answer = claim({.worker_id = worker, .claim_id = {}, .task_ids = {task}});
  EXPECT_EQ(answer.tasks.size(), 1U);
  return answer.tasks.empty() ? failed<ClaimReply>(base::internal("nothing was answered"))
                              : answer.tasks.front().answer;
}

Held TaskStoreSuite::hold(const TaskId& task, const std::string& worker) {
  const auto answer = try_claim(task, worker);
  EXPECT_TRUE(answer.ok());
  return {task, {answer.reply.attempt, answer.reply.lease_token}};
}

Held TaskStoreSuite::held_task(std::string_view job, std::int64_t cursor) {
  return hold(task_of(job, run_source(cursor)));
}

Answer<HeartbeatReply> TaskStoreSuite::heartbeat(const Held& held) {
  const TaskItem<HeartbeatCommand> item{held.task_id, {held.fence}};
  const auto answers = store().heartbeat(std::span(&item, 1));
  EXPECT_TRUE(answers.ok()) << answers.error().describe();
  return answers.ok() ? answers->front() : failed<HeartbeatReply>(answers.error());
}

Answer<CompleteReply> TaskStoreSuite::complete(const Held& held, Outcome outcome) {
  TaskItem<CompleteCommand> item{held.task_id, {}};
  item.command.fence = held.fence;
  item.command.outcome = outcome;
  if (outcome != Outcome::Success) item.command.error = TaskError{"boom", "Boom", "it broke"};
  const auto answers = store().complete(std::span(&item, 1));
  EXPECT_TRUE(answers.ok()) << answers.error().describe();
  return answers.ok() ? answers->front() : failed<CompleteReply>(answers.error());
}

Answer<AcceptReply> TaskStoreSuite::emit(const Held& held, std::vector<NewEvent> events,
                                         std::optional<StateWrite> state) {
  const AcceptRequest request{.task_id = held.task_id,
                              .fence = held.fence,
                              .events = std::move(events),
                              .state = std::move(state)};
  const auto answers = store().accept(std::span(&request, 1));
  EXPECT_TRUE(answers.ok()) << answers.error().describe();
  return answers.ok() ? answers->front() : failed<AcceptReply>(answers.error());
}

Answer<StateReply> TaskStoreSuite::command(const TaskId& task, UserCommand command) {
  const auto answer = store().command({.org_id = org(), .task_id = task, .command = command});
  EXPECT_TRUE(answer.ok()) << answer.error().describe();
  return answer.ok() ? *answer : failed<StateReply>(answer.error());
}

std::size_t TaskStoreSuite::run_all(Chore chore, std::size_t limit) {
  std::size_t done = 0;
  for (bool more = true; more;) {
    const auto page = store().run_chore(chore, limit);
    EXPECT_TRUE(page.ok()) << page.error().describe();
    if (!page.ok()) return done;
    EXPECT_LE(page->done, limit);
    done += page->done;
    more = page->more;
  }
  return done;
}

std::int64_t TaskStoreSuite::outstanding(const QueueName& queue) {
  const TaskTables all = tables();
  const auto meter = all.meters.find(queue);
  return meter == all.meters.end() ? 0 : meter->second.outstanding;
}

std::int64_t TaskStoreSuite::woken(const QueueName& queue) {
  const TaskTables all = tables();
  return std::ranges::count_if(all.tasks, [&](const auto& entry) {
    return entry.second.queue == queue && entry.second.life.woken_at;
  });
}

bool TaskStoreSuite::owed(const QueueName& queue) {
  const TaskTables all = tables();
  const auto meter = all.meters.find(queue);
  return meter != all.meters.end() && meter->second.owed;
}

CountDelta TaskStoreSuite::counts(std::string_view job) {
  CountDelta sum;
  for (const auto& [key, counts] : tables().counts) {
    if (key.first == build_of(job)) sum += counts;
  }
  return sum;
}

}  // namespace weir::dispatcher
