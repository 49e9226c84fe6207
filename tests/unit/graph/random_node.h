// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/json.h"
#include "base/random.h"

namespace weir::graph {

/// What a random node may have.
struct RandomNodeStyle {
  bool wrong_shapes = false;   ///< values of any kind in any field
  bool repeated_keys = false;  ///< the same key twice in an object
};

/// JSON text of a node with random content: every kind of value and number, all sorts of text,
/// excluded keys, tag queries.
std::string random_node(base::SeededRandom& random, const RandomNodeStyle& style);

/// The same value written otherwise: members in another order, other blanks, other escapes. Lists
/// named `inputs` and `dependencies` of the outermost object change their order too.
std::string rewritten(base::SeededRandom& random, JsonValue value);

}  // namespace weir::graph
