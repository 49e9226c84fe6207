// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

/// Bounds of the adapters.
namespace weir::dagmanager {

/// Names that one statement looks up.
inline constexpr std::size_t kKnownNamesPage = 1'000;

}  // namespace weir::dagmanager
