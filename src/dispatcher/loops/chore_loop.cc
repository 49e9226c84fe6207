// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/loops/chore_loop.h"

#include <algorithm>
#include <string>
#include <utility>

#include "dispatcher/loops/limits.h"

namespace weir::dispatcher {

ChoreLoop::ChoreLoop(ChoreLoopParts parts) : parts_(std::move(parts)), pause_(kLoopRetry) {}

ChoreLoop::~ChoreLoop() { stop(); }

void ChoreLoop::start() {
  thread_ = std::jthread([this] { run(); });
}

void ChoreLoop::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void ChoreLoop::nudge(Duration after) {
  const Duration at = parts_.clock.monotonic() + after;
  const base::MutexLock lock(mutex_);
  if (nudged_for_ && *nudged_for_ <= at) return;
  nudged_for_ = at;
  changed_.notify_all();
}

void ChoreLoop::run() {
  Duration next = parts_.clock.monotonic();
  while (sleep_until(next)) next = parts_.clock.monotonic() + run_once();
}

/// False once it stops.
bool ChoreLoop::sleep_until(Duration at) {
  const base::MutexLock lock(mutex_);
  while (!stopping_) {
    const Duration until = nudged_for_ ? std::min(at, *nudged_for_) : at;
    const Duration left = until - parts_.clock.monotonic();
    if (left <= Duration::zero()) break;
    changed_.wait_for(mutex_, left);
  }
  nudged_for_.reset();
  return !stopping_;
}

/// Pages of the chore; gives when to ask for it again.
Duration ChoreLoop::run_chore(Chore chore) {
  for (int page = 0; page < kChorePagesInTurn; ++page) {
    const auto done = parts_.store.run_chore(chore, kChorePage);
    if (!done.ok()) {
      parts_.log.warning("a chore failed and is tried again",
                         {{"chore", static_cast<int>(chore)},
                          {"reason", done.error().reason()},
                          {"message", done.error().message()}});
      return std::exchange(pause_, std::min(pause_ * 2, kLoopPeriodMax));
    }
    for (const std::string& note : done->notes) parts_.log.warning(note);
    if (done->done > 0) parts_.outbox_due();
    if (!done->more) return done->done > 0 ? Duration::zero() : kChoreAgain;
  }
  return Duration::zero();
}

Duration ChoreLoop::run_once() {
  const auto due = parts_.store.due();
  if (!due.ok()) {
    parts_.log.warning("the loops wait for the database", {{"reason", due.error().reason()}});
    return std::exchange(pause_, std::min(pause_ * 2, kLoopPeriodMax));
  }
  pause_ = kLoopRetry;
  if (parts_.looked) parts_.looked(*due);
  Duration next = kLoopPeriodMax;
  for (int at = 0; at < kChores; ++at) {
    const std::optional<Instant>& when = due->chores[static_cast<std::size_t>(at)];
    if (!when) continue;
    next = std::min(next, *when <= due->now ? run_chore(static_cast<Chore>(at)) : *when - due->now);
  }
  if (due->outbox) {
    if (*due->outbox <= due->now) {
      parts_.outbox_due();
    } else {
      next = std::min(next, *due->outbox - due->now);
    }
  }
  if (due->wakeups) {
    if (*due->wakeups <= due->now) {
      parts_.wakeups_due();
    } else {
      next = std::min(next, *due->wakeups - due->now);
    }
  }
  return next;
}

}  // namespace weir::dispatcher
