// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

#include "dagmanager/core/topics/limits.h"

/// Bounds of a pass of the reconciler.
namespace weir::dagmanager {

/// Gaps of sentinels that one pass counts.
inline constexpr std::size_t kGapsCountedMax = 100'000;
static_assert(kMendsMax <= kGapsCountedMax, "what is mended was counted");

}  // namespace weir::dagmanager
