// SPDX-License-Identifier: Apache-2.0
#include "base/canonical_number.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "base/canonical_json.h"
#include "base/random.h"
#include "tests/unit/base/test_seed.h"

namespace weir::base {
namespace {

std::string canonical(std::string_view token) {
  std::string out;
  append_canonical_number(out, token);
  return out;
}

TEST(CanonicalNumber, KeepsTheDigitsOfIntegers) {
  for (const char* token : {"0", "7", "-12", "9007199254740993", "18446744073709551616",
                            "-12345678901234567890123456789012345678901234567890"}) {
    EXPECT_EQ(canonical(token), token);
  }
  EXPECT_EQ(canonical("-0"), "0");
}

TEST(CanonicalNumber, PlacesTheDigitsOfDoubles) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"1.0", "1.0"},
      {"1e0", "1.0"},
      {"100e-2", "1.0"},
      {"1.50", "1.5"},
      {"0.0", "0.0"},
      {"-0.0", "-0.0"},
      {"0e5", "0.0"},
      {"-0e-5", "-0.0"},
      {"0.1", "0.1"},
      {"0.0001", "0.0001"},
      {"0.00012345", "0.00012345"},
      {"0.00001", "1e-05"},
      {"1.25e-5", "1.25e-05"},
      {"123.456e-3", "0.123456"},
      {"1e15", "1000000000000000.0"},
      {"1e16", "1e+16"},
      {"9999999999999998.0", "9999999999999998.0"},
      {"12345678901234567.0", "1.2345678901234568e+16"},
      {"1E22", "1e+22"},
      {"1e100", "1e+100"},
      {"2.5e-10", "2.5e-10"},
      {"-1234.5", "-1234.5"},
      {"5e-324", "5e-324"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"2.2250738585072014e-308", "2.2250738585072014e-308"},
      {"123456789.123456789", "123456789.12345679"},
      {"5.684341886080802e-14", "5.684341886080802e-14"},
      {"9007199254740992.0", "9007199254740992.0"},
  };
  for (const auto& [token, text] : table) EXPECT_EQ(canonical(token), text) << token;
}

TEST(CanonicalNumber, NamesWhatIsBeyondEveryDouble) {
  const std::string zeros(400, '0');
  EXPECT_EQ(canonical("1e400"), "Infinity");
  EXPECT_EQ(canonical("-1e400"), "-Infinity");
  EXPECT_EQ(canonical("1" + zeros + ".0"), "Infinity");
  EXPECT_EQ(canonical("0." + zeros + "1e900"), "Infinity");
  EXPECT_EQ(canonical("1e99999999999999999999"), "Infinity");
  EXPECT_EQ(canonical("Infinity"), "Infinity");
  EXPECT_EQ(canonical("-Infinity"), "-Infinity");
}

TEST(CanonicalNumber, RoundsWhatIsTooSmallToZero) {
  const std::string zeros(400, '0');
  EXPECT_EQ(canonical("1e-400"), "0.0");
  EXPECT_EQ(canonical("-1e-400"), "-0.0");
  EXPECT_EQ(canonical("0." + zeros + "1"), "0.0");
  EXPECT_EQ(canonical("1" + zeros + "e-900"), "0.0");
  EXPECT_EQ(canonical("1e-99999999999999999999"), "0.0");
  EXPECT_EQ(canonical("0e99999999999999999999"), "0.0");
  EXPECT_EQ(canonical("1" + zeros + "e-400"), "1.0");
}

/// Digits of the shortest decimal that reads back, found by trying.
std::size_t shortest_digits(double value) {
  std::array<char, 64> buffer{};
  for (int digits = 1; digits < 17; ++digits) {
    std::snprintf(buffer.data(), buffer.size(), "%.*e", digits - 1, value);
    if (std::strtod(buffer.data(), nullptr) == value) return static_cast<std::size_t>(digits);
  }
  return 17;
}

TEST(CanonicalNumber, ReadsBackToTheSameDoubleInTheFewestDigits) {
  SeededRandom random(test_seed(603209));
  for (int round = 0; round < 50'000; ++round) {
    const double value = std::bit_cast<double>(random.next());
    if (!std::isfinite(value)) continue;
    std::array<char, 64> token{};
    std::snprintf(token.data(), token.size(), "%.17e", value);
    const std::string text = canonical(token.data());
    ASSERT_EQ(std::bit_cast<std::uint64_t>(parse_double(text)),
              std::bit_cast<std::uint64_t>(value));
    ASSERT_EQ(canonical(text), text);
    std::string digits = text.substr(0, text.find('e'));
    std::erase_if(digits, [](char c) { return c == '-' || c == '.'; });
    digits.erase(0, digits.find_first_not_of('0'));
    digits.erase(digits.find_last_not_of('0') + 1);
    ASSERT_LE(digits.size(), shortest_digits(value)) << text;
  }
}

TEST(CanonicalNumber, WritesAsManyExponentDigitsAsNeededButTwo) {
  EXPECT_EQ(canonical("1e-7"), "1e-07");
  EXPECT_EQ(canonical("1e-100"), "1e-100");
  EXPECT_EQ(parse_double("1e-7"), 1e-7);
  EXPECT_EQ(parse_double("-1e999"), -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace weir::base
