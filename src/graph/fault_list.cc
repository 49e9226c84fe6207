// SPDX-License-Identifier: Apache-2.0
#include "graph/fault_list.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::graph {

void FaultList::add(JsonValue where, Fault fault) {
  found_.push_back({where.position(), found_.size(), std::move(fault)});
}

std::vector<Fault> FaultList::in_document_order() && {
  std::ranges::sort(found_, {},
                    [](const Found& found) { return std::pair(found.position, found.number); });
  std::vector<Fault> faults;
  faults.reserve(found_.size());
  for (Found& found : found_) faults.push_back(std::move(found.fault));
  found_.clear();
  return faults;
}

Error refused_graph(std::vector<Fault> faults) {
  WEIR_ASSERT(!faults.empty());
  std::string message = faults.size() == 1
                            ? "the graph has a fault"
                            : "the graph has " + std::to_string(faults.size()) + " faults";
  std::string reason = faults.front().reason;
  return base::invalid_argument(std::move(reason), std::move(message))
      .with_faults(std::move(faults));
}

}  // namespace weir::graph
