// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/diff_change.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace weir::dagmanager {
namespace {

std::size_t type_index(graph::TopicType type) { return static_cast<std::size_t>(type); }

NodeRecord make_node(const PlannedNode& planned, const std::string& owner, Instant now) {
  const graph::DagNode& source = *planned.source;
  return {.row = 0,
          .id = planned.id,
          .parts = source.parts,
          .fingerprint = source.fingerprint,
          .schema_hash = source.schema_hash,
          .name = source.name,
          .owner = owner,
          .tags = source.tags,
          .query = source.query,
          .global = source.global,
          .artifacts = source.artifacts,
          .created_at = now};
}

class ChangeMaker {
 public:
  explicit ChangeMaker(const ChangeInput& input) : in_(input) {
    change_.diff_id = in_.diff_id;
    change_.actor = in_.actor;
    change_.base = in_.base;
    change_.binding = in_.scope->binding;
    change_.deploy_known = in_.deploy_known;
    change_.at = in_.now;
  }

  ChangeMaker(const ChangeInput& input, GraphChange change)
      : in_(input), change_(std::move(change)) {}

  GraphChange make() {
    DeployRecord deploy = new_deploy();
    for (const PlannedNode& planned : in_.plan->nodes) {
      change_.dag_nodes.push_back(planned.id.text());
      bind(planned);
      if (planned.mark_due) mark(planned);
      deploy.nodes.push_back({planned.node_row, planned.source->name, planned.node_row == 0});
    }
    add_buckets(deploy);
    add_sentinel(deploy);
    change_.deploy = std::move(deploy);
    return std::move(change_);
  }

  GraphChange bind_anew() {
    change_.queues.clear();
    change_.log.clear();
    change_.deploy->answer_hash = in_.answer_hash;
    for (const PlannedNode& planned : in_.plan->nodes) bind(planned);
    return std::move(change_);
  }

 private:
  DeployRecord new_deploy() const {
    DeployRecord deploy;
    deploy.key = {in_.scope->binding->strategy, in_.scope->context(), in_.scope->version,
                  in_.node_set};
    deploy.sentinel_due = in_.dag->sentinel.has_value() && !in_.scope->context().safe_mode;
    deploy.request_hash = in_.request_hash;
    deploy.answer_hash = in_.answer_hash;
    deploy.first_seen = in_.now;
    deploy.last_seen = in_.now;
    if (in_.handover != nullptr) deploy.baseline = in_.handover->baseline;
    deploy.nodes.reserve(in_.plan->nodes.size());
    return deploy;
  }

  /// Part of the keys of its answer; few graphs have any.
  void add_buckets(DeployRecord& deploy) const {
    const auto has_bucket = [](const PlannedNode& node) { return !node.source->bucket.empty(); };
    if (std::ranges::none_of(in_.plan->nodes, has_bucket)) return;
    for (const PlannedNode& node : in_.plan->nodes) deploy.buckets.push_back(node.source->bucket);
  }

  /// The queue of a node, if it gets one, and what there is to log of it.
  void bind(const PlannedNode& planned) {
    if (planned.needs_topic()) promote(planned);
    if (planned.id_conflict && planned.node_row == 0) log_conflict(planned);
  }

  void promote(const PlannedNode& planned) {
    const std::size_t topic = topics_used_++;
    const graph::TopicShape& shape = in_.topics != nullptr
                                         ? in_.topics->topics().at(topic).shape
                                         : in_.policy->shapes.at(type_index(planned.type));
    const ProvisionOutcome outcome =
        in_.topics != nullptr ? in_.topics->outcome(topic) : ProvisionOutcome::Created;
    const std::int64_t ttl = inherited(planned).value_or(ttl_of(*in_.policy, planned.type));
    change_.queues.push_back({.queue = 0,
                              .node = planned.node_row,
                              .shape = shape,
                              .schema_hash = planned.source->schema_hash,
                              .ttl_ms = ttl,
                              .lag_alert_seconds = lag_alert_of(*in_.policy, planned.type,
                                                                planned.source->parts.interval)});
    if (in_.topics != nullptr) log_left_alone(planned, topic);
    log(planned, planned.topic, shape, std::string(provision_outcome_text(outcome)), "ok");
  }

  std::optional<std::int64_t> inherited(const PlannedNode& planned) const {
    if (in_.inherited_ttl == nullptr || planned.source->name.empty()) return std::nullopt;
    const auto found =
        in_.inherited_ttl->find({planned.source->name, planned.source->parts.node_type});
    if (found == in_.inherited_ttl->end()) return std::nullopt;
    return found->second;
  }

  /// The first mark wins: later diffs do not move it (section 3.13).
  void mark(const PlannedNode& planned) {
    BufferMark mark{.queue = planned.queue_row,
                    .pending_schema_hash = planned.source->schema_hash,
                    .since = std::nullopt};
    if (planned.mark_begins) mark.since = in_.now;
    change_.marks.push_back(std::move(mark));
  }

