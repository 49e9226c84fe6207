// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/traffic_watch.h"

#include <algorithm>

#include "dagmanager/core/queue_life.h"
#include "graph/dag.h"

namespace weir::sim {

using dagmanager::DeployRecord;
using dagmanager::MemoryGraph;
using dagmanager::RolloutAction;
using dagmanager::RolloutRecord;
using dagmanager::RolloutSide;
using dagmanager::same_weight;
using dagmanager::SentinelRecord;

namespace {

bool stands(const MemoryGraph& graph, const std::string& deploy_key) {
  if (graph.deploys.find(deploy_key) == nullptr) return false;
  const DeployRecord deploy = graph.deploys.whole(deploy_key);
  dagmanager::DeployBindings bindings{deploy_key, deploy.key.strategy, deploy.key.context, {}};
  for (const dagmanager::DeployNode& node : deploy.nodes) bindings.nodes.push_back(node.node);
  return dagmanager::stands_on_queues(graph.index, bindings);
}

}  // namespace

std::string TrafficWatch::place(const graph::SentinelId& id, const graph::VersionLabel& version,
                                const graph::WorldId& world) {
  return id.text() + " " + version.text() + " in '" + world.text() + "'";
}

TrafficWatch::Weight TrafficWatch::weight_of(const std::string& place) const {
  const auto known = weights_.find(place);
  return known == weights_.end() ? Weight() : known->second;
}

void TrafficWatch::look(bool may_rise) {
  store_.look([&](const MemoryGraph& graph) {
    look_at_weights(graph, may_rise);
    look_at_rollouts(graph);
    hit_open_ = graph.hits_open > 0;
  });
}

void TrafficWatch::look_at_weights(const MemoryGraph& graph, bool may_rise) {
  const bool removed = graph.removal != removal_;
  removal_ = graph.removal;
  std::set<std::string> passing;  // baselines: what they pass through is not what they had
  for (const RolloutRecord& record : graph.rollouts) {
    if (ended_.contains(record.id) || record.baseline.empty()) continue;
    passing.insert(place(record.baseline.sentinel, record.baseline.version, record.world));
  }
  for (const SentinelRecord& sentinel : graph.sentinels) {
    const std::string where = place(sentinel.id, sentinel.version, sentinel.world);
    const double now = sentinel.traffic_weight.value_or(0);
    Weight& known = weights_[where];
    const bool rose = now > known.now && !same_weight(now, known.now);
    if (rose && hit_open_ && !may_rise) found_("a weight rose while a hit was open: " + where);
    if (now > 0 && (rose || removed) && !stands(graph, sentinel.deploy_key)) {
      found_("traffic for a version whose queues are gone: " + where);
    }
    known.now = now;
    if (now > 0 && !passing.contains(where)) known.last_live = now;
  }
}

void TrafficWatch::look_at_rollouts(const MemoryGraph& graph) {
  std::set<std::string> moved;
  for (const RolloutRecord& record : graph.rollouts) {
    const auto ended = ended_.find(record.id);
    if (ended != ended_.end()) {
      if (!(ended->second == record)) found_("an ended rollout changed");
      continue;
    }
    const auto oracle = rollouts_.find(record.id);
    if (oracle == rollouts_.end()) continue;  // its begin is being looked at
    const Violation wrong = oracle->second.check(record.rollout);
    if (!wrong.empty()) found_(wrong);
    look_at_pair(graph, record, oracle->second);
    if (record.rollout.ended()) {
      ended_.emplace(record.id, record);
      look_at_mark(graph, record);
      continue;
    }
    std::set<std::string> sides = {record.candidate.sentinel.text()};
    if (!record.baseline.empty()) sides.insert(record.baseline.sentinel.text());
    for (const std::string& side : sides) {
      if (!moved.insert(side + "/" + record.world.text()).second) {
        found_("two rollouts move " + side);
      }
    }
  }
}

/// What a rollout took down is no version to return to.
void TrafficWatch::look_at_mark(const MemoryGraph& graph, const RolloutRecord& record) const {
  if (record.rollout.state != dagmanager::RolloutState::RolledBack) return;
  SentinelRecord like;
  like.id = record.candidate.sentinel;
  like.version = record.candidate.version;
  like.world = record.world;
  const SentinelRecord* candidate = graph.find_sentinel(like);
  const DeployRecord* deploy =
      candidate == nullptr ? nullptr : graph.deploys.find(candidate->deploy_key);
  if (deploy != nullptr && !deploy->taken_back_at) {
    found_("a candidate was rolled back and its deploy is not taken back");
  }
}

/// The weights that a running rollout, or one that just ended, stands for.
void TrafficWatch::look_at_pair(const MemoryGraph& graph, const RolloutRecord& record,
                                const CanaryOracle& oracle) const {
  const auto check = [&](const RolloutSide& side, double wanted) {
    SentinelRecord like;
    like.id = side.sentinel;
    like.version = side.version;
    like.world = record.world;
    const SentinelRecord* stored = graph.find_sentinel(like);
    if (stored == nullptr) return found_("a side of a rollout is not stored");
    if (!same_weight(stored->traffic_weight.value_or(0), wanted)) {
      found_("the weights of a rollout are no pair: " + side.version.text() + " has " +
             std::to_string(stored->traffic_weight.value_or(0)) + ", not " +
             std::to_string(wanted));
    }
  };
  check(record.candidate, oracle.candidate());
  if (!record.baseline.empty()) check(record.baseline, oracle.baseline());
}

void TrafficWatch::begun(const RolloutRecord& record, Instant now) {
  const Weight before =
      weight_of(place(record.baseline.sentinel, record.baseline.version, record.world));
  rollouts_.emplace(record.id,
                    CanaryOracle(record.rollout.steps, before.last_live.value_or(1), now));
  look();
}

void TrafficWatch::judged(const dagmanager::RolloutJudgement& judgement) {
  const auto oracle = rollouts_.find(judgement.id);
  if (oracle == rollouts_.end()) return found_("a rollout was judged that nobody began");
  if (oracle->second.step() != judgement.step) {
    found_("a rollout was judged by what was seen of another step");
  }
  oracle->second.judged(judgement.checks, hit_open_, judgement.at, judgement.policy.failure_limit,
                        judgement.policy.interval);
  look();
}

void TrafficWatch::ordered(const dagmanager::RolloutOrder& order) {
  const auto found = rollouts_.find(order.id);
  if (found == rollouts_.end() || found->second.ended()) {
    return found_("a rollout that does not run took an order");
  }
  CanaryOracle& oracle = found->second;
  if (order.action == RolloutAction::Pause) oracle.paused();
  if (order.action == RolloutAction::Resume) oracle.resumed(order.at);
  if (order.action == RolloutAction::Advance) oracle.advanced(order.at);
  if (order.action == RolloutAction::Abort) oracle.went_back();
  look(order.action == RolloutAction::Abort);
}

void TrafficWatch::takes_back(const dagmanager::TakeBack& command) {
  comes_back_.reset();
  goes_.clear();
  ends_.clear();
  store_.look([&](const MemoryGraph& graph) {
    const DeployRecord* taken = graph.deploys.find(command.taken);
    const DeployRecord* back = graph.deploys.find(command.predecessor);
    if (taken == nullptr || back == nullptr) return;
    const auto side = [](const DeployRecord& deploy) {
      return place(graph::sentinel_id(deploy.key.strategy), deploy.key.version,
                   graph::WorldId(deploy.key.context.world_id));
    };
    if (side(*taken) == side(*back)) return;  // one sentinel for both
    goes_ = side(*taken);
    const Weight known = weight_of(side(*back));
    double former = known.now > 0 ? known.now : known.last_live.value_or(1);
    for (const RolloutRecord& record : graph.rollouts) {
      const auto oracle = rollouts_.find(record.id);
      const std::string candidate =
          place(record.candidate.sentinel, record.candidate.version, record.world);
      if (record.rollout.ended() || oracle == rollouts_.end() || candidate != goes_) continue;
      if (!record.baseline.empty()) former = oracle->second.former();
      ends_.push_back(record.id);
    }
    comes_back_ = {side(*back), former};
  });
}

void TrafficWatch::taken_back(const dagmanager::TakeBack& command) {
  for (const std::string& id : ends_) rollouts_.at(id).went_back();
  look(true);
  if (!comes_back_) return;
  if (weight_of(goes_).now > 0) found_("what was taken back has traffic: " + goes_);
  const auto& [back, weight] = *comes_back_;
  if (!weights_.contains(back)) return;  // its deploy is due a sentinel that it lacks
  if (!same_weight(weight_of(back).now, weight)) {
    found_("a predecessor came back with another weight: " + back);
  }
  store_.look([&](const MemoryGraph& graph) {
    if (!stands(graph, command.predecessor)) found_("a predecessor came back without its queues");
  });
}

}  // namespace weir::sim
