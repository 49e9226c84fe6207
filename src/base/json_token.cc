// SPDX-License-Identifier: Apache-2.0
#include "base/json_token.h"

#include <algorithm>
#include <array>

#include "base/utf8.h"

namespace weir::base {
namespace {

bool is_digit(char byte) { return byte >= '0' && byte <= '9'; }

/// Skips digits from `at`; false if there is none.
bool skip_digits(std::string_view token, std::size_t& at) {
  const std::size_t from = at;
  while (at < token.size() && is_digit(token[at])) ++at;
  return at > from;
}

std::optional<JsonKind> number_kind(std::string_view token) {
  std::size_t at = token.front() == '-' ? 1 : 0;
  const std::size_t whole = at;
  if (!skip_digits(token, at)) return std::nullopt;
  if (token[whole] == '0' && at - whole > 1) return std::nullopt;
  if (at == token.size()) return JsonKind::Integer;
  if (token[at] == '.') {
    ++at;
    if (!skip_digits(token, at)) return std::nullopt;
  }
  if (at < token.size() && (token[at] == 'e' || token[at] == 'E')) {
    ++at;
    if (at < token.size() && (token[at] == '+' || token[at] == '-')) ++at;
    if (!skip_digits(token, at)) return std::nullopt;
  }
  if (at != token.size()) return std::nullopt;
  return JsonKind::Double;
}

/// Value of four hex digits at `at`, or nothing.
std::optional<char32_t> hex_unit(std::string_view raw, std::size_t at) {
  if (at + 4 > raw.size()) return std::nullopt;
  char32_t unit = 0;
  for (const char digit : raw.substr(at, 4)) {
    const char lower = static_cast<char>(digit | 0x20);
    if (is_digit(digit)) {
      unit = unit * 16 + static_cast<char32_t>(digit - '0');
    } else if (lower >= 'a' && lower <= 'f') {
      unit = unit * 16 + static_cast<char32_t>(lower - 'a' + 10);
    } else {
      return std::nullopt;
    }
  }
  return unit;
}

bool is_high_surrogate(char32_t unit) { return unit >= 0xd800 && unit <= 0xdbff; }
bool is_low_surrogate(char32_t unit) { return unit >= 0xdc00 && unit <= 0xdfff; }

/// The character of the `\u` escape whose digits start at `at`, which moves past it and, for a
/// surrogate pair, past the second escape; nothing for bad digits and lone surrogates.
std::optional<char32_t> escaped_character(std::string_view raw, std::size_t& at) {
  const std::optional<char32_t> first = hex_unit(raw, at);
  if (!first || is_low_surrogate(*first)) return std::nullopt;
  at += 4;
  if (!is_high_surrogate(*first)) return first;
  if (raw.substr(at, 2) != "\\u") return std::nullopt;
  const std::optional<char32_t> second = hex_unit(raw, at + 2);
  if (!second || !is_low_surrogate(*second)) return std::nullopt;
  at += 6;
  return 0x10000 + ((*first - 0xd800) << 10) + (*second - 0xdc00);
}

/// The character of a short escape, 0 if there is none such.
char short_escape(char letter) {
  switch (letter) {
    case '"':
    case '\\':
    case '/':
      return letter;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

}  // namespace

std::optional<JsonKind> scalar_kind(std::string_view token, bool infinities) {
  if (token.empty()) return std::nullopt;
  if (is_digit(token.front()) || (token.front() == '-' && token != "-Infinity")) {
    return number_kind(token);
  }
  if (token == "true") return JsonKind::True;
  if (token == "false") return JsonKind::False;
  if (token == "null") return JsonKind::Null;
  if (infinities && (token == "Infinity" || token == "-Infinity")) return JsonKind::Double;
  return std::nullopt;
}

Unescaped unescape_json_text(std::string_view raw, char* out) {
  const char* const begin = out;
  std::size_t at = 0;
  while (at < raw.size()) {
    if (raw[at] != '\\') {
      *out++ = raw[at++];
      continue;
    }
    const std::size_t escape = at;
    const char letter = at + 1 < raw.size() ? raw[at + 1] : '\0';
    at += 2;
    if (letter == 'u') {
      const std::optional<char32_t> character = escaped_character(raw, at);
      if (!character) return {.size = 0, .bad = escape};
      out = encode_utf8(*character, out);
    } else if (const char meant = short_escape(letter); meant != '\0') {
      *out++ = meant;
    } else {
      return {.size = 0, .bad = escape};
    }
  }
  return {.size = static_cast<std::size_t>(out - begin), .bad = std::nullopt};
}

}  // namespace weir::base
