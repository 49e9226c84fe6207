// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <absl/container/flat_hash_map.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/core/diff_answer.h"
#include "dagmanager/core/diff_planner.h"
#include "dagmanager/core/graph_change.h"
#include "dagmanager/core/topic_provisioner.h"

/// From a plan to what is written (contract sections 3.2 step 11, 3.3, 3.12): pure.
namespace weir::dagmanager {

/// TTL of the queue a node of this name and type had in the strategy's previous deploy.
using InheritedTtl = absl::flat_hash_map<std::pair<std::string, std::string>, std::int64_t>;

/// The intents of the nodes that need a topic and the nodes that are new, in plan order.
IntentBatch make_intents(const graph::Dag& dag, const DiffPlan& plan, const DiffScope& scope,
                         const PlannerPolicy& policy, const std::string& diff_id, Instant now);

/// What a change is made of, besides the plan.
struct ChangeInput {
  const graph::Dag* dag = nullptr;
  const DiffScope* scope = nullptr;
  const DiffPlan* plan = nullptr;
  Epoch base = 0;                            ///< of the view the plan was made on
  const TopicProvisioner* topics = nullptr;  ///< null: not made yet, or no new topic
  const PlannerPolicy* policy = nullptr;
  const InheritedTtl* inherited_ttl = nullptr;  ///< null: none
  std::string diff_id;
  std::string node_set;
  std::string actor;
  const Handover* handover = nullptr;  ///< null: the graph's own weight counts
  base::Digest request_hash{};
  base::Digest answer_hash{};
  bool deploy_known = false;
  Instant now{};
};

/// Lag in seconds above which a new queue alerts: its type's, else five intervals, a minute at
/// least.
std::int64_t lag_alert_of(const PlannerPolicy& policy, graph::TopicType type,
                          std::int64_t interval);
/// How long a new queue's messages are kept, unless it inherits that.
std::int64_t ttl_of(const PlannerPolicy& policy, graph::TopicType type);

/// Everything the diff writes. The answer is made from the same plan, with the provisioned topics.
/// Where those are not made yet: what the diff writes if they come as they are wanted. What is new
/// has no rows yet.
GraphChange make_change(const ChangeInput& input);

/// The rows that were reserved, and the nodes of the intents.
void take_reservation(GraphChange& change, const DiffPlan& plan, const Reservation& reservation,
                      std::vector<NodeRecord> nodes);

/// For a change that was made before its topics, which came otherwise: what depends on them is made
/// anew. The input has the topics now.
void follow_topics(GraphChange& change, const ChangeInput& input, const Reservation& reservation);

/// Topic names as provisioned are copied into the plan's nodes.
void adopt_topics(DiffPlan& plan, const TopicProvisioner& topics);

}  // namespace weir::dagmanager
