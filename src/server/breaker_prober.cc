// SPDX-License-Identifier: Apache-2.0
#include "server/breaker_prober.h"

#include <algorithm>
#include <utility>

namespace weir::server {

void BreakerProber::add(Breaker& breaker, std::function<Result<void>()> probe,
                        std::function<void()> opened) {
  engines_.push_back({&breaker, std::move(probe)});
  breaker.when_opened([this, opened = std::move(opened)] {
    thread_.nudge();
    opened();
  });
}

void BreakerProber::start() {
  thread_.start({}, [this] { return run_once(); });
}

std::optional<Duration> BreakerProber::run_once() {
  std::optional<Duration> next;
  for (const Engine& engine : engines_) {
    if (engine.breaker->take_probe()) engine.breaker->saw(engine.probe().ok());
    const auto due = engine.breaker->probe_due();
    if (due) next = next ? std::min(*next, *due) : *due;
  }
  return next;
}

}  // namespace weir::server
