// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "graph/dag.h"
#include "graph/json_reading.h"

namespace weir::graph {

/// What the gateway's validator would say of a `nodes` array (contract section 2.12). Indexes are
/// places in the array; entries that are no objects, and version sentinels, are passed over.
struct IdentityReport {
  struct Missing {
    std::uint32_t index = 0;
    std::string node_id;
    std::vector<std::string> fields;
  };
  struct Conflict {
    std::uint32_t index = 0;
    std::string node_id;
    std::string schema_compat_id;
    std::string schema_id;
  };
  struct Mismatch {
    std::uint32_t index = 0;
    std::string node_id;
    std::string expected;
  };

  std::vector<Missing> missing;
  std::vector<Conflict> conflicts;
  std::uint32_t crc32 = 0;  ///< of the node ids as they stand (section 2.9)
  std::optional<std::uint32_t> provided_crc32;
  std::vector<Mismatch> mismatches;

  /// The code of the first finding in the order of section 2.12; empty if all is well.
  std::string_view code() const;
};

/// Checks every node; a node whose parts cannot be read has no mismatch.
IdentityReport check_identity(JsonValue nodes, std::optional<std::uint32_t> provided_crc32);

/// The same, node by node: `query` is read if the node is a TagQueryNode, `computed` is empty if
/// its parts could not be read.
struct CheckedNode {
  const NodeFields& fields;
  std::uint32_t index = 0;
  std::string_view node_type;
  std::string_view node_id;
  std::string_view computed;
  const TagQuerySpec& query;
};
void check_node(const CheckedNode& node, IdentityReport& report);

/// The findings in order: missing fields, schema conflicts, checksum, mismatches.
std::vector<IdentityFinding> identity_findings(const IdentityReport& report);

/// Continues the checksum of section 2.9 with one node's id.
std::uint32_t node_ids_crc32(std::uint32_t crc32, JsonValue node_id);

}  // namespace weir::graph
