// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <utility>

#include "dispatcher/core/change.h"
#include "dispatcher/core/ids.h"
#include "dispatcher/core/records.h"
#include "dispatcher/core/source_run.h"

/// What a task store holds, table by table, under the keys of contract section 4. The memory store
/// works on it; tests read a database into the same form, so that two stores can be compared.
namespace weir::dispatcher {

/// What makes two events of one producer the same one (3.3.4).
struct EventKey {
  TaskId producer;
  DatasetUuid dataset;
  bool partition = false;  ///< column `kind`: partition or cursor
  std::string scope_key;

  friend bool operator==(const EventKey&, const EventKey&) = default;
  friend auto operator<=>(const EventKey&, const EventKey&) = default;
};

/// A row of `events`.
struct EventRow {
  EventId event_id;
  EventKey key;
  OrgId org_id;
  DatasetVersionId version;
  std::int64_t seq = 0;
  int producer_attempt = 1;
  std::optional<Cursor> cursor;  ///< of kind cursor
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  TaskClass event_class = TaskClass::Live;  ///< column `class`
  EventId root_event_id;
  std::string payload_json;
  Instant accepted_at{};
};

/// A row of `partition_versions`; its key is (version, partition_key, revision).
struct PartitionRow {
  EventId event_id;
  TaskId producer;
  int producer_attempt = 1;
  std::optional<std::int64_t> start;
  std::optional<std::int64_t> end;
  std::string location;  ///< empty if the version holds no objects
  std::string manifest_sha256;
  std::optional<std::int64_t> row_count;
  std::optional<std::int64_t> bytes;
  std::string schema_hash;
  Instant committed_at{};
  std::optional<Instant> superseded_at;
};
using PartitionKey = std::tuple<DatasetVersionId, std::string, int>;

/// The columns of `dataset_versions` that acceptances write.
struct VersionRow {
  std::int64_t last_seq = 0;
  std::optional<Cursor> max_cursor;  ///< its alternative is the version's cursor type
  std::int64_t row_count = 0;        ///< of objects: over current partitions
  std::int64_t bytes = 0;
};

/// A row of `operator_state`.
struct OperatorStateRow {
  std::string state_json = "{}";
  std::int64_t revision = 0;
  TaskId task_id;
};

/// A row of `batch_manifests`.
struct ManifestRow {
  std::string manifest_json;  ///< canonical
  EventId event_id;
};

/// Rows of `wakeup_meters` of one queue, their slots summed.
struct MeterRow {
  std::int64_t outstanding = 0;
  bool owed = false;
  std::optional<Instant> more_until;

  friend bool operator==(const MeterRow&, const MeterRow&) = default;
};

/// A row of `queue_messages`, or of `queue_dead`.
struct MessageRow {
  QueueName queue;
  TaskId task_id;
  Instant visible_at{};
  std::string receipt;
  int deliveries = 0;
};

/// A row of `control_events`.
struct ControlEventRow {
  std::string type;
  std::string envelope_json;
};

struct TaskTables {
  std::map<TaskId, TaskRecord> tasks;
  std::map<TaskId, TaskRecord> history;  ///< `task_history`; attempts stay below
  std::map<std::pair<TaskId, int>, AttemptRecord> attempts;
  std::map<TaskId, LeaseRecord> leases;
  std::map<std::pair<BuildId, QueueName>, CountDelta> counts;  ///< slots summed
  std::map<QueueName, MeterRow> meters;

  std::map<EventId, EventRow> events;
  std::map<DatasetVersionId, VersionRow> versions;
  std::map<PartitionKey, PartitionRow> partitions;
  std::set<std::tuple<BuildId, int, EventId>> rejections;
  std::map<std::tuple<BuildId, int, DatasetVersionId>, Cursor> cursors;
  std::map<std::pair<BuildId, std::string>, OperatorStateRow> operator_state;
  std::map<std::tuple<BuildId, DatasetVersionId, std::int64_t>, ManifestRow> manifests;
  std::map<BuildId, SourceRecord> sources;

  std::map<OutboxId, OutboxRecord> outbox;
  std::map<std::int64_t, MessageRow> messages;
  std::map<std::int64_t, MessageRow> dead_messages;
  std::map<std::pair<OrgId, std::int64_t>, ControlEventRow> control_events;
};

}  // namespace weir::dispatcher
