// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "graph/explain.h"

namespace weir::graph {

/// Changes of all parts but the dependencies, in the order of contract section 2.1.
std::vector<Change> part_changes(const ExplainedNode& file, const ExplainedNode& other);

/// A dependency that differs, as ids; empty where that side has none.
struct DependencyChange {
  std::string path;
  std::string old_id;
  std::string new_id;
};

/// The ids by which the other side may name the counterpart of a dependency of the file.
using CounterpartIds = std::function<std::vector<std::string>(std::string_view new_id)>;

/// Dependencies that one side has more often than the other, counterparts together.
std::vector<DependencyChange> dependency_changes(const ExplainedNode& file,
                                                 const ExplainedNode& other,
                                                 const CounterpartIds& counterpart_ids);

Change as_change(const DependencyChange& change);

}  // namespace weir::graph
