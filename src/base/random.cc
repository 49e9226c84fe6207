// SPDX-License-Identifier: Apache-2.0
#include "base/random.h"

#include <array>
#include <string_view>

namespace weir::base {

std::string uuid_v4(Random& random) {
  std::array<std::uint64_t, 2> words = {random.next(), random.next()};
  words[0] = (words[0] & ~0xf000ULL) | 0x4000ULL;                         // version 4
  words[1] = (words[1] & 0x3fffffffffffffffULL) | 0x8000000000000000ULL;  // RFC variant
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (int digit = 0; digit < 32; ++digit) {
    if (digit == 8 || digit == 12 || digit == 16 || digit == 20) text += '-';
    const std::uint64_t word = words[static_cast<std::size_t>(digit / 16)];
    text += kHex[(word >> (60 - 4 * (digit % 16))) & 0xf];
  }
  return text;
}

std::uint64_t SeededRandom::next() {
  std::uint64_t mixed = (state_ += 0x9e3779b97f4a7c15ULL);
  mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
  mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
  return mixed ^ (mixed >> 31);
}

}  // namespace weir::base
