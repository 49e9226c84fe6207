// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "graph/ids.h"

namespace weir::cli {

/// A graph as a promotion submits it (contract section 3.23): with a version sentinel of weight 0,
/// of which it gets one if it has none; every other weight that it states is left out. All else is
/// as it was given, numbers by the letter, and what was at a place is still there: a JSON Pointer
/// into one is one into the other. The same graph gives the same bytes.
///
/// Takes JSON or base64 of it. Faults are those of open_dag_document; what is JSON and no graph is
/// given back as it is, for lint to tell.
Result<std::string> candidate_json(std::string_view json_or_base64,
                                   const graph::StrategyId& strategy);

}  // namespace weir::cli
