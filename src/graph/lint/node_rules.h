// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "graph/compute_context.h"
#include "graph/dag.h"
#include "graph/identity_check.h"
#include "graph/json_reading.h"
#include "graph/lint/finding_list.h"

namespace weir::graph {

/// One entry of a document's `nodes`, read.
struct LintedNode {
  NodeFields fields;
  DagNode node;        ///< as far as it could be read
  bool sound = false;  ///< whether all of it could
  std::string path;    ///< JSON Pointer
};

/// What the names of all topics of a document are made of beside the nodes.
struct NamingScope {
  VersionLabel version;
  Namespace name_space;  ///< empty: none
  bool dry_run = false;
};

/// What the identity check says of a `nodes` array (section 2.12): L06, L07.
void lint_identity(JsonValue nodes, FindingList& findings);

/// L11: what a TagQueryNode asks for.
void lint_tag_query(const LintedNode& entry, FindingList& findings);

/// L12 and L13: the tag and the type that would name the node's topic, and the name's length.
void lint_names(const LintedNode& entry, const NamingScope& scope, FindingList& findings);

}  // namespace weir::graph
