// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace weir::dispatcher {

/// So many requests a minute for each key, at once or spread: a bucket that refills evenly. Keeps
/// at most `keys_max` buckets that are not full; keys beyond them share one. Any thread.
class RateLimiter {
 public:
  /// `clock` outlives the limiter; both numbers are at least 1.
  RateLimiter(std::size_t a_minute, std::size_t keys_max, Clock& clock);

  /// Takes one request of the key's, or gives the whole seconds after which there is one again.
  std::optional<std::chrono::seconds> take(std::string_view key) WEIR_EXCLUDES(mutex_);

  /// Buckets that are remembered, for tests.
  std::size_t keys() const WEIR_EXCLUDES(mutex_);

 private:
  struct Bucket {
    double tokens = 0;
    Duration at{};  // by the monotonic clock
  };
  void refill(Bucket& bucket, Duration now) const;
  Bucket& bucket_of(std::string_view key, Duration now) WEIR_REQUIRES(mutex_);

  const double burst_;
  const double per_microsecond_;
  const std::size_t keys_max_;
  Clock& clock_;
  mutable base::Mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_ WEIR_GUARDED_BY(mutex_);
  Bucket shared_ WEIR_GUARDED_BY(mutex_);
  Duration swept_ WEIR_GUARDED_BY(mutex_){};
};

}  // namespace weir::dispatcher
