// SPDX-License-Identifier: Apache-2.0
#include "server/system_clock.h"

#include <sys/random.h>

#include <cerrno>
#include <chrono>
#include <thread>

#include "base/assert.h"

namespace weir::server {

Instant SystemClock::now() const {
  return std::chrono::time_point_cast<Duration>(std::chrono::system_clock::now());
}

Duration SystemClock::monotonic() const {
  return std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch());
}

void SystemClock::sleep_for(Duration span) { std::this_thread::sleep_for(span); }

std::uint64_t SystemRandom::next() {
  const base::MutexLock lock(mutex_);
  if (left_ == 0) {
    auto* bytes = reinterpret_cast<unsigned char*>(words_.data());
    std::size_t filled = 0;
    while (filled < sizeof(words_)) {
      const ssize_t got = getrandom(bytes + filled, sizeof(words_) - filled, 0);
      // Only a signal may cut the call short; a kernel without getrandom is not supported.
      WEIR_ASSERT(got > 0 || errno == EINTR);
      if (got > 0) filled += static_cast<std::size_t>(got);
    }
    left_ = kWords;
  }
  return words_.at(--left_);
}

}  // namespace weir::server
