// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dagmanager/core/compaction/retirement.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/queue_life.h"

/// Nodes that nobody needs (contract section 3.24): no deploy keeps them, no queue is theirs, and
/// no node that stays depends on them.
namespace weir::dagmanager {

using NodeRows = absl::flat_hash_set<RowId>;

/// Those of `nodes` that may go together, all of which are still in the graph, in their order:
/// everything that depends on one of them goes too.
std::vector<RowId> removable_nodes(const GraphIndex& index, const NodeRows& kept,
                                   std::span<const RowId> nodes);

/// All of the graph that may go, ordered so that each comes after what depends on it: so it may go
/// in pieces.
std::vector<RowId> removable_nodes(const GraphIndex& index, const NodeRows& kept);

/// Deploys as they were when a removal was planned. Who was there then and is the same now says
/// nothing new of nodes.
class DeploysSeen {
 public:
  void add(const DeployStanding& deploy, bool keeps) {
    seen_[deploy.key] = {deploy.last_seen, keeps};
  }
  /// Keys of those of `deploys` (with `keeping`, of each) that came since, or keep their nodes by
  /// now; rising.
  std::vector<std::string> changed(std::span<const DeployStanding> deploys,
                                   const std::vector<bool>& keeping) const;

 private:
  struct Seen {
    Instant last_seen{};  // moved by whoever stores it again
    bool keeps = false;
  };
  absl::flat_hash_map<std::string, Seen> seen_;
};

/// A transaction's share of what is to go.
struct NodeRemoval {
  std::vector<RowId> nodes;            ///< in the order of removable_nodes
  std::vector<std::string> referring;  ///< keys of deploys not ended that do not keep them; rising
  const DeploysSeen* seen = nullptr;
  std::size_t deploys_kept = 0;
  std::string actor;
  std::string cause;
  Instant at{};
};

/// What went.
struct RemovedNodes {
  std::vector<graph::NodeId> nodes;
  std::size_t artifacts = 0;
};

/// The row of the log that names it.
TopicLogRow removal_row(const NodeRemoval& removal, const RemovedNodes& removed);

}  // namespace weir::dagmanager
