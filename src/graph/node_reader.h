// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "graph/dag.h"
#include "graph/fault_list.h"
#include "graph/json_reading.h"

namespace weir::graph {

/// Sizes of the artifacts seen in a document, by checksum: one checksum has one size.
using ArtifactSizes = std::map<std::string, std::int64_t, std::less<>>;

/// Reads the nodes of one document, one by one.
class NodeReader {
 public:
  NodeReader(const DagLimits& limits, FaultList& faults) : limits_(limits), faults_(faults) {}

  /// Fills all of `node` that the fields say and, if they have no fault, canonical and computed_id.
  /// False if a fault was added; the id and the inputs are there as far as they could be read.
  bool read(const NodeFields& fields, std::uint32_t index, DagNode& node);

 private:
  std::string required_text(JsonValue value, std::string_view name);
  void read_id();
  void read_tags();
  void read_inputs();
  void read_name_and_bucket();
  void read_artifacts();
  void check_length(JsonValue value, std::string_view text, std::string_view pointer);
  void refuse(JsonValue where, std::string_view reason, std::string_view pointer, std::string text);

  const DagLimits& limits_;
  FaultList& faults_;
  ArtifactSizes artifact_sizes_;

  // Of the node being read:
  const NodeFields* fields_ = nullptr;
  DagNode* node_ = nullptr;
  std::string path_;
};

/// Reads one entry of a node's `artifacts` (contract section 3.24); faults are `artifact_invalid`.
void read_artifact(JsonValue entry, const std::string& path, const DagLimits& limits,
                   ArtifactSizes& sizes, std::vector<Artifact>& artifacts, FaultList& faults);

}  // namespace weir::graph
