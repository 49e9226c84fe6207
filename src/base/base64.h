// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::base {

/// Standard base64 with padding (RFC 4648 section 4); blanks and line ends around and inside are
/// skipped; nothing if the text is not base64.
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

/// Base64url without padding (RFC 4648 section 5), as tokens carry it. Strict: a blank, a padding,
/// a foreign digit, a length no bytes have, or a bit that no byte takes gives nothing, so that each
/// byte string has exactly one text.
std::optional<std::string> decode_base64url(std::string_view text);
std::string encode_base64url(std::string_view bytes);

}  // namespace weir::base
