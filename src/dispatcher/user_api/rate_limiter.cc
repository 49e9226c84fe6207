// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/user_api/rate_limiter.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace weir::dispatcher {
namespace {

constexpr std::chrono::minutes kMinute{1};

}  // namespace

RateLimiter::RateLimiter(std::size_t a_minute, std::size_t keys_max, Clock& clock)
    : burst_(static_cast<double>(a_minute)),
      per_microsecond_(burst_ / static_cast<double>(Duration(kMinute).count())),
      keys_max_(keys_max),
      clock_(clock),
      shared_{.tokens = burst_, .at = clock.monotonic()},
      swept_(clock.monotonic()) {
  WEIR_ASSERT(a_minute >= 1 && keys_max >= 1);
}

void RateLimiter::refill(Bucket& bucket, Duration now) const {
  const auto passed = static_cast<double>(std::max(Duration::zero(), now - bucket.at).count());
  bucket.tokens = std::min(burst_, bucket.tokens + passed * per_microsecond_);
  bucket.at = now;
}

RateLimiter::Bucket& RateLimiter::bucket_of(std::string_view key, Duration now) {
  const auto found = buckets_.find(std::string(key));
  if (found != buckets_.end()) return found->second;
  if (buckets_.size() >= keys_max_ && now - swept_ >= kMinute) {
    swept_ = now;
    // After a minute without a request a bucket is full, and need not be remembered.
    std::erase_if(buckets_, [&](const auto& entry) { return now - entry.second.at >= kMinute; });
  }
  if (buckets_.size() >= keys_max_) return shared_;
  return buckets_.emplace(key, Bucket{.tokens = burst_, .at = now}).first->second;
}

std::optional<std::chrono::seconds> RateLimiter::take(std::string_view key) {
  const Duration now = clock_.monotonic();
  const base::MutexLock lock(mutex_);
  Bucket& bucket = bucket_of(key, now);
  refill(bucket, now);
  if (bucket.tokens >= 1) {
    bucket.tokens -= 1;
    return std::nullopt;
  }
  const double wait = (1 - bucket.tokens) / per_microsecond_;
  const Duration span(static_cast<Duration::rep>(std::ceil(wait)));
  return std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(span));
}

std::size_t RateLimiter::keys() const {
  const base::MutexLock lock(mutex_);
  return buckets_.size();
}

}  // namespace weir::dispatcher
