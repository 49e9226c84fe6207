// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blake3.h"
#include "base/json.h"
#include "base/result.h"
#include "graph/ids.h"

namespace weir::graph {

/// The seven parts whose hash names a node (contract section 2.1): everything that decides its
/// output, and nothing else.
struct IdentityParts {
  std::string node_type;
  std::int64_t interval = 0;  ///< seconds
  std::int64_t period = 0;    ///< bars
  std::string params_canon;   ///< canonical JSON (2.3), of a TagQueryNode its query (2.4)
  std::vector<std::string> dependencies;  ///< sorted, repetitions kept
  std::string schema_compat_id;
  std::string code_hash;

  friend bool operator==(const IdentityParts&, const IdentityParts&) = default;
};

/// Reads the parts off one node of a DAG. Every fault found (`dag_shape`, `dag_bounds`,
/// `schema_compat_mismatch`) is appended to `faults` in document order, with `path` (the node's
/// JSON Pointer) in front; false if there was any.
bool read_identity_parts(JsonValue node, std::string_view path, IdentityParts& parts,
                         std::vector<Fault>& faults);

/// The parts joined by `|`: the bytes that are hashed.
std::string canonical_bytes(const IdentityParts& parts);

/// "blake3:" + 64 hex digits over the canonical bytes.
NodeId node_id(std::string_view canonical);
/// The same from their BLAKE3.
NodeId node_id(const base::Digest& fingerprint);

/// True for an id that is already taken by other canonical bytes.
using TakenByOther = std::function<bool(const NodeId&)>;

/// More re-hashes than chance could ever ask for; then the last id is given as it is.
inline constexpr unsigned kRehashesMax = 1'000;

/// The node id, re-hashed (64-byte XOF, section 2.5) while it is taken by other canonical bytes.
NodeId node_id_without_collision(std::string_view canonical, const TakenByOther& taken);

/// The query of a TagQueryNode (section 2.4).
struct TagQuerySpec {
  std::vector<std::string> tags;  ///< trimmed, distinct, sorted
  bool match_all = false;
  bool has_interval = false;
  std::int64_t interval = 0;  ///< seconds

  friend bool operator==(const TagQuerySpec&, const TagQuerySpec&) = default;
};

/// Reads the query of a node whose node_type is exactly "TagQueryNode".
TagQuerySpec read_tag_query(JsonValue node);

}  // namespace weir::graph
