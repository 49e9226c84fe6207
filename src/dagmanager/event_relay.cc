// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/event_relay.h"

#include <algorithm>
#include <utility>

#include "dagmanager/limits.h"

namespace weir::dagmanager {

EventRelay::~EventRelay() { stop(); }

void EventRelay::start() {
  thread_ = std::thread([this] { run(); });
}

void EventRelay::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void EventRelay::nudge() {
  const base::MutexLock lock(mutex_);
  nudged_ = true;
  changed_.notify_all();
}

void EventRelay::run() {
  Duration pause = kRelayWaitFirst;
  std::optional<Duration> until;
  while (wait(until)) {
    const auto published = run_once();
    if (published.ok()) {
      pause = kRelayWaitFirst;
      until = next_prune_;
      continue;
    }
    // Nothing is lost: the events are in the outbox.
    parts_.log.warning("events wait", {{"error", published.error().describe()}});
    until = parts_.clock.monotonic() + pause;
    pause = std::min(pause * 2, kRelayWaitMax);
  }
}

bool EventRelay::wait(std::optional<Duration> until) {
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

Result<std::size_t> EventRelay::run_once() {
  std::size_t total = 0;
  while (true) {
    WEIR_TRY(const std::size_t published, parts_.bus.publish(kRelayPage, parts_.clock.now()));
    total += published;
    if (published < kRelayPage) break;
  }
  const Duration now = parts_.clock.monotonic();
  if (total > 0 && !next_prune_) next_prune_ = now + parts_.retention;
  if (next_prune_ && *next_prune_ <= now) WEIR_CHECK(prune());
  return total;
}

Result<void> EventRelay::prune() {
  const Instant now = parts_.clock.now();
  while (true) {
    WEIR_TRY(const PrunedEvents pruned, parts_.bus.prune(now - parts_.retention, kRelayPage));
    if (pruned.removed == kRelayPage) continue;
    next_prune_.reset();
    if (pruned.oldest) {
      const Duration left = *pruned.oldest + parts_.retention - now;
      next_prune_ = parts_.clock.monotonic() + std::max(left, kPruneEvery);
    }
    return {};
  }
}

}  // namespace weir::dagmanager
