// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <vector>

#include "dispatcher/ports/memory/memory_task_transaction.h"

namespace weir::dispatcher {

/// What the loops do, in a transaction of the memory store (contract section 6.5).
class MemoryChores {
 public:
  explicit MemoryChores(MemoryTransaction& transaction)
      : transaction_(transaction), state_(transaction.state()) {}

  ChorePage run(Chore chore, std::size_t limit);
  DueInstants due();

 private:
  ChorePage sweep(std::size_t limit);
  ChorePage refill(std::size_t limit);
  ChorePage fire_sources(std::size_t limit);
  /// Rings at most `limit` ready tasks of the queue in claim order; `left`: some remain.
  struct Rung {
    std::size_t count = 0;
    bool left = false;
  };
  Rung ring(const QueueName& queue, std::size_t limit);
  bool to_be_stopped(const TaskRecord& task);
  /// Tasks of stopped builds that are to end, with the reason of the stop.
  std::map<TaskId, CancelReason> stopped_work();
  bool fire_cron(const SourceRecord& source, ChorePage& page);
  bool start_always_on(const SourceRecord& source);
  bool always_on_missing(const SourceRecord& source);
  std::optional<Instant> refill_due();
  std::optional<Instant> sources_due();

  MemoryTransaction& transaction_;
  MemoryTaskState& state_;
};

}  // namespace weir::dispatcher
