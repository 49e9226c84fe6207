// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"

namespace weir::server {

/// The machine's clock: the only real one (style guide, rule 28). Any thread.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
  Duration monotonic() const override;
  void sleep_for(Duration span) override;
};

/// The kernel's randomness (getrandom), taken in blocks and never handed out twice. Any thread.
/// The numbers name things; they are not meant as keys.
class SystemRandom final : public Random {
 public:
  std::uint64_t next() override;

 private:
  static constexpr std::size_t kWords = 64;

  base::Mutex mutex_;
  std::array<std::uint64_t, kWords> words_ WEIR_GUARDED_BY(mutex_) = {};
  std::size_t left_ WEIR_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::server
