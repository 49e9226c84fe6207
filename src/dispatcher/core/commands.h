// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "dispatcher/core/fence.h"
#include "dispatcher/core/records.h"

/// What can be asked of a task, and what is answered (contract sections 3.3, 5.1). Random draws are
/// 64 random bits each; fresh ids are the caller's.
namespace weir::dispatcher {

/// T1: a routed event, a source run due, an invalidation, an accepted publish, a check due. The
/// caller has looked up what the unique indexes say.
struct CreateCommand {
  TaskId task_id;  ///< UUIDv7, or derived: runs, publishes, checks (derived_ids.h)
  OrgId org_id;
  DagVersionId dag_version_id;
  TaskKind kind = TaskKind::Reactive;
  QueueRuntime runtime = QueueRuntime::EcsPlatform;
  QueueLevel level = QueueLevel::Normal;  ///< the job's priority; class and world may lower it
  TaskClass task_class = TaskClass::Live;
  /// Given where it is not the class that decides (6.11): inherited by a sink, asked for by the
  /// request of a recompute, or `fire` of a backfill whose deploy has effects=fire.
  std::optional<Effects> effects;
  bool unlimited_attempts = false;  ///< a run of an always_on source
  std::optional<EventId> trigger_event_id;
  std::optional<EventId> root_event_id;
  std::optional<int> input_index;
  std::optional<InvalidationId> invalidation_id;
  std::optional<std::int64_t> order_seq;
  TaskScope scope;
  bool exists = false;         ///< this work has its task, in `tasks` or in history
  bool order_blocked = false;  ///< as in TaskView
  bool may_ring = true;        ///< as in TaskView
};
struct CreateReply {
  TaskId task_id;
  bool duplicate = false;  ///< there was one already; nothing changed
};

/// T2.
struct ClaimCommand {
  std::string worker_id;
  std::optional<ClaimId> claim_id;
  bool operator_supported = true;  ///< the caller runs this operator and version
  LeaseToken lease_token;          ///< fresh
  TaskScope frozen_scope;          ///< what the first claim freezes: cursor_from, pinned versions
  std::uint64_t draw = 0;          ///< for the retry of an expired lease
};
struct ClaimReply {
  LeaseToken lease_token;
  std::int64_t fence_no = 0;  ///< of a duplicate; of a new claim the store draws it
  int attempt = 1;
  Instant lease_expires_at{};
  std::optional<Instant> deadline_at;
  Duration heartbeat_interval{};
  bool duplicate = false;  ///< the same worker's same claim_id: its live lease again
};

/// T3.
struct HeartbeatCommand {
  Fence fence;
};
struct HeartbeatReply {
  TaskState status = TaskState::Running;  ///< Running, or Canceled when it is to stop
  std::optional<CancelReason> cancel_reason;
  Instant lease_expires_at{};
  bool paused = false;  ///< a source is to stop producing
};

/// T4 to T6, T8, T11, T14. `outcome` is one that a wrapper may report: up to Released.
struct CompleteCommand {
  Fence fence;
  Outcome outcome = Outcome::Success;
  std::optional<TaskError> error;
  std::string result;           ///< JSON object, or empty
  bool event_accepted = false;  ///< kind `sink`: the event of its publish is in the log
  std::uint64_t draw = 0;
};
struct CompleteReply {
  TaskState status = TaskState::Completed;
  int attempt = 1;  ///< the one that was reported
  bool duplicate = false;
  std::optional<Instant> next_retry_at;
};

/// T5, T6, T11 by the reaper: does nothing unless the lease has expired.
struct ExpireCommand {
  std::uint64_t draw = 0;
};

/// T7 by the retry scheduler: does nothing before `next_retry_at`.
struct RetryDueCommand {};

/// T10 by the time-out loop: does nothing before `deadline_at`.
struct DeadlineCommand {};

/// T9, T10. A stop of the build passes over sinks and checks; a deploy's end over sinks alone.
enum class CancelCause : std::uint8_t { User, BuildStopped, DeployEnded };
struct CancelCommand {
  CancelCause cause = CancelCause::User;
  CancelReason reason = CancelReason::User;  ///< rollback, superseded, dag_removed of the others
};

/// T12 by the router, of a reopened build.
struct ReopenCommand {};

/// T13 by a user.
struct RetryCommand {};

/// The meter rings a task of a queue that owes, or again one whose wake-up is lost (6.4).
struct RingCommand {};

/// What became of the task: of the commands that nobody waits for with more than this.
struct StateReply {
  TaskState state = TaskState::Queued;
};

}  // namespace weir::dispatcher
