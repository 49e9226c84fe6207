// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Days and instants as texts. Instants are microseconds since the epoch, UTC; years 1 to 9999.
namespace weir::operators {

/// `2018-04-04` as days since the epoch; nothing if there is no such day.
std::optional<std::int32_t> day_of(std::string_view text);
std::string day_text(std::int32_t day);

/// `2018-04-04T00:00:00.123456Z` (RFC 3339): a space may stand for the `T`, at most six digits of
/// fraction, and the zone must be there: `Z`, `+02:00`, `+0200` or `+02`. Nothing otherwise.
std::optional<std::int64_t> instant_of(std::string_view text);
/// With `digits` (3 or 6) of fraction, and `Z`.
std::string instant_text(std::int64_t microseconds, int digits);

}  // namespace weir::operators
