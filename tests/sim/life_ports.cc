// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/life_ports.h"

#include <algorithm>

#include "graph/dag.h"

namespace weir::sim {

using dagmanager::MemoryGraph;
using dagmanager::MemoryGraphStore;
using dagmanager::RolloutBegin;
using dagmanager::RolloutJudgement;
using dagmanager::RolloutOrder;
using dagmanager::RolloutOutcome;
using dagmanager::RolloutRecord;
using dagmanager::SentinelRecord;
using dagmanager::TakeBack;
using dagmanager::TakenBack;
using dagmanager::WeightChange;
using dagmanager::WeightOutcome;

namespace {

constexpr const char* kUnknown = "commit_unknown";

void alter(MemoryGraphStore& store, const std::function<void(MemoryGraph&)>& change) {
  (void)store
      .alter([&](MemoryGraph& graph, const auto&) -> Result<bool> {
        change(graph);
        return true;
      })
      .ok();
}

/// A call that does not see open hits.
template <class Run>
auto without_hits(MemoryGraphStore& store, Run run) -> decltype(run()) {
  std::size_t open = 0;
  alter(store, [&](MemoryGraph& graph) { open = std::exchange(graph.hits_open, 0); });
  auto done = run();
  alter(store, [&](MemoryGraph& graph) { graph.hits_open = open; });
  return done;
}

/// A call that does not see rollouts; those that it begins are kept.
template <class Run>
auto without_rollouts(MemoryGraphStore& store, Run run) -> decltype(run()) {
  std::vector<RolloutRecord> hidden;
  alter(store, [&](MemoryGraph& graph) { hidden = std::exchange(graph.rollouts, {}); });
  auto done = run();
  alter(store, [&](MemoryGraph& graph) {
    hidden.insert(hidden.end(), graph.rollouts.begin(), graph.rollouts.end());
    graph.rollouts = std::move(hidden);
  });
  return done;
}

SentinelRecord* sentinel_of(MemoryGraph& graph, const std::string& deploy_key) {
  const dagmanager::DeployRecord* deploy = graph.deploys.find(deploy_key);
  if (deploy == nullptr) return nullptr;
  SentinelRecord like;
  like.id = graph::sentinel_id(deploy->key.strategy);
  like.version = deploy->key.version;
  like.world = graph::WorldId(deploy->key.context.world_id);
  return graph.find_sentinel(like);
}

}  // namespace

Result<WeightOutcome> SimTraffic::set_weight(const WeightChange& change) {
  return fated(parts_.fate, kUnknown, [&] {
    WeightChange wanted = change;
    if (parts_.mistake == LifeMistake::ForgetsWhatHeSaw) wanted.request.expect.reset();
    const auto call = [&] { return inner_.set_weight(wanted); };
    auto done = parts_.mistake == LifeMistake::RaisesOverAHit ? without_hits(parts_.store, call)
                : parts_.mistake == LifeMistake::MovesASide   ? without_rollouts(parts_.store, call)
                                                              : call();
    const bool collected = !done.ok() && done.error().reason() == "queues_collected";
    if (collected && parts_.mistake == LifeMistake::WeighsTheCollected) {
      alter(parts_.store, [&](MemoryGraph& graph) {
        for (SentinelRecord& one : graph.sentinels) {
          const bool meant = one.id == wanted.request.sentinel && wanted.request.world == one.world;
          if (meant && one.version == wanted.request.version) {
            dagmanager::give_weight(one, wanted.request.weight);
          }
        }
      });
    }
    parts_.watch.look();
    const auto& expect = change.request.expect;
    if (done.ok() && done->changed && expect && !dagmanager::same_weight(*expect, done->previous)) {
      found("a weight changed that was not the expected one");
    }
    return done;
  });
}

Result<TakenBack> SimRedo::take_back(const TakeBack& command) {
  return fated(parts_.fate, kUnknown, [&] {
    parts_.watch.takes_back(command);
    auto done = take_back_mistaken(command);
    if (done.ok() && done->changed) parts_.watch.taken_back(command);
    parts_.watch.look();
    return done;
  });
}

Result<TakenBack> SimRedo::take_back_mistaken(const TakeBack& command) {
  std::optional<double> had;
  alter(parts_.store, [&](MemoryGraph& graph) {
    if (const SentinelRecord* taken = sentinel_of(graph, command.taken)) {
      had = taken->traffic_weight;
    }
  });
  TakeBack wanted = command;
  if (parts_.mistake == LifeMistake::ReturnsToTheCollected) wanted.queues.clear();
  auto done = inner_.take_back(wanted);
  if (!done.ok() || !done->changed) return done;
  alter(parts_.store, [&](MemoryGraph& graph) {
    SentinelRecord* taken = sentinel_of(graph, command.taken);
    SentinelRecord* back = sentinel_of(graph, command.predecessor);
    if (parts_.mistake == LifeMistake::TakesBackHalf && taken != nullptr && taken != back) {
      taken->traffic_weight = had;
    }
    if (parts_.mistake == LifeMistake::ComesBackAtOne && back != nullptr && taken != back) {
      back->traffic_weight = 1;
    }
  });
  return done;
}

Result<RolloutOutcome> SimRollouts::begin(const RolloutBegin& command) {
  return fated(parts_.fate, kUnknown, [&] {
    const auto call = [&] { return inner_.begin(command); };
    auto done =
        parts_.mistake == LifeMistake::BeginsTwice ? without_rollouts(parts_.store, call) : call();
    if (done.ok()) parts_.watch.begun(done->record, command.start.at);
    if (done.ok() && parts_.mistake == LifeMistake::LosesTheBaseline) spoil(done->record.id);
    parts_.watch.look();
    return done;
  });
}

Result<RolloutOutcome> SimRollouts::change(const RolloutOrder& order) {
  return fated(parts_.fate, kUnknown, [&] {
    if (parts_.mistake == LifeMistake::ReopensTheEnd) spoil(order.id);
    const bool over = parts_.mistake == LifeMistake::AdvancesOverAHit;
    const auto call = [&] { return inner_.change(order); };
    auto done = over ? without_hits(parts_.store, call) : call();
    if (done.ok()) parts_.watch.ordered(order);
    parts_.watch.look();
    return done;
  });
}

Result<RolloutOutcome> SimRollouts::judge(const dagmanager::LoopFence& fence,
                                          const RolloutJudgement& judgement) {
  return fated(parts_.fate, kUnknown, [&] {
    const bool lost = !(fence == held_);
    RolloutJudgement wanted = judgement;
    if (parts_.mistake == LifeMistake::TakesSilenceForYes) {
      for (auto& check : wanted.checks) check.holds = check.holds.value_or(true);
    }
    if (parts_.mistake == LifeMistake::ForgetsFailures) spoil(judgement.id);
    if (parts_.mistake == LifeMistake::JudgesAnyStep) {
      const auto record = inner_.find(judgement.id);
      if (*record) wanted.step = (*record)->rollout.step;
    }
    const bool unfenced = parts_.mistake == LifeMistake::JudgesUnfenced;
    const auto call = [&] { return inner_.judge(unfenced ? held_ : fence, wanted); };
    const bool over = parts_.mistake == LifeMistake::RisesOverAHit;
    auto done = over ? without_hits(parts_.store, call) : call();
    if (done.ok() && done->judged) {
      if (lost) found("who lost the loop judged a rollout");
      parts_.watch.judged(judgement);
    }
    parts_.watch.look();
    return done;
  });
}

/// Takes what a mistake forgets out of the stored rollout.
void SimRollouts::spoil(const std::string& id) {
  alter(parts_.store, [&](MemoryGraph& graph) {
    for (RolloutRecord& record : graph.rollouts) {
      if (record.id != id) continue;
      if (parts_.mistake == LifeMistake::LosesTheBaseline) record.rollout.baseline_before = 1;
      if (parts_.mistake == LifeMistake::ForgetsFailures) record.rollout.failures.clear();
      if (parts_.mistake == LifeMistake::ReopensTheEnd && record.rollout.ended()) {
        record.rollout.state = dagmanager::RolloutState::Running;
      }
    }
  });
}

Result<void> SimHits::record(std::span<const dagmanager::HitSighting> seen, Instant at) {
  return fated(parts_.fate, kUnknown, [&] {
    auto done = inner_.record(seen, at);
    parts_.watch.look();
    return done;
  });
}

Result<dagmanager::CrossContextHit> SimHits::acknowledge(const dagmanager::HitAck& ack) {
  return fated(parts_.fate, kUnknown, [&] {
    auto done = inner_.acknowledge(ack);
    parts_.watch.look();
    return done;
  });
}

Result<std::size_t> SimBus::publish(std::size_t limit, Instant now) {
  return fated(parts_.fate, kUnknown, [&] {
    const bool one = parts_.mistake == LifeMistake::LeavesTheRest;
    auto done = inner_.publish(one ? 1 : limit, now);
    published();
    return done;
  });
}

Result<dagmanager::PrunedEvents> SimBus::prune(Instant before, std::size_t limit) {
  return fated(parts_.fate, kUnknown, [&] {
    const bool young = parts_.mistake == LifeMistake::PrunesTheYoung;
    return inner_.prune(young ? before + std::chrono::hours(24 * 10) : before, limit);
  });
}

Result<double> SimMetrics::read(const std::string& query) {
  return fated(fate_, dagmanager::kMetricsUnavailable, [&]() -> Result<double> {
    if (random_.chance(silent_)) {
      return base::unavailable(dagmanager::kMetricsUnavailable, "nobody answers");
    }
    if (random_.chance(silent_)) return Error(Code::NotFound, "no_sample", "no sample: " + query);
    if (random_.chance(bad_)) return 100.0;
    return query.find("traffic_ratio") == std::string::npos ? 0.0 : ratio_(query);
  });
}

}  // namespace weir::sim
