// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "dispatcher/ports/memory/memory_task_state.h"

namespace weir::dispatcher {

/// One database of the task plane in memory: what MemoryTaskStore, MemoryWakeupQueue and
/// MemoryOutbox share. One mutex guards all of it, so that a call of theirs is a transaction. Its
/// clock is the database's. Any thread.
class MemoryTaskPlane {
 public:
  /// `random`: ids and receipts; safe from any thread.
  MemoryTaskPlane(const Clock& clock, Random& random) : clock_(clock), random_(random) {}
  ~MemoryTaskPlane() = default;
  MemoryTaskPlane(const MemoryTaskPlane&) = delete;
  MemoryTaskPlane& operator=(const MemoryTaskPlane&) = delete;

  /// Adds what the seed describes; what it names must be there or in it.
  void seed(const TaskSeed& seed);

  /// What deploys do to a build. Opening one lets its waiting tasks go: its queues are owed.
  /// `reason`: of a stop.
  void set_dispatch(const BuildId& build, Dispatch dispatch,
                    CancelReason reason = CancelReason::Superseded);
  void pause(const PauseSeed& pause);
  /// When the last pause of a build is gone, its queues are owed.
  void unpause(const PauseSeed& pause);
  /// Moves a finished task to the history (6.20).
  void archive(const TaskId& task);
  /// What a transaction outside the task store leaves to the relay.
  void put_outbox(const OutboxRecord& row);

  /// A copy of everything.
  TaskTables tables() const;

 private:
  friend class MemoryTaskStore;
  friend class MemoryWakeupQueue;
  friend class MemoryOutbox;

  const Clock& clock_;
  Random& random_;
  mutable base::Mutex mutex_;
  MemoryTaskState state_ WEIR_GUARDED_BY(mutex_);
};

}  // namespace weir::dispatcher
