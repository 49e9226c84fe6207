// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_set.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/graph_change.h"
#include "dagmanager/core/graph_index.h"
#include "graph/dag.h"

/// Deciding a diff (contract sections 3.2, steps 5 to 10, and 3.6): pure, given the graph.
namespace weir::dagmanager {

enum class IdentityCheck : std::uint8_t { Off, Warn, Reject };
enum class CrossContextPolicy : std::uint8_t { Isolate, Block };

/// The configuration that decides (section 4).
struct PlannerPolicy {
  IdentityCheck identity_check = IdentityCheck::Warn;
  CrossContextPolicy cross_context = CrossContextPolicy::Isolate;
  bool namespaces = true;
  graph::TopicShapes shapes = graph::default_topic_shapes();
  /// Seconds of lag that alert, by topic type; 0: the larger of 60 and 5 intervals.
  std::array<std::int64_t, 3> lag_alert_seconds{};
};

/// Asks no topic for more replicas than there are brokers (contract section 3.7, outside profile
/// prod). A sentence for each type that gets fewer than its rule says.
std::vector<std::string> cap_replication(PlannerPolicy& policy, int brokers);

/// Fields 1 and 3 to 7 of a DiffRequest.
struct DiffFields {
  graph::StrategyId strategy;
  graph::RawContext context;
};

/// Under which names and in which context a graph is decided; the same for all its nodes.
struct DiffScope {
  graph::SentinelId sentinel;
  graph::VersionLabel version;
  std::shared_ptr<const BindingContext> binding;

  const graph::ComputeContext& context() const { return binding->context; }
};

/// Merges the contexts, applies safe mode, finds the namespace (section 3.5).
/// Fails with INVALID_ARGUMENT `name_illegal` if the namespace is nothing a topic may begin with.
Result<DiffScope> make_scope(const graph::Dag& dag, const DiffFields& fields,
                             const PlannerPolicy& policy);

enum class Decision : std::uint8_t { New, Bind, Reuse, Buffer, Refused };
std::string_view decision_text(Decision decision);

/// What is to become of one node of the graph.
struct PlannedNode {
  const graph::DagNode* source = nullptr;
  graph::NodeId id;  ///< as stored: the stated id, re-hashed on a true conflict (2.5)
  Decision decision = Decision::New;
  RowId node_row = 0;   ///< 0: the store does not know the node
  RowId queue_row = 0;  ///< 0: no queue yet
  graph::ComputeKey compute_key;
  graph::BindingKey binding_key;
  graph::TopicName topic;
  graph::TopicName reserved;  ///< the name that an intent holds for this diff; empty: none yet
  graph::TopicType type = graph::TopicType::Indicator;
  unsigned candidate = 0;  ///< which of its names it has (graph::topic_name)
  std::string reason;
  bool id_conflict = false;
  bool mark_due = false;     ///< buffering, and the store does not have this schema_hash marked yet
  bool mark_begins = false;  ///< and nothing was marked before

  bool needs_topic() const { return decision == Decision::New || decision == Decision::Bind; }
};

/// A refused reuse (section 3.6, policy `block`).
struct CrossContextViolation {
  graph::NodeId node;
  graph::ComputeContext wanted;
  graph::ComputeContext existing;
};

struct DiffPlan {
  std::vector<PlannedNode> nodes;  ///< in submission order
  std::vector<std::string> warnings;
  std::vector<CrossContextViolation> violations;

  std::size_t count(Decision decision) const;
  bool needs_topics() const;
  bool needs_marks() const;
  bool has_id_conflicts() const;
};

/// Hash of the sorted ids as stored: graph::node_set_hash, unless there are id conflicts.
std::string node_set_hash(const DiffPlan& plan);

/// Names that a store refused although the view had them free.
using TakenTopics = absl::flat_hash_set<std::string>;

/// Decides every node and names every topic. Fails with INVALID_ARGUMENT (identity check, illegal
/// names: each with its JSON Pointer) or FAILED_PRECONDITION `cross_context`; the violations of a
/// refusal are appended to `violations` if it is given. Under plan_only a violation is a decision
/// `refused`, not a failure.
struct PlanOptions {
  const TakenTopics* taken = nullptr;
  bool plan_only = false;
  std::vector<CrossContextViolation>* violations = nullptr;
};
Result<DiffPlan> plan_diff(const graph::Dag& dag, const DiffScope& scope, const GraphIndex& index,
                           const PlannerPolicy& policy, const PlanOptions& options = {});

/// Gives a planned node its next free name, after the present one turned out not to be ours. Where
/// a twin of the diff has another name for the binding by now, it is that one. INVALID_ARGUMENT
/// `name_illegal` when there is none a broker could have; ABORTED `graph_moved` when the twin took
/// one that this diff could not have.
Result<void> take_next_name(PlannedNode& node, const DiffScope& scope, const GraphIndex& index,
                            TakenTopics& taken);

/// The context as messages show it: "world=w1 domain=live as_of=<unset> ...".
std::string describe_context(const graph::ComputeContext& context);

}  // namespace weir::dagmanager
