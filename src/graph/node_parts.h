// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "graph/fault_list.h"
#include "graph/json_reading.h"
#include "graph/node_identity.h"

namespace weir::graph {

/// As read_identity_parts, from fields already found; a TagQueryNode's query goes to `query` too.
/// False if a fault was added.
bool read_identity_parts(const NodeFields& fields, std::string_view path, IdentityParts& parts,
                         TagQuerySpec& query, FaultList& faults);

/// True for a params key that leaves no trace in the identity (contract section 2.2).
bool is_excluded_param(std::string_view key);

}  // namespace weir::graph
