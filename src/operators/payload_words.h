// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string_view>

/// Words of a payload, in the order of their enumerators.
namespace weir::operators {

/// Of DatasetKind.
inline constexpr std::array<std::string_view, 4> kDatasetKindWords = {"events", "parquet", "table",
                                                                      "virtual"};

}  // namespace weir::operators
