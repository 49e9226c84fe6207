// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/memory/memory_outbox.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "base/assert.h"
#include "base/json.h"
#include "dispatcher/core/outbox_row.h"
#include "dispatcher/ports/task_limits.h"

namespace weir::dispatcher {
namespace {

bool unfinished(const OutboxRecord& row) {
  return row.state == OutboxState::Pending || row.state == OutboxState::Sending;
}

/// Ready rows of some kinds, the longest waiting first; control events of one key in the order they
/// were written, and no more than the oldest of each.
std::vector<OutboxId> ready_rows(const TaskTables& tables, Instant now,
                                 const std::function<bool(OutboxKind)>& kinds) {
  std::map<std::string, std::pair<Instant, OutboxId>> heads;
  for (const auto& [id, row] : tables.outbox) {
    if (!row.order_key || !unfinished(row)) continue;
    const std::pair place{row.created_at, id};
    const auto [head, fresh] = heads.try_emplace(*row.order_key, place);
    if (place < head->second) head->second = place;
  }
  std::set<std::pair<Instant, OutboxId>> ready;
  for (const auto& [id, row] : tables.outbox) {
    if (!kinds(row.kind)) continue;
    const bool head = !row.order_key || heads[*row.order_key].second == id;
    if (outbox_ready(row, head, now)) ready.emplace(row.available_at, id);
  }
  std::vector<OutboxId> ids;
  ids.reserve(ready.size());
  for (const auto& [at, id] : ready) ids.push_back(id);
  return ids;
}

TaskId task_of(const OutboxRecord& row) {
  const auto payload = base::JsonDocument::parse(row.payload);
  WEIR_ASSERT(payload.ok());
  const auto task = Uuid::parse(payload->root().find("task_id").text());
  WEIR_ASSERT(task);
  return TaskId(*task);
}

/// Publishes one, under the next number of its organisation.
void publish(TaskTables& tables, const OutboxRecord& row) {
  const auto payload = base::JsonDocument::parse(row.payload);
  WEIR_ASSERT(payload.ok());
  const auto parsed = Uuid::parse(payload->root().find("org_id").text());
  WEIR_ASSERT(parsed);
  const OrgId org(*parsed);
  std::int64_t number = 1;
  const auto behind = tables.control_events.lower_bound({org, INT64_MAX});
  if (behind != tables.control_events.begin() && std::prev(behind)->first.first == org) {
    number = std::prev(behind)->first.second + 1;
  }
  tables.control_events[{org, number}] = {.type = row.topic, .envelope_json = row.payload};
}

}  // namespace

Result<std::vector<OutboxRecord>> MemoryOutbox::take(std::size_t limit) {
  const base::MutexLock lock(plane_.mutex_);
  const Instant now = plane_.clock_.now();
  TaskTables& tables = plane_.state_.tables;
  std::vector<OutboxRecord> taken;
  std::size_t touched = 0;
  for (const OutboxId& id :
       ready_rows(tables, now, [](OutboxKind kind) { return kind != OutboxKind::ControlEvent; })) {
    if (touched++ == limit) break;
    OutboxRecord& row = tables.outbox.at(id);
    row = take_outbox_row(row, true, now).value_or(row);
    if (row.state == OutboxState::Sending) taken.push_back(row);
  }
  return taken;
}

Result<void> MemoryOutbox::settle(std::span<const OutboxSettled> rows) {
  const base::MutexLock lock(plane_.mutex_);
  const Instant now = plane_.clock_.now();
  for (const OutboxSettled& settled : rows) {
    const auto found = plane_.state_.tables.outbox.find(settled.outbox_id);
    if (found == plane_.state_.tables.outbox.end()) continue;
    const auto after = settled.error.empty()
                           ? outbox_row_sent(found->second, now)
                           : outbox_row_failed(found->second,
                                               {.locked_until = settled.locked_until,
                                                .error = settled.error,
                                                .draw = settled.draw},
                                               now);
    if (after) found->second = *after;
  }
  return {};
}

Result<HandedOver> MemoryOutbox::hand_out(std::size_t limit, std::span<const QueueRoom> rooms,
                                          std::span<const OutboxId> held) {
  const base::MutexLock lock(plane_.mutex_);
  const Instant now = plane_.clock_.now();
  TaskTables& tables = plane_.state_.tables;
  std::vector<QueueRoom> left(rooms.begin(), rooms.end());
  HandedOver handed;
  for (const OutboxId& id :
       ready_rows(tables, now, [](OutboxKind kind) { return kind == OutboxKind::TaskWakeup; })) {
    if (handed.rows == limit) break;
    if (std::ranges::find(held, id) != held.end()) continue;
    OutboxRecord& row = tables.outbox.at(id);
    const auto queue = parse_queue_name(row.topic);
    WEIR_ASSERT(queue);
    row = outbox_row_sent(row, now).value_or(row);
    ++handed.rows;
    const auto task = tables.tasks.find(task_of(row));
    if (task != tables.tasks.end() && !task->second.life.woken_at) continue;
    const std::int64_t number = plane_.state_.put_message(*queue, task_of(row), now);
    ++handed.messages;
    const auto room = std::ranges::find(left, *queue, &QueueRoom::queue);
    if (room == left.end() || room->room == 0) continue;
    --room->room;
    MessageRow& message = tables.messages.at(number);
    message.deliveries = 1;
    message.visible_at = now + kWakeupVisibility;
    message.receipt = base::uuid_v4(plane_.random_);
    handed.given.push_back(
        {*queue, std::to_string(number), message.receipt, message.task_id, message.deliveries});
  }
  handed.others = !ready_rows(tables, now, [](OutboxKind kind) {
                     return kind != OutboxKind::TaskWakeup;
                   }).empty();
  return handed;
}

Result<std::size_t> MemoryOutbox::publish_control_events(std::size_t limit) {
  const base::MutexLock lock(plane_.mutex_);
  const Instant now = plane_.clock_.now();
  TaskTables& tables = plane_.state_.tables;
  std::size_t published = 0;
  // Each round publishes the heads of the keys; behind them stand the next ones.
  while (published < limit) {
    const auto heads =
        ready_rows(tables, now, [](OutboxKind kind) { return kind == OutboxKind::ControlEvent; });
    if (heads.empty()) break;
    for (const OutboxId& id : heads) {
      if (published == limit) break;
      OutboxRecord& row = tables.outbox.at(id);
      publish(tables, row);
      row = outbox_row_sent(row, now).value_or(row);
      ++published;
    }
  }
  return published;
}

}  // namespace weir::dispatcher
