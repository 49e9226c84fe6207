// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "dagmanager/loops/loop_keeper.h"
#include "server/log.h"

namespace weir::dagmanager {

/// What a loop tells of itself.
class LoopObserver {
 public:
  virtual ~LoopObserver() = default;
  virtual void loop_ran(const std::string& loop, Instant at) = 0;
  virtual void loop_failed(const std::string& loop) = 0;
};

/// Runs a loop's work every `period`, counted from beginning to beginning, while this instance
/// holds its row. One thread, which sleeps without end while another instance does. A pass that
/// fails is tried again after a second, two, four, up to a minute or the period.
class PeriodicLoop {
 public:
  struct Parts {
    LoopKeeper& keeper;
    const Clock& clock;
    server::Log& log;
    LoopObserver& observer;
    std::string loop;
    Duration period;
    /// One pass under a fence. It must not go on for longer than a few transactions once the
    /// fence is void, and each of them must name it.
    std::function<Result<void>(const LoopFence&)> work;
  };

  /// Adds itself to the keeper, which must not have been started and outlives this.
  explicit PeriodicLoop(Parts parts);
  ~PeriodicLoop();
  PeriodicLoop(const PeriodicLoop&) = delete;
  PeriodicLoop& operator=(const PeriodicLoop&) = delete;

  void start();
  /// Waits for a pass that runs. Safe twice, and before start().
  void stop() WEIR_EXCLUDES(mutex_);
  /// The next pass is due now. From any thread, never blocks.
  void nudge() WEIR_EXCLUDES(mutex_);

  /// One pass, if the row is held; gives when the next is due by the clock's monotonic time,
  /// nothing while the row is another's. For the thread, or for a caller without one.
  std::optional<Duration> run_once();

 private:
  void run();
  bool wait(std::optional<Duration> until) WEIR_EXCLUDES(mutex_);

  const Parts parts_;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool nudged_ WEIR_GUARDED_BY(mutex_) = false;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::thread thread_;

  Duration pause_;  // after the next failure; the thread's own
};

}  // namespace weir::dagmanager
