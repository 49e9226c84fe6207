// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_rows.h"

#include <charconv>

#include "base/assert.h"
#include "base/canonical_json.h"
#include "base/json.h"

namespace weir::dispatcher {
namespace {

using postgres::Rows;

/// The word of a closed set; the table's checks admit no other.
template <class Word>
Word must(std::optional<Word> word) {
  WEIR_ASSERT(word);
  return *word;
}

std::optional<std::int64_t> number_of(JsonValue value) {
  std::int64_t number = 0;
  const std::string_view text = value.text();
  if (value.missing() || value.kind() != JsonKind::Integer) return std::nullopt;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
  WEIR_ASSERT(fault == std::errc{});
  return number;
}

std::optional<Cursor> cursor_in(JsonValue value) {
  if (value.is_null()) return std::nullopt;
  if (const auto number = number_of(value)) return Cursor(*number);
  return Cursor(std::string(value.text()));
}

std::optional<int> int_if(const Rows& rows, std::size_t row, std::size_t column) {
  const auto number = rows.int64_if(row, column);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

int int_of(const Rows& rows, std::size_t row, std::size_t column) {
  return static_cast<int>(rows.int64(row, column));
}

std::optional<TaskError> error_if(const Rows& rows, std::size_t row, std::size_t column) {
  const auto json = rows.text_if(row, column);
  return json ? std::optional(error_of(*json)) : std::nullopt;
}

/// Builds the text of an object, member by member.
class ObjectText {
 public:
  std::string& member(std::string_view name) {
    text_ += text_.size() > 1 ? ",\"" : "\"";
    text_ += name;
    text_ += "\":";
    return text_;
  }
  void number(std::string_view name, std::int64_t value) { member(name) += std::to_string(value); }
  void text(std::string_view name, std::string_view value) {
    base::append_json_text(member(name), value);
  }
  void cursor(std::string_view name, const Cursor& value) {
    if (const auto* as_number = std::get_if<std::int64_t>(&value)) {
      number(name, *as_number);
    } else {
      text(name, std::get<std::string>(value));
    }
  }
  std::string done() { return std::move(text_) + "}"; }

 private:
  std::string text_ = "{";
};

}  // namespace

std::string scope_json(const TaskScope& scope) {
  ObjectText object;
  if (scope.partition_key) object.text("partition_key", *scope.partition_key);
  if (scope.start) object.number("start", *scope.start);
  if (scope.end) object.number("end", *scope.end);
  if (scope.cursor_from) object.cursor("cursor_from", *scope.cursor_from);
  if (scope.cursor_to) object.cursor("cursor_to", *scope.cursor_to);
  if (!scope.row_filter.empty()) object.member("row_filter") += scope.row_filter;
  if (!scope.pinned.empty()) {
    std::string& out = object.member("pinned");
    char before = '[';
    for (const PinnedInput& input : scope.pinned) {
      out += before;
      before = ',';
      out += "{\"input\":" + std::to_string(input.input_index) + ",\"version\":\"" +
             input.version.text() + "\"}";
    }
    out += "]";
  }
  if (scope.frozen) object.member("frozen") += "true";
  return object.done();
}

TaskScope scope_of(std::string_view json) {
  TaskScope scope;
  if (json == "{}") return scope;
  const auto document = JsonDocument::parse(json);
  WEIR_ASSERT(document.ok());
  const JsonValue root = document->root();
  const JsonValue key = root.find("partition_key");
  if (key.is_text()) scope.partition_key = std::string(key.text());
  scope.start = number_of(root.find("start"));
  scope.end = number_of(root.find("end"));
  scope.cursor_from = cursor_in(root.find("cursor_from"));
  scope.cursor_to = cursor_in(root.find("cursor_to"));
  const JsonValue filter = root.find("row_filter");
  if (!filter.missing()) scope.row_filter = base::canonical_json(filter);
  for (const JsonValue pinned : root.find("pinned")) {
    const auto version = Uuid::parse(pinned.find("version").text());
    WEIR_ASSERT(version);
    scope.pinned.push_back({static_cast<int>(number_of(pinned.find("input")).value_or(0)),
                            DatasetVersionId(*version)});
  }
  const JsonValue frozen = root.find("frozen");
  scope.frozen = !frozen.missing() && frozen.kind() == JsonKind::True;
  return scope;
}

std::string error_json(const TaskError& error) {
  ObjectText object;
  object.text("code", error.code);
  object.text("type", error.type);
  object.text("message", error.message);
  return object.done();
}

TaskError error_of(std::string_view json) {
  const auto document = JsonDocument::parse(json);
  WEIR_ASSERT(document.ok());
  const JsonValue root = document->root();
  return {std::string(root.find("code").text()), std::string(root.find("type").text()),
          std::string(root.find("message").text())};
}

TaskRecord task_of(const Rows& rows, std::size_t row) {
  std::size_t at = 0;
  const auto words = [&] { return rows.text(row, at++); };
  TaskRecord task;
  task.task_id = id_of<TaskId>(rows, row, at++);
  task.org_id = id_of<OrgId>(rows, row, at++);
  task.build_id = id_of<BuildId>(rows, row, at++);
  task.dag_version_id = id_of<DagVersionId>(rows, row, at++);
  task.kind = must(parse_task_kind(words()));
  task.queue = must(parse_queue_name(words()));
  TaskLife& life = task.life;
  life.state = must(parse_task_state(words()));
  life.task_class = must(parse_task_class(words()));
  if (const auto effects = rows.text_if(row, at++)) life.effects = must(parse_effects(*effects));
  life.attempt = int_of(rows, row, at++);
  life.max_attempts = int_if(rows, row, at++);
  task.priority = int_of(rows, row, at++);
  task.trigger_event_id = id_if<EventId>(rows, row, at++);
  task.root_event_id = id_if<EventId>(rows, row, at++);
  task.input_index = int_if(rows, row, at++);
  task.invalidation_id = id_if<InvalidationId>(rows, row, at++);
  task.order_seq = rows.int64_if(row, at++);
  life.scope = scope_of(words());
  life.available_at = rows.instant(row, at++);
  life.rank_at = rows.instant(row, at++);
  life.next_retry_at = rows.instant_if(row, at++);
  life.deadline_at = rows.instant_if(row, at++);
  life.cancel_requested_at = rows.instant_if(row, at++);
  if (const auto reason = rows.text_if(row, at++)) {
    life.cancel_reason = must(parse_cancel_reason(*reason));
  }
  life.last_error = error_if(rows, row, at++);
  if (const auto result = rows.text_if(row, at++)) life.result = canonical(*result);
  life.woken_at = rows.instant_if(row, at++);
  life.wakeups = int_of(rows, row, at++);
  task.created_at = rows.instant(row, at++);
  life.started_at = rows.instant_if(row, at++);
  life.finished_at = rows.instant_if(row, at++);
  return task;
}

AttemptRecord attempt_of(const Rows& rows, std::size_t row) {
  AttemptRecord attempt;
  attempt.task_id = id_of<TaskId>(rows, row, 0);
  attempt.attempt = int_of(rows, row, 1);
  attempt.fence_no = rows.int64(row, 2);
  attempt.lease_token = id_of<LeaseToken>(rows, row, 3);
  attempt.worker_id = std::string(rows.text(row, 4));
  attempt.claim_id = id_if<ClaimId>(rows, row, 5);
  attempt.state = must(parse_attempt_state(rows.text(row, 6)));
  if (const auto outcome = rows.text_if(row, 7)) attempt.outcome = must(parse_outcome(*outcome));
  attempt.error = error_if(rows, row, 8);
  attempt.started_at = rows.instant(row, 9);
  attempt.ended_at = rows.instant_if(row, 10);
  return attempt;
}

LeaseRecord lease_of(const Rows& rows, std::size_t row, std::size_t column) {
  return {.task_id = id_of<TaskId>(rows, row, column),
          .attempt = int_of(rows, row, column + 1),
          .worker_id = std::string(rows.text(row, column + 2)),
          .expires_at = rows.instant(row, column + 3),
          .last_heartbeat_at = rows.instant(row, column + 4)};
}

OutboxRecord outbox_of(const Rows& rows, std::size_t row) {
  OutboxRecord record;
  record.outbox_id = id_of<OutboxId>(rows, row, 0);
  record.kind = must(parse_outbox_kind(rows.text(row, 1)));
  record.topic = std::string(rows.text(row, 2));
  if (const auto key = rows.text_if(row, 3)) record.order_key = std::string(*key);
  record.payload = canonical(rows.text(row, 4));
  record.state = must(parse_outbox_state(rows.text(row, 5)));
  record.attempts = int_of(rows, row, 6);
  record.available_at = rows.instant(row, 7);
  record.locked_until = rows.instant_if(row, 8);
  record.last_error = std::string(rows.text_if(row, 9).value_or(""));
  record.created_at = rows.instant(row, 10);
  record.sent_at = rows.instant_if(row, 11);
  return record;
}

std::optional<Cursor> cursor_of(const Rows& rows, std::size_t row, std::size_t number,
                                std::size_t text) {
  if (const auto value = rows.int64_if(row, number)) return Cursor(*value);
  if (const auto value = rows.text_if(row, text)) return Cursor(std::string(*value));
  return std::nullopt;
}

std::string scope_key(const Cursor& cursor) {
  if (const auto* number = std::get_if<std::int64_t>(&cursor)) return std::to_string(*number);
  return std::get<std::string>(cursor);
}

std::string canonical(std::string_view json) {
  if (json == "{}") return std::string(json);
  const auto document = JsonDocument::parse(json);
  return document.ok() ? base::canonical_json(document->root()) : std::string(json);
}

}  // namespace weir::dispatcher
