// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "dispatcher/ports/task_store.h"
#include "server/log.h"

namespace weir::dispatcher {

struct ChoreLoopParts {
  TaskStore& store;
  Clock& clock;
  server::Log& log;
  /// Called when rows of the outbox, or messages of the queue, are due.
  std::function<void()> outbox_due;
  std::function<void()> wakeups_due;
  /// Called with what each look tells.
  std::function<void(const DueInstants&)> looked = {};
};

/// The loops of contract section 6.5 in one thread: it reads once when anything is due, does what
/// is, and sleeps until the earliest next instant, a nudge, or kLoopPeriodMax. With nothing due
/// that is one statement in five seconds. Every chore is safe in every replica at once, so nothing
/// is lost with a process, only late by the period.
class ChoreLoop {
 public:
  explicit ChoreLoop(ChoreLoopParts parts);
  ~ChoreLoop();
  ChoreLoop(const ChoreLoop&) = delete;
  ChoreLoop& operator=(const ChoreLoop&) = delete;

  void start();
  void stop() WEIR_EXCLUDES(mutex_);

  /// Something may be due in `after`.
  void nudge(Duration after) WEIR_EXCLUDES(mutex_);

  /// One look and what is due by it; gives in what time from its return to look again. The thread
  /// does nothing else but to sleep for time_left() of that.
  Duration run_once();

  /// The time until a look that is to be at `at` of the monotonic clock: shorter, or none, after a
  /// nudge for an earlier instant.
  Duration time_left(Duration at) WEIR_EXCLUDES(mutex_);

 private:
  void run() WEIR_EXCLUDES(mutex_);
  bool sleep_until(Duration at) WEIR_EXCLUDES(mutex_);
  Duration left_until(Duration at) const WEIR_REQUIRES(mutex_);
  Duration run_chore(Chore chore);

  const ChoreLoopParts parts_;
  Duration pause_;  // after a failure
  base::Mutex mutex_;
  base::CondVar changed_;
  std::optional<Duration> nudged_for_ WEIR_GUARDED_BY(mutex_);
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

}  // namespace weir::dispatcher
