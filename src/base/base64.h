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

}  // namespace weir::base
