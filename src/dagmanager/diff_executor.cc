// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/diff_executor.h"

#include <algorithm>
#include <utility>

#include "base/crash_point.h"
#include "base/json.h"
#include "dagmanager/core/control_events.h"
#include "dagmanager/core/limits.h"
#include "dagmanager/limits.h"
#include "server/tracing/span.h"

namespace weir::dagmanager {
namespace {

/// A topic of another shape that has the name which one wanted topic gives up; or none.
std::vector<TopicLogRow> left_alone(const TopicProvisioner& topics, std::size_t topic,
                                    const graph::NodeId& node) {
  std::vector<TopicLogRow> rows;
  for (const TopicProvisioner::LeftAlone& left : topics.left_alone()) {
    if (left.topic != topic) continue;
    TopicLogRow& row = rows.emplace_back();
    row.topic = left.seen.topic;
    row.shape = left.seen.shape;
    row.node_id = node.text();
  }
  return rows;
}

/// The deploy row needs no new last_seen yet.
bool seen_lately(const std::optional<DeploySeen>& deploy, Instant now) {
  return deploy && !deploy->ended && now - deploy->last_seen < kDeploySeenEvery;
}

/// The queue that a deploy bound a node to. Mostly it is among the node's own, in the deploy's very
/// context, and no key need be hashed.
QueueView queue_of(const GraphIndex& index, const NodeView& node, const DeployKey& deploy) {
  for (const RowId row : index.queues_of(node.row())) {
    const QueueView queue = index.queue(row);
    const BindingContext& binding = queue.binding();
    if (binding.context == deploy.context && binding.strategy == deploy.strategy) return queue;
  }
  const graph::ComputeKey key = graph::compute_key(node.id(), deploy.context);
  return index.queue_by_binding(graph::binding_key(key, deploy.context, deploy.strategy));
}

/// A step of a diff is told of, with what it failed for.
template <class Work>
auto told(std::string_view name, const Work& work) {
  server::StepSpan step(name);
  auto result = work();
  if (!result.ok()) step.span().fail(result.error().reason());
  return result;
}

/// A store names the node of an artifact that it refuses: the caller is told its place in the
/// document.
Error with_pointers(Error error, const graph::Dag& dag) {
  if (error.reason() != "artifact_invalid") return error;
  std::vector<Fault> faults = error.faults();
  for (Fault& fault : faults) {
    for (const graph::DagNode& node : dag.nodes) {
      for (const graph::NodeId* id : {&node.node_id, &node.computed_id}) {
        const std::string prefix = artifacts_path(id->view());
        if (!fault.path.starts_with(prefix)) continue;
        const std::string place = base::json_pointer("/nodes", node.index);
        fault.path = artifacts_path(place) + fault.path.substr(prefix.size());
      }
    }
  }
  return Error(error.code(), error.reason(), error.message()).with_faults(std::move(faults));
}

}  // namespace

/// One try at a diff: everything it learned. Thrown away when the graph moved under it.
struct DiffExecutor::Attempt {
  Attempt(const DiffCommand& asked, const DiffScope& where) : command(asked), scope(where) {}

  /// The store writes the change from its beginning then.
  void let_go_of_ahead() {
    reservation.ahead.reset();
    if (change) change->ahead.reset();
  }

