// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

namespace weir::base {

/// Port: randomness, for ids and jitter. Safe to call from any thread.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::uint64_t next() = 0;
};

/// A random (version 4) UUID in its usual text form, RFC 9562.
std::string uuid_v4(Random& random);

/// Deterministic Random for tests and simulations: SplitMix64 (Steele, Lea, Flood 2014) from a
/// seed. Not safe across threads.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() override;

  /// A number in [0, bound); bound must not be 0.
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }
  /// True with the given probability in percent.
  bool chance(unsigned percent) { return below(100) < percent; }

 private:
  std::uint64_t state_;
};

}  // namespace weir::base

namespace weir {
using base::Random;
}  // namespace weir
