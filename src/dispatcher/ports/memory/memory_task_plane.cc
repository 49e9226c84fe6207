// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/memory/memory_task_plane.h"

namespace weir::dispatcher {

void MemoryTaskPlane::seed(const TaskSeed& seed) {
  const base::MutexLock lock(mutex_);
  state_.seed(seed);
}

void MemoryTaskPlane::set_dispatch(const BuildId& build, Dispatch dispatch, CancelReason reason) {
  const base::MutexLock lock(mutex_);
  MemoryBuild& row = state_.build(build);
  row.row.dispatch = dispatch;
  row.stop_reason = reason;
  if (dispatch != Dispatch::Stopped) state_.owe_queues(build);
}

void MemoryTaskPlane::pause(const PauseSeed& pause) {
  const base::MutexLock lock(mutex_);
  state_.build(pause.build_id).pauses.emplace(pause.cause, pause.cause_key);
}

void MemoryTaskPlane::unpause(const PauseSeed& pause) {
  const base::MutexLock lock(mutex_);
  MemoryBuild& row = state_.build(pause.build_id);
  row.pauses.erase({pause.cause, pause.cause_key});
  if (row.pauses.empty()) state_.owe_queues(pause.build_id);
}

void MemoryTaskPlane::archive(const TaskId& task) {
  const base::MutexLock lock(mutex_);
  state_.archive(task);
}

void MemoryTaskPlane::put_outbox(const OutboxRecord& row) {
  const base::MutexLock lock(mutex_);
  state_.tables.outbox.emplace(row.outbox_id, row);
}

TaskTables MemoryTaskPlane::tables() const {
  const base::MutexLock lock(mutex_);
  return state_.tables;
}

}  // namespace weir::dispatcher
