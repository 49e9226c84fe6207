// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <map>
#include <mutex>
#include <utility>

#include "dagmanager/ports/memory_graph_store.h"

// Shares of traffic in a memory store: set by operators, by diffs, and handed over.
namespace weir::dagmanager {

namespace {

/// The place of the sentinel of the same id, world and version; the end if it is not stored.
template <class Sentinels>
auto place_of(Sentinels& sentinels, const SentinelRecord& like) {
  return std::ranges::find_if(sentinels, [&](const SentinelRecord& one) {
    return one.id == like.id && one.world == like.world && one.version == like.version;
  });
}

/// A version that had no traffic must have all its queues to get some.
Result<void> check_queues(const MemoryGraph& graph, const WeightOutcome& outcome) {
  const SentinelRecord& sentinel = outcome.sentinel;
  if (outcome.previous > 0 || sentinel.traffic_weight.value_or(0) <= 0) return {};
  if (graph.deploys.find(sentinel.deploy_key) == nullptr) return {};
  const DeployRecord deploy = graph.deploys.whole(sentinel.deploy_key);
  DeployBindings bindings{sentinel.deploy_key, deploy.key.strategy, deploy.key.context, {}};
  for (const DeployNode& node : deploy.nodes) bindings.nodes.push_back(node.node);
  if (stands_on_queues(graph.index, bindings)) return {};
  return queue_collected(sentinel.version);
}

}  // namespace

SentinelRecord* MemoryGraph::find_sentinel(const SentinelRecord& like) {
  const auto found = place_of(sentinels, like);
  return found == sentinels.end() ? nullptr : &*found;
}

const SentinelRecord* MemoryGraph::find_sentinel(const SentinelRecord& like) const {
  const auto found = place_of(sentinels, like);
  return found == sentinels.end() ? nullptr : &*found;
}

void MemoryGraph::weigh(const SentinelRecord& sentinel) {
  SentinelRecord& stored = *find_sentinel(sentinel);
  DeployRecord* deploy = deploys.find(sentinel.deploy_key);
  if (deploy != nullptr && comes_back(stored.traffic_weight, sentinel.traffic_weight)) {
    deploy->taken_back_at.reset();
  }
  stored = sentinel;
}

WeightFence MemoryGraph::fence(const graph::SentinelId& sentinel) const {
  WeightFence fence{.hit_open = hits_open > 0};
  for (const RolloutRecord& record : rollouts) {
    if (record.rollout.ended()) continue;
    if (record.candidate.sentinel == sentinel || record.baseline.sentinel == sentinel) {
      fence.rollouts.push_back(record.world);
    }
  }
  return fence;
}

void MemoryGraphStore::tell_weight(const SentinelRecord& sentinel, Instant at) {
  OutboxRow row = new_event(at);
  row.weight =
      WeightUpdate{sentinel.id, sentinel.version, sentinel.world, *sentinel.traffic_weight};
  graph_.outbox.add(row);
}

Result<WeightOutcome> MemoryGraphStore::set_weight(const WeightChange& change) {
  WeightOutcome outcome;
  WEIR_CHECK(alter([&](MemoryGraph& graph, const TellWeight& tell) -> Result<bool> {
    WEIR_TRY(outcome,
             decide_weight(graph.sentinels, change.request, graph.fence(change.request.sentinel)));
    if (!outcome.changed) return false;
    WEIR_CHECK(check_queues(graph, outcome));
    const std::optional<double> from = graph.find_sentinel(outcome.sentinel)->traffic_weight;
    graph.audit.push_back(audit_of(outcome, from, change));
    graph.weigh(outcome.sentinel);
    tell(outcome.sentinel, change.at);
    return true;
  }));
  return outcome;
}

/// A weight that is refused is left out: the one that is stored stays.
void MemoryGraphStore::apply_sentinel(const GraphChange& change, Committed& committed) {
  SentinelRecord wanted = *change.sentinel;
  if (change.handover) wanted.traffic_weight.reset();  // it takes another one over
  std::optional<SentinelRecord> last;
  for (const SentinelRecord& sentinel : graph_.sentinels) {
    if (sentinel.id == wanted.id && sentinel.world == wanted.world) last = sentinel;
  }
  SentinelRecord stored = wanted;
  stored.traffic_weight.reset();
  if (const SentinelRecord* known = graph_.find_sentinel(wanted)) {
    stored = *known;
    stored.deploy_key = wanted.deploy_key;
    stored.retired_at.reset();
    graph_.sentinels.erase(graph_.sentinels.begin() + (known - graph_.sentinels.data()));
  }
  if (wanted.traffic_weight) {
    const double from = stored.traffic_weight.value_or(0);
    const auto allowed =
        check_fence(graph_.fence(wanted.id), wanted.world, {from, *wanted.traffic_weight});
    if (allowed.ok()) {
      if (auto row = audit_of_weight(change, stored.traffic_weight)) {
        graph_.audit.push_back(*std::move(row));
      }
      give_weight(stored, *wanted.traffic_weight);
    } else {
      committed.weight_refused = allowed.error();
      wanted.traffic_weight.reset();
    }
  }
  graph_.sentinels.push_back(std::move(stored));  // stored last: the newest
  if (!weight_changed(last, wanted)) return;
  tell_weight(wanted, change.at);
  ++committed.events;
}

Result<std::vector<WeightStep>> MemoryGraphStore::handover_steps(const GraphChange& change) const {
  if (!change.handover || !change.sentinel) return std::vector<WeightStep>();
  SentinelRecord former = *change.sentinel;
  former.version = change.handover->former;
  const SentinelRecord* stored_former = graph_.find_sentinel(former);
  if (stored_former == nullptr) return std::vector<WeightStep>();
  SentinelRecord gains = *change.sentinel;
  gains.traffic_weight.reset();
  if (const SentinelRecord* known = graph_.find_sentinel(gains)) gains = *known;
  return handover_weights(*stored_former, gains, graph_.fence(gains.id));
}

void MemoryGraphStore::apply_handover(const GraphChange& change,
                                      const std::vector<WeightStep>& steps, Committed& committed) {
  const StepCause cause = cause_of(change);
  for (const WeightStep& step : steps) {
    SentinelRecord& stored = *graph_.find_sentinel(step.sentinel);
    give_weight(stored, *step.sentinel.traffic_weight);
    graph_.audit.push_back(audit_of(step, cause));
    if (!step.told) continue;
    tell_weight(stored, change.at);
    committed.handed_over = stored.traffic_weight;
    ++committed.events;
  }
}

std::vector<VersionWeight> MemoryGraphStore::version_weights(std::size_t limit) const {
  struct Known {
    double weight = 0;
    std::size_t stored = 0;  // place of the last sentinel
  };
  std::map<graph::VersionLabel, Known> known;
  {
    const std::shared_lock lock(mutex_);
    for (std::size_t at = 0; at < graph_.sentinels.size(); ++at) {
      const SentinelRecord& sentinel = graph_.sentinels[at];
      if (!sentinel.traffic_weight) continue;
      Known& version = known[sentinel.version];
      version = {std::max(version.weight, *sentinel.traffic_weight), at};
    }
  }
  std::vector<std::pair<graph::VersionLabel, Known>> order(known.begin(), known.end());
  std::ranges::sort(order, [](const auto& one, const auto& other) {
    return std::pair(one.second.weight, one.second.stored) >
           std::pair(other.second.weight, other.second.stored);
  });
  std::vector<VersionWeight> weights;
  for (const auto& [version, what] : order) {
    if (weights.size() == limit) break;
    weights.push_back({version, what.weight});
  }
  return weights;
}

std::vector<std::pair<RowId, AuditRow>> MemoryGraphStore::read_audit(RowId after,
                                                                     std::size_t limit) const {
  const std::shared_lock lock(mutex_);
  std::vector<std::pair<RowId, AuditRow>> rows;
  const RowId gone = graph_.audit_gone;
  for (auto at = static_cast<std::size_t>(std::max<RowId>(0, after - gone));
       at < graph_.audit.size() && rows.size() < limit; ++at) {
    rows.emplace_back(gone + static_cast<RowId>(at) + 1, graph_.audit[at]);
  }
  return rows;
}

Result<WeightOutcome> MemoryTrafficStore::set_weight(const WeightChange& change) {
  WEIR_CHECK(check_weight(change.request));
  return store_.set_weight(change);
}

Result<std::vector<VersionWeight>> MemoryTrafficStore::version_weights(std::size_t limit) {
  return store_.version_weights(limit);
}

Result<std::vector<std::pair<RowId, AuditRow>>> MemoryTrafficStore::audit(RowId after,
                                                                          std::size_t limit) {
  return store_.read_audit(after, limit);
}

}  // namespace weir::dagmanager
