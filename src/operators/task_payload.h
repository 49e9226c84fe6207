// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/json.h"
#include "base/result.h"
#include "base/uuid.h"
#include "graph/task_ids.h"

/// What a task is told to do (contract appendix A.1). The dispatcher writes it, the worker hands it
/// on, operators read it.
namespace weir::operators {

using graph::DatasetUuid;
using graph::DatasetVersionId;
using graph::TaskId;

/// A position in an event stream: numbers compare as numbers, texts by their bytes (section 0).
using Cursor = std::variant<std::int64_t, std::string>;
/// A JSON text that is handed on as it is.
using JsonText = std::string;

/// Both ends of a range, inclusive.
struct CursorRange {
  std::int64_t start = 0;
  std::int64_t end = 0;

  friend bool operator==(const CursorRange&, const CursorRange&) = default;
};

/// The event that made the task: of a cursor, or of a partition.
struct TaskTrigger {
  int input = 0;
  Uuid event_id = {};
  std::int64_t seq = 0;
  std::optional<Cursor> cursor = {};
  std::optional<std::string> partition_key = {};  ///< of an event of kind `partition`
  std::optional<CursorRange> range = {};          ///< of a partition that says so
  JsonText payload = "{}";                        ///< a JSON object

  friend bool operator==(const TaskTrigger&, const TaskTrigger&) = default;
};

/// What of its input a task covers: a partition, or cursors after one up to another. Nothing of
/// either: a source run.
struct PayloadScope {
  std::optional<std::string> partition_key = {};
  std::optional<CursorRange> range = {};
  std::optional<Cursor> cursor_from = {};  ///< exclusive; nothing: from the beginning
  std::optional<Cursor> cursor_to = {};    ///< inclusive

  friend bool operator==(const PayloadScope&, const PayloadScope&) = default;
};

/// Where the rows of a version are: `events` has none.
enum class DatasetKind : std::uint8_t { Events, Parquet, Table, Virtual };

/// A column of rows, as `schema.columns` has it (section 2.7).
struct ColumnSpec {
  std::string name = {};
  std::string type = {};  ///< `text`, `bigint`, `double`, `boolean`, `numeric`, `timestamptz`, …
  bool nullable = false;

  friend bool operator==(const ColumnSpec&, const ColumnSpec&) = default;
};

/// A committed partition of a granted parquet version, where the payload lists them.
struct GrantedPartition {
  std::string partition_key = {};
  std::string location = {};  ///< full URI of the commit's prefix
  std::string manifest_sha256 = {};

  friend bool operator==(const GrantedPartition&, const GrantedPartition&) = default;
};

/// A version that the task may read. The source of a `parquet_compact` is granted as relation
/// `source`, without an index (section 6.13).
struct TaskInput {
  std::optional<int> index = {};
  std::string relation = {};  ///< `input_<index>` or `source`
  DatasetUuid dataset = {};
  DatasetVersionId version = {};
  std::optional<std::string> dataset_id = {};
  DatasetKind kind = DatasetKind::Events;
  std::optional<std::string> storage_ref = {};  ///< full URI of a parquet version's prefix
  JsonText where = "{}";                        ///< a JSON object
  /// The greatest cursor of the version's events when the task was claimed, if it is an integer.
  std::optional<std::int64_t> max_cursor = {};
  std::vector<ColumnSpec> columns = {};  ///< of a table; empty: not told
  /// Nothing: they are not listed, and the rows are read through the task API.
  std::optional<std::vector<GrantedPartition>> partitions = {};

  friend bool operator==(const TaskInput&, const TaskInput&) = default;
};

/// A version that the task writes.
struct TaskOutput {
  int output = 0;
  DatasetUuid dataset = {};
  DatasetVersionId version = {};
  DatasetKind kind = DatasetKind::Events;
  std::optional<std::string> staging_prefix = {};  ///< full URI, of a parquet output
  std::vector<ColumnSpec> columns = {};            ///< of a table; empty: not told

  friend bool operator==(const TaskOutput&, const TaskOutput&) = default;
};

struct TaskPayload {
  TaskId task_id = {};
  int attempt = 1;
  std::string kind = "reactive";  ///< `reactive`, `source_run`, `recompute`, `sink`, `check`
  std::string task_class = "live";
  std::string effects = "fire";
  Uuid org_id = {};
  std::string dag_name = {};
  Uuid dag_version_id = {};
  Uuid build_id = {};
  std::string world = "live";
  std::int64_t fence_no = 0;
  std::string job = {};
  std::string op = {};  ///< `operator`
  std::string operator_version = "1";
  std::string runtime = {};
  JsonText config = "{}";                              ///< a JSON object
  std::optional<std::string> execution_strategy = {};  ///< nothing: a source
  std::optional<std::string> update_strategy = {};
  std::vector<std::string> unique_key = {};
  std::optional<Instant> deadline_at = {};
  int heartbeat_interval_seconds = 20;
  std::optional<int> max_attempts = {};  ///< nothing: no limit
  std::optional<TaskTrigger> trigger = {};
  PayloadScope scope = {};
  std::optional<JsonText> invalidation = {};
  std::vector<TaskInput> inputs = {};
  std::vector<TaskOutput> outputs = {};
  std::optional<JsonText> udf = {};
  std::optional<JsonText> publish = {};  ///< of kind `sink`
  std::optional<JsonText> check = {};    ///< of kind `check`
  std::string task_api = {};             ///< `endpoints.task_api`
  std::string query_api = {};

  /// The input of this index or relation, or null.
  const TaskInput* input(int index) const;
  const TaskInput* input(std::string_view relation) const;
  const TaskOutput* output(int number) const;

  friend bool operator==(const TaskPayload&, const TaskPayload&) = default;
};

/// Reads a payload. Members that it does not know are passed over (answers are open, section 0).
/// INVALID_ARGUMENT `payload_invalid`, naming the member.
Result<TaskPayload> parse_task_payload(std::string_view json);
/// The same of a value that was parsed with others; what it gives needs the document no more.
Result<TaskPayload> read_task_payload(JsonValue root);

/// Writes it as one line; the parts that are JSON texts stand in it as they are.
std::string write_task_payload(const TaskPayload& payload);
void append_task_payload(std::string& out, const TaskPayload& payload);

/// Where its reader finds the APIs.
struct TaskEndpoints {
  std::string_view task_api = {};
  std::string_view query_api = {};
};
/// The same with other endpoints than it has.
void append_task_payload(std::string& out, const TaskPayload& payload,
                         const TaskEndpoints& endpoints);

/// A cursor as the wire has it: a number, or a text, which an integer beyond 2^53-1 is too.
void append_cursor(std::string& out, const Cursor& cursor);
/// Reads one back; nothing if the text of the value is none. A text that is the decimal form of an
/// integer beyond 2^53-1 is that integer.
std::optional<Cursor> cursor_of_text(std::string_view text);

/// `{start}-{end}` (section 0).
std::string range_partition_key(const CursorRange& range);

}  // namespace weir::operators
