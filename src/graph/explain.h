// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "graph/dag.h"

namespace weir::graph {

/// Where the parts of a node stand in its file, as JSON Pointers; empty for a stored node.
struct PartPlaces {
  std::string node;
  std::string params;        ///< goes to /config where the file has no params
  std::string dependencies;  ///< the list of inputs or of dependencies
  std::string schema_compat_id;
  std::string query_tags;  ///< these three of a TagQueryNode (section 2.4)
  std::string match_mode;
  std::string query_interval;
};

/// A dependency in a file's order.
struct ExplainedInput {
  std::string id;
  std::uint32_t index = 0;  ///< in the list at PartPlaces::dependencies
};

/// One side's view of a node, from a file or from the store: what explain compares. Of a stored
/// node the last two fields may stay empty.
struct ExplainedNode {
  std::string node_id;  ///< computed from content
  std::string stated;   ///< as the file states it
  std::string name;
  std::vector<std::string> tags;
  IdentityParts parts;
  std::optional<std::uint32_t> index;  ///< in the file's nodes array; nothing for a stored node
  PartPlaces places;
  std::vector<ExplainedInput> inputs;
};

/// One difference: which of the seven parts, where in the file, old and new as canonical JSON text.
struct Change {
  std::string part;
  std::string path;  ///< JSON Pointer into the file
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
  /// Paths at the roots of changed dependencies through all levels, in document order, at most
  /// kBecauseMax: what changed in a node upstream, a node that is new, or another wiring.
  std::vector<std::string> because;
};

/// Nodes of a DAG file as explain wants them, distinct, in submission order. Refuses what read_dag
/// refuses.
Result<std::vector<ExplainedNode>> explained_nodes(std::string_view json_or_base64);

/// Pairs and compares: `file` in submission order, then what only `other` has. The explanations
/// point into both, which must outlive them. Pairs: equal ids; else a name unique among the rest of
/// both sides; else (node_type, interval, sorted tags) unique likewise.
std::vector<Explanation> explain(const std::vector<ExplainedNode>& file,
                                 const std::vector<ExplainedNode>& other);

}  // namespace weir::graph
