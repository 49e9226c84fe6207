// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dispatcher/core/records.h"
#include "dispatcher/core/refusal.h"

/// What a decision changes, table by table, as data. A service locks the rows of a batch in the
/// order of their ids, decides each, and writes all changes of a table in one statement; a memory
/// store and a simulator use `apply` below.
///
/// Decisions of one batch follow each other: after each one, `apply(facts, change)` lets the next
/// see how many tasks of the build run, and WakeupBudget::note what room the meter has left.
namespace weir::dispatcher {

/// The row of section 5.1 that a decision carried out. What a service groups its statements by:
/// each transition always writes the same columns.
enum class Transition : std::uint8_t {
  None,
  T1Created,
  T2Claimed,
  T3Extended,
  T4Completed,
  T5WaitsForRetry,
  T6Failed,
  T7RetryQueued,
  T8LateReport,  ///< the late completion; also a late report that leaves the task waiting
  T9CanceledWaiting,
  T10CancelRequested,
  T11CanceledRunning,
  T12Reopened,
  T13Retried,
  T14Released,
  BellAnswered,  ///< it has no wake-up now, and its queue owes one: a refused claim, no room (6.4)
  BellRung,      ///< the meter rang, for the first time or again (6.4)
};
inline constexpr int kTransitions = 17;
std::string_view word(Transition transition);

/// How the counters of (build, queue) move (6.20).
struct CountDelta {
  int queued = 0;
  int running = 0;
  int retry_wait = 0;
  int completed = 0;
  int failed = 0;
  int canceled = 0;

  /// From one state to another; nothing stands for no row.
  static CountDelta of(std::optional<TaskState> before, std::optional<TaskState> after);
  CountDelta& operator+=(const CountDelta& other);
  friend bool operator==(const CountDelta&, const CountDelta&) = default;
};

/// How the meter of the task's queue moves (6.4).
struct MeterDelta {
  int outstanding = 0;  ///< wake-ups without an answer
  bool owed = false;    ///< a queued task without a wake-up was left

  friend bool operator==(const MeterDelta&, const MeterDelta&) = default;
};

/// The end of an attempt: what its row gets.
struct AttemptEnd {
  int attempt = 1;
  AttemptState state = AttemptState::Closed;
  std::optional<Outcome> outcome;
  std::optional<TaskError> error;
  Instant ended_at{};

  friend bool operator==(const AttemptEnd&, const AttemptEnd&) = default;
};

enum class LeaseChange : std::uint8_t { Kept, Put, Deleted };

/// What the end of a check's task makes of its row in `deploy_checks` (6.18).
enum class CheckMove : std::uint8_t { Running, Measured, Error };

/// Changes of one task. Everything that is empty stays as it was.
struct Change {
  Transition transition = Transition::None;
  std::optional<TaskRecord> created;    ///< `tasks`: the row to insert
  std::optional<TaskLife> life;         ///< `tasks`: the columns of an existing row afterwards
  std::optional<AttemptRecord> opened;  ///< `attempts`: the row to insert; the store draws fence_no
  std::optional<AttemptEnd> ended;      ///< `attempts`: the row to update
  LeaseChange lease_change = LeaseChange::Kept;
  std::optional<LeaseRecord> lease;  ///< `leases`: with Put, the row afterwards
  std::vector<OutboxRecord> outbox;  ///< `outbox`: rows to insert
  CountDelta counts;                 ///< `task_counts`
  MeterDelta meter;                  ///< `wakeup_meters`

  /// T4 of a task over cursors: the consumer's cursor of its input becomes at least this. Which
  /// version's cursor that is, its trigger event says.
  std::optional<Cursor> cursor_to;
  bool invalidation_done = false;  ///< T4: this task's part of its invalidation target is done
  /// The next task of the build and input in order may have become claimable: ring it, or owe.
  bool next_in_order = false;
  /// A build with a limit has one running task less: its queues are owed.
  bool slot_freed = false;
  std::optional<PublishState> publish;  ///< kind `sink`: what its buffered publish becomes
  std::optional<CheckMove> check;       ///< kind `check`

  bool empty() const { return transition == Transition::None; }
  friend bool operator==(const Change&, const Change&) = default;
};

/// What a command did. A refusal may come with a change: a claim of an expired task reaps it first,
/// and one that is refused answers its wake-up. `reply` holds only without a refusal.
template <class Reply>
struct Decision {
  Change change;
  std::optional<Refusal> refused;
  Reply reply;
};

/// Carries the change out on the row: what a store does in SQL.
void apply(TaskView& view, const Change& change);
/// Lets the next decision on a task of the build see this one.
void apply(BuildFacts& build, const Change& change);

/// The outbox row of a wake-up: its payload is the task's id and nothing else (1.1), its id that of
/// appendix C, `number` the wake-ups the task had before.
OutboxRecord wakeup_row(const TaskRecord& task, int attempt, int number, Instant now);

}  // namespace weir::dispatcher
