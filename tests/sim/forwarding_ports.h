// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/topic_admin.h"

/// Ports that pass every call on: what decorates one says only what it does otherwise.
namespace weir::sim {

class ForwardingGraphStore : public dagmanager::GraphStore {
 public:
  /// `inner` outlives this.
  explicit ForwardingGraphStore(dagmanager::GraphStore& inner) : inner_(inner) {}

  Result<dagmanager::GraphView> read(const dagmanager::DeployKey* deploy) override {
    return inner_.read(deploy);
  }
  Result<dagmanager::Reservation> reserve(const dagmanager::IntentBatch& batch,
                                          const std::function<void()>& meanwhile) override {
    return inner_.reserve(batch, meanwhile);
  }
  void write_ahead(const dagmanager::GraphChange& change) override { inner_.write_ahead(change); }
  Result<dagmanager::Committed> commit(const dagmanager::GraphChange& change) override {
    return inner_.commit(change);
  }
  void settle() override { inner_.settle(); }
  Result<std::optional<dagmanager::DeployRecord>> newest_deploy(
      const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) override {
    return inner_.newest_deploy(strategy, world);
  }
  Result<std::optional<dagmanager::SentinelRecord>> newest_sentinel(
      const graph::SentinelId& id, const graph::WorldId& world) override {
    return inner_.newest_sentinel(id, world);
  }
  Result<std::vector<std::pair<dagmanager::RowId, dagmanager::TopicLogRow>>> topic_log(
      dagmanager::RowId after, std::size_t limit) override {
    return inner_.topic_log(after, limit);
  }
  Result<void> ping() override { return inner_.ping(); }

 protected:
  dagmanager::GraphStore& inner() { return inner_; }

 private:
  dagmanager::GraphStore& inner_;
};

class ForwardingTopicAdmin : public dagmanager::TopicAdmin {
 public:
  /// `inner` outlives this.
  explicit ForwardingTopicAdmin(dagmanager::TopicAdmin& inner) : inner_(inner) {}

  Result<std::vector<dagmanager::CreateAnswer>> create(
      std::span<const dagmanager::TopicSpec> topics) override {
    return inner_.create(topics);
  }
  Result<std::vector<dagmanager::TopicSeen>> look(
      std::span<const graph::TopicName> topics) override {
    return inner_.look(topics);
  }
  Result<std::vector<dagmanager::TopicSeen>> list() override { return inner_.list(); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    return inner_.sizes(topics);
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    return inner_.remove(topics);
  }
  Result<int> broker_count() override { return inner_.broker_count(); }
  Result<void> ping() override { return inner_.ping(); }

 protected:
  dagmanager::TopicAdmin& inner() { return inner_; }

 private:
  dagmanager::TopicAdmin& inner_;
};

}  // namespace weir::sim
