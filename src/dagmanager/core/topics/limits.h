// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "base/clock.h"

/// Bounds of mending topics (contract section 3.19).
namespace weir::dagmanager {

/// An intent of this age is nobody's: a diff's part before its commit ends within half of it.
inline constexpr Duration kIntentAgeMax = std::chrono::minutes(10);

/// Mends of one pass; what is left is found again by the next.
inline constexpr std::size_t kMendsMax = 1'000;

}  // namespace weir::dagmanager
