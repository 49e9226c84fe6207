// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/loops/periodic_loop.h"

#include <algorithm>
#include <utility>

#include "dagmanager/loops/limits.h"

namespace weir::dagmanager {

PeriodicLoop::PeriodicLoop(Parts parts) : parts_(std::move(parts)), pause_(kLoopWaitFirst) {
  parts_.keeper.add(parts_.loop, [this] { nudge(); });
}

PeriodicLoop::~PeriodicLoop() { stop(); }

void PeriodicLoop::start() {
  thread_ = std::thread([this] { run(); });
}

void PeriodicLoop::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void PeriodicLoop::nudge() {
  const base::MutexLock lock(mutex_);
  nudged_ = true;
  changed_.notify_all();
}

void PeriodicLoop::run() {
  std::optional<Duration> until;
  while (wait(until)) until = run_once();
}

/// False if the loop stops.
bool PeriodicLoop::wait(std::optional<Duration> until) {
  const base::MutexLock lock(mutex_);
  while (!stopping_ && !nudged_) {
    if (!until) {
      changed_.wait(mutex_);
      continue;
    }
    const Duration left = *until - parts_.clock.monotonic();
    if (left <= Duration::zero()) break;
    changed_.wait_for(mutex_, left);
  }
  nudged_ = false;
  return !stopping_;
}

std::optional<Duration> PeriodicLoop::run_once() {
  const auto fence = parts_.keeper.held(parts_.loop);
  if (!fence) return std::nullopt;
  const Duration began = parts_.clock.monotonic();
  const auto done = parts_.work(*fence);
  if (done.ok()) {
    const Instant now = parts_.clock.now();
    parts_.keeper.ran(parts_.loop, now);
    parts_.observer.loop_ran(parts_.loop, now);
    pause_ = kLoopWaitFirst;
    return began + parts_.period;
  }
  parts_.observer.loop_failed(parts_.loop);
  parts_.log.warning("a pass of a loop failed and is tried again",
                     {{"loop", parts_.loop}, {"error", done.error().describe()}});
  const Duration pause = std::min(pause_, parts_.period);
  pause_ = std::min(pause_ * 2, kLoopWaitMax);
  return parts_.clock.monotonic() + pause;
}

}  // namespace weir::dagmanager
