// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "dispatcher/core/commands.h"
#include "dispatcher/core/refusal.h"
#include "dispatcher/ports/task_context.h"
#include "storage/commit_verifier.h"

/// What is asked of a task store, item by item, and what it answers. A refusal or a fault is the
/// item's answer; the items of a batch are independent of each other (contract sections 3.3, 6.1).
namespace weir::dispatcher {

/// The answer to one item: `reply` holds unless it was refused or is at fault.
template <class Reply>
struct Answer {
  std::optional<Refusal> refused = {};
  std::optional<Error> fault = {};  ///< codes of section 3.7 that no refusal has
  Reply reply = {};

  bool ok() const { return !refused && !fault; }
};

/// `name` or `name@version`; any version if none is given.
struct OperatorName {
  std::string name;
  std::string version = {};

  friend bool operator==(const OperatorName&, const OperatorName&) = default;
};

/// A fenced command on one task.
template <class Command>
struct TaskItem {
  TaskId task_id;
  Command command;
};

/// One event of POST /internal/events (3.3.4).
struct NewEvent {
  std::optional<int> output = {};
  std::optional<DatasetUuid> dataset = {};
  std::optional<DatasetVersionId> version = {};
  std::optional<std::string> partition_key = {};  ///< exactly one of this and `cursor`
  std::optional<Cursor> cursor = {};
  std::optional<std::int64_t> start = {};
  std::optional<std::int64_t> end = {};
  std::optional<storage::CommitFacts> commit = {};  ///< verified before (6.7)
  std::string payload_json = "{}";
  std::optional<std::int64_t> batch_no = {};
};
struct StateWrite {
  std::string state_key = "default";
  std::int64_t expect_revision = 0;
  std::string state_json = "{}";
};
/// Reads a row of `operator_state`, fenced.
struct StateRead {
  TaskId task_id;
  Fence fence;
  std::string state_key = "default";
};
struct StateRow {
  std::string state_json = "{}";
  std::int64_t revision = 0;
};

/// What an executor of this process made of a task while it was claimed (2.6).
struct InProcessWork {
  std::vector<NewEvent> events = {};
  std::optional<StateWrite> state = {};
  CompleteCommand end = {};  ///< its fence is the claim's
};
/// Runs tasks within the transaction that claims them: claim, events and completion are one commit,
/// and the rows end as those of three (I40). Both functions are pure and quick, for rows are locked
/// meanwhile.
struct InProcess {
  /// Whether `run` wants the task's state of key `default`; others get StateRow{}.
  std::function<bool(const TaskContext&)> wants_state;
  /// Nothing: the task is claimed and no more, and its executor goes on as with any.
  std::function<std::optional<InProcessWork>(const TaskContext&, const StateRow&)> run;
};

/// POST /internal/task-claim (3.3.1).
struct ClaimRequest {
  std::string worker_id;
  std::optional<ClaimId> claim_id = {};
  std::vector<TaskId> task_ids = {};
  /// How many in all, never fewer than are named; 0: only the named ones.
  std::size_t max = 0;
  std::optional<QueueRuntime> runtime = {};  ///< told where `max` is not 0
  /// Only these; nothing: any.
  std::optional<std::vector<OperatorName>> operators = {};
  /// Whoever runs what is claimed here at once, as far as kInProcessEventsMax goes. Work that is
  /// refused or at fault is not done; its task stays claimed.
  std::shared_ptr<const InProcess> in_process = {};
  /// Told, on any thread and before the answer, of what is claimed while the claim is on its way to
  /// the disk: its executor's papers can be made out meanwhile. A hint: it may be told again, of a
  /// claim that fails in the end, or not at all.
  std::function<void(const TaskContext&)> granted = {};
};
/// Whether a task of the operator is one that the claim takes.
inline bool runs(const ClaimRequest& claim, std::string_view operator_name,
                 std::string_view operator_version) {
  if (!claim.operators) return true;
  return std::ranges::any_of(*claim.operators, [&](const OperatorName& named) {
    return named.name == operator_name &&
           (named.version.empty() || named.version == operator_version);
  });
}
struct ClaimedTask {
  TaskId task_id;
  Answer<ClaimReply> answer;
  std::optional<TaskContext> context;           ///< of a claimed task, as it was claimed
  std::optional<CompleteReply> completed = {};  ///< of one that ran in the claim's transaction
};
struct ClaimAnswer {
  std::vector<ClaimedTask> tasks;  ///< the named ones in their order, then the others
  bool more = false;               ///< further tasks of the runtime were ready
};

struct AcceptRequest {
  TaskId task_id;
  Fence fence;
  std::vector<NewEvent> events;
  std::optional<StateWrite> state = {};
};
struct AcceptedEvent {
  EventId event_id;
  DatasetUuid dataset;
  DatasetVersionId version;
  std::int64_t seq = 0;
  bool duplicate = false;
};
struct AcceptReply {
  std::vector<AcceptedEvent> events;  ///< in the order of the request
  std::optional<std::int64_t> state_revision;
};

/// The worker of an inline run's attempt, as its row names it.
inline constexpr std::string_view kInlineWorker = "inline";

/// A source run to be made (5.2): a manual one, or an instant of a schedule. Inline: the run, its
/// event and the tasks of its subscribers in one transaction. A run that exists is a duplicate.
struct RunRequest {
  BuildId build_id;
  TaskId run_id;  ///< derived_ids.h
  TaskClass task_class = TaskClass::Manual;
  NewEvent event;
};
struct RunReply {
  TaskId task_id;
  std::optional<EventId> event_id;  ///< nothing while the gate holds the run
  bool duplicate = false;
};

/// What a user may do to a task of the own organisation; another's is as an unknown one.
enum class UserCommand : std::uint8_t { Cancel, Retry };
struct UserRequest {
  OrgId org_id;
  TaskId task_id;
  UserCommand command = UserCommand::Cancel;
};

/// What the loops do (6.5), a page at a time.
enum class Chore : std::uint8_t {
  ExpireLeases,   ///< T5, T6, T11
  QueueRetries,   ///< T7
  TimeOut,        ///< T10
  SweepStopped,   ///< T9, T10 of tasks of stopped builds
  RefillWakeups,  ///< the meter: queues that owe, one page
  RingLost,       ///< wake-ups out for longer than kWakeupLost
  FireSources,    ///< cron instants that are due; always_on runs that are missing
};
inline constexpr int kChores = 7;

struct ChorePage {
  std::size_t done = 0;
  bool more = false;  ///< call again at once
  /// A cron source that fired late: the instants that got no run, for the audit and the log.
  std::vector<std::string> notes = {};
};

/// When each chore has something to do next, by the database's clock; nothing: when told.
struct DueInstants {
  Instant now{};
  std::array<std::optional<Instant>, kChores> chores = {};
  std::optional<Instant> outbox;
  /// The least instant at which a message of the wake-up queue is visible, where it is a table of
  /// this database: what another process put there.
  std::optional<Instant> wakeups;
  /// Changes with the stored worker tokens; empty where none are.
  std::string worker_tokens = {};
};

}  // namespace weir::dispatcher
