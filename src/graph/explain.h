// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "graph/dag.h"

namespace weir::graph {

/// One side's view of a node, from a file or from the store: what explain compares.
struct ExplainedNode {
  std::string node_id;  ///< computed from content
  std::string stated;   ///< as the file states it
  std::string name;
  std::vector<std::string> tags;
  IdentityParts parts;
  std::optional<std::uint32_t> index;  ///< in the file's nodes array; nothing for a stored node
  bool params_from_config = false;     ///< path goes to /config where the file has no params
};

/// One difference: which of the seven parts, where in the file, old and new as canonical JSON text.
struct Change {
  std::string part;
  std::string path;                ///< JSON Pointer into the file
  std::optional<std::string> old_value;
  std::optional<std::string> new_value;
};

enum class Verdict { Same, Differs, Added, Removed };
std::string_view verdict_text(Verdict verdict);

/// What became of one node (contract section 4, explain).
struct Explanation {
  const ExplainedNode* node = nullptr;   ///< in the file; null for `Removed`
  const ExplainedNode* other = nullptr;  ///< its counterpart; null for `Added`
  std::string paired_by;                 ///< "id", "name", "shape"; empty without counterpart
  Verdict verdict = Verdict::Same;
  std::vector<Change> changes;
  std::vector<std::string> because;  ///< paths at the roots of changed dependencies, at most 20
};

/// Nodes of a read DAG as explain wants them. The document is read again for /config and the like.
Result<std::vector<ExplainedNode>> explained_nodes(std::string_view json_or_base64);

/// Pairs and compares: `file` in submission order, then what only `other` has.
std::vector<Explanation> explain(const std::vector<ExplainedNode>& file,
                                 const std::vector<ExplainedNode>& other);

}  // namespace weir::graph
