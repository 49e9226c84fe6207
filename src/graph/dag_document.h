// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "graph/dag.h"

namespace weir::graph {

/// A DAG document as it came in: parsed, base64 taken off.
struct DagDocument {
  JsonDocument tree;
  std::string decoded;         ///< what the base64 stood for; empty if it was none
  std::string_view submitted;  ///< the caller's text, which must outlive this

  /// The document's JSON bytes.
  std::string_view json() const { return decoded.empty() ? submitted : decoded; }
};

/// Refuses with `dag_not_json` or `dag_bounds`.
Result<DagDocument> open_dag_document(std::string_view json_or_base64, const DagLimits& limits);

}  // namespace weir::graph
