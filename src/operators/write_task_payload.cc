// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "base/enum_words.h"
#include "base/json_line.h"
#include "operators/calendar.h"
#include "operators/limits.h"
#include "operators/payload_words.h"
#include "operators/task_payload.h"

namespace weir::operators {
namespace {

constexpr int kMilliseconds = 3;  // digits of an instant on the wire

void cursor_member(std::string& out, JsonLine& line, std::string_view name,
                   const std::optional<Cursor>& cursor) {
  line.key(name);
  if (cursor) {
    append_cursor(out, *cursor);
  } else {
    out += "null";
  }
}

void range_members(JsonLine& line, const std::optional<CursorRange>& range) {
  if (range) line.number("start", range->start).number("end", range->end);
}

void append_trigger(std::string& out, const TaskTrigger& trigger) {
  JsonLine line(out);
  line.number("input", trigger.input).text("event_id", trigger.event_id.text());
  line.number("seq", trigger.seq).text("kind", trigger.partition_key ? "partition" : "cursor");
  if (trigger.cursor) cursor_member(out, line, "cursor", trigger.cursor);
  if (trigger.partition_key) line.text("partition_key", *trigger.partition_key);
  range_members(line, trigger.range);
  line.raw("payload", trigger.payload).end();
}

void append_scope(std::string& out, const PayloadScope& scope) {
  JsonLine line(out);
  if (scope.partition_key) {
    line.text("partition_key", *scope.partition_key);
    range_members(line, scope.range);
  } else if (scope.cursor_to || scope.cursor_from) {
    cursor_member(out, line, "cursor_from", scope.cursor_from);
    cursor_member(out, line, "cursor_to", scope.cursor_to);
  }
  line.end();
}

template <class Items, class Append>
void append_list(std::string& out, const Items& items, Append append) {
  out += '[';
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += ',';
    first = false;
    append(item);
  }
  out += ']';
}

void columns_member(std::string& out, JsonLine& owner, const std::vector<ColumnSpec>& columns) {
  if (columns.empty()) return;
  owner.key("columns");
  append_list(out, columns, [&](const ColumnSpec& column) {
    JsonLine line(out);
    line.text("name", column.name).text("type", column.type).flag("nullable", column.nullable);
    line.end();
  });
}

void append_input(std::string& out, const TaskInput& input) {
  JsonLine line(out);
  if (input.index) line.number("index", *input.index);
  line.text("relation", input.relation);
  line.text("dataset_uuid", input.dataset.text()).text("dataset_version", input.version.text());
  line.text_or_null("dataset_id", input.dataset_id);
  line.text("kind", base::word_of(kDatasetKindWords, input.kind));
  line.text_or_null("storage_ref", input.storage_ref).raw("where", input.where);
  if (input.max_cursor) line.number("max_cursor", *input.max_cursor);
  columns_member(out, line, input.columns);
  if (input.partitions) {
    line.key("partitions");
    append_list(out, *input.partitions, [&](const GrantedPartition& partition) {
      JsonLine item(out);
      item.text("partition_key", partition.partition_key).text("location", partition.location);
      item.text("manifest_sha256", partition.manifest_sha256).end();
    });
  }
  line.end();
}

void append_output(std::string& out, const TaskOutput& output) {
  JsonLine line(out);
  line.number("output", output.output).text("dataset_uuid", output.dataset.text());
  line.text("dataset_version", output.version.text());
  line.text("kind", base::word_of(kDatasetKindWords, output.kind));
  line.text_or_null("staging_prefix", output.staging_prefix);
  columns_member(out, line, output.columns);
  line.end();
}

void write_names(JsonLine& line, const TaskPayload& payload) {
  line.text("task_id", payload.task_id.text()).number("attempt", payload.attempt);
  line.text("kind", payload.kind).text("class", payload.task_class);
  line.text("effects", payload.effects).text("org_id", payload.org_id.text());
  line.text("dag_name", payload.dag_name).text("dag_version_id", payload.dag_version_id.text());
  line.text("build_id", payload.build_id.text()).text("world", payload.world);
  line.number("fence_no", payload.fence_no).text("job", payload.job).text("operator", payload.op);
  line.text("operator_version", payload.operator_version).text("runtime", payload.runtime);
  line.raw("config", payload.config);
  line.text_or_null("execution_strategy", payload.execution_strategy);
  line.text_or_null("update_strategy", payload.update_strategy);
}

/// What kinds `sink` and `check` have in place of trigger, inputs and outputs, or those.
void write_matter(std::string& out, JsonLine& line, const TaskPayload& payload) {
  if (payload.publish || payload.check) {
    if (payload.publish) line.raw("publish", *payload.publish);
    if (payload.check) line.raw("check", *payload.check);
    return;
  }
  line.key("trigger");
  if (payload.trigger) {
    append_trigger(out, *payload.trigger);
  } else {
    out += "null";
  }
  line.key("scope");
  append_scope(out, payload.scope);
  line.raw_or_null("invalidation", payload.invalidation);
  line.key("inputs");
  append_list(out, payload.inputs, [&](const TaskInput& input) { append_input(out, input); });
  line.key("outputs");
  append_list(out, payload.outputs, [&](const TaskOutput& output) { append_output(out, output); });
}

}  // namespace

void append_cursor(std::string& out, const Cursor& cursor) {
  if (const auto* number = std::get_if<std::int64_t>(&cursor)) {
    const bool large = *number > kWholeMax || *number < -kWholeMax;
    if (large) out += '"';
    out += std::to_string(*number);
    if (large) out += '"';
    return;
  }
  base::append_json_text(out, std::get<std::string>(cursor));
}

std::string range_partition_key(const CursorRange& range) {
  return std::to_string(range.start) + '-' + std::to_string(range.end);
}

void append_task_payload(std::string& out, const TaskPayload& payload) {
  append_task_payload(out, payload, {.task_api = payload.task_api, .query_api = payload.query_api});
}

void append_task_payload(std::string& out, const TaskPayload& payload,
                         const TaskEndpoints& endpoints) {
  JsonLine line(out);
  write_names(line, payload);
  if (payload.unique_key.empty()) {
    line.null("unique_key");
  } else {
    line.key("unique_key");
    append_list(out, payload.unique_key,
                [&](const std::string& name) { base::append_json_text(out, name); });
  }
  if (payload.deadline_at) {
    line.text("deadline_at",
              instant_text(payload.deadline_at->time_since_epoch().count(), kMilliseconds));
  } else {
    line.null("deadline_at");
  }
  line.number("heartbeat_interval_seconds", payload.heartbeat_interval_seconds);
  if (payload.max_attempts) {
    line.number("max_attempts", *payload.max_attempts);
  } else {
    line.null("max_attempts");
  }
  write_matter(out, line, payload);
  line.raw_or_null("udf", payload.udf);
  line.key("endpoints");
  JsonLine(out).text("task_api", endpoints.task_api).text("query_api", endpoints.query_api).end();
  line.end();
}

std::string write_task_payload(const TaskPayload& payload) {
  std::string text;
  append_task_payload(text, payload);
  return text;
}

}  // namespace weir::operators
