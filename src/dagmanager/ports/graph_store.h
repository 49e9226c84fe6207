// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <utility>
#include <vector>

#include "base/result.h"
#include "dagmanager/core/graph_change.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/records.h"

namespace weir::dagmanager {

/// What a store already knows of one deploy.
struct DeploySeen {
  Instant last_seen{};
  bool ended = false;
  bool sentinel_due = false;  ///< stored with it; once due it stays due
};

/// The graph as it is at `epoch`, held still for as long as this lives: read, plan, let go. Never
/// hold one across a call that waits.
class GraphView {
 public:
  GraphView(std::shared_lock<std::shared_mutex> lock, const GraphIndex& index, Epoch epoch,
            std::optional<DeploySeen> deploy)
      : lock_(std::move(lock)), index_(&index), epoch_(epoch), deploy_(deploy) {}

  const GraphIndex& index() const { return *index_; }
  Epoch epoch() const { return epoch_; }
  /// The asked deploy row, if there is one.
  const std::optional<DeploySeen>& deploy() const { return deploy_; }

 private:
  std::shared_lock<std::shared_mutex> lock_;
  const GraphIndex* index_;
  Epoch epoch_;
  std::optional<DeploySeen> deploy_;
};

/// Port: the global strategy graph, the single source of truth (specification section 0). Any
/// number of instances may share one store, except the memory one. Every method may be called from
/// any thread; all but `read` on a warm memory store may wait.
///
/// Faults: UNAVAILABLE `graph_unavailable` when the engine does not answer; UNAVAILABLE
/// `commit_unknown` when a commit's outcome is not known (read again before writing); ABORTED
/// `graph_moved` when the graph changed under a change (decide anew).
class GraphStore {
 public:
  virtual ~GraphStore() = default;

  /// The graph up to date, and whether `deploy` (if given) is known. One round trip.
  virtual Result<GraphView> read(const DeployKey* deploy) = 0;

  /// Commits the intents of a diff, all or none of those that are free. One transaction. A name
  /// held under the same binding key is joined, one held by another comes back as taken; so does
  /// one whose binding has an intent under another name that it does not give up. ABORTED
  /// `graph_moved` if a binding has a queue under another name by now.
  ///
  /// `meanwhile`, if given, is work of the caller for the time the engine takes: called before this
  /// returns a reservation, at least once. It may read from this store.
  virtual Result<Reservation> reserve(const IntentBatch& batch,
                                      const std::function<void()>& meanwhile) = 0;
  Result<Reservation> reserve(const IntentBatch& batch) { return reserve(batch, {}); }

  /// For a change whose topics are about to be made: begins to write what of it comes in any case,
  /// on what its reservation has begun (`change.ahead`). commit() of the same change takes that
  /// over, of another one writes all of it anew. It takes locks: who will not commit soon, or will
  /// reserve again, lets go of `change.ahead` first.
  virtual void write_ahead(const GraphChange& /*change*/) {}

  /// Writes a change: nodes, queues, bindings, marks, deploy, sentinel, log, and the control events
  /// that follow from them (outbox), and raises the epoch. One transaction.
  virtual Result<Committed> commit(const GraphChange& change) = 0;

  /// For a caller that has given its answer: what commits left to be done is done now, not by the
  /// next reader.
  virtual void settle() {}

  /// The newest deploy of a strategy (in one world, or in any), not ended or ended alike.
  virtual Result<std::optional<DeployRecord>> newest_deploy(
      const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) = 0;

  /// Last stored weight and version of a sentinel in a world, newest first.
  virtual Result<std::optional<SentinelRecord>> newest_sentinel(const graph::SentinelId& id,
                                                                const graph::WorldId& world) = 0;

  /// Rows of the topic log above `after`, oldest first, at most `limit`, with their sequence.
  virtual Result<std::vector<std::pair<RowId, TopicLogRow>>> topic_log(RowId after,
                                                                       std::size_t limit) = 0;

  /// Whether the engine answers.
  virtual Result<void> ping() = 0;
};

}  // namespace weir::dagmanager
