// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/event_relay.h"

#include <algorithm>
#include <utility>

#include "dagmanager/limits.h"

namespace weir::dagmanager {

void EventRelay::start() {
  thread_.nudge();  // for what was left before the start
  thread_.start(std::nullopt, [this] { return turn(); });
}

std::optional<Duration> EventRelay::turn() {
  const auto published = run_once();
  if (published.ok()) {
    pause_ = kRelayWaitFirst;
    return next_prune_;
  }
  // Nothing is lost: the events are in the outbox.
  parts_.log.warning("events wait", {{"error", published.error().describe()}});
  return parts_.clock.monotonic() + std::exchange(pause_, std::min(pause_ * 2, kRelayWaitMax));
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
