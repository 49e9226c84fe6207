// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "dispatcher/core/ids.h"
#include "dispatcher/core/task_words.h"

/// What the task store keeps of tasks (contract section 4), as plain data. Column names are those
/// of the tables; instants are the database's.
namespace weir::dispatcher {

/// A position in an event stream: numbers compare as numbers, texts by their bytes (section 0).
using Cursor = std::variant<std::int64_t, std::string>;

/// The version that an input had when the task was first claimed.
struct PinnedInput {
  int input_index = 0;
  DatasetVersionId version;

  friend bool operator==(const PinnedInput&, const PinnedInput&) = default;
};

/// What of its input a task covers (6.2). Frozen by the first claim: a later attempt covers the
/// same, whatever happened meanwhile.
struct TaskScope {
  std::optional<std::string> partition_key;
  std::optional<std::int64_t> start;  ///< inclusive
  std::optional<std::int64_t> end;    ///< inclusive
  std::optional<Cursor> cursor_from;  ///< exclusive; nothing: from the beginning
  std::optional<Cursor> cursor_to;    ///< inclusive
  std::string row_filter;             ///< JSON of an invalidation of rows, else empty
  std::vector<PinnedInput> pinned;
  bool frozen = false;

  friend bool operator==(const TaskScope&, const TaskScope&) = default;
};

/// `last_error` of a task and `error` of an attempt.
struct TaskError {
  std::string code;
  std::string type;
  std::string message;

  friend bool operator==(const TaskError&, const TaskError&) = default;
};

/// The columns of a task that its transitions write.
struct TaskLife {
  TaskState state = TaskState::Queued;
  TaskClass task_class = TaskClass::Live;  ///< column `class`
  std::optional<Effects> effects;          ///< nothing: decided by the first claim (6.11)
  int attempt = 1;                         ///< number of the current or next attempt
  std::optional<int> max_attempts;         ///< nothing: no limit, runs of always_on sources
  TaskScope scope;
  Instant available_at{};
  Instant rank_at{};  ///< place in the claim order (6.4)
  std::optional<Instant> next_retry_at;
  std::optional<Instant> deadline_at;
  std::optional<Instant> cancel_requested_at;
  std::optional<CancelReason> cancel_reason;
  std::optional<TaskError> last_error;
  std::string result;  ///< JSON object, or empty
  std::optional<Instant> woken_at;
  int wakeups = 0;
  std::optional<Instant> started_at;
  std::optional<Instant> finished_at;

  friend bool operator==(const TaskLife&, const TaskLife&) = default;
};

/// A row of `tasks`: the columns that never change, and `life`.
struct TaskRecord {
  TaskId task_id;
  OrgId org_id;
  BuildId build_id;
  DagVersionId dag_version_id;
  TaskKind kind = TaskKind::Reactive;
  QueueName queue;
  int priority = 1;  ///< that of the queue's level
  std::optional<EventId> trigger_event_id;
  std::optional<EventId> root_event_id;
  std::optional<int> input_index;
  std::optional<InvalidationId> invalidation_id;
  std::optional<std::int64_t> order_seq;  ///< tasks of ordered operators only
  Instant created_at{};
  TaskLife life;

  friend bool operator==(const TaskRecord&, const TaskRecord&) = default;
};

/// A row of `attempts`.
struct AttemptRecord {
  TaskId task_id;
  int attempt = 1;
  std::int64_t fence_no = 0;  ///< drawn by the store when the row is inserted; until then 0
  LeaseToken lease_token;
  std::string worker_id;
  std::optional<ClaimId> claim_id;
  AttemptState state = AttemptState::Active;
  std::optional<Outcome> outcome;
  std::optional<TaskError> error;
  Instant started_at{};
  std::optional<Instant> ended_at;

  friend bool operator==(const AttemptRecord&, const AttemptRecord&) = default;
};

/// A row of `leases`: there is one while the task runs (I1).
struct LeaseRecord {
  TaskId task_id;
  int attempt = 1;
  std::string worker_id;
  Instant expires_at{};
  Instant last_heartbeat_at{};

  friend bool operator==(const LeaseRecord&, const LeaseRecord&) = default;
};

/// A row of `outbox`.
struct OutboxRecord {
  OutboxId outbox_id;
  OutboxKind kind = OutboxKind::TaskWakeup;
  std::string topic;
  std::optional<std::string> order_key;
  std::string payload;  ///< JSON
  OutboxState state = OutboxState::Pending;
  int attempts = 0;
  Instant available_at{};
  std::optional<Instant> locked_until;
  std::string last_error;
  Instant created_at{};
  std::optional<Instant> sent_at;

  friend bool operator==(const OutboxRecord&, const OutboxRecord&) = default;
};

/// What a transition needs to know of the task's build and of its job. One for all tasks of the
/// build in a transaction: `running` follows the decisions (note in change.h), so that claims of
/// one transaction see each other.
struct BuildFacts {
  BuildId build_id;
  Dispatch dispatch = Dispatch::Open;
  CancelReason stop_reason = CancelReason::Superseded;  ///< of a stopped build
  bool live_world = true;                               ///< the world that owns the build is `live`
  bool paused = false;                                  ///< it has a row in `pauses`
  std::int64_t running = 0;                     ///< its running tasks; only read with a limit
  std::optional<std::int64_t> max_concurrency;  ///< the job's
  Duration heartbeat_timeout = std::chrono::seconds(60);
  std::optional<Duration> timeout;  ///< nothing: runs until told otherwise
  int max_attempts = 3;             ///< the job's: what a user's retry adds
};

/// Where a task that a command names was found.
enum class Presence : std::uint8_t { Live, Archived, Unknown };

/// A locked task row with what stands around it: all that a decision reads. Of an archived task
/// only `task` is filled, of an unknown one nothing.
struct TaskView {
  Presence presence = Presence::Live;
  TaskRecord task;
  std::optional<AttemptRecord> attempt;  ///< the row of task.life.attempt; nothing before its claim
  /// The row that has the lease token of the command, where it is another than `attempt`.
  std::optional<AttemptRecord> earlier;
  std::optional<LeaseRecord> lease;
  bool order_blocked =
      false;  ///< an unfinished task of the build and input has a smaller order_seq
  bool root_in_handoff = false;  ///< the switch that opened the build handed its root over (6.11)
  bool may_ring = true;          ///< the queue's meter has room (WakeupBudget)
};

}  // namespace weir::dispatcher