  /// Topics of another shape that had the node's name in prod (section 3.7).
  void log_left_alone(const PlannedNode& planned, std::size_t topic) {
    for (const TopicProvisioner::LeftAlone& left : in_.topics->left_alone()) {
      if (left.topic != topic) continue;
      log(planned, left.seen.topic, left.seen.shape, "mismatch", "left alone");
    }
  }

  void log_conflict(const PlannedNode& planned) {
    log(planned, planned.topic, {}, "id_conflict", "stated " + planned.source->node_id.text());
  }

  /// What became of a topic that a node wanted.
  void log(const PlannedNode& planned, const graph::TopicName& topic,
           const graph::TopicShape& shape, std::string action, std::string result) {
    change_.log.push_back({.topic = topic,
                           .action = std::move(action),
                           .type = planned.type,
                           .shape = shape,
                           .node_id = planned.id.text(),
                           .binding_key = planned.binding_key.text(),
                           .actor = in_.actor,
                           .cause = "diff:" + in_.diff_id,
                           .result = std::move(result),
                           .at = in_.now});
  }

  void add_sentinel(const DeployRecord& deploy) {
    if (!deploy.sentinel_due) return;
    const graph::SentinelRequest& asked = *in_.dag->sentinel;
    if (in_.handover != nullptr) change_.handover = *in_.handover;
    SentinelRecord& sentinel = change_.sentinel.emplace();
    sentinel.id = in_.scope->sentinel;
    sentinel.world = graph::WorldId(in_.scope->context().world_id);
    sentinel.version = in_.scope->version;
    sentinel.commit_hash = asked.commit_hash;
    if (asked.commit_hash.empty()) {
      sentinel.commit_hash = "dag:" + base::to_hex(in_.dag->json_hash);
    }
    sentinel.release_tag = asked.release_tag;
    if (in_.handover == nullptr) sentinel.traffic_weight = asked.weight;
    sentinel.deploy_key = deploy.key.text();
    sentinel.created_at = in_.now;
  }

  const ChangeInput& in_;
  GraphChange change_;
  std::size_t topics_used_ = 0;
};

}  // namespace

IntentBatch make_intents(const graph::Dag& dag, const DiffPlan& plan, const DiffScope& scope,
                         const PlannerPolicy& policy, const std::string& diff_id, Instant now) {
  IntentBatch batch{
      .diff_id = diff_id, .binding = scope.binding, .intents = {}, .new_nodes = 0, .at = now};
  for (const PlannedNode& node : plan.nodes) {
    if (node.node_row == 0) batch.nodes.push_back(make_node(node, dag.owner, now));
    if (!node.needs_topic()) continue;
    batch.intents.push_back({.topic = node.topic,
                             .type = node.type,
                             .shape = policy.shapes.at(type_index(node.type)),
                             .node = node.id,
                             .binding_key = node.binding_key,
                             .compute_key = node.compute_key,
                             .gives_up = {}});
  }
  batch.new_nodes = batch.nodes.size();
  return batch;
}

std::int64_t lag_alert_of(const PlannerPolicy& policy, graph::TopicType type,
                          std::int64_t interval) {
  const std::int64_t configured = policy.lag_alert_seconds.at(type_index(type));
  if (configured > 0) return configured;
  return std::max<std::int64_t>(60, 5 * interval);
}

std::int64_t ttl_of(const PlannerPolicy& policy, graph::TopicType type) {
  return policy.shapes.at(type_index(type)).retention_ms;
}

GraphChange make_change(const ChangeInput& input) { return ChangeMaker(input).make(); }

void take_reservation(GraphChange& change, const DiffPlan& plan, const Reservation& reservation,
                      std::vector<NodeRecord> nodes) {
  change.nodes = std::move(nodes);
  change.ahead = reservation.ahead;
  std::size_t introduced = 0;
  std::size_t topic = 0;
  for (std::size_t i = 0; i < plan.nodes.size(); ++i) {
    RowId row = plan.nodes[i].node_row;
    if (row == 0) {
      row = reservation.node_rows.at(introduced);
      change.nodes.at(introduced++).row = row;
      change.deploy->nodes[i].node = row;
    }
    if (!plan.nodes[i].needs_topic()) continue;
    change.queues[topic].queue = reservation.outcomes.at(topic).queue;
    change.queues[topic++].node = row;
  }
}

void follow_topics(GraphChange& change, const ChangeInput& input, const Reservation& reservation) {
  change = ChangeMaker(input, std::move(change)).bind_anew();
  take_reservation(change, *input.plan, reservation, std::move(change.nodes));
}

void adopt_topics(DiffPlan& plan, const TopicProvisioner& topics) {
  std::size_t topic = 0;
  for (PlannedNode& node : plan.nodes) {
    if (node.needs_topic()) node.topic = topics.topics().at(topic++).topic;
  }
  for (const std::string& warning : topics.warnings()) plan.warnings.push_back(warning);
}

}  // namespace weir::dagmanager
