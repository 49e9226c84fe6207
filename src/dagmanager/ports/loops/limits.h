// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"

/// Bounds of a loop's lease (contract section 3.18).
namespace weir::dagmanager {

/// How long a renewed row stays its holder's, by the store's clock.
inline constexpr Duration kLoopLeaseTtl = std::chrono::seconds(9);

}  // namespace weir::dagmanager
