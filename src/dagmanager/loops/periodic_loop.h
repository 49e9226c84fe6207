// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/loops/loop_keeper.h"
#include "server/log.h"
#include "server/loop_thread.h"

namespace weir::dagmanager {

/// What a loop tells of itself.
class LoopObserver {
 public:
  virtual ~LoopObserver() = default;
  virtual void loop_ran(const std::string& loop, Instant at) = 0;
  /// How long that pass took.
  virtual void loop_took(const std::string& /*loop*/, Duration /*took*/) {}
  virtual void loop_failed(const std::string& loop) = 0;
  /// Another instance runs it: what was seen last here is not how things are any more. Told at the
  /// latest when the next pass would have been due, and again.
  virtual void loop_left(const std::string& /*loop*/) {}
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

  void start();
  /// Waits for a pass that runs. Safe twice, and before start().
  void stop() { thread_.stop(); }
  /// The next pass is due now. From any thread, never blocks.
  void nudge() { thread_.nudge(); }

  /// One pass, if the row is held; gives when the next is due by the clock's monotonic time,
  /// nothing while the row is another's. For the thread, or for a caller without one.
  std::optional<Duration> run_once();

 private:
  const Parts parts_;
  Duration pause_;  // after the next failure; the thread's own
  server::LoopThread thread_;
};

}  // namespace weir::dagmanager
