// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "base/json.h"

namespace weir::base {

/// The kind of a bare token (number or literal) by RFC 8259's grammar, or nothing if it is none.
/// With `infinities` also Infinity and -Infinity, as doubles.
std::optional<JsonKind> scalar_kind(std::string_view token, bool infinities);

/// What became of a text's escapes.
struct Unescaped {
  std::size_t size = 0;            ///< bytes written
  std::optional<std::size_t> bad;  ///< offset of the first bad escape in the raw text
};

/// Decodes the escapes of a text's raw content into `out`, which may be where `raw` itself stands
/// and must have room for as many bytes. `raw` is UTF-8 without control characters and bare quotes.
Unescaped unescape_json_text(std::string_view raw, char* out);

}  // namespace weir::base
