// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"

#include <simdjson.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/utf8.h"

namespace weir::base {
namespace {

bool is_ascii_alnum(char byte) {
  const char lower = static_cast<char>(byte | 0x20);
  return (byte >= '0' && byte <= '9') || (lower >= 'a' && lower <= 'z');
}

char lower_byte(char byte) {
  return byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + ('a' - 'A')) : byte;
}

/// Where the last character of a non-empty text starts.
std::size_t last_character(std::string_view text) {
  std::size_t at = text.size() - 1;
  while (at > 0 && text.size() - at < 4 &&
         (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U) {
    --at;
  }
  return at;
}

std::string_view cut_outer(std::string_view text, std::string_view unwanted) {
  const std::size_t first = text.find_first_not_of(unwanted);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(unwanted) - first + 1);
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty()) {
    std::size_t next = 0;
    if (!is_white_space(next_character(text, next))) break;
    text.remove_prefix(next);
  }
  while (!text.empty()) {
    const std::size_t last = last_character(text);
    std::size_t next = last;
    if (!is_white_space(next_character(text, next)) || next != text.size()) break;
    text = text.substr(0, last);
  }
  return text;
}

std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  std::ranges::transform(lower, lower.begin(), lower_byte);
  return lower;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const std::size_t end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::string join(const std::vector<std::string>& parts, std::string_view separator) {
  std::string joined;
  for (const std::string& part : parts) {
    if (&part != parts.data()) joined += separator;
    joined += part;
  }
  return joined;
}

std::string version_label(std::string_view text) {
  const std::string_view trimmed = trim(text);
  std::string label;
  for (std::size_t at = 0; at < trimmed.size();) {
    const char byte = trimmed[at];
    next_character(trimmed, at);
    const bool kept = is_ascii_alnum(byte) || byte == '-' || byte == '_' || byte == '.';
    label += kept ? byte : '-';
  }
  const std::string_view cut = cut_outer(label, "-_.");
  return cut.empty() ? "v1" : std::string(cut);
}

std::string namespace_segment(std::string_view text) {
  const std::string_view trimmed = trim(text);
  std::string segment;
  for (std::size_t at = 0; at < trimmed.size();) {
    const std::size_t from = at;
    const char32_t character = next_character(trimmed, at);
    if (is_letter_or_digit(character)) {
      segment += lower_ascii(trimmed.substr(from, at - from));
    } else {
      segment += character == '_' ? '_' : '-';
    }
  }
  return std::string(cut_outer(segment, "-_"));
}

std::string namespace_from_text(std::string_view dotted) {
  std::vector<std::string> segments;
  for (const std::string_view piece : split(dotted, '.')) {
    std::string segment = namespace_segment(piece);
    if (!segment.empty()) segments.push_back(std::move(segment));
  }
  return join(segments, ".");
}

std::string make_namespace(std::string_view world, std::string_view domain) {
  std::string head = namespace_segment(world);
  const std::string tail = namespace_segment(domain);
  if (head.empty() || tail.empty()) return {};
  return head + "." + tail;
}

std::size_t edits_between(std::string_view one, std::string_view other) {
  const std::string left = lower_ascii(one);
  const std::string right = lower_ascii(other);
  std::vector<std::size_t> row(right.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= left.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    for (std::size_t j = 1; j <= right.size(); ++j) {
      const std::size_t changed = diagonal + (left[i - 1] == right[j - 1] ? 0 : 1);
      diagonal = std::exchange(row[j], std::min({changed, row[j] + 1, row[j - 1] + 1}));
    }
  }
  return row.back();
}

bool is_unreserved(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9') || letter == '-' || letter == '.' || letter == '_' ||
         letter == '~';
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  encoded.reserve(text.size());
  for (const char letter : text) {
    if (is_unreserved(letter)) {
      encoded += letter;
      continue;
    }
    const auto byte = static_cast<unsigned char>(letter);
    encoded += '%';
    encoded += kDigits[byte >> 4U];
    encoded += kDigits[byte & 15U];
  }
  return encoded;
}

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char byte) { return static_cast<signed char>(byte) >= 0; });
}

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

}  // namespace weir::base
