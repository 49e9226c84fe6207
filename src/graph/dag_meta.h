// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "base/json.h"
#include "graph/dag.h"

namespace weir::graph {

/// Fills what a document says outside its compute nodes: version, sentinel, weights, namespace,
/// context, owner. `sentinels` are the document's VersionSentinel nodes in order; `dag.json_hash`
/// must be there already.
void read_dag_meta(JsonValue root, const std::vector<JsonValue>& sentinels, Dag& dag);

/// What a graph's topics begin with in this context, where namespaces are on (contract
/// section 3.5): what the client will put in front of every topic. Empty: nothing.
Namespace namespace_of(const Dag& dag, const ComputeContext& context);

}  // namespace weir::graph
