// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/dispatcher/stored_tasks.h"

#include <gtest/gtest.h>

#include <utility>

#include "dispatcher/core/derived_ids.h"
#include "tests/must.h"

namespace weir::test {
namespace {

using dispatcher::Answer;
using dispatcher::BuildId;
using dispatcher::Chore;
using dispatcher::ChorePage;
using dispatcher::ClaimAnswer;
using dispatcher::ClaimedTask;
using dispatcher::ClaimRequest;
using dispatcher::CompleteCommand;
using dispatcher::CompleteReply;
using dispatcher::DagVersionId;
using dispatcher::DatasetUuid;
using dispatcher::DatasetVersionId;
using dispatcher::FindWaitingClaims;
using dispatcher::HeartbeatCommand;
using dispatcher::HeartbeatReply;
using dispatcher::JobSeed;
using dispatcher::manual_run_id;
using dispatcher::OrgId;
using dispatcher::Outcome;
using dispatcher::PostgresTaskStore;
using dispatcher::QueueRuntime;
using dispatcher::Rung;
using dispatcher::RunReply;
using dispatcher::RunRequest;
using dispatcher::SeedSource;
using dispatcher::TaskClass;
using dispatcher::TaskItem;
using dispatcher::TaskSeed;
using dispatcher::TaskStore;
using dispatcher::TaskStorePorts;

RunRequest manual_run(std::int64_t cursor) {
  const BuildId source(seed_id(20));
  RunRequest request{.build_id = source,
                     .run_id = manual_run_id(source, std::to_string(cursor)),
                     .task_class = TaskClass::Manual,
                     .event = {}};
  request.event.cursor = cursor;
  return request;
}

}  // namespace

Uuid seed_id(int number) {
  return base::uuid_v5(base::kUuidOfDns, "seed " + std::to_string(number));
}

TaskSeed trades_seed(const JobSeed& bars) {
  const OrgId org(seed_id(1));
  const DagVersionId version(seed_id(10));
  JobSeed reading = bars;
  reading.inputs = {{.from_job = "ticks"}};
  TaskSeed seed;
  seed.orgs = {{.org_id = org, .slug = "desk"}};
  seed.dag_versions = {{.dag_version_id = version,
                        .org_id = org,
                        .dag_name = "trades",
                        .jobs = {{.name = "ticks",
                                  .runtime = QueueRuntime::Dispatcher,
                                  .declared_runtime = "dispatcher",
                                  .operator_name = "trigger_manual",
                                  .source = SeedSource::Manual,
                                  .inlined = true},
                                 reading,
                                 {.name = "days", .inputs = {{.from_job = bars.name}}}}}};
  int at = 20;
  for (const std::string& job : {std::string("ticks"), bars.name, std::string("days")}) {
    seed.builds.push_back(
        {.build_id = BuildId(seed_id(at)), .dag_version_id = version, .job = job});
    seed.datasets.push_back({.dataset = DatasetUuid(seed_id(at + 10)),
                             .org_id = org,
                             .dag_name = "trades",
                             .job = job,
                             .output = 0,
                             .dataset_id = "trades/" + job});
    seed.dataset_versions.push_back({.version = DatasetVersionId(seed_id(at + 20)),
                                     .dataset = DatasetUuid(seed_id(at + 10)),
                                     .build_id = BuildId(seed_id(at))});
    if (at > 20) {
      seed.subscriptions.push_back({.build_id = BuildId(seed_id(at)),
                                    .input_index = 0,
                                    .version = DatasetVersionId(seed_id(at + 19))});
    }
    ++at;
  }
  seed.sources = {{.build_id = BuildId(seed_id(20)), .kind = SeedSource::Manual}};
  return seed;
}

StoredTasks::StoredTasks(const TaskSeed& seed) {
  insert_seed(plane_, seed);
  pool_ = dispatcher_pool(plane_);
  store_ = another(*pool_);
}

std::unique_ptr<PostgresTaskStore> StoredTasks::another(postgres::Pool& pool, Rung rung,
                                                        FindWaitingClaims waiting) {
  return std::make_unique<PostgresTaskStore>(
      pool,
      TaskStorePorts{.random = random_, .rung = std::move(rung), .waiting = std::move(waiting)});
}

RunReply StoredTasks::run(std::int64_t cursor, TaskStore& store) {
  const std::vector requests = {manual_run(cursor)};
  auto answers = must(store.start_runs(requests));
  EXPECT_TRUE(answers.front().ok());
  return answers.front().reply;
}

void StoredTasks::run_many(std::int64_t first, std::int64_t count) {
  std::vector<RunRequest> requests;
  for (std::int64_t at = first; at < first + count; ++at) requests.push_back(manual_run(at));
  for (const auto& answer : must(store_->start_runs(requests))) EXPECT_TRUE(answer.ok());
}

ClaimAnswer StoredTasks::claim_ready(std::size_t max, const std::string& worker) {
  const std::vector<ClaimRequest> requests = {{.worker_id = worker,
                                               .claim_id = {},
                                               .task_ids = {},
                                               .max = max,
                                               .runtime = QueueRuntime::EcsPlatform,
                                               .operators = {}}};
  return must(store_->claim(requests)).front();
}

Answer<HeartbeatReply> StoredTasks::heartbeat(const ClaimedTask& task) {
  const std::vector<TaskItem<HeartbeatCommand>> items = {
      {task.task_id, {.fence = {task.answer.reply.attempt, task.answer.reply.lease_token}}}};
  return must(store_->heartbeat(items)).front();
}

Answer<CompleteReply> StoredTasks::complete(const ClaimedTask& task, Outcome outcome) {
  CompleteCommand command;
  command.fence = {task.answer.reply.attempt, task.answer.reply.lease_token};
  command.outcome = outcome;
  const std::vector<TaskItem<CompleteCommand>> items = {{task.task_id, command}};
  return must(store_->complete(items)).front();
}

ChorePage StoredTasks::chore(Chore chore, std::size_t limit) {
  return must(store_->run_chore(chore, limit));
}

}  // namespace weir::test
