// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"

/// Instants as text (RFC 3339): UTC, years 0 to 9999.
namespace weir::base {

/// `2026-01-02T03:04:05.000Z`: milliseconds, as both contracts put instants on the wire.
std::string rfc3339(Instant at);

/// `2026-01-02T03:04:05.000000Z`: microseconds, as in control events. `offset` is how UTC is
/// written, `Z` or `+00:00`.
std::string rfc3339_micros(Instant at, const char* offset = "Z");

}  // namespace weir::base
