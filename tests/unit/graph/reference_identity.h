// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace weir::graph {

/// A second, slow reading of contract sections 2.1 to 2.4, over another JSON parser and without a
/// line in common with src/graph, for tests and fuzz targets to compare with.

enum class ReferenceVerdict {
  NotJson,     ///< not a JSON text
  TooDeep,     ///< JSON, but nested deeper than 64
  Unreadable,  ///< JSON with a number beyond every double, which this parser does not take
  Refused,     ///< JSON whose identity the contract refuses
  Named,
};

/// Canonical bytes of the node in a JSON text; empty unless Named.
struct ReferenceNode {
  ReferenceVerdict verdict = ReferenceVerdict::NotJson;
  std::string canonical;
};
ReferenceNode reference_node(std::string_view node_json);

/// One compute node of a document.
struct ReferenceId {
  std::size_t index = 0;  ///< in the document's `nodes` array
  std::string id;         ///< "blake3:<hex>"; empty where the node is refused
};

/// The ids of a DAG's compute nodes in order; Refused where it has no list of nodes.
struct ReferenceDag {
  ReferenceVerdict verdict = ReferenceVerdict::NotJson;
  std::vector<ReferenceId> ids;
};
ReferenceDag reference_dag(std::string_view dag_json);

}  // namespace weir::graph
