// SPDX-License-Identifier: Apache-2.0
#include <limits>
#include <utility>

#include "base/enum_words.h"
#include "operators/calendar.h"
#include "operators/json_members.h"
#include "operators/limits.h"
#include "operators/payload_words.h"
#include "operators/task_payload.h"

namespace weir::operators {
namespace {

Result<int> needed_int(JsonValue object, std::string_view name) {
  WEIR_TRY(const std::int64_t number, needed_whole(object, name));
  if (number < 0 || number > std::numeric_limits<int>::max()) {
    return member_invalid(name, "a small number");
  }
  return static_cast<int>(number);
}

Result<std::optional<Cursor>> optional_cursor(JsonValue object, std::string_view name) {
  const JsonValue member = object.find(name);
  if (member.is_null()) return std::optional<Cursor>();
  if (member.is_number()) {
    if (const auto number = whole_of(member.text())) return std::optional<Cursor>(*number);
  } else if (member.is_text()) {
    if (auto cursor = cursor_of_text(member.text())) return cursor;
  }
  return member_invalid(name, "an integer or a text of 1 to 256 bytes");
}

Result<std::optional<CursorRange>> optional_range(JsonValue object) {
  WEIR_TRY(const auto start, optional_whole(object, "start"));
  WEIR_TRY(const auto end, optional_whole(object, "end"));
  if (!start && !end) return std::optional<CursorRange>();
  if (!start || !end || *start > *end)
    return member_invalid("start", "there with `end`, not after");
  return std::optional<CursorRange>({.start = *start, .end = *end});
}

Result<std::optional<TaskTrigger>> read_trigger(JsonValue root) {
  const JsonValue from = root.find("trigger");
  if (from.is_null()) return std::optional<TaskTrigger>();
  if (!from.is_object()) return member_invalid("trigger", "an object");
  TaskTrigger trigger;
  WEIR_TRY(trigger.input, needed_int(from, "input"));
  WEIR_TRY(trigger.event_id, needed_uuid(from, "event_id"));
  WEIR_TRY(trigger.seq, needed_whole(from, "seq"));
  WEIR_TRY(trigger.cursor, optional_cursor(from, "cursor"));
  WEIR_TRY(trigger.partition_key, optional_text(from, "partition_key"));
  WEIR_TRY(trigger.range, optional_range(from));
  WEIR_TRY(auto payload, optional_object(from, "payload"));
  if (payload) trigger.payload = *std::move(payload);
  if (trigger.cursor.has_value() == trigger.partition_key.has_value()) {
    return member_invalid("trigger", "of a cursor or of a partition");
  }
  return std::optional<TaskTrigger>(std::move(trigger));
}

Result<PayloadScope> read_scope(JsonValue root) {
  const JsonValue from = root.find("scope");
  PayloadScope scope;
  if (from.is_null()) return scope;
  if (!from.is_object()) return member_invalid("scope", "an object");
  WEIR_TRY(scope.partition_key, optional_text(from, "partition_key"));
  WEIR_TRY(scope.range, optional_range(from));
  WEIR_TRY(scope.cursor_from, optional_cursor(from, "cursor_from"));
  WEIR_TRY(scope.cursor_to, optional_cursor(from, "cursor_to"));
  return scope;
}

Result<DatasetKind> read_kind(JsonValue owner) {
  WEIR_TRY(const std::string word, needed_text(owner, "kind"));
  const auto kind = base::enum_of<DatasetKind>(kDatasetKindWords, word);
  if (!kind) return member_invalid("kind", "events, parquet, table or virtual");
  return *kind;
}

Result<std::optional<std::vector<GrantedPartition>>> read_partitions(JsonValue owner) {
  const JsonValue from = owner.find("partitions");
  if (from.is_null()) return std::optional<std::vector<GrantedPartition>>();
  if (!from.is_array()) return member_invalid("partitions", "a list");
  std::vector<GrantedPartition> partitions;
  for (const JsonValue item : from) {
    GrantedPartition partition;
    WEIR_TRY(partition.partition_key, needed_text(item, "partition_key"));
    WEIR_TRY(partition.location, needed_text(item, "location"));
    WEIR_TRY(partition.manifest_sha256, needed_text(item, "manifest_sha256"));
    partitions.push_back(std::move(partition));
  }
  return std::optional<std::vector<GrantedPartition>>(std::move(partitions));
}

Result<TaskInput> read_input(JsonValue from) {
  TaskInput input;
  WEIR_TRY(const auto index, optional_whole(from, "index"));
  if (index) {
    WEIR_TRY(input.index, needed_int(from, "index"));
  }
  WEIR_TRY(input.relation, needed_text(from, "relation"));
  WEIR_TRY(const Uuid dataset, needed_uuid(from, "dataset_uuid"));
  WEIR_TRY(const Uuid version, needed_uuid(from, "dataset_version"));
  input.dataset = DatasetUuid(dataset);
  input.version = DatasetVersionId(version);
  WEIR_TRY(input.dataset_id, optional_text(from, "dataset_id"));
  WEIR_TRY(input.kind, read_kind(from));
  WEIR_TRY(input.storage_ref, optional_text(from, "storage_ref"));
  WEIR_TRY(auto where, optional_object(from, "where"));
  if (where) input.where = *std::move(where);
  WEIR_TRY(input.max_cursor, optional_whole(from, "max_cursor"));
  WEIR_TRY(input.columns, read_column_specs(from));
  WEIR_TRY(input.partitions, read_partitions(from));
  return input;
}

Result<TaskOutput> read_output(JsonValue from) {
  TaskOutput output;
  WEIR_TRY(output.output, needed_int(from, "output"));
  WEIR_TRY(const Uuid dataset, needed_uuid(from, "dataset_uuid"));
  WEIR_TRY(const Uuid version, needed_uuid(from, "dataset_version"));
  output.dataset = DatasetUuid(dataset);
  output.version = DatasetVersionId(version);
  WEIR_TRY(output.kind, read_kind(from));
  WEIR_TRY(output.staging_prefix, optional_text(from, "staging_prefix"));
  WEIR_TRY(output.columns, read_column_specs(from));
  return output;
}

Result<void> read_lists(JsonValue root, TaskPayload& payload) {
  const JsonValue inputs = root.find("inputs");
  const JsonValue outputs = root.find("outputs");
  const JsonValue key = root.find("unique_key");
  if (!inputs.is_null() && !inputs.is_array()) return member_invalid("inputs", "a list");
  if (!outputs.is_null() && !outputs.is_array()) return member_invalid("outputs", "a list");
  if (!key.is_null() && !key.is_array()) return member_invalid("unique_key", "a list of names");
  for (const JsonValue item : inputs) {
    WEIR_TRY(auto input, read_input(item));
    payload.inputs.push_back(std::move(input));
  }
  for (const JsonValue item : outputs) {
    WEIR_TRY(auto output, read_output(item));
    payload.outputs.push_back(std::move(output));
  }
  for (const JsonValue item : key) {
    if (!item.is_text()) return member_invalid("unique_key", "a list of names");
    payload.unique_key.emplace_back(item.text());
  }
  return {};
}

/// Reads a text that has a default into its place.
Result<void> read_word(JsonValue root, std::string_view name, std::string& into) {
  WEIR_TRY(auto text, optional_text(root, name));
  if (text) into = *std::move(text);
  return {};
}

Result<void> read_names(JsonValue root, TaskPayload& payload) {
  WEIR_TRY(const Uuid task, needed_uuid(root, "task_id"));
  payload.task_id = TaskId(task);
  WEIR_TRY(payload.attempt, needed_int(root, "attempt"));
  WEIR_CHECK(read_word(root, "kind", payload.kind));
  WEIR_CHECK(read_word(root, "class", payload.task_class));
  WEIR_CHECK(read_word(root, "effects", payload.effects));
  WEIR_TRY(payload.org_id, needed_uuid(root, "org_id"));
  WEIR_TRY(payload.dag_name, needed_text(root, "dag_name"));
  WEIR_TRY(payload.dag_version_id, needed_uuid(root, "dag_version_id"));
  WEIR_TRY(payload.build_id, needed_uuid(root, "build_id"));
  WEIR_CHECK(read_word(root, "world", payload.world));
  WEIR_TRY(const auto fence, optional_whole(root, "fence_no"));
  payload.fence_no = fence.value_or(0);
  WEIR_TRY(payload.job, needed_text(root, "job"));
  WEIR_TRY(payload.op, needed_text(root, "operator"));
  WEIR_CHECK(read_word(root, "operator_version", payload.operator_version));
  WEIR_CHECK(read_word(root, "runtime", payload.runtime));
  WEIR_TRY(payload.execution_strategy, optional_text(root, "execution_strategy"));
  WEIR_TRY(payload.update_strategy, optional_text(root, "update_strategy"));
  return {};
}

Result<void> read_times(JsonValue root, TaskPayload& payload) {
  WEIR_TRY(const auto deadline, optional_text(root, "deadline_at"));
  if (deadline) {
    const auto instant = instant_of(*deadline);
    if (!instant) return member_invalid("deadline_at", "an instant");
    payload.deadline_at = Instant(Duration(*instant));
  }
  if (!root.find("heartbeat_interval_seconds").is_null()) {
    WEIR_TRY(payload.heartbeat_interval_seconds, needed_int(root, "heartbeat_interval_seconds"));
  }
  if (!root.find("max_attempts").is_null()) {
    WEIR_TRY(payload.max_attempts, needed_int(root, "max_attempts"));
  }
  return {};
}

}  // namespace

Result<TaskPayload> parse_task_payload(std::string_view json) {
  WEIR_TRY(const JsonDocument document, parse_object(json, "payload"));
  return read_task_payload(document.root());
}

Result<TaskPayload> read_task_payload(JsonValue root) {
  if (!root.is_object()) return member_invalid("payload", "an object");
  TaskPayload payload;
  WEIR_CHECK(read_names(root, payload));
  WEIR_CHECK(read_times(root, payload));
  WEIR_TRY(auto config, optional_object(root, "config"));
  if (config) payload.config = *std::move(config);
  WEIR_TRY(payload.trigger, read_trigger(root));
  WEIR_TRY(payload.scope, read_scope(root));
  WEIR_TRY(payload.invalidation, optional_object(root, "invalidation"));
  WEIR_CHECK(read_lists(root, payload));
  WEIR_TRY(payload.udf, optional_object(root, "udf"));
  WEIR_TRY(payload.publish, optional_object(root, "publish"));
  WEIR_TRY(payload.check, optional_object(root, "check"));
  const JsonValue endpoints = root.find("endpoints");
  WEIR_CHECK(read_word(endpoints, "task_api", payload.task_api));
  WEIR_CHECK(read_word(endpoints, "query_api", payload.query_api));
  return payload;
}

std::optional<Cursor> cursor_of_text(std::string_view text) {
  if (text.empty() || text.size() > kScopeTextBytesMax) return std::nullopt;
  if (const auto number = whole_of(text);
      number && (*number > kWholeMax || *number < -kWholeMax) && std::to_string(*number) == text) {
    return Cursor(*number);
  }
  return Cursor(std::string(text));
}

const TaskInput* TaskPayload::input(int index) const {
  for (const TaskInput& each : inputs) {
    if (each.index == index) return &each;
  }
  return nullptr;
}

const TaskInput* TaskPayload::input(std::string_view relation) const {
  for (const TaskInput& each : inputs) {
    if (each.relation == relation) return &each;
  }
  return nullptr;
}

const TaskOutput* TaskPayload::output(int number) const {
  for (const TaskOutput& each : outputs) {
    if (each.output == number) return &each;
  }
  return nullptr;
}

}  // namespace weir::operators
