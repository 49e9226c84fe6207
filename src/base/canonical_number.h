// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace weir::base {

/// The double nearest to a JSON number token, which may also be Infinity or -Infinity; beyond the
/// largest double: infinity, below the smallest: zero, with the token's sign.
double parse_double(std::string_view token);

}  // namespace weir::base
