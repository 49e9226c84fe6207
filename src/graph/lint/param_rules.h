// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "graph/json_reading.h"
#include "graph/lint/finding_list.h"

namespace weir::graph {

/// The rules on what one node computes with (contract sections 2.2, 2.3): L08, and L09 also on its
/// interval and period. `path` is the node's JSON Pointer, `node_id` as stated.
void lint_params(const NodeFields& fields, const std::string& path, const std::string& node_id,
                 FindingList& findings);

/// Why a number token does not stay what it says when it is read as a double; empty if it does.
/// Whole numbers always stay (section 2.3).
std::string inexact_number(std::string_view token);

}  // namespace weir::graph
