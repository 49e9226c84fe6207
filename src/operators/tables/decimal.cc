// SPDX-License-Identifier: Apache-2.0
#include "operators/tables/decimal.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

#include "drivers/duckdb/limits.h"

namespace weir::operators {
namespace {

constexpr std::size_t kDigitsMax = 1000;
constexpr std::size_t kWholeDigitsMax =
    static_cast<std::size_t>(duckdb::kDecimalWidth - duckdb::kDecimalScale);
constexpr std::size_t kFractionDigitsMax = static_cast<std::size_t>(duckdb::kDecimalScale);

__extension__ using Int128 = __int128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view take_digits(std::string_view& text) {
  const auto end = std::ranges::find_if_not(text, is_digit);
  const auto length = static_cast<std::size_t>(end - text.begin());
  const std::string_view digits = text.substr(0, length);
  text.remove_prefix(length);
  return digits;
}

/// The exponent, which must be all that is left; 0 if nothing is.
std::optional<int> take_exponent(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != 'e' && text.front() != 'E') return std::nullopt;
  text.remove_prefix(1);
  if (text.starts_with('+')) {
    text.remove_prefix(1);
    if (text.starts_with('-')) return std::nullopt;
  }
  int exponent = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (exponent > static_cast<int>(kDigitsMax) || exponent < -static_cast<int>(kDigitsMax)) {
    return std::nullopt;
  }
  return exponent;
}

/// Whether it stands as we would write it: digits, no needless zero before them, a point between.
bool is_plain_number(std::string_view text) {
  if (text.size() > kDigitsMax || text.empty()) return false;
  std::string_view rest = text;
  const std::string_view whole = take_digits(rest);
  if (whole.empty() || (whole.size() > 1 && whole.front() == '0')) return false;
  if (rest.empty()) return true;
  if (rest.front() != '.') return false;
  rest.remove_prefix(1);
  return !take_digits(rest).empty() && rest.empty();
}

/// Moves the point by `exponent` digits.
void shift(std::string& whole, std::string& fraction, int exponent) {
  for (; exponent > 0; --exponent) {
    whole += fraction.empty() ? '0' : fraction.front();
    if (!fraction.empty()) fraction.erase(0, 1);
  }
  for (; exponent < 0; ++exponent) {
    fraction.insert(fraction.begin(), whole.empty() ? '0' : whole.back());
    if (!whole.empty()) whole.pop_back();
  }
}

}  // namespace

std::optional<std::string> plain_decimal(std::string_view text) {
  if (is_plain_number(text)) return std::string(text);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::string whole(take_digits(text));
  std::string fraction;
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    fraction = take_digits(text);
  }
  if (whole.empty() && fraction.empty()) return std::nullopt;
  const auto exponent = take_exponent(text);
  if (!exponent || whole.size() + fraction.size() > kDigitsMax) return std::nullopt;
  shift(whole, fraction, *exponent);
  whole.erase(0, std::min(whole.find_first_not_of('0'), whole.size()));
  if (whole.empty()) whole = "0";
  const bool zero = whole == "0" && fraction.find_first_not_of('0') == std::string::npos;
  std::string plain = negative && !zero ? "-" : "";
  plain += whole;
  if (!fraction.empty()) plain += '.' + fraction;
  return plain;
}

std::optional<duckdb::Wide> wide_decimal(std::string_view plain) {
  const bool negative = plain.starts_with('-');
  if (negative) plain.remove_prefix(1);
  const std::string_view whole = plain.substr(0, plain.find('.'));
  std::string_view fraction =
      whole.size() == plain.size() ? std::string_view() : plain.substr(whole.size() + 1);
  while (fraction.ends_with('0')) fraction.remove_suffix(1);
  if (whole.size() > kWholeDigitsMax || fraction.size() > kFractionDigitsMax) return std::nullopt;
  Int128 number = 0;  // 38 digits fit
  for (const char c : whole) number = number * 10 + (c - '0');
  for (std::size_t i = 0; i < kFractionDigitsMax; ++i) {
    number = number * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  }
  if (negative) number = -number;
  return duckdb::Wide{.lower = static_cast<std::uint64_t>(number),
                      .upper = static_cast<std::int64_t>(number >> 64)};
}

}  // namespace weir::operators
