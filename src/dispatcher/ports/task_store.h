// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "base/random.h"
#include "base/result.h"
#include "dispatcher/ports/outbox.h"
#include "dispatcher/ports/task_requests.h"
#include "dispatcher/ports/waiting_claims.h"

namespace weir::dispatcher {

/// What a task store draws ids and chances from.
struct TaskStorePorts {
  Random& random;  ///< ids, lease tokens, jitter; safe from any thread
  /// Told of the wake-ups of each transaction as soon as others see it, on the caller's thread,
  /// while the disk works; a hint: the outbox has them. Empty: nobody is.
  Rung rung = {};
  /// Tasks of events (accept, start_runs, sources that fire) are claimed in the transaction that
  /// makes them for claims that wait for such: no wake-up is written for those.
  FindWaitingClaims waiting = {};
};

/// Port: tasks, events and what moves between them (contract sections 4 to 6). Any number of
/// processes may share one store, except the memory one. Every method may be called from any
/// thread.
///
/// A call is one transaction over all its items: it locks their rows in one statement (order of
/// 6.1: switch locks by DAG, tasks by id, dataset versions by uuid, operator state, counters and
/// meters), decides each by dispatcher/core, writes all changes of a table in one statement and
/// commits. An item's refusal is its answer and changes nothing for the others. Time is the
/// database's. Items name each task once.
///
/// Faults of a whole call, after which nothing was written: UNAVAILABLE `unavailable`, ABORTED
/// `transaction_conflict` (deadlock or serialization: the service repeats its items one by one).
/// UNAVAILABLE `commit_unknown`: the outcome is not known; every call may be repeated as it is,
/// and answers what was done with `duplicate` set.
class TaskStore {
 public:
  virtual ~TaskStore() = default;

  /// T2. At most 256 tasks in all.
  virtual Result<std::vector<ClaimAnswer>> claim(std::span<const ClaimRequest> requests) = 0;
  /// T3. `reply.paused` of a source whose build has a row in `pauses`.
  virtual Result<std::vector<Answer<HeartbeatReply>>> heartbeat(
      std::span<const TaskItem<HeartbeatCommand>> items) = 0;
  /// T4 to T6, T8, T11, T14, with consumer cursors, invalidation targets, the next task in order.
  virtual Result<std::vector<Answer<CompleteReply>>> complete(
      std::span<const TaskItem<CompleteCommand>> items) = 0;
  /// Event acceptance (6.1, 6.2): events, partition versions, operator state, manifests, a task a
  /// subscription, counters, wake-ups. All events of an item or none. Faults of an item:
  /// `output_not_owned`, `version_mismatch`, `cursor_type_mismatch`, `duplicate_scope`,
  /// `scope_required`, `buffered_output`, `commit_incomplete`, `revision_conflict`,
  /// `manifest_conflict`.
  virtual Result<std::vector<Answer<AcceptReply>>> accept(
      std::span<const AcceptRequest> requests) = 0;
  /// Source runs (5.2). Faults of an item: `not_found` for an unknown build.
  virtual Result<std::vector<Answer<RunReply>>> start_runs(
      std::span<const RunRequest> requests) = 0;

  /// T9, T10 or T13 by a user of an organisation.
  virtual Result<Answer<StateReply>> command(const UserRequest& request) = 0;

  /// What GET /internal/task-fetch tells. NOT_FOUND `task_not_found`. Locks nothing.
  virtual Result<TaskContext> fetch(const TaskId& task) = 0;
  virtual Result<Answer<StateRow>> read_state(const StateRead& request) = 0;

  /// One page of a loop's work, at most `limit` rows, locked rows skipped; safe in every replica at
  /// once.
  virtual Result<ChorePage> run_chore(Chore chore, std::size_t limit) = 0;
  /// When each loop has something to do: one read.
  virtual Result<DueInstants> due() = 0;
};

}  // namespace weir::dispatcher
