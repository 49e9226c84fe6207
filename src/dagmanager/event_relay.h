// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/limits.h"
#include "dagmanager/ports/control_bus.h"
#include "server/log.h"
#include "server/loop_thread.h"

namespace weir::dagmanager {

/// Publishes the control events that commits leave in the outbox (contract section 1.4), and
/// forgets them when their time is over. One thread that sleeps until it is nudged, or until the
/// oldest event's time is over. Every instance may run one: numbers are given under a lock of the
/// store. Killed at any moment: what has no number yet gets it from the next run, of whichever
/// instance.
class EventRelay {
 public:
  struct Parts {
    ControlBus& bus;
    const Clock& clock;
    server::Log& log;
    Duration retention;  ///< of an event, after it was published
  };

  explicit EventRelay(Parts parts) : parts_(parts), thread_(parts.clock) {}

  void start();
  /// Safe twice, and before start().
  void stop() { thread_.stop(); }
  /// There may be events to publish. From any thread, never blocks.
  void nudge() { thread_.nudge(); }

  /// Publishes all that waits and forgets what is due; tells how many were published. For the
  /// thread, or for a caller without one.
  Result<std::size_t> run_once();
  /// When events are due to be forgotten, by the clock's monotonic time; nothing if none is kept.
  std::optional<Duration> next_prune() const { return next_prune_; }

 private:
  std::optional<Duration> turn();
  Result<void> prune();

  const Parts parts_;

  // The thread's own.
  Duration pause_ = kRelayWaitFirst;  // after the next failure
  std::optional<Duration> next_prune_ = Duration::zero();

  server::LoopThread thread_;
};

}  // namespace weir::dagmanager
