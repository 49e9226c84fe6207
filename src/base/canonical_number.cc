// SPDX-License-Identifier: Apache-2.0
#include "base/canonical_number.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "base/assert.h"
#include "base/canonical_json.h"

namespace weir::base {
namespace {

/// Whether a token that no double can hold is too large rather than too small: looks at the
/// decimal exponent of its first digit that is not 0.
bool is_too_large(std::string_view token) {
  constexpr std::int64_t kExponentMax = 1'000'000'000;  // far beyond any double, far from overflow
  const std::size_t mark = token.find_first_of("eE");
  const std::string_view digits = token.substr(0, mark);
  const std::size_t lead = digits.find_first_of("123456789");
  if (lead == std::string_view::npos) return false;
  const std::size_t point = std::min(digits.find('.'), digits.size());
  const auto place = static_cast<std::int64_t>(point) - static_cast<std::int64_t>(lead);
  std::int64_t exponent = 0;
  if (mark != std::string_view::npos) {
    std::string_view text = token.substr(mark + 1);
    const bool negative = text.front() == '-';
    if (negative || text.front() == '+') text.remove_prefix(1);
    const auto read = std::from_chars(text.data(), text.data() + text.size(), exponent);
    if (read.ec != std::errc{}) exponent = kExponentMax;
    exponent = std::min(exponent, kExponentMax) * (negative ? -1 : 1);
  }
  return place + exponent > 0;
}

/// Re-places the digits of to_chars' scientific form as contract section 2.3 wants them.
void append_placed(std::string& out, std::string_view scientific) {
  if (scientific.front() == '-') {
    out += '-';
    scientific.remove_prefix(1);
  }
  const std::size_t mark = scientific.find('e');
  std::string digits(scientific.substr(0, mark));
  std::erase(digits, '.');
  int exponent = 0;
  std::string_view power = scientific.substr(mark + 1);
  if (power.front() == '+') power.remove_prefix(1);
  std::from_chars(power.data(), power.data() + power.size(), exponent);
  if (exponent < -4 || exponent >= 16) {
    out += scientific;  // it already has `d[.ddd]e±XX` with at least two exponent digits
  } else if (exponent < 0) {
    out += "0.";
    out.append(static_cast<std::size_t>(-exponent - 1), '0');
    out += digits;
  } else {
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= whole) {
      digits.append(whole - digits.size(), '0');
      out += digits;
      out += ".0";
    } else {
      out += std::string_view(digits).substr(0, whole);
      out += '.';
      out += std::string_view(digits).substr(whole);
    }
  }
}

}  // namespace

double parse_double(std::string_view token) {
  double value = 0;
  const auto read = std::from_chars(token.data(), token.data() + token.size(), value);
  if (read.ec != std::errc::result_out_of_range) return value;
  value = is_too_large(token) ? std::numeric_limits<double>::infinity() : 0.0;
  return token.front() == '-' ? -value : value;
}

void append_canonical_number(std::string& out, std::string_view token) {
  if (token.find_first_of(".eEI") == std::string_view::npos) {
    out += token == "-0" ? "0" : token;
    return;
  }
  const double value = parse_double(token);
  if (std::isinf(value)) {
    out += value > 0 ? "Infinity" : "-Infinity";
    return;
  }
  std::array<char, 32> buffer{};
  const auto written = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                                     std::chars_format::scientific);
  WEIR_ASSERT(written.ec == std::errc{});
  append_placed(out, {buffer.data(), written.ptr});
}

}  // namespace weir::base
