// SPDX-License-Identifier: Apache-2.0
#include "base/utf8.h"

#include <algorithm>

namespace weir::base {
namespace {

constexpr char32_t kReplacement = 0xfffd;

struct Decoded {
  char32_t character = kReplacement;
  std::size_t size = 0;  // 0: not well-formed
};

/// The character at the start of `text` by table 3-7 of the Unicode standard.
Decoded decode_first(std::string_view text) {
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0U;
  };
  const auto follows = [&](std::size_t at) { return (byte(at) & 0xc0U) == 0x80U; };
  const unsigned lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  if (lead >= 0xc2 && lead <= 0xdf && follows(1)) {
    return {((lead & 0x1fU) << 6) | (byte(1) & 0x3fU), 2};
  }
  if ((lead & 0xf0U) == 0xe0U && follows(1) && follows(2)) {
    const char32_t character =
        ((lead & 0x0fU) << 12) | ((byte(1) & 0x3fU) << 6) | (byte(2) & 0x3fU);
    const bool surrogate = character >= 0xd800 && character <= 0xdfff;
    if (character >= 0x800 && !surrogate) return {character, 3};
  }
  if (lead >= 0xf0 && lead <= 0xf4 && follows(1) && follows(2) && follows(3)) {
    const char32_t character = ((lead & 0x07U) << 18) | ((byte(1) & 0x3fU) << 12) |
                               ((byte(2) & 0x3fU) << 6) | (byte(3) & 0x3fU);
    if (character >= 0x10000 && character <= 0x10ffff) return {character, 4};
  }
  return {};
}

}  // namespace

char32_t next_character(std::string_view text, std::size_t& at) {
  const Decoded decoded = decode_first(text.substr(at));
  at += decoded.size == 0 ? 1 : decoded.size;
  return decoded.character;
}

char* encode_utf8(char32_t character, char* out) {
  const auto put = [&](char32_t byte) { *out++ = static_cast<char>(byte); };
  if (character < 0x80) {
    put(character);
  } else if (character < 0x800) {
    put(0xc0 | (character >> 6));
    put(0x80 | (character & 0x3f));
  } else if (character < 0x10000) {
    put(0xe0 | (character >> 12));
    put(0x80 | ((character >> 6) & 0x3f));
    put(0x80 | (character & 0x3f));
  } else {
    put(0xf0 | (character >> 18));
    put(0x80 | ((character >> 12) & 0x3f));
    put(0x80 | ((character >> 6) & 0x3f));
    put(0x80 | (character & 0x3f));
  }
  return out;
}

std::size_t first_bad_utf8(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Decoded decoded = decode_first(text.substr(at));
    if (decoded.size == 0) return at;
    at += decoded.size;
  }
  return at;
}

bool is_white_space(char32_t character) {
  return (character >= 0x09 && character <= 0x0d) || (character >= 0x1c && character <= 0x20) ||
         character == 0x85 || character == 0xa0 || character == 0x1680 ||
         (character >= 0x2000 && character <= 0x200a) || character == 0x2028 ||
         character == 0x2029 || character == 0x202f || character == 0x205f || character == 0x3000;
}

TextPosition text_position(std::string_view text, std::size_t offset) {
  TextPosition position;
  for (const char byte : text.substr(0, std::min(offset, text.size()))) {
    if (byte == '\n') {
      ++position.line;
      position.column = 1;
    } else if ((static_cast<unsigned char>(byte) & 0xc0U) != 0x80U) {
      ++position.column;
    }
  }
  return position;
}

}  // namespace weir::base
