// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Bounds of deploying.
namespace weir::dispatcher {

/// How often a deploy begins anew because what it read has changed under it, or a transaction of
/// another got in its way.
inline constexpr int kDeployTriesMax = 5;

}  // namespace weir::dispatcher