  const DiffCommand& command;
  const DiffScope& scope;
  std::string diff_id;
  Instant now{};
  DeployKey deploy_key;
  DiffPlan plan;
  TakenTopics taken;
  std::optional<DeploySeen> deploy_seen;
  IntentBatch intents;
  Reservation reservation;
  std::optional<TopicProvisioner> topics;
  std::vector<std::size_t> topic_nodes;  // plan index of each wanted topic
  std::optional<DiffAnswer> answer;      // of the topics as they are named now
  InheritedTtl ttl;
  std::optional<GraphChange> change;  // as if all topics came as wanted, until they are made
  Epoch epoch = 0;
  Epoch base = 0;
  bool sentinel_stored = false;
  bool settled = false;
};

DiffExecutor::DiffExecutor(Config config, GraphStore& store, TopicAdmin& topics, Clock& clock,
                           Random& random, DiffObserver& observer)
    : config_(std::move(config)),
      store_(store),
      topics_(topics),
      clock_(clock),
      random_(random),
      observer_(observer) {}

Result<DiffOutcome> DiffExecutor::run(const DiffCommand& command) {
  WEIR_TRY(const DiffScope scope, told("diff.scope", [&] {
             return make_scope(*command.dag, command.fields, config_.policy);
           }));
  bool unknown = false;
  for (int attempt = 0; attempt < kDecideAttemptsMax; ++attempt) {
    auto outcome = try_once(command, scope);
    if (outcome.ok()) return outcome;
    // A commit that may or may not have come about is looked for: the next try finds its work done,
    // or does it.
    unknown = outcome.error().reason() == "commit_unknown";
    if (!unknown && outcome.error().reason() != "graph_moved") return outcome;
    observer_.decided_anew();
  }
  const std::string times = std::to_string(kDecideAttemptsMax) + " times; repeat it";
  if (unknown) {
    return base::unavailable("graph_unavailable",
                             "the graph store lost the end of a commit " + times);
  }
  return base::unavailable("graph_contended", "the graph changed under the diff " + times);
}

Result<bool> DiffExecutor::holds(const DiffSummary& settled) {
  if (!settled.settled) return false;
  WEIR_TRY(const GraphView view, told("diff.fetch", [&] { return store_.read(&settled.deploy); }));
  return view.epoch() == settled.epoch && seen_lately(view.deploy(), clock_.now());
}

Result<DiffOutcome> DiffExecutor::try_once(const DiffCommand& command, const DiffScope& scope) {
  const auto tried = std::make_shared<Attempt>(command, scope);
  Attempt& attempt = *tried;
  attempt.now = clock_.now();
  attempt.deploy_key = {scope.binding->strategy, scope.context(), scope.version,
                        graph::node_set_hash(*command.dag)};
  WEIR_CRASH_POINT("diff.begin");
  WEIR_CHECK(decide(attempt));
  if (attempt.plan.has_id_conflicts()) WEIR_CHECK(find_deploy(attempt));
  WEIR_CRASH_POINT("diff.decided");
  if (command.plan_only) return outcome(attempt);
  if (attempt.plan.needs_topics()) {
    WEIR_CHECK(topics_.admits());  // before anything is written for topics that cannot be made
    attempt.diff_id = base::uuid_v4(random_);
    WEIR_CHECK(told("diff.reserve", [&] { return reserve(attempt); }));
    WEIR_CRASH_POINT("diff.reserved");
    WEIR_CHECK(told("diff.topics", [&] {
      store_.write_ahead(*attempt.change);
      return provision(attempt);
    }));
    WEIR_CRASH_POINT("diff.provisioned");
  }
  WEIR_CHECK(told("diff.commit", [&] { return commit(attempt); }));
  WEIR_CRASH_POINT("diff.committed");
  DiffOutcome result = outcome(attempt);
  result.spent = tried;
  return result;
}

/// Steps 8 and 9: one fetch, then every node is decided and every topic named.
Result<void> DiffExecutor::decide(Attempt& attempt) {
  std::vector<CrossContextViolation> violations;
  auto plan = plan_on_graph(attempt, violations);
  if (!violations.empty()) WEIR_CHECK(observer_.cross_context(violations));
  if (!plan.ok()) return std::move(plan).error();
  attempt.plan = *std::move(plan);
  for (std::size_t i = 0; i < attempt.plan.nodes.size(); ++i) {
    if (attempt.plan.nodes[i].needs_topic()) attempt.topic_nodes.push_back(i);
  }
  return {};
}

Result<DiffPlan> DiffExecutor::plan_on_graph(Attempt& attempt,
                                             std::vector<CrossContextViolation>& violations) {
  WEIR_TRY(const GraphView view,
           told("diff.fetch", [&] { return store_.read(&attempt.deploy_key); }));
  attempt.base = attempt.epoch = view.epoch();
  attempt.deploy_seen = view.deploy();
  return told("diff.decide", [&] {
    return plan_diff(*attempt.command.dag, attempt.scope, view.index(), config_.policy,
                     {.taken = &attempt.taken,
                      .plan_only = attempt.command.plan_only,
                      .violations = &violations});
  });
}

/// A deploy is known by the ids that are stored. Where those are not the stated ones, the first
/// read asked for another. What was planned holds only beside the deploy of the same graph: another
/// may have lost its queues and got new ones meanwhile.
Result<void> DiffExecutor::find_deploy(Attempt& attempt) {
  attempt.deploy_key.node_set = node_set_hash(attempt.plan);
  WEIR_TRY(const GraphView view,
           told("diff.fetch", [&] { return store_.read(&attempt.deploy_key); }));
  if (view.epoch() != attempt.epoch) {
    return Error(Code::Aborted, "graph_moved", "the graph changed while its deploy was looked for");
  }
  attempt.deploy_seen = view.deploy();
  return {};
}

/// Step 10, first half: the names are committed as intents before any topic is made. A name that
/// another binding holds by now is given up for the next. Meanwhile the change is made, as it is if
/// names and topics come as they are wanted.
Result<void> DiffExecutor::reserve(Attempt& attempt) {
  attempt.intents = make_intents(*attempt.command.dag, attempt.plan, attempt.scope, config_.policy,
                                 attempt.diff_id, attempt.now);
  IntentBatch& batch = attempt.intents;
  std::optional<Error> fault;
  WEIR_TRY(attempt.reservation, store_.reserve(batch, [&] {
    answer(attempt);
    auto ttl = inherited_ttl(attempt);
    if (ttl.ok()) {
      attempt.ttl = *std::move(ttl);
      attempt.change = make_change(change_input(attempt));
    } else {
      fault = ttl.error();
    }
  }));
  if (fault) return *std::move(fault);
  WEIR_CHECK(wait_for_names(attempt));
  std::vector<WantedTopic> wanted;
  wanted.reserve(batch.intents.size());
  bool renamed = false;
  for (std::size_t i = 0; i < batch.intents.size(); ++i) {
    IntentOutcome& got = attempt.reservation.outcomes[i];
    PlannedNode& node = attempt.plan.nodes[attempt.topic_nodes[i]];
    if (got.queue == 0) {
      WEIR_TRY(got, reserve_next_name(attempt, i));
      renamed = true;
    }
    node.reserved = node.topic;
    wanted.push_back({node.topic, batch.intents[i].shape, got.joined});
  }
  take_reservation(*attempt.change, attempt.plan, attempt.reservation, std::move(batch.nodes));
  if (renamed) {
    answer(attempt);
    follow_topics(*attempt.change, change_input(attempt), attempt.reservation);
  }
  attempt.topics.emplace(std::move(wanted), config_.prod);
  return {};
}

/// Sections 3.12 and 3.19: a name whose former topic is being removed is waited for, up to
/// kNameWaitMax; then the next is taken.
Result<void> DiffExecutor::wait_for_names(Attempt& attempt) {
  std::vector<IntentOutcome>& outcomes = attempt.reservation.outcomes;
  const Duration until = clock_.monotonic() + kNameWaitMax;
  while (std::ranges::any_of(outcomes, &IntentOutcome::leaving) && clock_.monotonic() < until) {
    attempt.let_go_of_ahead();
    clock_.sleep_for(kNameWaitStep);
    IntentBatch again{.diff_id = attempt.diff_id,
                      .binding = attempt.scope.binding,
                      .intents = {},
                      .new_nodes = 0,
                      .at = clock_.now()};
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      if (!outcomes[i].leaving) continue;
      places.push_back(i);
      again.intents.push_back(attempt.intents.intents[i]);
    }
    WEIR_TRY(const Reservation got, store_.reserve(again));
    for (std::size_t i = 0; i < places.size(); ++i) outcomes[places[i]] = got.outcomes[i];
  }
  return {};
}

