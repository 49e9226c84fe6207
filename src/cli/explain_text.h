// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/client/diff_outcome.h"
#include "dagmanager.pb.h"
#include "graph/explain.h"

/// The two forms in which `explain` tells what became of the nodes (contract section 4).
namespace weir::cli {

/// Plan rows by the id that the file states; empty with --against.
using PlanByNode = std::map<std::string, const PlanRow*, std::less<>>;
PlanByNode plan_by_node(const std::vector<PlanRow>& plan);

/// A stored node as explain compares it.
graph::ExplainedNode stored_node(const qmtl::services::dagmanager::NodeRecord& record);

/// "bound", "planned" or "refused" of a decision.
std::string_view plan_state(std::string_view decision);

/// One JSON line.
std::string explain_json(const graph::Explanation& explanation, const PlanByNode& plan);

struct ExplainTextOptions {
  std::string title = {};  ///< first line
  bool verbose = false;    ///< nodes that are the same too
  bool colours = false;
};

/// For people: what differs and why, and the counts in the last line.
std::string explain_text(const std::vector<graph::Explanation>& explanations,
                         const PlanByNode& plan, const ExplainTextOptions& options);

/// True if a node has another id and yet no change is found: an error of ours.
bool unexplained(const graph::Explanation& explanation);

}  // namespace weir::cli
