// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>

#include "dispatcher/core/change.h"
#include "dispatcher/core/limits.h"
#include "dispatcher/core/task_words.h"

namespace weir::dispatcher {

/// What room the meters have for wake-ups in one transaction (contract section 6.4): read without a
/// lock when it begins, so that a queue may pass its bound by a page per transaction under way
/// (I42). Not thread-safe; belongs to the transaction.
class WakeupBudget {
 public:
  explicit WakeupBudget(std::int64_t outstanding_max = kWakeupsOutstandingMax)
      : outstanding_max_(outstanding_max) {}

  /// What the meter of a queue said: the wake-ups out, and whether workers pull (`more_until` is in
  /// the future): then transactions only owe.
  void read(const QueueName& queue, std::int64_t outstanding, bool pulled);

  /// Whether one more may be written: TaskView::may_ring, CreateCommand::may_ring. Not for a queue
  /// whose meter was not read.
  bool may_ring(const QueueName& queue) const;

  /// Counts what a decision on a task of the queue wrote and answered.
  void note(const QueueName& queue, const Change& change);

 private:
  struct Meter {
    std::int64_t outstanding = 0;
    bool pulled = false;
  };
  std::int64_t outstanding_max_;
  std::int64_t written_ = 0;  // wake-ups of this transaction, at most kWakeupsPageMax
  std::map<QueueName, Meter> meters_;
};

}  // namespace weir::dispatcher
