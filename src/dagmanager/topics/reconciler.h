// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "dagmanager/core/topics/topic_upkeep.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/monitors/alert_store.h"
#include "dagmanager/ports/rollouts/hit_store.h"
#include "dagmanager/ports/topic_admin.h"
#include "dagmanager/ports/topics/topic_upkeep_store.h"
#include "dagmanager/topics/rights_mender.h"

namespace weir::dagmanager {

/// Is told what a pass saw and mended.
class ReconcileObserver {
 public:
  virtual ~ReconcileObserver() = default;
  virtual void mended(MendKind kind) = 0;
  /// Deploys whose due sentinel is missing or does not have them, before any is mended.
  virtual void sentinel_gaps(std::size_t count) = 0;
  /// Topics in our form that nothing of ours knows.
  virtual void topics_unowned(std::size_t count) = 0;
  /// What one topic carried is lost.
  virtual void topic_recreated(const graph::TopicName& topic) = 0;
  /// Topics under two compute keys.
  virtual Result<void> shared_topics(const std::vector<CrossContextViolation>& violations) = 0;
};

/// The pass of the loop `reconciler` (contract section 3.19): graph and broker are compared, and
/// what an accident left between them is mended, each mend in one transaction with its log row. A
/// pass may be killed at any point; the next one goes on.
class Reconciler {
 public:
  /// All outlive the reconciler.
  struct Parts {
    GraphStore& store;
    TopicUpkeepStore& upkeep;
    TopicAdmin& topics;
    HitStore& hits;
    AlertStore& alerts;
    const Clock& clock;
    ReconcileObserver& observer;
    /// Whether the loop is still held, by this instance's own clock; asked before each mend. None:
    /// always.
    std::function<bool(const LoopFence&)> holds = nullptr;
    /// Of rights on topics; nothing: nobody was ever given one.
    std::optional<RightsMender::Parts> rights = {};
  };

  explicit Reconciler(Parts parts) : parts_(std::move(parts)) {
    if (parts_.rights) rights_.emplace(*parts_.rights);
  }

  /// One pass under the loop's fence; one thread at a time. Faults of the ports: what the pass did
  /// before is done. Without a listing no topic is made or removed.
  Result<void> run_once(const LoopFence& fence);

 private:
  /// An active queue, and what its topic is to be.
  struct ActiveQueue {
    RowId row = 0;
    graph::TopicName topic;
    graph::TopicShape shape;
  };
  using Queues = std::vector<ActiveQueue>;

  Result<void> mend_sentinels(const LoopFence& fence);
  Result<void> find_hits(const LoopFence& fence);
  Result<void> mend_topics(const LoopFence& fence);
  Result<Queues> active_queues();
  Result<void> find_mismatches(const Queues& queues, const std::vector<TopicSeen>& listed);
  Result<void> mend_rights(const LoopFence& fence, const Queues& queues,
                           const std::vector<TopicSeen>& listed);
  Result<void> count_unowned(const std::vector<TopicSeen>& listed);
  Result<void> recreate(const LoopFence& fence, RowId row);
  Result<void> drop(const LoopFence& fence, const IntentRow& intent);
  Result<std::optional<TopicLogRow>> remove_topic(const LoopFence& fence, const IntentRow& intent);
  TopicLogRow log_row(const LoopFence& fence, MendKind kind) const;
  bool spend(const LoopFence& fence);

  const Parts parts_;
  std::optional<RightsMender> rights_;
  MissingTopics missing_;
  std::int64_t missing_of_ = 0;  // the fence under which the last listing was seen
  std::size_t mends_left_ = 0;
};

}  // namespace weir::dagmanager
