// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "graph/dag.h"
#include "graph/lint/finding_list.h"
#include "graph/lint/node_rules.h"

namespace weir::graph {

/// The compute nodes of one document, every entry by itself, and who defines and reads what. The
/// document outlives it.
class LintedNodes {
 public:
  LintedNodes(JsonValue nodes, const DagLimits& limits);
  ~LintedNodes() = default;
  LintedNodes(const LintedNodes&) = delete;
  LintedNodes& operator=(const LintedNodes&) = delete;

  const std::vector<LintedNode>& entries() const { return entries_; }
  /// The document's VersionSentinel nodes.
  const std::vector<JsonValue>& sentinels() const { return sentinels_; }
  /// Inputs that no entry defines, distinct, sorted.
  std::vector<std::string> undefined_inputs() const;

  /// L02: entries that repeat a node.
  void lint_united(FindingList& findings) const;
  /// L03 and L04; `stored` are ids that are defined elsewhere, sorted.
  void lint_inputs(const std::vector<std::string>& stored, FindingList& findings) const;
  /// L10: what neither an input nor a tag query of the document reads.
  void lint_unread(FindingList& findings) const;

 private:
  /// The entry that defines `id`, or nothing.
  const LintedNode* definition(std::string_view id) const;

  std::vector<LintedNode> entries_;
  std::vector<JsonValue> sentinels_;
  // Index into entries_ of the first; the keys are ids in there, so it is never copied.
  absl::flat_hash_map<std::string_view, std::uint32_t> by_id_;
};

}  // namespace weir::graph
