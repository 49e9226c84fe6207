// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/rollouts/redo_store.h"
#include "dagmanager/ports/rollouts/rollout_store.h"
#include "tests/sim/canary_oracle.h"
#include "tests/sim/sim_checks.h"

namespace weir::sim {

/// Looks at shares of traffic and rollouts after every call that may have written, and compares
/// them with what was there before it and with what the call should have done (contract sections
/// 3.16, 3.20 to 3.22).
class TrafficWatch {
 public:
  using Found = std::function<void(const Violation&)>;

  /// The store outlives the watch.
  TrafficWatch(const dagmanager::MemoryGraphStore& store, Found found)
      : store_(store), found_(std::move(found)) {}

  /// After a call: whatever it was, the weights of rollouts are pairs, what has ended stays, who
  /// has traffic has queues, and nothing rose while a hit was open, but where `may_rise`.
  void look(bool may_rise = false);

  void begun(const dagmanager::RolloutRecord& record, Instant now);
  void judged(const dagmanager::RolloutJudgement& judgement);
  void ordered(const dagmanager::RolloutOrder& order);
  /// Right before it is carried out, and after.
  void takes_back(const dagmanager::TakeBack& command);
  void taken_back(const dagmanager::TakeBack& command);

  bool hit_open() const { return hit_open_; }
  std::size_t ended() const { return ended_.size(); }

 private:
  struct Weight {
    double now = 0;
    std::optional<double> last_live = {};
  };
  /// Sentinel, version, world.
  static std::string place(const graph::SentinelId& id, const graph::VersionLabel& version,
                           const graph::WorldId& world);
  Weight weight_of(const std::string& place) const;
  void look_at_weights(const dagmanager::MemoryGraph& graph, bool may_rise);
  void look_at_rollouts(const dagmanager::MemoryGraph& graph);
  void look_at_pair(const dagmanager::MemoryGraph& graph, const dagmanager::RolloutRecord& record,
                    const CanaryOracle& oracle) const;
  void look_at_mark(const dagmanager::MemoryGraph& graph,
                    const dagmanager::RolloutRecord& record) const;

  const dagmanager::MemoryGraphStore& store_;
  Found found_;
  std::map<std::string, Weight> weights_;
  std::map<std::string, CanaryOracle> rollouts_;
  std::map<std::string, dagmanager::RolloutRecord> ended_;
  std::optional<std::pair<std::string, double>> comes_back_;  // whose weight, at which
  std::string goes_;                                          // whose weight ends
  std::vector<std::string> ends_;                             // rollouts that end with it
  bool hit_open_ = false;
  dagmanager::Epoch removal_ = 0;
};

}  // namespace weir::sim
