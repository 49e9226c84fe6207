// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::base {

/// The character at byte `at` of well-formed UTF-8; `at` moves behind it. `at` must be inside.
/// What is not well-formed gives U+FFFD and moves one byte.
char32_t next_character(std::string_view text, std::size_t& at);

/// Writes a character (not a surrogate) as UTF-8, 1 to 4 bytes; gives where the next one goes.
char* encode_utf8(char32_t character, char* out);

/// Offset of the first byte that is not well-formed UTF-8; the size of `text` if all of it is.
std::size_t first_bad_utf8(std::string_view text);

/// White space as contract section 2 lists it.
bool is_white_space(char32_t character);

/// Unicode's letters and digits: general categories L*, Nd, and what has a digit or numeric value,
/// of Unicode 14. The public client keeps exactly these in names (contract section 2.10).
bool is_letter_or_digit(char32_t character);

/// Line and column, both from 1, of a byte; columns count characters.
struct TextPosition {
  std::size_t line = 1;
  std::size_t column = 1;
};
TextPosition text_position(std::string_view text, std::size_t offset);

}  // namespace weir::base
