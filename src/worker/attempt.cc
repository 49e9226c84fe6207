// SPDX-License-Identifier: Apache-2.0
#include "worker/attempt.h"

#include <algorithm>
#include <utility>

#include "worker/limits.h"

namespace weir::worker {
namespace {

Duration lease_of(const Claimed& claimed) { return claimed.heartbeat_interval * kBeatsPerLease; }

}  // namespace

Attempt::Attempt(Claimed claimed, Duration claim_sent)
    : claimed_(std::move(claimed)),
      capability_(claimed_.capability_token),
      lease_end_(claim_sent + lease_of(claimed_)),
      allowance_(kRequestsPerSecond),
      allowance_at_(claim_sent) {
  standing_.lease_expires_at = claimed_.lease_expires_at;
}

std::optional<Duration> Attempt::deadline(Instant now, Duration monotonic) const {
  if (!claimed_.payload.deadline_at) return {};
  return monotonic + std::max(*claimed_.payload.deadline_at - now, Duration::zero());
}

Attempt::Standing Attempt::standing() const {
  const base::MutexLock lock(mutex_);
  return standing_;
}

std::string Attempt::capability() const {
  const base::MutexLock lock(mutex_);
  return capability_;
}

Duration Attempt::lease_end() const {
  const base::MutexLock lock(mutex_);
  return lease_end_;
}

void Attempt::take(const BeatAnswer& answer, Duration sent) {
  const base::MutexLock lock(mutex_);
  lease_end_ = std::max(lease_end_, sent + lease_of(claimed_));
  standing_.canceled = standing_.canceled || answer.canceled;
  if (!answer.cancel_reason.empty()) standing_.cancel_reason = answer.cancel_reason;
  standing_.paused = answer.paused;
  if (!answer.lease_expires_at.empty()) standing_.lease_expires_at = answer.lease_expires_at;
  if (!answer.capability_token.empty()) capability_ = answer.capability_token;
}

void Attempt::set_progress(std::string json) {
  const base::MutexLock lock(mutex_);
  progress_ = std::move(json);
}

Beat Attempt::beat() const {
  const base::MutexLock lock(mutex_);
  return {task_id(), claimed_.payload.attempt, claimed_.lease_token, progress_};
}

void Attempt::set_own_outcome(std::string outcome) {
  const base::MutexLock lock(mutex_);
  own_outcome_ = std::move(outcome);
}

std::optional<std::string> Attempt::own_outcome() const {
  const base::MutexLock lock(mutex_);
  return own_outcome_;
}

bool Attempt::admit(Duration now) {
  const base::MutexLock lock(mutex_);
  const double passed = std::chrono::duration<double>(now - allowance_at_).count();
  allowance_ = std::min(kRequestsPerSecond, allowance_ + (passed * kRequestsPerSecond));
  allowance_at_ = now;
  if (allowance_ < 1) return false;
  allowance_ -= 1;
  return true;
}

}  // namespace weir::worker
