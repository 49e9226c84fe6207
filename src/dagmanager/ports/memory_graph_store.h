// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "dagmanager/core/cross_context_hits.h"
#include "dagmanager/core/monitors/completion.h"
#include "dagmanager/core/queue_life.h"
#include "dagmanager/core/redo.h"
#include "dagmanager/core/rollout_plan.h"
#include "dagmanager/ports/control_bus.h"
#include "dagmanager/ports/graph_store.h"
#include "dagmanager/ports/memory_rows.h"
#include "dagmanager/ports/traffic_store.h"
#include "drivers/process/file_descriptor.h"
#include "server/events/event_log.h"

namespace weir::dagmanager {

/// All that a memory store holds; what its snapshot file carries.
/// What a queue that is no more was called, as long as events name it: those up to `last_event`.
struct GoneQueue {
  RowId row = 0;
  graph::TopicName topic;
  bool global = false;
  std::int64_t last_event = 0;
};

struct MemoryGraph {
  GraphIndex index;
  Epoch epoch = 0;
  RowId last_row = 0;
  std::int64_t last_event = 0;  ///< key_seq of the newest event
  MemoryArtifacts artifacts;    ///< of the nodes; not in the snapshot, which has them with those
  MemoryDeploys deploys;
  std::vector<SentinelRecord> sentinels;  ///< oldest first
  MemoryTopicLog log;
  MemoryOutbox outbox;
  std::map<std::string, std::int64_t> revisions;  ///< by query_key
  std::vector<AuditRow> audit;                    ///< oldest first
  RowId audit_gone = 0;                           ///< rows of it that were given up
  std::optional<Instant> log_pruned;              ///< before when log and audit are not whole
  std::vector<CrossContextHit> hits;              ///< oldest first
  std::size_t hits_open = 0;
  std::map<RowId, OrphanRecord> orphans;   ///< by queue
  std::map<RowId, QueueSilence> silences;  ///< by queue, as they are noted
  /// When intents were last joined. Not in the snapshot: whoever joined ends with the process.
  std::set<RowId> collecting;       ///< queues whose topics are being deleted
  std::map<RowId, GoneQueue> gone;  ///< by row
  Epoch removal = 0;                ///< last that removed a binding; not in the snapshot
  std::map<RowId, Instant> joined_at;
  std::set<std::string> principals;     ///< who was given rights on topics
  std::vector<RolloutRecord> rollouts;  ///< oldest first
  /// Nodes by epoch, newest last; not in the snapshot.
  std::deque<std::pair<Epoch, std::vector<RowId>>> touched;

  /// A change of these nodes' rows, rising: whoever decided on them before decides anew.
  void touch(std::vector<RowId> nodes);

  /// The sentinel of the same id, world and version; null if it is not stored.
  SentinelRecord* find_sentinel(const SentinelRecord& like);
  const SentinelRecord* find_sentinel(const SentinelRecord& like) const;

  /// Stores a sentinel as it is with another weight.
  void weigh(const SentinelRecord& sentinel);

  /// What goes on beside a sentinel.
  WeightFence fence(const graph::SentinelId& sentinel) const;
};

/// Where a memory store keeps its snapshot.
struct MemoryStoreOptions {
  std::string path;  ///< empty: nothing is written, and nothing is left behind
};

/// GraphStore in this process's memory, the default without a configuration. With a path the whole
/// graph is written there after each commit, atomically (temporary file, fsync, rename), and read
/// back at the start; a damaged file stops the start rather than becoming an empty graph. One
/// instance a file.
class MemoryGraphStore final : public GraphStore {
 public:
  /// DATA_LOSS `snapshot_damaged` if the file cannot be trusted, FAILED_PRECONDITION
  /// `snapshot_version` if a newer Weir wrote it, `snapshot_in_use` if another process has it open.
  static Result<std::unique_ptr<MemoryGraphStore>> open(MemoryStoreOptions options, Random& random);

  Result<GraphView> read(const DeployKey* deploy) override;
  using GraphStore::reserve;
  Result<Reservation> reserve(const IntentBatch& batch,
                              const std::function<void()>& meanwhile) override;
  Result<Committed> commit(const GraphChange& change) override;
  Result<std::optional<DeployRecord>> newest_deploy(
      const graph::StrategyId& strategy, const std::optional<graph::WorldId>& world) override;
  Result<std::optional<SentinelRecord>> newest_sentinel(const graph::SentinelId& id,
                                                        const graph::WorldId& world) override;
  Result<std::vector<std::pair<RowId, TopicLogRow>>> topic_log(RowId after,
                                                               std::size_t limit) override;
  Result<void> ping() override;

  /// For MemoryTrafficStore.
  Result<WeightOutcome> set_weight(const WeightChange& change);
  std::vector<VersionWeight> version_weights(std::size_t limit) const;
  std::vector<std::pair<RowId, AuditRow>> read_audit(RowId after, std::size_t limit) const;

  // For the ports whose data is in this store too (rollouts/).

  /// Runs `change` alone on all that is stored; what it did is saved if it says that it did
  /// something. Where it fails it must have done nothing.
  using TellWeight = std::function<void(const SentinelRecord&, Instant)>;
  Result<void> alter(const std::function<Result<bool>(MemoryGraph&, const TellWeight&)>& change);
  void look(const std::function<void(const MemoryGraph&)>& reader) const;

