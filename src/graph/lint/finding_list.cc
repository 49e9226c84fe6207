// SPDX-License-Identifier: Apache-2.0
#include "graph/lint/finding_list.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "graph/lint/limits.h"

namespace weir::graph {

void FindingList::add(JsonValue where, LintFinding finding) {
  if (++counts_.at(static_cast<std::size_t>(finding.rule)) > kFindingsMax) return;
  found_.push_back({where.position(), std::move(finding)});
}

std::vector<LintFinding> FindingList::in_document_order() && {
  std::ranges::sort(found_, [](const Found& one, const Found& other) {
    return std::tie(one.position, one.finding.rule, one.finding.path) <
           std::tie(other.position, other.finding.rule, other.finding.path);
  });
  std::vector<LintFinding> findings;
  findings.reserve(found_.size());
  for (Found& found : found_) findings.push_back(std::move(found.finding));
  found_.clear();
  for (std::size_t rule = 0; rule < kLintRules; ++rule) {
    if (counts_.at(rule) <= kFindingsMax) continue;
    findings.push_back(
        {.rule = static_cast<LintRule>(rule),
         .path = "",
         .node_id = "",
         .message = "holds " + std::to_string(counts_.at(rule) - kFindingsMax) + " more times",
         .mend = "mend those told above, then lint again"});
  }
  return findings;
}

}  // namespace weir::graph
