// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "dispatcher/core/transitions.h"
#include "dispatcher/core/wakeups.h"
#include "dispatcher/ports/claims/immediate_claims.h"
#include "dispatcher/ports/memory/memory_task_state.h"
#include "dispatcher/ports/task_requests.h"

namespace weir::dispatcher {

/// One call of the memory store: an instant, what room the meters had when it began, and the rows.
/// What it writes stands at once; nothing in it fails once it writes. Its user holds the plane's
/// mutex and calls `finish` last. Only for the sources of MemoryTaskStore.
class MemoryTransaction {
 public:
  /// `waiting`: claims that its tasks may meet.
  MemoryTransaction(MemoryTaskState& state, Random& random, Instant now,
                    const FindWaitingClaims& waiting = {});

  Instant now() const { return now_; }
  MemoryTaskState& state() { return state_; }
  /// A fresh id or token.
  template <class Id>
  Id fresh() {
    return Id(base::uuid_v7(now_, random_));
  }
  std::uint64_t draw() { return random_.next(); }

  /// The task as decisions see it; `token`: the lease token of the command.
  TaskView view(const TaskId& task, const std::optional<LeaseToken>& token = {});
  BuildFacts facts(const TaskView& view);
  /// Decides and writes what follows.
  template <class Command>
  auto run(const TaskView& view, const Command& command) {
    auto decision = decide(view, facts(view), command, now_);
    write(view.task, decision.change);
    return decision;
  }
  void write(const TaskRecord& task, const Change& change);

  /// Validates an event request and, if nothing is wrong with it, writes all of it. `task` is the
  /// producer, which passed its fence as `attempt`.
  Result<AcceptReply> accept(const TaskRecord& task, int attempt, const AcceptRequest& request);
  /// A source run, and its event if the gate is open.
  Answer<RunReply> start_run(const RunRequest& request);

  /// T1 of a task that does not exist yet.
  Decision<CreateReply> create_task(CreateCommand create, const BuildId& build);

  /// Everything that an executor is told of the task.
  TaskContext context(const TaskRecord& task);
  /// Whether workers may be told to run it: the claim gate.
  bool gate_open(const TaskRecord& task);

  /// Rings who is next in order, owes the queues where a slot was freed, answers the claims that
  /// were met. Call last, once.
  void finish();

 private:
  struct PlannedEvent {
    EventKey key;
    DatasetVersionId version;
    const NewEvent* event = nullptr;
    const EventRow* existing = nullptr;
  };

  Result<PlannedEvent> plan_event(const TaskRecord& task, const NewEvent& event);
  Result<std::vector<PlannedEvent>> plan_events(const TaskRecord& task,
                                                const std::vector<NewEvent>& events);
  Result<DatasetVersionId> find_output(const TaskRecord& task, const NewEvent& event);
  Result<void> check_state(const TaskRecord& task, const StateWrite& state) const;
  Result<void> check_manifests(const TaskRecord& task, const std::vector<PlannedEvent>& plan) const;
  EventRow insert_event(const TaskRecord& task, int attempt, const PlannedEvent& planned);
  void insert_partition(const EventRow& event, const NewEvent& given);
  void insert_manifest(const TaskRecord& task, const EventRow& event, const NewEvent& given);
  std::int64_t write_state(const TaskRecord& task, const StateWrite& state);
  void route(const EventRow& event);
  bool create_claimed(const CreateCommand& create, const BuildId& build);
  void advance_cursor(const TaskRecord& task, const Cursor& cursor);
  std::optional<DatasetVersionId> trigger_version(const TaskRecord& task) const;

  MemoryTaskState& state_;
  Random& random_;
  Instant now_;
  WakeupBudget budget_;
  std::set<std::pair<BuildId, int>> next_in_order_;
  std::set<BuildId> slots_freed_;
  ImmediateClaims immediate_;
};

}  // namespace weir::dispatcher
