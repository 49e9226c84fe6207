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
  while (sleep_until(next)) {
    const Duration pause = run_once();
    next = parts_.clock.monotonic() + pause;
  }
}

Duration ChoreLoop::left_until(Duration at) const {
  const Duration until = nudged_for_ ? std::min(at, *nudged_for_) : at;
  return std::max(until - parts_.clock.monotonic(), Duration::zero());
}

Duration ChoreLoop::time_left(Duration at) {
  const base::MutexLock lock(mutex_);
  return left_until(at);
}

/// False once it stops.
bool ChoreLoop::sleep_until(Duration at) {
  const base::MutexLock lock(mutex_);
  while (!stopping_) {
    const Duration left = left_until(at);
    if (left == Duration::zero()) break;
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
  // What follows takes time, which must not make what is due meanwhile late by as much.
  const Duration looked = parts_.clock.monotonic();
  pause_ = kLoopRetry;
  if (parts_.looked) parts_.looked(*due);
  Duration next = looked + kLoopPeriodMax;
  for (int at = 0; at < kChores; ++at) {
    const std::optional<Instant>& when = due->chores[static_cast<std::size_t>(at)];
    if (!when) continue;
    if (*when > due->now) {
      next = std::min(next, looked + (*when - due->now));
    } else {
      const Duration again = run_chore(static_cast<Chore>(at));
      next = std::min(next, parts_.clock.monotonic() + again);
    }
  }
  const auto tell = [&](const std::optional<Instant>& when, const std::function<void()>& whom) {
    if (!when) return;
    if (*when <= due->now) {
      whom();
    } else {
      next = std::min(next, looked + (*when - due->now));
    }
  };
  tell(due->outbox, parts_.outbox_due);
  tell(due->wakeups, parts_.wakeups_due);
  return std::max(next - parts_.clock.monotonic(), Duration::zero());
}

}  // namespace weir::dispatcher
