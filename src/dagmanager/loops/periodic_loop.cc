// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/loops/periodic_loop.h"

#include <algorithm>
#include <utility>

#include "dagmanager/loops/limits.h"

namespace weir::dagmanager {

PeriodicLoop::PeriodicLoop(Parts parts)
    : parts_(std::move(parts)), pause_(kLoopWaitFirst), thread_(parts_.clock) {
  parts_.keeper.add(parts_.loop, [this] { nudge(); });
}

void PeriodicLoop::start() {
  thread_.start(std::nullopt, [this] { return run_once(); });
}

std::optional<Duration> PeriodicLoop::run_once() {
  const auto fence = parts_.keeper.held(parts_.loop);
  if (!fence) {
    parts_.observer.loop_left(parts_.loop);
    return std::nullopt;
  }
  const Duration began = parts_.clock.monotonic();
  const auto done = parts_.work(*fence);
  if (done.ok()) {
    const Instant now = parts_.clock.now();
    parts_.keeper.ran(parts_.loop, now);
    parts_.observer.loop_took(parts_.loop, parts_.clock.monotonic() - began);
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
