// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dagmanager/core/graph_change.h"
#include "dagmanager/core/graph_index.h"
#include "dagmanager/core/records.h"

/// Control events (contract sections 1.4 and 3.9): which ones a change causes, and their envelopes.
///
/// A store writes one outbox row an event in the transaction that causes it. A row does not hold
/// the rendered envelope but what decides it (the query, the queues' rows, the revision): a change
/// of a thousand nodes answers hundreds of queries with hundreds of queues each, and the envelopes
/// would be ten megabytes where the rows are half of one. A queue's name never changes, so the same
/// row always renders to the same bytes.
namespace weir::dagmanager {

/// A tag query whose answer changed, with its whole answer after the change: of the active queues
/// that are not completed.
struct QueueUpdate {
  QuerySet query;
  std::vector<RowId> queues;  ///< rising
};

/// A sentinel's traffic weight as it now is.
struct WeightUpdate {
  graph::SentinelId sentinel;
  graph::VersionLabel version;
  graph::WorldId world;
  double weight = 0;
};

/// What became of a topic at the end of its life.
struct LifecycleUpdate {
  graph::TopicName queue;
  std::string action;  ///< `drop`, `archive`, `recompute`
  std::string reason;
  std::string tag = {};                       ///< empty: not known
  std::optional<std::int64_t> interval = {};  ///< seconds
  std::string archive_status = {};            ///< empty: not known
  QueryScope scope = {};                      ///< whose queue it was
};

/// One outbox row: exactly one of the three updates.
struct OutboxRow {
  std::string id;             ///< UUID, kept by every re-send
  std::int64_t key_seq = 0;   ///< rises in commit order for a key
  std::int64_t revision = 0;  ///< rises by one for each change of a query set
  Instant created_at{};
  std::optional<QueueUpdate> queues;
  std::optional<WeightUpdate> weight;
  std::optional<LifecycleUpdate> lifecycle = {};
};

/// The envelope's type, and the world that an event is about; empty: none.
std::string_view type_of(const OutboxRow& row);
const std::string& world_of(const OutboxRow& row);

/// Kafka topic and key, and the CloudEvents envelope (structured mode, UTF-8 JSON).
struct ControlEvent {
  std::string topic;
  std::string key;
  std::string envelope;
};

/// One queue of an envelope.
struct QueueDescriptor {
  graph::TopicName topic;
  bool global = false;

  friend bool operator==(const QueueDescriptor&, const QueueDescriptor&) = default;
};

/// A queue the change adds: not in the index yet.
struct AddedQueue {
  RowId row = 0;
  const NodeRecord* node = nullptr;
};

/// The topic of sentinels' weights; that of queues is configured.
inline constexpr const char* kWeightTopic = "sentinel_weight";

/// A query for the node's own tags is told only if it has at most this many queues.
inline constexpr std::size_t kOwnTagQueuesMax = 256;
/// An envelope above this goes to the event stream only (Kafka's default limit is 1 MiB).
inline constexpr std::size_t kEnvelopeBytesMax = std::size_t{900} * 1024;

/// The queries whose answers change when `added` (all of one binding) join `before`: those that
/// TagQuery nodes ask, and each added node's own tags. Distinct, in a fixed order.
std::vector<QueueUpdate> changed_queries(const GraphIndex& before,
                                         std::span<const AddedQueue> added,
                                         const QueryScope& scope);

/// The same of the queues that a change adds, before it is applied.
std::vector<QueueUpdate> changed_queries(const GraphIndex& before, const GraphChange& change);

/// The queries whose answers change when `removed`, all active, rising, leave `before`.
std::vector<QueueUpdate> queries_without(const GraphIndex& before, std::span<const RowId> removed);

/// The same when some of them complete and others, which were completed, do no longer; both rising.
std::vector<QueueUpdate> queries_after(const GraphIndex& before, std::span<const RowId> completed,
                                       std::span<const RowId> resumed);

/// Whether storing `wanted` after `last` (the newest of its world and id) is told: the weight
/// differs by more than 1e-6, or the version label does (section 3.3).
bool weight_changed(const std::optional<SentinelRecord>& last, const SentinelRecord& wanted);

/// What revisions are counted by: the tags and the interval of a query, as in its etag. Sets of
/// several worlds, domains or modes share one count, for a consumer keeps one etag a tag list and
/// interval, and drops what bears the one it has. The same for the end of a topic.
std::string query_key(const QuerySet& query);
std::string lifecycle_key(const graph::TopicName& queue);

/// Renders a row. `queues` are the descriptors of row.queues->queues, in order.
ControlEvent render_queue_update(const OutboxRow& row, std::span<const QueueDescriptor> queues,
                                 const std::string& queue_topic);
ControlEvent render_weight_update(const OutboxRow& row);
/// The row's revision is of the queue's own counter (lifecycle_key).
ControlEvent render_lifecycle(const OutboxRow& row, const std::string& queue_topic);

}  // namespace weir::dagmanager
