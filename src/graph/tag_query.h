// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "graph/fault_list.h"
#include "graph/json_reading.h"
#include "graph/node_identity.h"

namespace weir::graph {

inline constexpr std::string_view kTagQueryType = "TagQueryNode";

/// A value of the query and the JSON Pointer, from the node, of where it stands or would stand.
struct TagQuerySource {
  JsonValue value;
  std::string_view pointer;
};

/// Where a TagQueryNode's query is read from (contract section 2.4).
struct TagQuerySources {
  TagQuerySource tags;
  TagQuerySource match_mode;
  TagQuerySource interval;
};
TagQuerySources tag_query_sources(const NodeFields& fields);

/// Reads the query; what is of a wrong shape counts as absent and is added to `faults` if given,
/// with `path` (the node's JSON Pointer) in front.
TagQuerySpec read_tag_query(const NodeFields& fields, std::string_view path, FaultList* faults);

/// Part 4 of the identity of a TagQueryNode.
std::string tag_query_json(const TagQuerySpec& query);

}  // namespace weir::graph
