// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/loops/loop_keeper.h"

#include <algorithm>
#include <utility>

#include "dagmanager/loops/limits.h"

namespace weir::dagmanager {

LoopKeeper::~LoopKeeper() { stop(); }

void LoopKeeper::add(const std::string& loop, std::function<void()> gained) {
  const base::MutexLock lock(mutex_);
  loops_[loop].gained = std::move(gained);
}

void LoopKeeper::start() {
  thread_.start(parts_.clock.monotonic(), [this] {
    const Duration in = run_once();
    return parts_.clock.monotonic() + in;
  });
}

void LoopKeeper::let_go() {
  const base::MutexLock lock(mutex_);
  stopping_ = true;
  lapse();
}

void LoopKeeper::stop() {
  let_go();
  thread_.stop();
  if (std::exchange(stopped_, true)) return;
  const auto given = parts_.leases.give_back(parts_.instance);
  if (!given.ok()) {
    parts_.log.warning("loops are not given back and lapse by themselves",
                       {{"error", given.error().describe()}});
  }
}

Duration LoopKeeper::run_once() {
  std::vector<LoopClaim> claims;
  {
    const base::MutexLock lock(mutex_);
    for (const auto& [name, loop] : loops_) claims.push_back({name, loop.last_run});
  }
  const Duration asked = parts_.clock.monotonic();
  const auto leases = parts_.leases.renew(parts_.instance, claims);
  if (!leases.ok()) {
    parts_.log.warning("loops could not be renewed", {{"error", leases.error().describe()}});
    return kLoopRenewRetry;
  }
  Duration next = kLoopRenewEvery;
  for (const LoopLease& lease : *leases) {
    if (lease.holder == parts_.instance) continue;
    next = std::min(next, std::max(lease.left, Duration::zero()) + kLoopLapsed);
  }
  std::vector<std::function<void()>> gained;
  {
    const base::MutexLock lock(mutex_);
    if (stopping_) return next;  // what was taken just now is given back
    lapse();                     // of a store that was silent for long
    trusted_until_ = asked + kLoopTrust;
    gained = take_over(*leases);
    seen_ = *leases;
  }
  for (const auto& call : gained) call();
  return next;
}

/// What to call of the loops that were not this instance's before, or were lost and won again, or
/// have something left for them.
std::vector<std::function<void()>> LoopKeeper::take_over(const std::vector<LoopLease>& leases) {
  std::vector<std::function<void()>> gained;
  for (const LoopLease& lease : leases) {
    const auto known = loops_.find(lease.loop);
    if (known == loops_.end()) continue;  // of another build, or one that runs elsewhere
    Loop& loop = known->second;
    const bool own = lease.holder == parts_.instance;
    const std::int64_t before = std::exchange(loop.fence, own ? lease.fence : 0);
    if (lease.last_run && (!loop.last_run || *loop.last_run < *lease.last_run)) {
      loop.last_run = lease.last_run;
    }
    if (own && lease.asked && loop.gained) gained.push_back(loop.gained);
    if (loop.fence == before) continue;
    parts_.log.info(own ? "runs a loop" : "a loop runs elsewhere",
                    {{"loop", lease.loop}, {"fence", lease.fence}});
    if (own && !lease.asked && loop.gained) gained.push_back(loop.gained);
  }
  return gained;
}

/// Holds nothing once it may be another's.
void LoopKeeper::lapse() {
  if (!stopping_ && trusted_until_ && parts_.clock.monotonic() < *trusted_until_) return;
  for (auto& [name, loop] : loops_) loop.fence = 0;
  trusted_until_.reset();
}

std::optional<LoopFence> LoopKeeper::held(const std::string& loop) const {
  const base::MutexLock lock(mutex_);
  const auto known = loops_.find(loop);
  if (known == loops_.end() || known->second.fence == 0) return std::nullopt;
  if (!trusted_until_ || parts_.clock.monotonic() >= *trusted_until_) return std::nullopt;
  return LoopFence{loop, known->second.fence};
}

void LoopKeeper::ran(const std::string& loop, Instant at) {
  const base::MutexLock lock(mutex_);
  const auto known = loops_.find(loop);
  if (known != loops_.end()) known->second.last_run = at;
  for (LoopLease& lease : seen_) {
    if (lease.loop == loop) lease.last_run = at;
  }
}

std::vector<LoopLease> LoopKeeper::seen() const {
  const base::MutexLock lock(mutex_);
  return seen_;
}

}  // namespace weir::dagmanager
