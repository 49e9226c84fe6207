// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/diff_planner.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "dagmanager/core/limits.h"
#include "graph/dag_meta.h"

namespace weir::dagmanager {
namespace {

constexpr std::string_view kRecomputeDue =
    "; its content is to be computed in full, for it buffered too long";

class Planner {
 public:
  Planner(const graph::Dag& dag, const DiffScope& scope, const GraphIndex& index,
          const PlannerPolicy& policy, const PlanOptions& options)
      : dag_(dag), scope_(scope), index_(index), policy_(policy), options_(options) {}

  Result<DiffPlan> plan() {
    WEIR_CHECK(judge_identity());
    add_warnings();
    plan_.nodes.reserve(dag_.nodes.size());
    for (const graph::DagNode& node : dag_.nodes) decide(node);
    if (!faults_.empty()) {
      return base::invalid_argument("name_illegal", "a topic name is impossible")
          .with_faults(std::move(faults_));
    }
    if (!plan_.violations.empty() && !options_.plan_only) return refuse();
    return std::move(plan_);
  }

 private:
  Result<void> judge_identity() {
    if (policy_.identity_check == IdentityCheck::Off || dag_.findings.empty()) return {};
    if (policy_.identity_check == IdentityCheck::Warn) {
      for (const graph::IdentityFinding& finding : dag_.findings) {
        warn(finding.code + " " + finding.path + ": " + finding.text);
      }
      return {};
    }
    std::vector<Fault> faults;
    faults.reserve(dag_.findings.size());
    for (const graph::IdentityFinding& finding : dag_.findings) {
      faults.push_back({finding.code, finding.path, finding.text});
    }
    return base::invalid_argument(dag_.findings.front().code,
                                  "the identity check refuses the graph")
        .with_faults(std::move(faults));
  }

  void add_warnings() {
    for (const std::string& warning : dag_.warnings) warn(warning);
    const graph::ComputeContext& context = scope_.context();
    if (!context.safe_mode) return;
    warn("safe mode (" + std::string(graph::downgrade_text(context.downgrade)) +
         "): computed as backtest; no version sentinel is stored and nothing is shared with other "
         "strategies");
  }

  void warn(std::string text) {
    if (text.size() > kWarningBytesMax) text.resize(kWarningBytesMax);
    if (plan_.warnings.size() < kWarningsMax) {
      plan_.warnings.push_back(std::move(text));
    } else if (plan_.warnings.size() == kWarningsMax) {
      plan_.warnings.emplace_back("more warnings are left out");
    }
  }

  void decide(const graph::DagNode& source) {
    PlannedNode planned;
    planned.source = &source;
    planned.type = graph::topic_type_of(source.parts.node_type);
    const NodeView known = identify(source, planned);
    planned.compute_key = graph::compute_key(planned.id, scope_.context());
    planned.binding_key =
        graph::binding_key(planned.compute_key, scope_.context(), scope_.binding->strategy);
    planned.node_row = known ? known.row() : 0;
    const QueueView bound = index_.queue_by_binding(planned.binding_key);
    if (known && bound && bound.is_active()) {
      reuse(planned, bound);
    } else {
      planned.decision = known ? Decision::Bind : Decision::New;
      planned.reason = known ? "the node is stored, this context has no queue of it"
                             : "no node of this name is stored";
      if (bound) {  // an intent that an earlier try left
        planned.topic = graph::TopicName(bound.topic());
        claimed_.insert(bound.topic_key().text());
      } else {
        name(planned);
      }
    }
    plan_.nodes.push_back(std::move(planned));
  }

  /// The stored node of this content. A stored node of the same id and other content is a true
  /// conflict: ours is named by the collision rule then, and by no id that another node of the
  /// graph states or was given.
  NodeView identify(const graph::DagNode& source, PlannedNode& planned) {
    planned.id = source.node_id;
    const auto is_other = [&](const NodeView& stored) {
      return stored && stored.fingerprint() != source.fingerprint;
    };
    const NodeView known = index_.node(source.node_id);
    if (!is_other(known)) return known;
    planned.id_conflict = true;
    if (graph_ids_.empty()) {
      for (const graph::DagNode& node : dag_.nodes) graph_ids_.insert(node.node_id.text());
    }
    planned.id = graph::node_id_without_collision(source.canonical, [&](const graph::NodeId& id) {
      return graph_ids_.contains(id.text()) || is_other(index_.node(id));
    });
    graph_ids_.insert(planned.id.text());
    warn("id_conflict /nodes/" + std::to_string(source.index) + ": " + source.node_id.text() +
         " is stored with other content; this one is kept as " + planned.id.text());
    return index_.node(planned.id);
  }

