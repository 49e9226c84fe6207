// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/control_bus.h"
#include "dagmanager/ports/graph_store.h"
#include "tests/conformance/engines.h"

/// Small graphs for the suites of the graph store, and what a store holds as text.
namespace weir::test {

/// A moment `seconds` after the tests' beginning of time.
Instant at(int seconds);

/// A node of which every field has a value of its own, made from its name. Its id is "id-<name>".
dagmanager::NodeRecord make_node(const std::string& name);

/// A node that asks for the queues that carry `tag` at 60 seconds.
dagmanager::NodeRecord make_query_node(const std::string& name, const std::string& tag);

/// A live context with the namespace "<world>.live".
std::shared_ptr<const dagmanager::BindingContext> make_binding(const std::string& strategy,
                                                               const std::string& world);

/// The intent for a node's topic "<world>.<name>", or for `topic`.
dagmanager::TopicIntent make_intent(const dagmanager::NodeRecord& node,
                                    const dagmanager::BindingContext& binding,
                                    const std::string& topic = "");

dagmanager::DeployRecord make_deploy(const dagmanager::BindingContext& binding,
                                     const std::string& version,
                                     std::vector<dagmanager::DeployNode> nodes, Instant seen);

dagmanager::SentinelRecord make_sentinel(const dagmanager::DeployRecord& deploy,
                                         std::optional<double> weight);

/// One diff by hand: a view, a reservation on it, a change. A step may be left out or carried out
/// late, and the change altered before it is committed.
class Diff {
 public:
  Diff(dagmanager::GraphStore& store, std::shared_ptr<const dagmanager::BindingContext> binding,
       std::vector<dagmanager::NodeRecord> nodes, Instant at = test::at(0));

  /// Notes the epoch and which of the nodes are known.
  Diff& view();
  /// Reserves the names of all nodes that have no queue in this binding.
  Diff& reserve();
  /// What of the change comes in any case, while topics would be made.
  Diff& write_ahead();
  Result<dagmanager::Committed> commit();
  /// All four.
  Result<dagmanager::Committed> run() { return view().reserve().write_ahead().commit(); }

  const dagmanager::Reservation& reservation() const { return reservation_; }
  dagmanager::IntentBatch& batch() { return batch_; }
  dagmanager::GraphChange& change() { return change_; }

 private:
  void add_promotion(const dagmanager::NodeRecord& node, std::size_t intent);

  dagmanager::GraphStore& store_;
  std::vector<dagmanager::NodeRecord> nodes_;
  std::vector<dagmanager::RowId> known_;  // row of each node, 0: new
  std::vector<std::size_t> wanting_;      // nodes without a queue
  dagmanager::IntentBatch batch_;
  dagmanager::Reservation reservation_;
  dagmanager::GraphChange change_;
};

/// `writers` threads at once, on two stores of one graph in turn, store `diffs` diffs each: a node
/// that all of them want at the same time, and one of their own.
void write_side_by_side(dagmanager::GraphStore& one, dagmanager::GraphStore& other, int writers,
                        int diffs);

/// The graph as lines of text, without row numbers, so that stores can be compared.
enum class Shown : std::uint8_t { All, NoIntents };
std::string describe(const dagmanager::GraphIndex& index, Shown shown = Shown::All);
std::string describe(dagmanager::GraphStore& store, Shown shown = Shown::All);
std::string describe(const dagmanager::DeployRecord& deploy, const dagmanager::GraphIndex& index);
std::string describe(const dagmanager::SentinelRecord& sentinel);

/// Events not told yet, a line each, without their ids and sequence.
std::vector<std::string> describe(dagmanager::ControlBus& bus);

}  // namespace weir::test
