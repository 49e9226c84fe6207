// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/queues/queue_life_store.h"
#include "tests/sim/forwarding_ports.h"
#include "tests/sim/life_ports.h"

/// Ports of one simulated process that collects queues.
namespace weir::sim {

/// QueueLifeStore: calls may be lost or arrive twice, and others come in between.
class SimLife final : public dagmanager::QueueLifeStore {
 public:
  /// What watches a collection, from right before it to right after.
  struct Watch {
    std::function<void(const dagmanager::Collection&)> before;
    std::function<void(const std::vector<dagmanager::RowId>& gone)> after;
  };
  SimLife(dagmanager::QueueLifeStore& inner, CallFate& fate, LifeMistake mistake, Watch watch = {})
      : inner_(inner), fate_(fate), mistake_(mistake), watch_(std::move(watch)) {}

  Result<std::vector<dagmanager::DeployStanding>> deploys() override {
    return fated(fate_, kLost, [&] { return inner_.deploys(); });
  }
  Result<std::vector<dagmanager::DeployBindings>> bindings(
      std::span<const std::string> keys) override {
    return fated(fate_, kLost, [&] { return inner_.bindings(keys); });
  }
  Result<std::vector<dagmanager::OrphanRecord>> orphans() override { return inner_.orphans(); }
  Result<void> mark(const dagmanager::LoopFence& fence,
                    const dagmanager::OrphanMarks& marks) override {
    return fated(fate_, kLost, [&] { return inner_.mark(fence, marks); });
  }
  Result<std::vector<dagmanager::RowId>> collect(
      const dagmanager::LoopFence& fence, const dagmanager::Collection& collection) override {
    return fated(fate_, kLost, [&]() -> Result<std::vector<dagmanager::RowId>> {
      dagmanager::Collection wanted = collection;
      if (mistake_ == LifeMistake::TrustsThePass) {
        WEIR_TRY(const auto all, inner_.deploys());
        wanted.held.clear();
        for (const dagmanager::DeployStanding& deploy : all) wanted.held.push_back(deploy.key);
      }
      watch_.before(wanted);
      WEIR_TRY(auto gone, inner_.collect(fence, wanted));
      watch_.after(gone);
      return gone;
    });
  }
  Result<std::vector<dagmanager::LeavingQueue>> leaving(
      const dagmanager::LoopFence& fence) override {
    WEIR_TRY(auto queues, inner_.leaving(fence));
    if (mistake_ == LifeMistake::ForgetsTheRest && !std::exchange(looked_, true)) queues.clear();
    if (mistake_ == LifeMistake::ForgetsTheRest && queues.size() > 1) queues.pop_back();
    return queues;
  }
  Result<void> forget(const dagmanager::LoopFence& fence,
                      const dagmanager::Forgetting& forgetting) override {
    return fated(fate_, kLost, [&] { return inner_.forget(fence, forgetting); });
  }
  Result<std::size_t> end_deploys(const dagmanager::Cleanup& cleanup) override {
    return fated(fate_, kLost, [&] { return inner_.end_deploys(cleanup); });
  }

 private:
  static constexpr const char* kLost = "graph_unavailable";

  dagmanager::QueueLifeStore& inner_;
  CallFate& fate_;
  LifeMistake mistake_;
  Watch watch_;
  bool looked_ = false;
};

/// Topics as they are removed.
class SimRemovals final : public ForwardingTopicAdmin {
 public:
  SimRemovals(dagmanager::TopicAdmin& inner, CallFate& fate, LifeMistake mistake)
      : ForwardingTopicAdmin(inner), fate_(fate), mistake_(mistake) {}

  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    if (mistake_ == LifeMistake::ForgetsBeforeDeletion) {
      return std::vector<bool>(topics.size(), true);
    }
    return fated(fate_, "broker_unavailable", [&]() -> Result<std::vector<bool>> {
      std::vector<graph::TopicName> all(topics.begin(), topics.end());
      if (mistake_ == LifeMistake::DeletesTooMuch) {
        WEIR_TRY(const auto there, inner().list());
        if (!there.empty()) all.push_back(there.front().topic);
      }
      WEIR_TRY(auto gone, inner().remove(all));
      gone.resize(topics.size());
      return gone;
    });
  }

 private:
  CallFate& fate_;
  LifeMistake mistake_;
};

}  // namespace weir::sim
