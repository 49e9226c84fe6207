// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "dispatcher/core/change.h"
#include "dispatcher/core/records.h"
#include "dispatcher/ports/outbox.h"

namespace weir::postgres {
class Pipeline;
}

namespace weir::dispatcher {

/// A consumer's cursor: the build, its input and the version that is read.
using CursorKey = std::tuple<BuildId, int, DatasetVersionId>;

/// What the decisions of one transaction change, table by table, and the statements that write it:
/// one a table, and none for a table without changes. Only for the sources of PostgresTaskStore.
class TaskWrites {
 public:
  /// `slot`: of counters and meters, 0 to 15.
  explicit TaskWrites(int slot) : slot_(slot) {}

  /// What stands beside a task.
  struct Beside {
    bool had_lease = false;
    bool limited = false;                       ///< its build has a max_concurrency
    std::optional<DatasetVersionId> read = {};  ///< the version of its trigger, if that is known
  };
  /// Takes what a decision changes. `task` is the row before it.
  void add(const TaskRecord& task, const Beside& beside, const Change& change);
  /// Owes the queue a wake-up.
  void owe(const QueueName& queue) { meters_[queue.text()].owed = true; }
  /// The queues' promise of a puller that comes back until then; nothing: it does not (6.4).
  void promise(const std::vector<QueueName>& queues, std::optional<Instant> until);

  bool empty() const;
  /// The first rank, of each build and queue, of what is queued by this transaction.
  const std::map<std::pair<BuildId, std::string>, Instant>& queued() const { return queued_; }
  /// The wake-ups among what is written to the outbox.
  const std::vector<RungTask>& rung() const { return rung_; }
  /// Queues the statements in the order in which rows refer to each other and locks are taken.
  /// Gives the index of the result with the fence numbers, if attempts were opened.
  std::optional<std::size_t> queue(postgres::Pipeline& pipeline) const;

 private:
  struct CountKey {
    BuildId build;
    std::string queue;
    int slot = 0;
    friend auto operator<=>(const CountKey&, const CountKey&) = default;
  };
  /// As far as tasks of this transaction go.
  struct Reached {
    std::optional<std::int64_t> number;
    std::optional<std::string> text;
  };
  struct TaskCursor {
    TaskId task;
    Cursor cursor;
  };
  struct EndedAttempt {
    TaskId task;
    AttemptEnd end;
  };

  void add_end(const TaskId& task, const AttemptEnd& end);
  void add_cursor(const TaskRecord& task, const std::optional<DatasetVersionId>& read,
                  const Cursor& cursor);
  void queue_tasks(postgres::Pipeline& pipeline) const;
  std::size_t queue_opened(postgres::Pipeline& pipeline) const;
  void queue_attempts(postgres::Pipeline& pipeline) const;
  void queue_leases(postgres::Pipeline& pipeline) const;
  void queue_outbox(postgres::Pipeline& pipeline) const;
  void queue_beside(postgres::Pipeline& pipeline) const;
  void queue_cursors(postgres::Pipeline& pipeline) const;
  void queue_counts(postgres::Pipeline& pipeline) const;

  const int slot_;
  std::vector<TaskRecord> created_;
  std::map<TaskId, TaskLife> lives_;
  std::map<std::pair<BuildId, std::string>, Instant> queued_;
  std::vector<AttemptRecord> opened_;
  std::map<TaskId, std::size_t> opened_at_;
  std::vector<EndedAttempt> ended_;
  std::map<TaskId, LeaseRecord> leases_new_;
  std::map<TaskId, LeaseRecord> leases_moved_;
  std::set<TaskId> leases_gone_;
  std::vector<OutboxRecord> outbox_;
  std::vector<RungTask> rung_;
  std::map<CountKey, CountDelta> counts_;
  std::map<std::string, MeterDelta> meters_;
  std::map<std::string, std::optional<Instant>> promises_;
  std::vector<TaskCursor> cursors_;               ///< of tasks whose trigger was not read
  std::map<CursorKey, Reached> cursors_reached_;  ///< of the others
  std::vector<TaskId> invalidated_;
  std::map<TaskId, PublishState> publishes_;
  std::map<TaskId, CheckMove> checks_;
  std::set<BuildId> slots_freed_;
};

}  // namespace weir::dispatcher
