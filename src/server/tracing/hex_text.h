// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::server {

/// Exactly `Digits` lower-case hex digits, or none at all. Plain data without a heap: it is copied
/// with every call and every thread that works for one.
template <std::size_t Digits>
class HexText {
 public:
  HexText() = default;
  /// Takes `Digits` digits; the caller has checked that they are.
  explicit HexText(std::string_view digits) { std::ranges::copy(digits, digits_.begin()); }

  bool empty() const { return digits_[0] == '\0'; }
  std::string_view view() const {
    return empty() ? std::string_view() : std::string_view(digits_.data(), Digits);
  }
  std::string text() const { return std::string(view()); }

  friend bool operator==(const HexText& one, const HexText& other) = default;
  friend bool operator==(const HexText& one, std::string_view other) { return one.view() == other; }

 private:
  std::array<char, Digits> digits_ = {};
};

}  // namespace weir::server
