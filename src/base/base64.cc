// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <array>
#include <cstdint>

namespace weir::base {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kBlank = 64;
constexpr std::uint8_t kPadding = 65;
constexpr std::uint8_t kBad = 66;

constexpr std::array<std::uint8_t, 256> make_values() {
  std::array<std::uint8_t, 256> values{};
  values.fill(kBad);
  for (std::size_t digit = 0; digit < kDigits.size(); ++digit) {
    values[static_cast<unsigned char>(kDigits[digit])] = static_cast<std::uint8_t>(digit);
  }
  for (const char blank : {' ', '\t', '\r', '\n'})
    values[static_cast<unsigned char>(blank)] = kBlank;
  values['='] = kPadding;
  return values;
}
constexpr std::array<std::uint8_t, 256> kValues = make_values();

/// With padding.
std::string encode(std::string_view bytes, std::string_view digits) {
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  char* out = text.data();
  const auto byte = [&](std::size_t at) -> std::uint32_t {
    return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0U;
  };
  for (std::size_t at = 0; at < bytes.size(); at += 3, out += 4) {
    const std::uint32_t bits = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    out[0] = digits[bits >> 18];
    out[1] = digits[(bits >> 12) & 0x3fU];
    if (at + 1 < bytes.size()) out[2] = digits[(bits >> 6) & 0x3fU];
    if (at + 2 < bytes.size()) out[3] = digits[bits & 0x3fU];
  }
  return text;
}

}  // namespace

std::optional<std::string> decode_base64(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t group = 0;
  unsigned digits = 0;   // in this group of four, padding included
  unsigned padding = 0;  // in this group; nothing may follow a padded one
  for (const char letter : text) {
    const std::uint8_t value = kValues[static_cast<unsigned char>(letter)];
    if (value == kBlank) continue;
    if (value == kBad) return std::nullopt;
    if (value == kPadding) {
      if (digits < 2 || digits == 4) return std::nullopt;
      ++padding;
    } else if (padding > 0) {
      return std::nullopt;
    }
    group = (group << 6) | (value == kPadding ? 0U : value);
    if (++digits < 4) continue;
    for (unsigned byte = 0; byte < 3 - padding; ++byte) {
      bytes += static_cast<char>((group >> (16 - 8 * byte)) & 0xffU);
    }
    // Bits that no byte takes must be zero, or two texts would mean the same bytes.
    if (padding > 0 && (group & ((1U << (8 * padding)) - 1)) != 0) return std::nullopt;
    group = 0;
    digits = padding == 0 ? 0 : 4;
  }
  if (digits != 0 && padding == 0) return std::nullopt;
  if (digits != 0 && digits != 4) return std::nullopt;
  return bytes;
}

std::string encode_base64(std::string_view bytes) { return encode(bytes, kDigits); }

std::optional<std::string> decode_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3 + 2);
  std::uint32_t bits = 0;
  unsigned held = 0;  // bits that are not yet part of a byte; fewer than eight after each digit
  for (const char letter : text) {
    if (letter == '+' || letter == '/') return std::nullopt;
    const char digit = letter == '-' ? '+' : letter == '_' ? '/' : letter;
    const std::uint8_t value = kValues[static_cast<unsigned char>(digit)];
    if (value >= kBlank) return std::nullopt;
    bits = (bits << 6) | value;
    held += 6;
    if (held < 8) continue;
    held -= 8;
    bytes += static_cast<char>((bits >> held) & 0xffU);
    bits &= (1U << held) - 1;
  }
  if (bits != 0) return std::nullopt;
  return bytes;
}

std::string encode_base64url(std::string_view bytes) {
  std::string text = encode(bytes, kUrlDigits);
  text.resize((bytes.size() * 4 + 2) / 3);
  return text;
}

}  // namespace weir::base
