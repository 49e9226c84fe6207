// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
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
using InheritedTtl = std::map<std::pair<std::string, std::string>, std::int64_t>;

/// The intents of the nodes that need a topic and the nodes that are new, in plan order.
IntentBatch make_intents(const graph::Dag& dag, const DiffPlan& plan, const DiffScope& scope,
                         const PlannerPolicy& policy, const std::string& diff_id, Instant now);

/// What a change is made of, besides the plan.
struct ChangeInput {
  const graph::Dag* dag = nullptr;
  const DiffScope* scope = nullptr;
  const DiffPlan* plan = nullptr;
  Epoch base = 0;                            ///< of the view the plan was made on
  const Reservation* reservation = nullptr;  ///< null: no new topic
  std::vector<NodeRecord>* nodes =
      nullptr;  ///< those of the intents, moved from; null: none is new
  const TopicProvisioner* topics = nullptr;  ///< null: no new topic
  const PlannerPolicy* policy = nullptr;
  const InheritedTtl* inherited_ttl = nullptr;  ///< null: none
  std::string diff_id;
  std::string node_set;
  std::string actor;
  base::Digest request_hash{};
  base::Digest answer_hash{};
  bool deploy_known = false;
  Instant now{};
};

/// Everything the diff writes. The answer is made from the same plan, with the provisioned topics.
GraphChange make_change(const ChangeInput& input);

/// Topic names as provisioned are copied into the plan's nodes.
void adopt_topics(DiffPlan& plan, const TopicProvisioner& topics);

}  // namespace weir::dagmanager
