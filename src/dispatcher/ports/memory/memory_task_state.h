// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dispatcher/ports/memory/memory_task_tables.h"
#include "dispatcher/ports/task_context.h"
#include "dispatcher/ports/task_seed.h"

namespace weir::dispatcher {

/// All queues, part by part.
inline constexpr std::array kQueueRuntimes = {QueueRuntime::Lambda, QueueRuntime::EcsPlatform,
                                              QueueRuntime::Dispatcher, QueueRuntime::Sink,
                                              QueueRuntime::Query};
inline constexpr std::array kQueueLevels = {QueueLevel::Backfill, QueueLevel::Low,
                                            QueueLevel::Normal, QueueLevel::High};

/// A build with what deploys say of it.
struct MemoryBuild {
  BuildSeed row;
  OrgId org_id;
  std::string dag_name;
  JobSeed job;
  CancelReason stop_reason = CancelReason::Superseded;   ///< once it is stopped
  std::set<std::pair<std::string, std::string>> pauses;  ///< cause, cause_key
  std::optional<SeedSource> source;                      ///< kind of its row of `source_state`
  std::map<int, DatasetVersionId> outputs;
  std::set<std::pair<int, DatasetVersionId>> inputs;  ///< its subscriptions
};

/// A dataset version with what does not change of it.
struct MemoryVersion {
  DatasetVersionSeed row;
  DatasetSeed dataset;
  std::set<std::pair<BuildId, int>> subscribers;
};

/// The rows of the memory store, and indexes that find them. Not safe across threads: belongs to
/// the plane, whose mutex its users hold.
class MemoryTaskState {
 public:
  /// An instant's place in an order that has one task at a place.
  using Rank = std::pair<Instant, TaskId>;

  void seed(const TaskSeed& seed);

  MemoryBuild* find_build(const BuildId& build);
  MemoryBuild& build(const BuildId& build);
  MemoryVersion& version(const DatasetVersionId& version) { return versions_.at(version); }
  std::map<BuildId, MemoryBuild>& builds() { return builds_; }
  BuildFacts facts(const BuildId& build) const;
  JobContext job_context(const BuildId& build) const;

  TaskRecord* find_task(const TaskId& task);
  /// Inserts or replaces a row of `tasks` and keeps its indexes.
  void put_task(const TaskRecord& task);
  void put_attempt(const AttemptRecord& attempt);
  void put_lease(const LeaseRecord& lease);
  void delete_lease(const TaskId& task);
  void put_event(const EventRow& event);
  /// Gives the row that was current before, if there is one.
  PartitionRow* current_partition(const DatasetVersionId& version, const std::string& key);
  void put_partition(const DatasetVersionId& version, const std::string& key,
                     const PartitionRow& row);
  void archive(const TaskId& task);
  /// Gives its number.
  std::int64_t put_message(const QueueName& queue, const TaskId& task, Instant visible_at);

  /// Queues where tasks of the build are queued owe a wake-up.
  void owe_queues(const BuildId& build);
  /// Whether an unfinished task of the build and input comes before `order_seq`.
  bool order_blocked(const TaskRecord& task) const;
  /// The first unfinished task of the build and input in order.
  const TaskRecord* first_in_order(const BuildId& build, int input) const;
  const EventRow* find_event(const EventKey& key) const;
  /// The first event of a producer, by its key.
  const EventRow* event_of(const TaskId& producer) const;

  TaskTables tables;
  std::int64_t last_fence_no = 0;
  std::int64_t last_message_no = 0;
  std::optional<Instant> refilled_at;  ///< when a queue that owed was last rung for

  std::map<QueueName, std::set<Rank>> ready;  ///< queued, in claim order
  std::set<Rank> woken;
  std::set<Rank> retries;
  std::set<Rank> deadlines;  ///< of running tasks that nobody asked to stop
  std::set<Rank> expiries;   ///< of leases
  std::map<BuildId, std::set<TaskId>> unfinished;
  /// By worker and claim: fence number and task of active attempts.
  std::map<std::pair<std::string, ClaimId>, std::set<std::pair<std::int64_t, TaskId>>> claims;

 private:
  void seed_datasets(const TaskSeed& seed);
  void index(const TaskRecord& task, bool present);

  std::map<BuildId, MemoryBuild> builds_;
  std::map<DatasetVersionId, MemoryVersion> versions_;
  std::map<DatasetUuid, DatasetSeed> datasets_;
  std::map<DagVersionId, DagVersionSeed> dag_versions_;
  std::map<EventKey, EventId> events_by_key_;
  std::map<std::pair<DatasetVersionId, std::string>, int> revisions_;
  std::map<std::pair<BuildId, int>, std::set<std::pair<std::int64_t, TaskId>>> in_order_;
};

}  // namespace weir::dispatcher
