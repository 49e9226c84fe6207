// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "dispatcher/core/transitions.h"
#include "dispatcher/core/wakeups.h"
#include "dispatcher/ports/claims/immediate_claims.h"
#include "dispatcher/ports/task_context.h"
#include "dispatcher/ports/task_store.h"
#include "dispatcher/ports/tasks/postgres_task_jobs.h"
#include "dispatcher/ports/tasks/postgres_task_ready.h"
#include "dispatcher/ports/tasks/postgres_task_write.h"
#include "drivers/postgres/pipeline.h"

namespace weir::dispatcher {

/// The slot of counters and meters that a session writes into.
int slot_of(const postgres::Connection& connection);

/// Queues BEGIN and the settings of a transaction of the task plane: all organisations, and plans
/// that follow indexes, made once a session.
void queue_open(postgres::Pipeline& pipeline);

/// One call of PostgresTaskStore: the statements that lock and read, the rows as decisions see
/// them, and what they write. In this order: open, name (or statements of the caller that set
/// weir.tasks), lock, read, load; then decide and write; then commit. One that is dropped before it
/// commits leaves its transaction to its session, whose lease rolls it back. One thread.
class TaskTransaction {
 public:
  TaskTransaction(postgres::Connection& connection, const TaskStorePorts& ports, JobCache& jobs);
  /// In a transaction that queue_open has opened before.
  struct Opened {};
  TaskTransaction(postgres::Connection& connection, const TaskStorePorts& ports, JobCache& jobs,
                  Opened opened);

  /// What is queued goes out with `load`.
  postgres::Pipeline& pipeline() { return pipeline_; }
  /// A claim that may have been answered before.
  struct ClaimKey {
    std::string worker_id;
    ClaimId claim_id;
  };
  /// Names the tasks, in the setting weir.tasks; with those who are first in their order, and those
  /// that the claims hold.
  void name(std::span<const TaskId> tasks, std::span<const ClaimKey> claims = {});
  /// The switch locks of the tasks' DAGs.
  void lock_switches();
  /// The rows of the named tasks, in the order of their ids; with `skip`, those that are free.
  void lock_tasks(bool skip = false);
  /// Rows that a statement of the caller has locked and put into weir.tasks.
  void read_tasks();
  struct Reads {
    std::vector<LeaseToken> tokens = {};  ///< of the commands
    bool contexts = false;                ///< what a claim freezes and a payload tells
    bool fresh = false;  ///< most named tasks are new: history is read along, not after them
  };
  void read(const Reads& reads);
  /// The parts of `read`: of the tasks named so far, and of all jobs of tasks that were read. What
  /// `pick` gives is read already: a queued task has neither attempt nor lease.
  void read_attempts();
  void read_triggers();
  void read_jobs(bool contexts);
  /// Claims of a build with a limit take turns at its counters: locks those of the jobs noted so
  /// far, before `read_jobs`; where no limit was met yet, `load` does it if there is one.
  void lock_turns();
  /// Locks what the window of the search has and adds it to the tasks; `triggers` as in contexts.
  void pick(const ReadySearch& search, bool triggers);
  void read() { read(Reads{}); }
  /// Runs what was queued and takes the rows. Gives all results by the index of their statement.
  Result<std::vector<postgres::Rows>> load();

  Instant now() const { return now_; }
  /// A fresh id or token.
  template <class Id>
  Id fresh() {
    return Id(base::uuid_v7(now_, ports_.random));
  }
  std::uint64_t draw() { return ports_.random.next(); }

  /// The row as it is now, if it was read; until the next write.
  const TaskRecord* record(const TaskId& task) const;
  /// The task as decisions see it now; `token`: the lease token of the command.
  TaskView view(const TaskId& task, const std::optional<LeaseToken>& token = {}) const;
  /// Nothing of the build was read for an unknown task.
  BuildFacts facts(const TaskView& view) const;
  BuildFacts& facts(const JobKey& job) { return facts_[job]; }
  WakeupBudget& budget() { return budget_; }
  TaskWrites& writes() { return writes_; }
  /// Decides and takes what follows.
  template <class Command>
  auto run(const TaskView& view, const Command& command) {
    auto decision = decide(view, facts(view), command, now_);
    write(view, decision.change);
    return decision;
  }
  void write(const TaskView& view, const Change& change);
  /// A task that a decision made, with the facts of its build.
  void create(const Change& change);

