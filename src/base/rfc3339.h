// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/clock.h"

namespace weir::base {

/// `2026-01-02T03:04:05.000Z` (RFC 3339): UTC, milliseconds, as both contracts put instants on the
/// wire. Years 0 to 9999.
std::string rfc3339(Instant at);

}  // namespace weir::base
