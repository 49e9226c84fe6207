// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dispatcher/ports/task_requests.h"
#include "dispatcher/ports/tasks/postgres_task_transaction.h"

namespace weir::dispatcher {

/// Event acceptance inside a TaskTransaction (contract sections 3.3.4, 6.1, 6.2): what a producer
/// may write is checked item by item against rows that are locked, and written with all others, a
/// statement a table. Only for the sources of PostgresTaskStore.
class Acceptance {
 public:
  /// One producer: a task, or a run that is to be made of `build`.
  struct Producer {
    TaskId task;
    std::optional<BuildId> build = {};
    std::span<const NewEvent> events = {};
    const StateWrite* state = nullptr;
  };

  /// Wait: for the switch locks, so between the transaction's `name` and `lock_tasks`. Try: of
  /// producers that are locked, whose own DAGs' are held.
  enum class Switches : std::uint8_t { Wait, Try };
  /// Names the outputs and takes the switch locks. `producers` outlive the acceptance.
  Acceptance(TaskTransaction& transaction, std::span<const Producer> producers,
             Switches switches = Switches::Wait);
  /// Queues what locks and reads versions, states, events and subscriptions; after `lock_tasks`.
  void queue_reads();
  void take(const std::vector<postgres::Rows>& results);
  /// A DAG has subscribed whose switch lock is not held: the transaction starts over, or accepts
  /// nothing.
  bool must_start_over() const { return must_start_over_; }

  /// Reads, where claims wait, what they need of the tasks that events may make; before `accept`.
  Result<void> meet_claims();

  /// Checks everything, then takes everything, or nothing. `task` passed its fence as `attempt`.
  Result<AcceptReply> accept(const TaskRecord& task, int attempt, const Producer& producer);
  /// Checks alone: whether `accept` of the same would pass.
  Result<void> check(const TaskRecord& task, const Producer& producer);
  /// The statements that write what was taken.
  void write(postgres::Pipeline& pipeline) const;

  /// A source build and its job, as runs of it are made.
  struct Source {
    OrgId org_id;
    DagVersionId dag_version_id;
    QueueRuntime runtime = QueueRuntime::Dispatcher;
    QueueLevel level = QueueLevel::Normal;
    BuildFacts facts;
  };
  const Source* source(const BuildId& build) const;
  /// The first event of a run that exists.
  std::optional<EventId> event_of(const TaskId& run) const;
  /// A run that this transaction made.
  void note_run(const TaskId& run, const EventId& event) { run_events_[run] = event; }

 private:
  using Key = std::tuple<TaskId, DatasetUuid, bool, std::string>;  // producer, …, partition, scope
  struct Version {
    DatasetVersionId id;
    DatasetUuid dataset;
    int output = 0;
    bool objects = false;
    bool buffered = false;
    std::int64_t last_seq = 0;
    std::optional<Cursor> max_cursor;
    std::int64_t rows_added = 0;
    std::int64_t bytes_added = 0;
    bool changed = false;
  };
  struct Subscriber {
    BuildId build;
    int input = 0;
    Source job;
    bool per_partition = false;
    bool ordered = false;
    bool blocked = false;
  };
  struct Planned {
    Key key;
    Version* version = nullptr;
    const NewEvent* event = nullptr;
    const AcceptedEvent* existing = nullptr;
  };
  struct Event {
    AcceptedEvent accepted;
    OrgId org_id;
    TaskId producer;
    int attempt = 1;
    const NewEvent* given = nullptr;
    std::string scope;
    TaskClass task_class = TaskClass::Live;
    EventId root;
  };
  struct Partition {
    std::size_t event = 0;  ///< index into events_
    int ordinal = 0;        ///< revisions of the same partition before it in this transaction
    bool last = true;
  };
  struct State {
    std::int64_t revision = 0;
    std::optional<TaskId> writer;
    bool exists = false;
    const StateWrite* written = nullptr;
  };
  struct Manifest {
    BuildId build;
    DatasetVersionId source;
    std::int64_t batch_no = 0;
    std::string json;
    EventId event;
  };
  using StateKey = std::pair<BuildId, std::string>;
  using BatchKey = std::tuple<BuildId, DatasetVersionId, std::int64_t>;

  void take_versions(const postgres::Rows& rows);
  void take_subscribers(const postgres::Rows& rows);
  void take_existing(const postgres::Rows& rows);
  Result<Version*> find_output(const BuildId& build, TaskKind kind, const NewEvent& event);
  Result<Planned> plan_event(const TaskRecord& task, const NewEvent& event);
  Result<std::vector<Planned>> plan(const TaskRecord& task, const Producer& producer);
  Result<void> check_state(const TaskRecord& task, const StateWrite& state) const;
  Result<void> check_manifests(const TaskRecord& task, const std::vector<Planned>& plan);
  const Event& insert(const TaskRecord& task, int attempt, const Planned& planned);
  void insert_partition(std::size_t event, Version& version);
  std::int64_t write_state(const TaskRecord& task, const StateWrite& state);
  void route(const Event& event);
  void create(const Event& event, Subscriber& subscriber);
  bool create_claimed(const Event& event, const Subscriber& subscriber,
                      const CreateCommand& create);
  void write_events(postgres::Pipeline& pipeline) const;
  void write_versions(postgres::Pipeline& pipeline) const;
  void write_partitions(postgres::Pipeline& pipeline) const;
  void write_beside(postgres::Pipeline& pipeline) const;

  TaskTransaction& transaction_;
  std::span<const Producer> producers_;
  std::size_t switches_at_ = 0, versions_at_ = 0, existing_at_ = 0, subscribers_at_ = 0,
              sources_at_ = 0, states_at_ = 0, manifests_at_ = 0, run_events_at_ = 0;
  bool must_start_over_ = false;

  std::map<BuildId, std::vector<Version*>> outputs_;
  std::map<DatasetVersionId, Version> versions_;
  std::map<DatasetVersionId, std::vector<Subscriber>> subscribers_;
  std::map<Key, AcceptedEvent> existing_;
  std::map<BuildId, Source> sources_;
  std::map<TaskId, EventId> run_events_;
  std::map<StateKey, State> states_;
  std::map<BatchKey, std::string> manifests_known_;

  std::vector<Event> events_;
  std::vector<Partition> partitions_;
  std::map<std::pair<DatasetVersionId, std::string>, std::vector<std::size_t>> revisions_;
  std::vector<std::tuple<BuildId, int, EventId>> rejections_;
  std::vector<Manifest> manifests_;
};

}  // namespace weir::dispatcher
