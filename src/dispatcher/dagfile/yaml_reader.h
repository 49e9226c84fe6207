// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "dispatcher/dagfile/faults.h"
#include "dispatcher/dagfile/yaml_tree.h"

namespace weir::dispatcher {

/// Reads one YAML document into an empty tree (contract section 2.1, points 1 to 3 and 6).
/// Reported: E_YAML (no YAML, not UTF-8, no document or a second one) and E_LIMIT (size, depth),
/// which stop the reading and give false; E_YAML_FEATURE and E_DUPLICATE_KEY, beside which reading
/// goes on. Of a repeated key the first value counts.
bool read_yaml(std::string_view text, YamlTree& tree, FaultList& faults);

}  // namespace weir::dispatcher
