// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace weir::graph {

/// Bounds of what is told about one document; what a document itself may have is in DagLimits.
inline constexpr std::size_t kWarningsMax = 100;
/// Nodes of a cycle that are named.
inline constexpr std::size_t kCycleShownMax = 8;
/// Roots that explain names for a changed dependency (contract section 4, explain).
inline constexpr std::size_t kBecauseMax = 20;

}  // namespace weir::graph
