// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/json.h"
#include "graph/lint/lint.h"

namespace weir::graph {

/// The findings of one document while its rules run.
class FindingList {
 public:
  /// `where` is the value it is about or, where something is missing, the object that lacks it;
  /// a missing one stands for the whole document.
  void add(JsonValue where, LintFinding finding);

  /// In document order; of one place by rule. What was more than kFindingsMax of a rule is one more
  /// finding on the whole document.
  std::vector<LintFinding> in_document_order() &&;

 private:
  struct Found {
    std::uint32_t position = 0;
    LintFinding finding;
  };
  std::vector<Found> found_;
  std::array<std::size_t, kLintRules> counts_{};
};

}  // namespace weir::graph
