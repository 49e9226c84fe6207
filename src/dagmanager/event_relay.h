// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "dagmanager/ports/control_bus.h"
#include "server/log.h"

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

  explicit EventRelay(Parts parts) : parts_(parts) {}
  ~EventRelay();
  EventRelay(const EventRelay&) = delete;
  EventRelay& operator=(const EventRelay&) = delete;

  void start();
  /// Safe twice.
  void stop() WEIR_EXCLUDES(mutex_);
  /// There may be events to publish. From any thread, never blocks.
  void nudge() WEIR_EXCLUDES(mutex_);

  /// Publishes all that waits and forgets what is due; tells how many were published. For the
  /// thread, or for a caller without one.
  Result<std::size_t> run_once();
  /// When events are due to be forgotten, by the clock's monotonic time; nothing if none is kept.
  std::optional<Duration> next_prune() const { return next_prune_; }

 private:
  void run();
  /// False if the relay stops.
  bool wait(std::optional<Duration> until) WEIR_EXCLUDES(mutex_);
  Result<void> prune();

  const Parts parts_;
  base::Mutex mutex_;
  base::CondVar changed_;
  bool nudged_ WEIR_GUARDED_BY(mutex_) = true;  // for what was left before the start
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::thread thread_;

  // The thread's own.
  std::optional<Duration> next_prune_ = Duration::zero();
};

}  // namespace weir::dagmanager
