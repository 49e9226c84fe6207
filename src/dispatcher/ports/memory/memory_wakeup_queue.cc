// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/memory/memory_wakeup_queue.h"

#include <charconv>
#include <set>
#include <string>
#include <utility>

#include "base/random.h"
#include "dispatcher/ports/task_limits.h"

namespace weir::dispatcher {

Result<void> MemoryWakeupQueue::publish(std::span<const WakeupMessage> messages) {
  const base::MutexLock lock(plane_.mutex_);
  const Instant now = plane_.clock_.now();
  for (const WakeupMessage& message : messages) {
    plane_.state_.put_message(message.queue, message.task_id, now);
  }
  return {};
}

Result<std::vector<ReceivedWakeup>> MemoryWakeupQueue::receive(std::span<const QueueName> queues,
                                                               std::size_t max) {
  const base::MutexLock lock(plane_.mutex_);
  const Instant now = plane_.clock_.now();
  TaskTables& tables = plane_.state_.tables;
  std::vector<ReceivedWakeup> received;
  for (const QueueName& queue : queues) drop_answered(queue, now);
  for (const QueueName& queue : queues) {
    for (const auto& [at, number] : visible(queue, now)) {
      if (received.size() == max) return received;
      MessageRow& message = tables.messages.at(number);
      if (message.deliveries >= kWakeupDeliveriesMax) {
        tables.dead_messages.emplace(number, message);
        tables.messages.erase(number);
        continue;
      }
      ++message.deliveries;
      message.visible_at = now + kWakeupVisibility;
      message.receipt = base::uuid_v4(plane_.random_);
      received.push_back({.queue = queue,
                          .message_id = std::to_string(number),
                          .receipt = message.receipt,
                          .task_id = message.task_id,
                          .deliveries = message.deliveries});
    }
  }
  return received;
}

/// The queue's visible messages in their order.
MemoryWakeupQueue::Visible MemoryWakeupQueue::visible(const QueueName& queue, Instant now) const {
  Visible visible;
  for (const auto& [number, message] : plane_.state_.tables.messages) {
    if (message.queue == queue && message.visible_at <= now) {
      visible.emplace(message.visible_at, number);
    }
  }
  return visible;
}

void MemoryWakeupQueue::drop_answered(const QueueName& queue, Instant now) {
  TaskTables& tables = plane_.state_.tables;
  std::size_t looked_at = 0;
  for (const auto& [at, number] : visible(queue, now)) {
    if (looked_at++ == kAnsweredLookedAt) break;
    const auto task = tables.tasks.find(tables.messages.at(number).task_id);
    const bool answered = task != tables.tasks.end() && !task->second.life.woken_at;
    if (answered) tables.messages.erase(number);
  }
}

/// Nothing for what is no message of ours, or was never handed out.
std::optional<std::int64_t> MemoryWakeupQueue::number_of(const WakeupReceipt& receipt) {
  std::int64_t number = 0;
  const std::string& id = receipt.message_id;
  const auto [end, fault] = std::from_chars(id.data(), id.data() + id.size(), number);
  if (fault != std::errc{} || end != id.data() + id.size() || receipt.receipt.empty()) return {};
  return number;
}

Result<void> MemoryWakeupQueue::release(std::span<const WakeupReceipt> receipts) {
  const base::MutexLock lock(plane_.mutex_);
  auto& messages = plane_.state_.tables.messages;
  for (const WakeupReceipt& receipt : receipts) {
    const auto number = number_of(receipt);
    if (!number) continue;
    const auto message = messages.find(*number);
    if (message == messages.end() || message->second.receipt != receipt.receipt) continue;
    message->second.receipt.clear();
    --message->second.deliveries;
    message->second.visible_at = plane_.clock_.now();
  }
  return {};
}

Result<std::size_t> MemoryWakeupQueue::acknowledge(std::span<const WakeupReceipt> receipts) {
  const base::MutexLock lock(plane_.mutex_);
  auto& messages = plane_.state_.tables.messages;
  std::size_t removed = 0;
  for (const WakeupReceipt& receipt : receipts) {
    const auto number = number_of(receipt);
    if (!number) continue;
    const auto message = messages.find(*number);
    if (message == messages.end() || message->second.receipt != receipt.receipt) continue;
    messages.erase(message);
    ++removed;
  }
  return removed;
}

}  // namespace weir::dispatcher