  // For MemoryControlBus, MemoryEventLog and MemoryEventBell. An event's number is its key_seq.

  std::vector<PendingEvent> pending_events(std::size_t limit, const std::string& queue_topic) const;
  OutboxBacklog backlog() const;
  /// `sends`: each is to be acknowledged besides.
  Result<std::size_t> publish_events(std::size_t limit, Instant now, bool sends);
  /// All that are kept are to be acknowledged: what was, no snapshot tells.
  void send_all_again();
  std::vector<PendingEvent> unsent_events(std::int64_t after, std::size_t limit,
                                          const std::string& queue_topic) const;
  void acknowledge_events(std::span<const std::int64_t> numbers);
  PrunedEvents prune_events(Instant before, std::size_t limit);
  server::EventPage read_events(std::int64_t after, std::size_t limit,
                                const std::string& queue_topic) const;
  void set_bell(EventBell::Calls bell);

 private:
  MemoryGraphStore(MemoryStoreOptions options, Random& random)
      : options_(std::move(options)), random_(random) {}

  QueueView bound_elsewhere(const TopicIntent& intent) const;
  Result<Reservation> reserve_all(const IntentBatch& batch);
  IntentOutcome reserve_one(const TopicIntent& intent, const IntentBatch& batch);
  bool moved_under(const GraphChange& change) const;
  void apply_graph(const GraphChange& change);
  std::size_t tell(const GraphChange& change);
  void apply_deploy(const GraphChange& change);
  void apply_sentinel(const GraphChange& change, Committed& committed);
  Result<std::vector<WeightStep>> handover_steps(const GraphChange& change) const;
  void apply_handover(const GraphChange& change, const std::vector<WeightStep>& steps,
                      Committed& committed);
  void tell_weight(const SentinelRecord& sentinel, Instant at);
  OutboxRow new_event(Instant at);
  ControlEvent render(const OutboxRow& row, const std::string& queue_topic) const;
  /// The number of the oldest event that is kept.
  std::int64_t first_event() const {
    return graph_.last_event + 1 - static_cast<std::int64_t>(graph_.outbox.size());
  }
  Result<void> save();

  Result<void> lock_file();

  MemoryStoreOptions options_;
  process::FileDescriptor lock_file_;  // locked as long as it is open
  Random& random_;
  // One lock over everything: readers plan under it shared, writers hold it for less than a plan.
  mutable std::shared_mutex mutex_;
  MemoryGraph graph_;
  bool unsaved_ = false;                                    // memory is ahead of the snapshot file
  std::int64_t published_ = 0;                              // the last number given
  std::deque<std::pair<std::int64_t, Instant>> sent_ = {};  // up to which number, when
  std::set<std::int64_t> unsent_ = {};                      // numbers that wait for the bus
  EventBell::Calls bell_;
};

/// ControlBus over a memory store's outbox. The store outlives it.
class MemoryControlBus final : public ControlBus {
 public:
  /// Locks the row of the loop that sends, as MemoryLoopLeases does.
  using FenceLock = std::function<Result<std::unique_lock<std::mutex>>(const LoopFence&)>;

  /// Without `fence` there is no bus, and a number counts as sent.
  MemoryControlBus(MemoryGraphStore& store, std::string queue_topic, FenceLock fence = {});

  Result<std::vector<PendingEvent>> pending(std::size_t limit) override;
  Result<OutboxBacklog> backlog() override;
  Result<std::size_t> publish(std::size_t limit, Instant now) override;
  Result<std::vector<PendingEvent>> unsent(std::int64_t after, std::size_t limit) override;
  Result<void> acknowledge(const LoopFence& fence, std::span<const std::int64_t> numbers,
                           Instant now) override;
  Result<PrunedEvents> prune(Instant before, std::size_t limit) override;

 private:
  MemoryGraphStore& store_;
  std::string queue_topic_;
  FenceLock fence_;
};

/// What a memory store has published. There is one stream, whatever it is called.
class MemoryEventLog final : public server::EventLog {
 public:
  MemoryEventLog(const MemoryGraphStore& store, std::string queue_topic)
      : store_(store), queue_topic_(std::move(queue_topic)) {}

  Result<server::EventPage> read(const std::string& stream, std::int64_t after,
                                 std::size_t limit) override;

 private:
  const MemoryGraphStore& store_;
  std::string queue_topic_;
};

/// TrafficStore of a memory store, which outlives it.
class MemoryTrafficStore final : public TrafficStore {
 public:
  explicit MemoryTrafficStore(MemoryGraphStore& store) : store_(store) {}

  Result<WeightOutcome> set_weight(const WeightChange& change) override;
  Result<std::vector<VersionWeight>> version_weights(std::size_t limit) override;
  Result<std::vector<std::pair<RowId, AuditRow>>> audit(RowId after, std::size_t limit) override;

 private:
  MemoryGraphStore& store_;
};

/// Rung by a memory store itself, as it commits and publishes.
class MemoryEventBell final : public EventBell {
 public:
  explicit MemoryEventBell(MemoryGraphStore& store) : store_(store) {}
  ~MemoryEventBell() override { stop(); }
  MemoryEventBell(const MemoryEventBell&) = delete;
  MemoryEventBell& operator=(const MemoryEventBell&) = delete;

  void start(Calls calls) override;
  void stop() override;

 private:
  MemoryGraphStore& store_;
};

}  // namespace weir::dagmanager
