// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "drivers/duckdb/values.h"

/// Decimal numbers as texts, with all their digits.
namespace weir::operators {

/// A decimal or scientific number as plain digits: sign, at least one digit before the point, no
/// needless zeros in front, the digits behind the point as written. Nothing if it is none, or has
/// more than 1000 digits.
std::optional<std::string> plain_decimal(std::string_view text);

/// Plain digits as the engine keeps them; nothing beyond 20 digits before the point or 18 behind.
std::optional<duckdb::Wide> wide_decimal(std::string_view plain);

}  // namespace weir::operators
