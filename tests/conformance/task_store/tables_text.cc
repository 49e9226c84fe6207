// SPDX-License-Identifier: Apache-2.0
#include "tests/conformance/task_store/tables_text.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "base/uuid.h"

namespace weir::test {
namespace {

using dispatcher::CountDelta;
using dispatcher::Cursor;
using dispatcher::EventId;
using dispatcher::MeterRow;
using dispatcher::OutboxKind;
using dispatcher::OutboxRecord;
using dispatcher::PinnedInput;
using dispatcher::TaskError;
using dispatcher::TaskId;
using dispatcher::TaskLife;
using dispatcher::TaskScope;
using dispatcher::TaskTables;

std::string text(Instant at) { return std::to_string(at.time_since_epoch().count()); }
std::string text(std::int64_t number) { return std::to_string(number); }
std::string text(int number) { return std::to_string(number); }
std::string text(const std::string& text) { return "'" + text + "'"; }
std::string text(const Cursor& cursor) {
  const auto* number = std::get_if<std::int64_t>(&cursor);
  return number != nullptr ? std::to_string(*number) : text(std::get<std::string>(cursor));
}
std::string text(const TaskError& error) {
  return "{" + error.code + "," + error.type + "," + error.message + "}";
}
template <class Id>
  requires requires(const Id& id) { id.uuid(); }
std::string text(const Id& id) {
  return id.text();
}
template <class Word>
  requires requires(Word word) { dispatcher::word(word); }
std::string text(Word word) {
  return std::string(dispatcher::word(word));
}
template <class T>
std::string text(const std::optional<T>& value) {
  return value ? text(*value) : "-";
}

std::string json_text(const std::string& json) {
  if (json.empty()) return "-";
  return nlohmann::json::parse(json).dump();
}

std::string scope_text(const TaskScope& scope) {
  std::string out = "[" + text(scope.partition_key) + " " + text(scope.start) + " " +
                    text(scope.end) + " " + text(scope.cursor_from) + " " + text(scope.cursor_to) +
                    (scope.frozen ? " frozen" : "");
  for (const PinnedInput& pin : scope.pinned) {
    out += " " + text(pin.input_index) + "=" + pin.version.text();
  }
  return out + "]";
}

std::string life_text(const TaskLife& life) {
  return text(life.state) + " " + text(life.task_class) + " " + text(life.effects) + " attempt " +
         text(life.attempt) + "/" + text(life.max_attempts) + " " + scope_text(life.scope) +
         " at " + text(life.available_at) + " rank " + text(life.rank_at) + " retry " +
         text(life.next_retry_at) + " deadline " + text(life.deadline_at) + " cancel " +
         text(life.cancel_requested_at) + " " + text(life.cancel_reason) + " error " +
         text(life.last_error) + " result " + json_text(life.result) + " woken " +
         text(life.woken_at) + " " + text(life.wakeups) + " started " + text(life.started_at) +
         " finished " + text(life.finished_at);
}

void describe_tasks(const TaskTables& tables, const TaskNames& names,
                    std::vector<std::string>& lines) {
  for (const auto& [id, task] : tables.tasks) {
    const std::string root = task.root_event_id ? names.of(*task.root_event_id) : "-";
    lines.push_back("task " + names.of(id) + " " + task.org_id.text() + " " +
                    task.dag_version_id.text() + " " + text(task.kind) + " " + task.queue.text() +
                    " " + text(task.priority) + " root " + root + " order " + text(task.order_seq) +
                    " created " + text(task.created_at) + " " + life_text(task.life));
  }
  for (const auto& [id, task] : tables.history) {
    lines.push_back("history " + names.of(id) + " " + task.org_id.text() + " " +
                    task.build_id.text() + " " + text(task.life.state));
  }
  for (const auto& [key, row] : tables.attempts) {
    if (tables.history.contains(key.first)) continue;  // folded into the history
    lines.push_back("attempt " + names.of(key.first) + " " + text(key.second) + " " +
                    row.worker_id + " " + text(row.claim_id) + " " + text(row.state) + " " +
                    text(row.outcome) + " " + text(row.error) + " " + text(row.started_at) + " " +
                    text(row.ended_at));
  }
  for (const auto& [id, row] : tables.leases) {
    lines.push_back("lease " + names.of(id) + " " + text(row.attempt) + " " + row.worker_id + " " +
                    text(row.expires_at) + " " + text(row.last_heartbeat_at));
  }
}

void describe_counts(const TaskTables& tables, std::vector<std::string>& lines) {
  for (const auto& [key, row] : tables.counts) {
    if (row == CountDelta{}) continue;
    lines.push_back("count " + key.first.text() + " " + key.second.text() + " " + text(row.queued) +
                    " " + text(row.running) + " " + text(row.retry_wait) + " " +
                    text(row.completed) + " " + text(row.failed) + " " + text(row.canceled));
  }
  for (const auto& [queue, row] : tables.meters) {
    if (row == MeterRow{}) continue;
    lines.push_back("meter " + queue.text() + " " + text(row.outstanding) +
                    (row.owed ? " owed " : " ") + text(row.more_until));
  }
}

void describe_events(const TaskTables& tables, const TaskNames& names,
                     std::vector<std::string>& lines) {
  for (const auto& [id, row] : tables.events) {
    lines.push_back("event " + names.of(id) + " " + row.org_id.text() + " " +
                    names.of(row.key.producer) + " " + text(row.producer_attempt) + " " +
                    row.key.dataset.text() + (row.key.partition ? " partition " : " cursor ") +
                    row.key.scope_key + " " + text(row.start) + " " + text(row.end) + " " +
                    text(row.event_class) + " root " + names.of(row.root_event_id) + " " +
                    json_text(row.payload_json) + " " + text(row.accepted_at));
  }
  for (const auto& [id, row] : tables.versions) {
    lines.push_back("version " + id.text() + " " + text(row.last_seq) + " " + text(row.max_cursor) +
                    " " + text(row.row_count) + " " + text(row.bytes));
  }
  for (const auto& [key, row] : tables.partitions) {
    lines.push_back("partition " + std::get<0>(key).text() + " " + std::get<1>(key) + " " +
                    text(std::get<2>(key)) + " " + names.of(row.event_id) + " " +
                    names.of(row.producer) + " " + text(row.producer_attempt) + " " +
                    text(row.start) + " " + text(row.end) + " " + row.location + " " +
                    row.manifest_sha256 + " " + text(row.row_count) + " " + text(row.bytes) + " " +
                    row.schema_hash + " " + text(row.committed_at) + " " + text(row.superseded_at));
  }
  for (const auto& [build, input, event] : tables.rejections) {
    lines.push_back("rejection " + build.text() + " " + text(input) + " " + names.of(event));
  }
}

void describe_states(const TaskTables& tables, const TaskNames& names,
                     std::vector<std::string>& lines) {
  for (const auto& [key, cursor] : tables.cursors) {
    lines.push_back("cursor " + std::get<0>(key).text() + " " + text(std::get<1>(key)) + " " +
                    std::get<2>(key).text() + " " + text(cursor));
  }
  for (const auto& [key, row] : tables.operator_state) {
    lines.push_back("state " + key.first.text() + " " + key.second + " " + text(row.revision) +
                    " " + json_text(row.state_json) + " " + names.of(row.task_id));
  }
  for (const auto& [key, row] : tables.manifests) {
    lines.push_back("manifest " + std::get<0>(key).text() + " " + std::get<1>(key).text() + " " +
                    text(std::get<2>(key)) + " " + json_text(row.manifest_json) + " " +
                    names.of(row.event_id));
  }
  for (const auto& [build, row] : tables.sources) {
    lines.push_back("source " + build.text() + (row.enabled ? " on " : " off ") +
                    text(row.next_fire_at) + " " + text(row.last_fire_at) + " " +
                    text(row.run_epoch));
  }
}

/// The task that a wake-up's payload names.
std::string rung(const OutboxRecord& row, const TaskNames& names) {
  if (row.kind != OutboxKind::TaskWakeup) return json_text(row.payload);
  const auto id = Uuid::parse(nlohmann::json::parse(row.payload).at("task_id").get<std::string>());
  return id ? names.of(TaskId(*id)) : row.payload;
}

void describe_outside(const TaskTables& tables, const TaskNames& names,
                      std::vector<std::string>& lines) {
  for (const auto& [id, row] : tables.outbox) {
    lines.push_back("outbox " + text(row.kind) + " " + row.topic + " " + text(row.order_key) + " " +
                    rung(row, names) + " " + text(row.state) + " " + text(row.attempts) + " " +
                    text(row.available_at) + " " + text(row.locked_until) + " " + row.last_error +
                    " " + text(row.created_at) + " " + text(row.sent_at));
  }
  for (const auto* table : {&tables.messages, &tables.dead_messages}) {
    for (const auto& [number, row] : *table) {
      lines.push_back((table == &tables.messages ? "message " : "dead ") + row.queue.text() + " " +
                      names.of(row.task_id) + " " + text(row.deliveries) +
                      (table == &tables.messages ? " " + text(row.visible_at) : ""));
    }
  }
  for (const auto& [key, row] : tables.control_events) {
    lines.push_back("control " + key.first.text() + " " + text(key.second) + " " + row.type + " " +
                    json_text(row.envelope_json));
  }
}

}  // namespace

TaskNames::TaskNames(const TaskTables& tables) {
  for (const auto& [id, row] : tables.events) {
    events_[id] = row.version.text() + "#" + text(row.seq);
  }
  for (const auto* table : {&tables.tasks, &tables.history}) {
    for (const auto& [id, task] : *table) {
      tasks_[id] = id.text();
      if (!task.trigger_event_id) continue;
      tasks_[id] =
          task.build_id.text() + "/" + text(task.input_index) + "/" + of(*task.trigger_event_id);
    }
  }
}

std::string TaskNames::of(const EventId& event) const {
  const auto found = events_.find(event);
  return found == events_.end() ? event.text() : found->second;
}

std::string TaskNames::of(const TaskId& task) const {
  const auto found = tasks_.find(task);
  return found == tasks_.end() ? task.text() : found->second;
}

std::vector<std::string> describe(const TaskTables& tables) {
  const TaskNames names(tables);
  std::vector<std::string> lines;
  describe_tasks(tables, names, lines);
  describe_counts(tables, lines);
  describe_events(tables, names, lines);
  describe_states(tables, names, lines);
  describe_outside(tables, names, lines);
  std::ranges::sort(lines);
  return lines;
}

}  // namespace weir::test
