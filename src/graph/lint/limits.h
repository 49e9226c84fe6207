// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace weir::graph {

/// Findings of one rule that are told one by one; how many more there are is told in one.
inline constexpr std::size_t kFindingsMax = 1'000;
/// Digits that always survive being read as a double and written again.
inline constexpr std::size_t kExactDigits = 17;

}  // namespace weir::graph