Result<IntentOutcome> DiffExecutor::reserve_next_name(Attempt& attempt, std::size_t topic) {
  PlannedNode& node = attempt.plan.nodes[attempt.topic_nodes[topic]];
  attempt.answer.reset();
  while (true) {
    {
      WEIR_TRY(const GraphView view, store_.read(nullptr));
      WEIR_CHECK(take_next_name(node, attempt.scope, view.index(), attempt.taken));
    }
    IntentBatch one{
        .diff_id = attempt.diff_id,
        .binding = attempt.scope.binding,
        .intents = {{.topic = node.topic,
                     .type = node.type,
                     .shape = config_.policy.shapes.at(static_cast<std::size_t>(node.type)),
                     .node = node.id,
                     .binding_key = node.binding_key,
                     .compute_key = node.compute_key,
                     .gives_up = node.reserved}},
        .new_nodes = 0,
        .at = attempt.now};
    WEIR_TRY(const Reservation reserved, store_.reserve(one));
    if (reserved.outcomes.front().queue == 0) continue;
    node.reserved = node.topic;
    return reserved.outcomes.front();
  }
}

/// Step 10, second half: the retry machine says what to do, this does it.
Result<void> DiffExecutor::provision(Attempt& attempt) {
  TopicProvisioner& topics = *attempt.topics;
  const std::size_t wanted = topics.topics().size();
  while (true) {
    const ProvisionStep step = topics.next();
    switch (step.kind) {
      case ProvisionStep::Kind::Create:
        WEIR_CHECK(create_topics(step, topics));
        break;
      case ProvisionStep::Kind::Look:
        WEIR_CHECK(look_at_topics(step, topics));
        break;
      case ProvisionStep::Kind::Wait:
        attempt.let_go_of_ahead();  // it holds locks, and nobody knows for how long
        clock_.sleep_for(step.wait);
        observer_.waited_for_topics(step.wait);
        topics.waited();
        break;
      case ProvisionStep::Kind::Rename: {
        const std::size_t topic = step.topics.front();
        const auto mismatched =
            left_alone(topics, topic, attempt.plan.nodes[attempt.topic_nodes[topic]].id);
        if (!mismatched.empty()) WEIR_CHECK(observer_.topics_mismatched(mismatched));
        attempt.let_go_of_ahead();  // the name that is given up is locked by it
        auto got = reserve_next_name(attempt, topic);
        if (!got.ok()) {
          observer_.topics_wanted(0, wanted);
          return std::move(got).error();
        }
        attempt.reservation.outcomes[topic] = *got;
        topics.renamed(topic, attempt.plan.nodes[attempt.topic_nodes[topic]].topic, got->joined);
        break;
      }
      case ProvisionStep::Kind::Done:
        observer_.topics_wanted(wanted, 0);
        adopt_topics(attempt.plan, topics);
        if (!topics.warnings().empty()) attempt.answer.reset();
        return {};
      case ProvisionStep::Kind::Failed:
        observer_.topics_wanted(0, wanted);
        return topics.error();
    }
  }
}

