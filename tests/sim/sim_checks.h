// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json_fwd.hpp>
#include <set>
#include <string>
#include <vector>

#include "dagmanager/diff_executor.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "tests/sim/sim_graphs.h"

/// What must hold in a simulated world. Each check gives the first thing that does not, or nothing.
namespace weir::sim {

using Violation = std::string;  ///< empty: all is well

/// How often things came about that a simulation must have seen to be worth anything.
using SimMarks = std::map<std::string, std::uint64_t>;

/// What a diff answered: what a client would keep, and what it would compare.
struct SimAnswer {
  std::map<std::string, std::string> queue_map;
  std::string sentinel;
  std::string version;
  std::string answer_id;

  friend bool operator==(const SimAnswer&, const SimAnswer&) = default;
};
SimAnswer answer_of(const dagmanager::DiffOutcome& outcome);

/// Topics that are nobody's of ours, by name.
using ForeignTopics = std::map<std::string, graph::TopicShape>;

/// Graph and broker fit: no name or binding twice, every queue has its node and its topic in the
/// recorded shape, every topic is bound, named by an intent, or foreign (I14).
Violation check_graph(const dagmanager::GraphIndex& index,
                      const std::vector<dagmanager::TopicSeen>& topics,
                      const ForeignTopics& foreign);

/// In prod no topic of another shape is used.
Violation check_shapes(const dagmanager::GraphIndex& index, const graph::TopicShapes& shapes);

/// The answer is what the store holds: every node's topic is bound in the context that was asked
/// for, to a node of the very content (I14, I15).
Violation check_answer(const SimCommand& command, const dagmanager::DiffOutcome& outcome,
                       dagmanager::GraphStore& store);

/// No topic was ever under two compute keys (I15). Remembers what it has seen.
class ComputeKeys {
 public:
  Violation check(const dagmanager::GraphIndex& index);

 private:
  std::map<std::string, std::string> seen_;  // topic to compute key
};

/// The events of one store, told apart by query set: answers only grow; revisions rise by one
/// a tag list and interval.
/// Weights are told when they change, which shows where every sentinel has one.
Violation check_events(const std::vector<dagmanager::PendingEvent>& events, bool always_weighted);

/// The query that an event's data answers, as text.
std::string query_text(const nlohmann::json& data);
/// By that text: what every query that a TagQuery node asks is to be answered now.
std::map<std::string, std::set<std::string>> asked_answers(const dagmanager::GraphIndex& index);

/// Which events the change from `before` to now must have told: every query that a TagQuery node
/// asks and whose answer grew, with the whole answer.
class AskedQueries {
 public:
  explicit AskedQueries(const dagmanager::GraphIndex& index);
  /// `told`: the events since.
  Violation check(const dagmanager::GraphIndex& now,
                  const std::vector<dagmanager::PendingEvent>& told) const;

 private:
  std::map<dagmanager::QuerySet, std::set<std::string>> answers_;
};

}  // namespace weir::sim
