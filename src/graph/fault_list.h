// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace weir::graph {

/// The faults of one document while it is being read; gives them in document order.
class FaultList {
 public:
  /// `where` is the faulty value or, where something is missing, the object that lacks it.
  void add(JsonValue where, Fault fault);

  std::size_t size() const { return found_.size(); }
  bool empty() const { return found_.empty(); }

  std::vector<Fault> in_document_order() &&;

 private:
  struct Found {
    std::uint32_t position = 0;
    std::size_t number = 0;  // of one position the fault found first is told first
    Fault fault;
  };
  std::vector<Found> found_;
};

/// The error that tells all `faults` of a graph; there must be one. Its reason is the first one's.
Error refused_graph(std::vector<Fault> faults);

}  // namespace weir::graph