Result<void> DiffExecutor::create_topics(const ProvisionStep& step, TopicProvisioner& topics) {
  std::vector<TopicSpec> specs;
  specs.reserve(step.topics.size());
  for (const std::size_t topic : step.topics) {
    specs.push_back({topics.topics()[topic].topic, topics.topics()[topic].shape});
  }
  WEIR_CRASH_POINT("diff.before_create");
  const auto answers = topics_.create(specs);
  if (answers.ok()) {
    topics.created(*answers);
  } else {
    topics.create_lost(answers.error());
  }
  WEIR_CRASH_POINT("diff.after_create");
  return {};
}

Result<void> DiffExecutor::look_at_topics(const ProvisionStep& step, TopicProvisioner& topics) {
  std::vector<graph::TopicName> names;
  names.reserve(step.topics.size());
  for (const std::size_t topic : step.topics) names.push_back(topics.topics()[topic].topic);
  const auto seen = topics_.look(names);
  if (seen.ok()) {
    topics.looked(*seen);
  } else {
    topics.look_lost(seen.error());
  }
  return {};
}

/// Section 3.12: a new node's queue inherits the TTL of its predecessor in the previous deploy.
Result<InheritedTtl> DiffExecutor::inherited_ttl(const Attempt& attempt) {
  InheritedTtl ttl;
  const graph::WorldId world(attempt.scope.context().world_id);
  WEIR_TRY(const auto previous, store_.newest_deploy(attempt.scope.binding->strategy, world));
  if (!previous) return ttl;
  WEIR_TRY(const GraphView view, store_.read(nullptr));
  ttl.reserve(previous->nodes.size());
  for (const DeployNode& node : previous->nodes) {
    const NodeView stored = view.index().node(node.node);
    if (!stored || node.name.empty()) continue;
    const QueueView queue = queue_of(view.index(), stored, previous->key);
    if (queue && queue.is_active()) {
      ttl.try_emplace({node.name, std::string(stored.node_type())}, queue.ttl_ms());
    }
  }
  return ttl;
}

