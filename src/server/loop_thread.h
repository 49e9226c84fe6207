// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"

namespace weir::server {

/// A thread that works in turns and sleeps between them: until an instant of the clock's monotonic
/// time, until it is nudged, or until it is stopped. What the loops of all roles run on.
class LoopThread {
 public:
  /// One turn; gives when the next is due, nothing if only a nudge makes it due.
  using Turn = std::function<std::optional<Duration>()>;

  /// `clock` outlives this.
  explicit LoopThread(const Clock& clock) : clock_(clock) {}
  ~LoopThread() { stop(); }
  LoopThread(const LoopThread&) = delete;
  LoopThread& operator=(const LoopThread&) = delete;

  /// Begins with a sleep until `first`; a nudge from before counts. At most once.
  void start(std::optional<Duration> first, Turn turn);
  /// Waits for a turn that runs. Safe twice, and before start().
  void stop() WEIR_EXCLUDES(mutex_);
  /// The next turn is due now. From any thread, never blocks.
  void nudge() WEIR_EXCLUDES(mutex_);
  /// For a turn of many steps: whether it should end early.
  bool stopping() const WEIR_EXCLUDES(mutex_);

 private:
  bool sleep(std::optional<Duration> until) WEIR_EXCLUDES(mutex_);

  const Clock& clock_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  bool nudged_ WEIR_GUARDED_BY(mutex_) = false;
  bool stopping_ WEIR_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace weir::server
