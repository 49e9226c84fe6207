// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Bounds of a compaction (contract section 3.24).
namespace weir::dagmanager {

/// Nodes that one transaction removes.
inline constexpr std::size_t kNodesRemovedTogether = 500;

/// Deploys whose nodes are read at a time.
inline constexpr std::size_t kCompactedDeploys = 100;

}  // namespace weir::dagmanager
