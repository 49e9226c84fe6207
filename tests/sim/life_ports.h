// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/control_bus.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/queues/load_source.h"
#include "dagmanager/ports/queues/queue_life_store.h"
#include "dagmanager/ports/rollouts/hit_store.h"
#include "dagmanager/ports/rollouts/metric_reader.h"
#include "dagmanager/ports/rollouts/redo_store.h"
#include "dagmanager/ports/rollouts/rollout_store.h"
#include "dagmanager/ports/traffic_store.h"
#include "tests/sim/crashing_ports.h"
#include "tests/sim/life_mistakes.h"
#include "tests/sim/traffic_watch.h"

/// Ports of one simulated process beside its diffs: calls are lost before or after they are carried
/// out, or the process dies in them; a mistake, if there is one, is built in below what watches.
namespace weir::sim {

/// What all of them have. All outlive the ports.
struct PortParts {
  CallFate& fate;
  LifeMistake mistake;
  dagmanager::MemoryGraphStore& store;
  TrafficWatch& watch;
};

/// One call: `unknown` is what is heard where the reply is lost.
template <class Run>
auto fated(CallFate& fate, const char* unknown, Run run) -> decltype(run()) {
  const CallFate::Kind kind = fate.draw();
  const bool dies = fate.crashed();
  if (kind == CallFate::Kind::LostBefore) {
    return base::unavailable("graph_unavailable", "the call is lost");
  }
  auto done = run();
  if (dies || kind == CallFate::Kind::LostAfter) {
    return base::unavailable(unknown, "the reply is lost");
  }
  return done;
}

class SimTraffic final : public dagmanager::TrafficStore {
 public:
  SimTraffic(dagmanager::TrafficStore& inner, PortParts parts) : inner_(inner), parts_(parts) {}

  Result<dagmanager::WeightOutcome> set_weight(const dagmanager::WeightChange& change) override;
  Result<std::vector<dagmanager::VersionWeight>> version_weights(std::size_t limit) override {
    return inner_.version_weights(limit);
  }
  Result<std::vector<std::pair<dagmanager::RowId, dagmanager::AuditRow>>> audit(
      dagmanager::RowId after, std::size_t limit) override {
    return inner_.audit(after, limit);
  }

  std::function<void(const Violation&)> found;

 private:
  dagmanager::TrafficStore& inner_;
  PortParts parts_;
};

class SimRedo final : public dagmanager::RedoStore {
 public:
  SimRedo(dagmanager::RedoStore& inner, PortParts parts) : inner_(inner), parts_(parts) {}

  Result<dagmanager::SentinelHistory> history(const graph::SentinelId& sentinel) override {
    return fated(parts_.fate, kLost, [&] { return inner_.history(sentinel); });
  }
  Result<std::optional<dagmanager::DeployRecord>> deploy(const std::string& key) override {
    return fated(parts_.fate, kLost, [&] { return inner_.deploy(key); });
  }
  Result<dagmanager::TakenBack> take_back(const dagmanager::TakeBack& command) override;

 private:
  static constexpr const char* kLost = "graph_unavailable";
  Result<dagmanager::TakenBack> take_back_mistaken(const dagmanager::TakeBack& command);

  dagmanager::RedoStore& inner_;
  PortParts parts_;
};

class SimRollouts final : public dagmanager::RolloutStore {
 public:
  /// `held` is the fence of the loop as its rows have it.
  SimRollouts(dagmanager::RolloutStore& inner, PortParts parts, const dagmanager::LoopFence& held)
      : inner_(inner), parts_(parts), held_(held) {}