  void reuse(PlannedNode& planned, const QueueView& bound) {
    planned.queue_row = bound.row();
    planned.topic = graph::TopicName(bound.topic());
    const std::string& hash = planned.source->schema_hash;
    if (!hash.empty() && !bound.schema_hash().empty() && hash != bound.schema_hash()) {
      const QueueRecord kept = bound.record();
      planned.decision = Decision::Buffer;
      planned.mark_begins = !kept.buffering_since.has_value();
      planned.mark_due = planned.mark_begins || kept.pending_schema_hash != hash;
      planned.reason = "schema_hash changed from " + kept.schema_hash + " to " + hash +
                       ", still compatible: its queue is kept and buffered";
    } else {
      planned.decision = Decision::Reuse;
      planned.reason = "same name, same context";
      if (bound.recompute_due()) planned.reason += kRecomputeDue;
    }
  }

  void name(PlannedNode& planned);
  Error refuse();

  const graph::Dag& dag_;
  const DiffScope& scope_;
  const GraphIndex& index_;
  const PlannerPolicy& policy_;
  const PlanOptions& options_;
  DiffPlan plan_;
  TakenTopics claimed_;
  absl::flat_hash_set<std::string> graph_ids_;  // filled at the first conflict
  std::vector<Fault> faults_;
};

graph::TopicName candidate_name(const PlannedNode& planned, const DiffScope& scope,
                                unsigned candidate) {
  const std::string asset = graph::topic_asset(planned.source->tags);
  return graph::topic_name({.asset = asset,
                            .node_type = planned.source->parts.node_type,
                            .node_id = planned.id.view(),
                            .version = scope.version.view(),
                            .dry_run = scope.context().execution_domain == "dryrun",
                            .name_space = scope.binding->name_space.view()},
                           candidate);
}

void Planner::name(PlannedNode& planned) {
  for (unsigned candidate = 0; candidate < kNameCandidatesMax; ++candidate) {
    graph::TopicName topic = candidate_name(planned, scope_, candidate);
    if (const auto why = graph::illegal_topic(topic.view())) {
      faults_.push_back({"name_illegal", "/nodes/" + std::to_string(planned.source->index), *why});
      return;
    }
    const graph::TopicKey key = graph::topic_key(topic);
    const QueueView holder = index_.queue_by_topic(key);
    const bool free = (!holder || holder.is_leaving()) &&
                      (options_.taken == nullptr || !options_.taken->contains(key.text())) &&
                      !claimed_.contains(key.text());
    if (free) {
      claimed_.insert(key.text());
      planned.candidate = candidate;
      planned.topic = std::move(topic);
      return;
    }
    if (!holder || holder.node() != planned.node_row || planned.node_row == 0) continue;
    if (holder.record().compute_key == planned.compute_key)
      continue;  // safe mode, another strategy
    if (policy_.cross_context == CrossContextPolicy::Block) {
      plan_.violations.push_back({planned.id, scope_.context(), holder.binding().context});
      planned.decision = Decision::Refused;
      planned.reason =
          "its topic belongs to another context: " + describe_context(holder.binding().context);
      return;
    }
    planned.reason = "the node is stored for another context (" +
                     describe_context(holder.binding().context) + "): it gets a topic of its own";
  }
  faults_.push_back({"name_illegal", "/nodes/" + std::to_string(planned.source->index),
                     "every candidate for its topic's name is taken"});
}

Error Planner::refuse() {
  if (options_.violations != nullptr) *options_.violations = plan_.violations;
  const CrossContextViolation& first = plan_.violations.front();
  return base::failed_precondition(
      "cross_context", "node " + first.node.text() + " is wanted in " +
                           describe_context(first.wanted) + " and its topic exists in " +
                           describe_context(first.existing) +
                           "; set cross_context_policy: isolate, or give the world a namespace (" +
                           std::to_string(plan_.violations.size()) + " node(s))");
}

}  // namespace

std::vector<std::string> cap_replication(PlannerPolicy& policy, int brokers) {
  std::vector<std::string> warnings;
  for (std::size_t type = 0; type < policy.shapes.size(); ++type) {
    int& replication = policy.shapes.at(type).replication;
    if (replication <= brokers) continue;
    warnings.push_back("topics of type " +
                       std::string(graph::topic_type_name(static_cast<graph::TopicType>(type))) +
                       " get " + std::to_string(brokers) + " replicas instead of " +
                       std::to_string(replication) + ": there are no more brokers");
    replication = brokers;
  }
  return warnings;
}

Result<DiffScope> make_scope(const graph::Dag& dag, const DiffFields& fields,
                             const PlannerPolicy& policy) {
  const graph::ComputeContext context =
      graph::evaluate_context(graph::merge_context(fields.context, dag.context));
  graph::Namespace name_space;
  if (policy.namespaces) name_space = graph::namespace_of(dag, context);
  if (!base::is_ascii(name_space.view())) {
    return base::invalid_argument("name_illegal",
                                  "world and domain give the namespace \"" + name_space.text() +
                                      "\", which no broker can have; use ASCII letters and digits");
  }
  DiffScope scope;
  scope.sentinel = graph::sentinel_id(fields.strategy);
  scope.version = dag.version;
  scope.binding =
      std::make_shared<const BindingContext>(context, std::move(name_space), fields.strategy);
  return scope;
}

std::string_view decision_text(Decision decision) {
  switch (decision) {
    case Decision::New:
      return "new";
    case Decision::Bind:
      return "bind";
    case Decision::Reuse:
      return "reuse";
    case Decision::Buffer:
      return "buffer";
    case Decision::Refused:
      return "refused";
  }
  return "";
}

std::size_t DiffPlan::count(Decision decision) const {
  return static_cast<std::size_t>(std::ranges::count(nodes, decision, &PlannedNode::decision));
}

bool DiffPlan::needs_topics() const {
  return std::ranges::any_of(nodes, &PlannedNode::needs_topic);
}

bool DiffPlan::needs_marks() const { return std::ranges::any_of(nodes, &PlannedNode::mark_due); }

bool DiffPlan::has_id_conflicts() const {
  return std::ranges::any_of(nodes, &PlannedNode::id_conflict);
}

std::string node_set_hash(const DiffPlan& plan) {
  std::vector<std::string_view> ids;
  ids.reserve(plan.nodes.size());
  for (const PlannedNode& node : plan.nodes) ids.push_back(node.id.view());
  return graph::node_set_hash(std::move(ids));
}

Result<DiffPlan> plan_diff(const graph::Dag& dag, const DiffScope& scope, const GraphIndex& index,
                           const PlannerPolicy& policy, const PlanOptions& options) {
  return Planner(dag, scope, index, policy, options).plan();
}

Result<void> take_next_name(PlannedNode& node, const DiffScope& scope, const GraphIndex& index,
                            TakenTopics& taken) {
  taken.insert(graph::topic_key(node.topic).text());
  const QueueView own = index.queue_by_binding(node.binding_key);
  if (own && own.topic() != node.reserved.view()) {
    if (taken.contains(own.topic_key().text())) {
      return Error(Code::Aborted, "graph_moved",
                   "the topic of node " + node.id.text() + " is provisioned by another diff");
    }
    node.topic = graph::TopicName(own.topic());
    return {};
  }
  while (++node.candidate < kNameCandidatesMax) {
    graph::TopicName topic = candidate_name(node, scope, node.candidate);
    if (graph::illegal_topic(topic.view())) break;
    const graph::TopicKey key = graph::topic_key(topic);
    if (index.queue_by_topic(key) || taken.contains(key.text())) continue;
    node.topic = std::move(topic);
    return {};
  }
  return base::invalid_argument("name_illegal", "no name is left for the topic of node " +
                                                    node.id.text() + " at /nodes/" +
                                                    std::to_string(node.source->index));
}

std::string describe_context(const graph::ComputeContext& context) {
  const auto shown = [](const std::string& value) {
    return value.empty() ? std::string("<unset>") : value;
  };
  return "world=" + shown(context.world_id) + " domain=" + shown(context.execution_domain) +
         " as_of=" + shown(context.as_of) + " partition=" + shown(context.partition) +
         " dataset=" + shown(context.dataset_fingerprint);
}

}  // namespace weir::dagmanager
