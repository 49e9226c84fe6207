// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/blake3.h"
#include "base/result.h"
#include "graph/compute_context.h"
#include "graph/ids.h"
#include "graph/node_identity.h"

namespace weir::graph {

/// A model or parameter file a node uses (contract section 3.24).
struct Artifact {
  std::string path;
  std::string checksum;  ///< "<algorithm>:<hex>"
  std::int64_t size = 0;
  std::string framework;
  std::string dtype;

  friend bool operator==(const Artifact&, const Artifact&) = default;
};

/// One compute node of a submitted graph (section 3.1).
struct DagNode {
  NodeId node_id;              ///< as the document states it
  NodeId computed_id;          ///< hash of its content; equals node_id where the sender was right
  std::string canonical;       ///< the bytes of section 2.1
  base::Digest fingerprint{};  ///< their hash: two nodes with one fingerprint have one content
  IdentityParts parts;
  std::string schema_hash;
  std::string config_hash;
  std::string name;
  std::string bucket;  ///< decimal text; empty: absent
  std::vector<std::string> tags;
  std::vector<std::string> inputs;  ///< as written; edges of the graph
  std::vector<Artifact> artifacts;
  std::optional<TagQuerySpec> query;  ///< of a TagQueryNode
  bool global = false;
  std::uint32_t index = 0;  ///< in the document's `nodes` array (JSON Pointer /nodes/<index>)
};

/// What one or more VersionSentinel nodes ask for (section 3.3); merged, the first usable wins.
struct SentinelRequest {
  std::optional<double> weight;  ///< clamped to 0..1
  std::string commit_hash;       ///< sentinel's, else meta's; empty: absent
  std::string release_tag;
};

/// A finding of the identity check (section 2.12): a stable code and where it was found.
struct IdentityFinding {
  std::string code;  ///< E_NODE_ID_FIELDS, E_SCHEMA_COMPAT_MISMATCH, E_CHECKSUM_MISMATCH,
                     ///< E_NODE_ID_MISMATCH
  std::string path;  ///< JSON Pointer of the node
  std::string text;
  bool no_prefix = false;  ///< the id lacks "blake3:"
};

/// A submitted strategy graph, read and named. Immutable once made; safe to share.
struct Dag {
  std::vector<DagNode> nodes;        ///< distinct, in submission order, sentinels apart
  std::vector<std::uint32_t> order;  ///< indexes into nodes: topological, stable (section 3.4)
  std::optional<SentinelRequest> sentinel;
  VersionLabel version;  ///< section 3.3; "v1" where none is given
  bool version_given = false;
  RawContext context;         ///< the document's own (section 2.6)
  Namespace topic_namespace;  ///< cleaned meta.topic_namespace; empty: none
  std::string meta_world;     ///< meta.world / meta.world_id
  std::string meta_execution_domain;
  std::string owner;  ///< meta.owner
  std::optional<double> meta_weight;
  std::uint32_t crc32 = 0;                ///< section 2.9
  base::Digest json_hash{};               ///< of the document's JSON bytes (base64 taken off)
  std::vector<std::string> warnings;      ///< united nodes and the like
  std::vector<IdentityFinding> findings;  ///< of the identity check, whatever its setting
  std::size_t bytes = 0;                  ///< about how much memory this takes
};

/// Bounds of a document (section 3.1).
struct DagLimits {
  std::size_t depth_max = 64;
  std::size_t nodes_max = 100'000;
  std::size_t inputs_max = 10'000;
  std::size_t tags_max = 1'000;
  std::size_t text_bytes_max = 1'024;
  std::size_t artifacts_max = 64;
};

/// Reads a DAG document: JSON, or standard base64 of it. All faults are told in one error, in
/// document order, each with its JSON Pointer; the error's reason is the first fault's.
/// `hash`: of the text as it was submitted, for a caller that has it already.
Result<Dag> read_dag(std::string_view json_or_base64, const DagLimits& limits = {},
                     const base::Digest* hash = nullptr);

/// The sentinel id of a strategy: with "-sentinel" unless it ends so already (section 3.3).
SentinelId sentinel_id(const StrategyId& strategy);

/// Hash of the ids, in whatever order: the node set of a deploy, in hex.
std::string node_set_hash(std::vector<std::string_view> ids);
std::string node_set_hash(const Dag& dag);

/// Kahn's algorithm with the lowest submission index first (section 3.4). `inputs[i]` are indexes
/// of the nodes that i reads. Gives the order, or the indexes of one cycle.
struct Ordering {
  std::vector<std::uint32_t> order;
  std::vector<std::uint32_t> cycle;  ///< empty: none
};
Ordering topological_order(const std::vector<std::vector<std::uint32_t>>& inputs);

}  // namespace weir::graph
