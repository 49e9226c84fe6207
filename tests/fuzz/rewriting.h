// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "base/json.h"
#include "base/random.h"

namespace weir::fuzz {

/// Which lists of a document may change their order without changing what it says.
enum class ListOrder {
  Kept,
  FreeInNodes,  ///< `inputs` and `dependencies` of each element of the root's `nodes`
};

/// The value written otherwise: members in another order. Objects with a repeated key stay as they
/// are, since of those the last counts.
std::string rewritten(JsonValue value, base::SeededRandom& random, ListOrder lists);

}  // namespace weir::fuzz
