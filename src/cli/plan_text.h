// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "cli/client/diff_outcome.h"

/// The two forms in which `diff` and `submit` tell a plan.
namespace weir::cli {

/// What people call a node.
struct NodeLabel {
  std::string name;
  std::string node_type;
};

/// Labels by the id that the file states.
using NodeLabels = std::map<std::string, NodeLabel, std::less<>>;

/// Labels of a DAG document; none if it cannot be read.
NodeLabels node_labels(std::string_view dag_json);

/// The label's name, else its type, else the short id; with the type in brackets where both are.
std::string label_text(const NodeLabels& labels, std::string_view node_id);

/// How many nodes were decided how.
struct PlanCounts {
  std::size_t created = 0;
  std::size_t bound = 0;
  std::size_t reused = 0;
  std::size_t buffered = 0;
  std::size_t refused = 0;

  /// True if a submit would not simply leave everything as it is.
  bool changes() const { return created + bound + buffered + refused > 0; }
  /// "10 new, 990 reused, 0 buffered"; bound and refused ones only where there are any.
  std::string text() const;
};
PlanCounts count_plan(const DiffOutcome& outcome);

struct PlanTextOptions {
  std::string title = {};             ///< first line
  std::string_view closing = "Plan";  ///< "Plan" or "Submitted"
  bool verbose = false;               ///< every node, also the reused ones
  bool colours = false;
};

/// The plan for people: new, bind, reused (as a number unless verbose), buffered and refused with
/// their reasons, warnings, and the counts in the last line.
std::string plan_text(const DiffOutcome& outcome, const NodeLabels& labels,
                      const PlanTextOptions& options);

/// One JSON line: queue_map, sentinel_id, version, plan, warnings (contract section 4).
std::string plan_json(const DiffOutcome& outcome);

}  // namespace weir::cli