  /// Whether claims wait that tasks of this transaction may meet.
  bool claims_wait() const { return immediate_.any(); }
  /// What such claims freeze and are told, of the jobs of tasks that are about to be made; one more
  /// exchange. `now` is after it.
  Result<void> read_contexts(const std::set<JobKey>& jobs);
  bool has_context(const JobKey& job) const { return contexts_of_.contains(job); }
  /// Makes a task of such a job for a claim that waits, running from the first: false where it may
  /// not be claimed at once, nobody waits for it, or its gate is closed; then nothing was done.
  bool create_claimed(const JobKey& key, const CreateCommand& command, const EventContext& trigger);

  /// What a claim freezes in the task's scope.
  TaskScope frozen_scope(const TaskRecord& task) const;
  TaskScope frozen_scope(const TaskRecord& task, const EventContext* trigger) const;
  /// Everything that an executor is told of the task; `contexts` was read.
  TaskContext context(const TaskId& task);
  const EventContext* trigger(const TaskId& task) const;
  /// The job of the task; null if it was not read.
  std::shared_ptr<const JobContext> job(const JobKey& key);
  /// The tasks whose rows were locked and read.
  std::vector<TaskId> loaded() const;

  /// Rings who is next in order, then queues all that was written and commits. `first` queues
  /// statements that come before those; `meanwhile` runs while the database works. What was written
  /// is on the disk when this returns.
  Result<void> commit(const std::function<void(postgres::Pipeline&)>& first = {},
                      const std::function<void()>& meanwhile = {});
  /// Of an attempt that this transaction opened, after `commit`.
  std::int64_t fence_no(const TaskId& task) const { return fences_.at(task); }

 private:
  struct Row {
    TaskView view;
    std::optional<EventContext> trigger;
    bool handed_over = false;
    bool had_lease = false;
  };
  using OrderKey = std::pair<BuildId, int>;
  struct Head {
    std::int64_t order_seq = 0;
    TaskId task;
  };

  void take_tasks(const postgres::Rows& rows);
  void take_attempts(const postgres::Rows& rows);
  void take_earlier(const postgres::Rows& rows);
  void take_facts(const postgres::Rows& rows);
  void take_heads(const postgres::Rows& rows);
  void take_triggers(const postgres::Rows& rows);
  void take_picked(const postgres::Rows& rows);
  void take_cursors(const postgres::Rows& rows);
  void take_inputs(const postgres::Rows& rows);
  void take_meters(const postgres::Rows& rows);
  Result<void> find_archived();
  void take_archived(const postgres::Rows& rows);
  Result<void> take_turns();
  Result<void> flush();
  Result<void> write_all(const std::function<void(postgres::Pipeline&)>& first,
                         const std::function<void()>& meanwhile);
  bool order_blocked(const TaskRecord& task) const;
  void ring_next(const OrderKey& key, const QueueName& queue);

  postgres::Connection& connection_;
  const TaskStorePorts& ports_;
  JobCache& job_cache_;
  OpenTransactions::One open_;
  postgres::Pipeline pipeline_;
  std::vector<TaskId> named_;
  bool contexts_ = false;
  bool turns_due_ = false;  // to be locked if a job has a limit
  // Indexes of results.
  std::vector<std::size_t> task_results_, picked_at_;
  std::optional<std::size_t> attempts_at_, earlier_at_, facts_at_, heads_at_, triggers_at_,
      inputs_at_, cursors_at_, meters_at_, now_at_, archived_at_;

  Instant now_{};
  std::map<TaskId, Row> rows_;
  std::map<TaskId, AttemptRecord> earlier_;
  std::map<TaskId, TaskRecord> archived_;
  std::map<JobKey, BuildFacts> facts_;
  std::map<JobKey, std::string> worlds_;
  std::map<OrderKey, std::vector<Head>> heads_;
  std::map<JobKey, std::vector<InputContext>> inputs_;
  std::map<CursorKey, Cursor> consumed_;
  std::map<JobKey, std::shared_ptr<const JobContext>> jobs_;
  WakeupBudget budget_;
  TaskWrites writes_;
  std::map<OrderKey, QueueName> next_in_order_;
  std::map<TaskId, std::int64_t> fences_;
  std::set<JobKey> contexts_of_;  // by read_contexts
  ImmediateClaims immediate_;
};

}  // namespace weir::dispatcher
