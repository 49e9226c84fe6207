// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "dispatcher/core/change.h"
#include "dispatcher/core/commands.h"
#include "dispatcher/core/records.h"

/// The machine of a task (contract section 5.1): one `decide` a command. Given the locked row with
/// what stands around it, the command and the database's instant, it says what changes and what is
/// answered. It reads nothing else, so that one function serves the service that writes many rows
/// at once, the memory store and the simulator.
///
/// States: queued, running, retry_wait; completed, failed, canceled are final but for T12 and T13.
/// Held, paused and stopped are properties of the build, which the claim gate reads (claim_gate.h).
/// Faults: a command repeated changes nothing and is answered as it was; a command after its fence
/// fell changes nothing; a worker that dies is seen by the expiry of its lease alone.
namespace weir::dispatcher {

/// T1 – → queued.
Decision<CreateReply> decide(const BuildFacts& build, const CreateCommand& command, Instant now);

/// T2 queued → running. The reaper's work first if a lease has expired.
Decision<ClaimReply> decide(const TaskView& view, const BuildFacts& build,
                            const ClaimCommand& command, Instant now);

/// T3 running → running: extends the lease, never shortens it; T10 where it finds that the build
/// stopped or the deadline passed.
Decision<HeartbeatReply> decide(const TaskView& view, const BuildFacts& build,
                                const HeartbeatCommand& command, Instant now);

/// T4, T5, T6, T8, T11, T14 by the executor's report; T9 by a late one of a task that is to stop.
Decision<CompleteReply> decide(const TaskView& view, const BuildFacts& build,
                               const CompleteCommand& command, Instant now);

/// T5, T6, T11 by expiry.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const ExpireCommand& command, Instant now);

/// T7 retry_wait → queued.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const RetryDueCommand& command, Instant now);

/// T10 running → running, the hard time-out.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const DeadlineCommand& command, Instant now);

/// T9 queued, retry_wait → canceled; T10 of a running one. Refused: `task_finished` of what
/// completed or failed, `not_supported` of a sink. Repeats change nothing.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const CancelCommand& command, Instant now);

/// T12 canceled → queued; does nothing unless a switch canceled the task and its build is open.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const ReopenCommand& command, Instant now);

/// T13 failed, canceled(user) → queued. Refused: `task_archived` in history, `task_finished` of
/// what completed or a switch canceled, `not_supported` of what is not over.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const RetryCommand& command, Instant now);

/// A wake-up for a queued task that has none, or whose last is lost.
Decision<StateReply> decide(const TaskView& view, const BuildFacts& build,
                            const RingCommand& command, Instant now);

/// An inline run (5.2): T1, T2 and T4 in the transaction that creates it. With the gate closed it
/// is only created, and waits held as any task does.
struct InlineRun {
  CreateCommand create;
  ClaimCommand claim;
  std::string result;
};
struct InlineReply {
  TaskId task_id;
  bool duplicate = false;
  TaskState state = TaskState::Completed;
};
/// The change's `created` is the row as it ends; `opened` its attempt, closed already.
Decision<InlineReply> decide(const BuildFacts& build, const InlineRun& run, Instant now);

/// T1 and T2 in one transaction, for a claim that waited for such a task: it is running when it is
/// first seen, and nobody is woken for it. With the gate closed it is only created.
struct ClaimedAtOnce {
  CreateCommand create;
  ClaimCommand claim;
};
struct ClaimedAtOnceReply {
  CreateReply created;
  std::optional<ClaimReply> claimed;  ///< nothing where it waits as any task does
};
/// The change's `created` is the row as it runs.
Decision<ClaimedAtOnceReply> decide(const BuildFacts& build, const ClaimedAtOnce& both,
                                    Instant now);

}  // namespace weir::dispatcher
