// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::base {

/// Cuts leading and trailing white space as contract section 2 lists it (Unicode, UTF-8 input).
std::string_view trim(std::string_view text);

/// Lower-cases ASCII letters only.
std::string lower_ascii(std::string_view text);

/// Pieces between `separator`; never empty (an empty text gives one empty piece).
std::vector<std::string_view> split(std::string_view text, char separator);

std::string join(const std::vector<std::string>& parts, std::string_view separator);

/// The version label of section 2.10: other characters than ASCII letters, digits, `-_.` become
/// `-`, outer `-_.` are cut, empty gives "v1".
std::string version_label(std::string_view text);

/// One namespace segment of section 2.10, and a dotted namespace cleaned segment by segment.
/// Letters and digits beyond ASCII stay, as in the public client; callers refuse such a namespace.
std::string namespace_segment(std::string_view text);
std::string namespace_from_text(std::string_view dotted);
/// Both segments joined by `.`, or empty if either is empty.
std::string make_namespace(std::string_view world, std::string_view domain);

/// Levenshtein's distance in bytes, letters of either case alike: how far a slip of the pen is from
/// what was meant.
std::size_t edits_between(std::string_view one, std::string_view other);

/// A letter, a digit, or one of `-._~`: what RFC 3986 (section 2.3) leaves as it is in a URL.
bool is_unreserved(char letter);
/// A part of a URL: a segment of its path, a value of its query. Every byte else is `%` and two
/// hexadecimal digits.
std::string percent_encode(std::string_view text);

/// True if every byte is ASCII.
bool is_ascii(std::string_view text);
/// True if the bytes are well-formed UTF-8.
bool is_utf8(std::string_view text);

}  // namespace weir::base
