// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/compaction/spare_nodes.h"

#include <algorithm>
#include <utility>

namespace weir::dagmanager {
namespace {

/// Of nodes that may go: who depends on each, and on whom each depends.
using Links = absl::flat_hash_map<RowId, std::vector<RowId>>;

struct Spare {
  NodeRows rows;
  Links dependents;
  Links inputs;  ///< as far as they may go too
};

/// Takes one out, and all that it depends on.
void keep(Spare& spare, RowId row) {
  std::vector<RowId> open{row};
  while (!open.empty()) {
    const RowId next = open.back();
    open.pop_back();
    if (spare.rows.erase(next) == 0) continue;
    const auto inputs = spare.inputs.find(next);
    if (inputs == spare.inputs.end()) continue;
    open.insert(open.end(), inputs->second.begin(), inputs->second.end());
  }
}

bool may_go(const GraphIndex& index, const NodeRows& kept, RowId row) {
  return index.node(row) && !kept.contains(row) && index.queues_of(row).empty();
}

/// Those that nothing but what is spare too depends on.
Spare spare_of(const GraphIndex& index, NodeRows rows) {
  Spare spare{std::move(rows), {}, {}};
  NodeRows needed;
  index.for_each_node([&](const NodeView& node) {
    const bool goes = spare.rows.contains(node.row());
    for (const std::string& input : node.record().parts.dependencies) {
      const NodeView source = index.node(graph::NodeId(input));
      if (!source || !spare.rows.contains(source.row())) continue;
      if (!goes) {
        needed.insert(source.row());
        continue;
      }
      spare.inputs[node.row()].push_back(source.row());
      spare.dependents[source.row()].push_back(node.row());
    }
  });
  for (const RowId row : needed) keep(spare, row);
  return spare;
}

/// Each after what depends on it, else by row. What the graph has in a circle, which only made-up
/// ids can, comes last.
std::vector<RowId> in_order(const Spare& spare) {
  std::vector<RowId> rows(spare.rows.begin(), spare.rows.end());
  std::ranges::sort(rows, std::ranges::greater());
  absl::flat_hash_map<RowId, std::size_t> waiting;
  std::vector<RowId> order;
  order.reserve(rows.size());
  for (const RowId row : rows) {
    const auto dependents = spare.dependents.find(row);
    std::size_t count = 0;
    if (dependents != spare.dependents.end()) {
      count = static_cast<std::size_t>(std::ranges::count_if(
          dependents->second, [&](RowId one) { return spare.rows.contains(one); }));
    }
    if (count == 0) order.push_back(row);
    waiting.emplace(row, count);
  }
  for (std::size_t at = 0; at < order.size(); ++at) {
    const auto inputs = spare.inputs.find(order[at]);
    if (inputs == spare.inputs.end()) continue;
    for (const RowId input : inputs->second) {
      const auto left = waiting.find(input);
      if (left != waiting.end() && --left->second == 0) order.push_back(input);
    }
  }
  for (const RowId row : rows) {
    if (waiting.at(row) > 0) order.push_back(row);
  }
  return order;
}

}  // namespace

std::vector<RowId> removable_nodes(const GraphIndex& index, const NodeRows& kept,
                                   std::span<const RowId> nodes) {
  NodeRows rows;
  for (const RowId row : nodes) {
    if (may_go(index, kept, row)) rows.insert(row);
  }
  const Spare spare = spare_of(index, std::move(rows));
  std::vector<RowId> going;
  for (const RowId row : nodes) {
    if (spare.rows.contains(row)) going.push_back(row);
  }
  return going;
}

std::vector<RowId> removable_nodes(const GraphIndex& index, const NodeRows& kept) {
  NodeRows rows;
  index.for_each_node([&](const NodeView& node) {
    if (may_go(index, kept, node.row())) rows.insert(node.row());
  });
  return in_order(spare_of(index, std::move(rows)));
}

std::vector<std::string> DeploysSeen::changed(std::span<const DeployStanding> deploys,
                                              const std::vector<bool>& keeping) const {
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < deploys.size(); ++i) {
    const auto known = seen_.find(deploys[i].key);
    const bool same = known != seen_.end() && known->second.last_seen == deploys[i].last_seen;
    if (same && (known->second.keeps || !keeping[i])) continue;
    keys.push_back(deploys[i].key);
  }
  std::ranges::sort(keys);
  return keys;
}

TopicLogRow removal_row(const NodeRemoval& removal, const RemovedNodes& removed) {
  TopicLogRow row;
  row.action = "nodes_removed";
  row.actor = removal.actor;
  row.cause = removal.cause;
  row.result = std::to_string(removed.nodes.size()) + " nodes, " +
               std::to_string(removed.artifacts) + " artifacts";
  row.at = removal.at;
  return row;
}

}  // namespace weir::dagmanager