/// Whether the store has all of this diff already: the deploy seen within the hour, no topic, no
/// mark, and the sentinel's weight as it is wanted.
Result<bool> DiffExecutor::nothing_to_write(const Attempt& attempt) {
  if (attempt.plan.needs_topics() || attempt.plan.needs_marks()) return false;
  if (attempt.command.handover) return false;
  const auto& seen = attempt.deploy_seen;
  if (!seen_lately(seen, attempt.now)) return false;
  const auto& sentinel = attempt.command.dag->sentinel;
  if (!sentinel || attempt.scope.context().safe_mode) return true;
  if (!seen->sentinel_due) return false;
  if (!sentinel->weight) return true;
  WEIR_TRY(const auto stored,
           store_.newest_sentinel(attempt.scope.sentinel,
                                  graph::WorldId(attempt.scope.context().world_id)));
  SentinelRecord wanted;
  wanted.version = attempt.scope.version;
  wanted.traffic_weight = sentinel->weight;
  return !weight_changed(stored, wanted);
}

/// Step 11: one transaction, fenced by the epoch the plan was made on. A diff that changes nothing
/// writes nothing.
Result<void> DiffExecutor::commit(Attempt& attempt) {
  answer(attempt);
  WEIR_TRY(const bool nothing, nothing_to_write(attempt));
  // A weight is another store row than the epoch speaks of: that is looked up each time.
  const auto& sentinel = attempt.command.dag->sentinel;
  attempt.settled = nothing && !(sentinel && sentinel->weight);
  if (nothing) return {};
  if (!attempt.change) {
    attempt.change = make_change(change_input(attempt));
  } else if (!attempt.topics->as_wanted()) {
    follow_topics(*attempt.change, change_input(attempt), attempt.reservation);
  }
  WEIR_CRASH_POINT("diff.before_commit");
  auto commit = store_.commit(*attempt.change);
  if (!commit.ok()) return with_pointers(std::move(commit).error(), *attempt.command.dag);
  const Committed& committed = *commit;
  attempt.epoch = committed.epoch;
  attempt.sentinel_stored = attempt.change->sentinel.has_value();
  if (committed.weight_refused) {
    attempt.answer->warnings.push_back(committed.weight_refused->reason() +
                                       ": the sentinel's weight is left as it was; " +
                                       committed.weight_refused->message());
  }
  return {};
}

/// What a change is made of, as far as the attempt has come. Its answer is made.
ChangeInput DiffExecutor::change_input(const Attempt& attempt) const {
  return {.dag = attempt.command.dag.get(),
          .scope = &attempt.scope,
          .plan = &attempt.plan,
          .base = attempt.base,
          .topics = attempt.topics ? &*attempt.topics : nullptr,
          .policy = &config_.policy,
          .inherited_ttl = &attempt.ttl,
          .diff_id = attempt.diff_id,
          .node_set = attempt.deploy_key.node_set,
          .actor = attempt.command.actor,
          .handover = attempt.command.handover ? &*attempt.command.handover : nullptr,
          .request_hash = attempt.command.request_hash(),
          .answer_hash = attempt.answer->hash,
          .deploy_known = attempt.deploy_seen && !attempt.deploy_seen->ended,
          .now = attempt.now};
}

/// What the client is told, unless it is made already.
void DiffExecutor::answer(Attempt& attempt) const {
  if (attempt.answer) return;
  attempt.answer = make_answer(*attempt.command.dag, attempt.scope, attempt.plan,
                               config_.compute_key_in_queue_map, false);
}

DiffOutcome DiffExecutor::outcome(Attempt& attempt) const {
  DiffOutcome result;
  result.dag = attempt.command.dag;
  result.scope = attempt.scope;
  result.answer = attempt.command.plan_only
                      ? make_answer(*attempt.command.dag, attempt.scope, attempt.plan,
                                    config_.compute_key_in_queue_map, true)
                      : *std::move(attempt.answer);
  result.sentinel_stored = attempt.sentinel_stored;
  result.summary = {
      .deploy = attempt.deploy_key,
      .epoch = attempt.epoch,
      .nodes = attempt.plan.nodes.size(),
      .created = attempt.plan.count(Decision::New) + attempt.plan.count(Decision::Bind),
      .bound = attempt.plan.count(Decision::Bind),
      .reused = attempt.plan.count(Decision::Reuse),
      .buffered = attempt.plan.count(Decision::Buffer),
      .refused = attempt.plan.count(Decision::Refused),
      .settled = attempt.settled};
  return result;
}

}  // namespace weir::dagmanager
