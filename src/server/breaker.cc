// SPDX-License-Identifier: Apache-2.0
#include "server/breaker.h"

#include <algorithm>

namespace weir::server {
namespace {

/// Failures in a row that open a breaker, and the waits before its probes.
constexpr int kFailuresMax = 3;
constexpr Duration kProbeWaitFirst = std::chrono::seconds(1);
constexpr Duration kProbeWaitMax = std::chrono::seconds(8);
/// When a probe of which nothing was heard is taken for failed.
constexpr Duration kProbeLost = std::chrono::seconds(30);

}  // namespace

std::string_view breaker_state_text(BreakerState state) {
  switch (state) {
    case BreakerState::Closed:
      return "closed";
    case BreakerState::Probing:
      return "probing";
    case BreakerState::Open:
      break;
  }
  return "open";
}

Result<void> Breaker::admit() const {
  const base::MutexLock lock(mutex_);
  if (state_ == BreakerState::Closed) return {};
  return base::unavailable("breaker_open", engine_ + " does not answer and is being probed");
}

bool Breaker::take_probe() {
  const base::MutexLock lock(mutex_);
  if (state_ == BreakerState::Closed || clock_.monotonic() < probe_due_) return false;
  state_ = BreakerState::Probing;
  probe_due_ = clock_.monotonic() + kProbeLost;
  return true;
}

std::optional<Duration> Breaker::probe_due() const {
  const base::MutexLock lock(mutex_);
  if (state_ == BreakerState::Closed) return std::nullopt;
  return probe_due_;
}

void Breaker::succeeded() {
  const base::MutexLock lock(mutex_);
  state_ = BreakerState::Closed;
  failures_ = 0;
}

void Breaker::failed() {
  bool opens = false;
  {
    const base::MutexLock lock(mutex_);
    switch (state_) {
      case BreakerState::Closed:
        opens = ++failures_ >= kFailuresMax;
        if (opens) {
          ++times_opened_;
          open_for(kProbeWaitFirst);
        }
        break;
      case BreakerState::Probing:
        open_for(std::min(wait_ * 2, kProbeWaitMax));
        break;
      case BreakerState::Open:  // of a call from before it opened
        break;
    }
  }
  if (opens && opened_) opened_();
}

void Breaker::open_for(Duration wait) {
  state_ = BreakerState::Open;
  wait_ = wait;
  probe_due_ = clock_.monotonic() + wait;
}

BreakerState Breaker::state() const {
  const base::MutexLock lock(mutex_);
  return state_;
}

std::uint64_t Breaker::times_opened() const {
  const base::MutexLock lock(mutex_);
  return times_opened_;
}

}  // namespace weir::server