  Result<dagmanager::RolloutOutcome> begin(const dagmanager::RolloutBegin& command) override;
  Result<dagmanager::RolloutOutcome> change(const dagmanager::RolloutOrder& order) override;
  Result<dagmanager::RolloutOutcome> judge(const dagmanager::LoopFence& fence,
                                           const dagmanager::RolloutJudgement& judgement) override;
  Result<std::vector<dagmanager::RolloutRecord>> list(
      const dagmanager::RolloutFilter& filter) override {
    return inner_.list(filter);
  }
  Result<std::vector<dagmanager::RolloutRecord>> unfinished() override {
    return fated(parts_.fate, kLost, [&] { return inner_.unfinished(); });
  }
  Result<std::optional<dagmanager::RolloutRecord>> find(const std::string& id) override {
    return inner_.find(id);
  }
  Result<std::vector<dagmanager::SentinelRecord>> versions(
      const graph::SentinelId& sentinel) override {
    return fated(parts_.fate, kLost, [&] { return inner_.versions(sentinel); });
  }
  Result<std::size_t> sentinel_gaps() override {
    return fated(parts_.fate, kLost, [&] { return inner_.sentinel_gaps(); });
  }

  std::function<void(const Violation&)> found;

 private:
  static constexpr const char* kLost = "graph_unavailable";
  void spoil(const std::string& id);

  dagmanager::RolloutStore& inner_;
  PortParts parts_;
  const dagmanager::LoopFence& held_;
};

class SimHits final : public dagmanager::HitStore {
 public:
  SimHits(dagmanager::HitStore& inner, PortParts parts) : inner_(inner), parts_(parts) {}

  Result<void> record(std::span<const dagmanager::HitSighting> seen, Instant at) override;
  Result<std::vector<dagmanager::CrossContextHit>> list(
      std::optional<dagmanager::HitState> state) override {
    return inner_.list(state);
  }
  Result<dagmanager::CrossContextHit> acknowledge(const dagmanager::HitAck& ack) override;
  Result<std::size_t> open_count() override { return inner_.open_count(); }

 private:
  dagmanager::HitStore& inner_;
  PortParts parts_;
};

/// The outbox as a relay reaches it.
class SimBus final : public dagmanager::ControlBus {
 public:
  SimBus(dagmanager::ControlBus& inner, PortParts parts) : inner_(inner), parts_(parts) {}

  Result<std::vector<dagmanager::PendingEvent>> pending(std::size_t limit) override {
    return inner_.pending(limit);
  }
  Result<dagmanager::OutboxBacklog> backlog() override { return inner_.backlog(); }
  Result<std::size_t> publish(std::size_t limit, Instant now) override;
  Result<std::vector<dagmanager::PendingEvent>> unsent(std::int64_t after,
                                                       std::size_t limit) override {
    return inner_.unsent(after, limit);
  }
  Result<void> acknowledge(const dagmanager::LoopFence& fence,
                           std::span<const std::int64_t> numbers, Instant now) override {
    return inner_.acknowledge(fence, numbers, now);
  }
  Result<dagmanager::PrunedEvents> prune(Instant before, std::size_t limit) override;

  /// After events were published.
  std::function<void()> published;

 private:
  dagmanager::ControlBus& inner_;
  PortParts parts_;
};

/// Figures that somebody else measures: within bounds, beyond them, or nobody answers.
class SimMetrics final : public dagmanager::MetricReader {
 public:
  /// `ratio` is what a gateway that follows the weights measures; percent of bad and of no answers.
  SimMetrics(base::SeededRandom& random, CallFate& fate,
             std::function<double(const std::string& query)> ratio, unsigned bad, unsigned silent)
      : random_(random), fate_(fate), ratio_(std::move(ratio)), bad_(bad), silent_(silent) {}

  Result<double> read(const std::string& query) override;

 private:
  base::SeededRandom& random_;
  CallFate& fate_;
  std::function<double(const std::string& query)> ratio_;
  unsigned bad_;
  unsigned silent_;
};

class SimLoad final : public dagmanager::LoadSource {
 public:
  explicit SimLoad(std::optional<double> load) : load_(load) {}
  Result<double> messages_per_second() override {
    if (!load_) return base::unavailable("load_unknown", "no page");
    return *load_;
  }

 private:
  std::optional<double> load_;
};

}  // namespace weir::sim
