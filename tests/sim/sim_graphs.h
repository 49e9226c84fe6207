// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "dagmanager/core/diff_planner.h"
#include "graph/dag.h"

/// What simulated gateways submit.
namespace weir::sim {

/// One request: a graph, by a strategy, in a context.
struct SimCommand {
  std::shared_ptr<const graph::Dag> dag;
  dagmanager::DiffFields fields;
  std::string text;  ///< for people
};

/// Families of small graphs, read once and shared by all seeds. The members of a family are what
/// becomes of one strategy over time: edited nodes, moved schemas, other tags, versions, weights.
class GraphFamilies {
 public:
  GraphFamilies();

  /// A few commands whose graphs and contexts meet each other often.
  std::vector<SimCommand> menu(base::SeededRandom& random) const;
  /// Commands that bring versions of one or two sentinels, most with a weight.
  std::vector<SimCommand> versions(base::SeededRandom& random) const;
  /// The text of a graph that may go out as a hotfix.
  const std::string& hotfix(base::SeededRandom& random) const;

 private:
  struct Member {
    std::shared_ptr<const graph::Dag> dag;
    std::string name;
  };
  std::vector<std::vector<Member>> families_;
  std::vector<Member> versions_;
  std::vector<std::string> hotfixes_;
};

}  // namespace weir::sim
