// SPDX-License-Identifier: Apache-2.0
#include "base/rfc3339.h"

#include <array>
#include <cstdio>

namespace weir::base {
namespace {

template <class Fraction>
std::string text_of(Instant at, int digits, const char* offset) {
  const auto day = std::chrono::floor<std::chrono::days>(at);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<Fraction>(at - day));
  std::array<char, 48> text{};
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%0*d%s",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
      static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()), digits,
      static_cast<int>(time.subseconds().count()), offset);
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace

std::string rfc3339(Instant at) { return text_of<std::chrono::milliseconds>(at, 3, "Z"); }

std::string rfc3339_micros(Instant at, const char* offset) {
  return text_of<std::chrono::microseconds>(at, 6, offset);
}

}  // namespace weir::base
