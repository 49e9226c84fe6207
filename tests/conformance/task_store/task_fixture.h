// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/core/derived_ids.h"
#include "tests/conformance/task_store/task_engine.h"

namespace weir::dispatcher {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// An id that a name always has.
template <class Id>
Id id_named(std::string_view name) {
  return Id(base::uuid_v5(base::kUuidOfDns, name));
}

/// The DAG of the suites. Source `manual` (inline) feeds, each by its input 0:
///   relay    PerUpdate, no limits, priority normal; feeds `last`
///   last     PerUpdate
///   parts    PerPartition; parquet output
///   ordered  an ordered operator, PerUpdate
///   single   PerUpdate, max_concurrency 1, priority high
///   buffer   PerUpdate; buffered table output
/// Sources `cron` (inline) and `follow` (always_on) feed nobody.
TaskSeed sample_seed();
/// Jobs of a further DAG of the same organisation, each with an open build and one dataset version;
/// no other DAG of the suite has jobs of these names.
TaskSeed seed_of(const std::string& dag_name, std::vector<JobSeed> jobs);

BuildId build_of(std::string_view job);
DatasetVersionId version_of(std::string_view job);
DatasetUuid dataset_of(std::string_view job);
inline OrgId org() { return id_named<OrgId>("org"); }

/// A claimed task and its fence.
struct Held {
  TaskId task_id;
  Fence fence;
};

/// A test of one engine, over the sample DAG, with short forms of what tests ask most.
class TaskStoreSuite : public testing::TestWithParam<test::TaskEngineKind> {
 protected:
  TaskStoreSuite() : engine_(GetParam().make(random_)) { engine_->seed(sample_seed()); }
  void TearDown() override { engine_->audit(); }

  TaskStore& store() { return engine_->store(); }
  test::TaskEngine& engine() { return *engine_; }
  Instant now() const { return engine_->now(); }
  void advance(Duration span) { engine_->advance(span); }
  TaskTables tables() { return engine_->tables(); }

  /// A manual run of `manual` that emits a cursor; its subscribers get their tasks.
  RunReply run_source(std::int64_t cursor);
  RunReply run_source(const std::string& partition);
  Answer<RunReply> try_run(const RunRequest& request);
  /// Tasks of a job by their creation, whatever their state.
  std::vector<TaskId> tasks_of(std::string_view job);
  /// The job's task for the event of a run.
  TaskId task_of(std::string_view job, const RunReply& run);
  /// The only task of the job that is queued.
  TaskId queued_task(std::string_view job);
  /// The row, in `tasks` or history.
  TaskRecord row(const TaskId& task);
  TaskState state_of(const TaskId& task) { return row(task).life.state; }
  AttemptRecord attempt_row(const TaskId& task, int attempt);

  ClaimAnswer claim(const ClaimRequest& request);
  /// One named task, by worker `w`.
  Answer<ClaimReply> try_claim(const TaskId& task, const std::string& worker = "w");
  Held hold(const TaskId& task, const std::string& worker = "w");
  /// A task of the job, made and claimed.
  Held held_task(std::string_view job, std::int64_t cursor = 1);
  Answer<HeartbeatReply> heartbeat(const Held& held);
  Answer<CompleteReply> complete(const Held& held, Outcome outcome = Outcome::Success);
  Answer<AcceptReply> emit(const Held& held, std::vector<NewEvent> events,
                           std::optional<StateWrite> state = {});
  Answer<StateReply> command(const TaskId& task, UserCommand command);
  /// Runs a chore until nothing is left to do; gives how much it did.
  std::size_t run_all(Chore chore, std::size_t limit = 500);

  /// Wake-ups out of a queue as its meter has them; as its tasks have them.
  std::int64_t outstanding(const QueueName& queue);
  std::int64_t woken(const QueueName& queue);
  bool owed(const QueueName& queue);
  CountDelta counts(std::string_view job);

  static NewEvent cursor_event(Cursor cursor);
  static NewEvent partition_event(const std::string& key);

 private:
  test::RisingRandom random_;
  std::unique_ptr<test::TaskEngine> engine_;
  int runs_ = 0;
};

inline const QueueName kEcsNormal{QueueRuntime::EcsPlatform, QueueLevel::Normal};
inline const QueueName kEcsHigh{QueueRuntime::EcsPlatform, QueueLevel::High};
inline const QueueName kInlineNormal{QueueRuntime::Dispatcher, QueueLevel::Normal};

/// Instantiates a suite over all engines.
#define WEIR_TASK_ENGINES(suite)                                                         \
  INSTANTIATE_TEST_SUITE_P(Engines, suite, testing::ValuesIn(test::task_engine_kinds()), \
                           test::engine_name)

}  // namespace weir::dispatcher
