// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <mutex>
#include <utility>

#include "base/assert.h"
#include "dagmanager/ports/limits.h"
#include "dagmanager/ports/memory_graph_store.h"

// The outbox of a memory store: who waits, who was told, who is forgotten.
namespace weir::dagmanager {

ControlEvent MemoryGraphStore::render(const OutboxRow& row, const std::string& queue_topic) const {
  if (row.weight) return render_weight_update(row);
  if (row.lifecycle) return render_lifecycle(row, queue_topic);
  std::vector<QueueDescriptor> queues;
  for (const RowId id : row.queues->queues) {
    const QueueView queue = graph_.index.queue(id);
    if (!queue) {
      const auto gone = graph_.gone.find(id);
      if (gone != graph_.gone.end()) queues.push_back({gone->second.topic, gone->second.global});
      continue;
    }
    const NodeView node = graph_.index.node(queue.node());
    queues.push_back({graph::TopicName(queue.topic()), node && node.global()});
  }
  return render_queue_update(row, queues, queue_topic);
}

std::vector<PendingEvent> MemoryGraphStore::pending_events(std::size_t limit,
                                                           const std::string& queue_topic) const {
  const std::shared_lock lock(mutex_);
  std::vector<PendingEvent> events;
  for (std::int64_t number = published_ + 1; number <= graph_.last_event && events.size() < limit;
       ++number) {
    const OutboxRow row = graph_.outbox.row(static_cast<std::size_t>(number - first_event()));
    events.push_back({row.id, row.key_seq, row.created_at, render(row, queue_topic)});
  }
  return events;
}

OutboxBacklog MemoryGraphStore::backlog() const {
  const std::shared_lock lock(mutex_);
  const auto unpublished = static_cast<std::size_t>(graph_.last_event - published_);
  const std::size_t pending = unpublished + unsent_.size();
  if (pending == 0) return {};
  const std::int64_t number = unsent_.empty() ? published_ + 1 : *unsent_.begin();
  const auto oldest = static_cast<std::size_t>(number - first_event());
  return {pending, graph_.outbox.row(oldest).created_at};
}

/// What is not in the snapshot yet would get another event's number after a restart.
Result<std::size_t> MemoryGraphStore::publish_events(std::size_t limit, Instant now, bool sends) {
  const std::unique_lock lock(mutex_);
  if (unsaved_) WEIR_CHECK(save());
  if (sent_.empty() && published_ >= first_event()) sent_.emplace_back(published_, now);
  const std::int64_t wanted =
      std::min<std::int64_t>(graph_.last_event - published_, static_cast<std::int64_t>(limit));
  if (wanted == 0) return std::size_t{0};
  for (std::int64_t i = 1; sends && i <= wanted; ++i) unsent_.insert(published_ + i);
  published_ += wanted;
  sent_.emplace_back(published_, now);
  if (bell_.published) bell_.published();
  return static_cast<std::size_t>(wanted);
}

void MemoryGraphStore::send_all_again() {
  const std::unique_lock lock(mutex_);
  for (std::int64_t number = first_event(); number <= published_; ++number) unsent_.insert(number);
}

std::vector<PendingEvent> MemoryGraphStore::unsent_events(std::int64_t after, std::size_t limit,
                                                          const std::string& queue_topic) const {
  const std::shared_lock lock(mutex_);
  std::vector<PendingEvent> events;
  std::size_t queues = 0;
  for (auto one = unsent_.upper_bound(after); one != unsent_.end() && events.size() < limit;
       ++one) {
    const OutboxRow row = graph_.outbox.row(static_cast<std::size_t>(*one - first_event()));
    if (row.queues) queues += row.queues->queues.size();
    if (queues > kEventPageQueues && !events.empty()) break;
    events.push_back({.id = row.id,
                      .key_seq = row.key_seq,
                      .created_at = row.created_at,
                      .event = render(row, queue_topic),
                      .number = *one});
  }
  return events;
}

void MemoryGraphStore::acknowledge_events(std::span<const std::int64_t> numbers) {
  const std::unique_lock lock(mutex_);
  for (const std::int64_t number : numbers) unsent_.erase(number);
}

PrunedEvents MemoryGraphStore::prune_events(Instant before, std::size_t limit) {
  const std::unique_lock lock(mutex_);
  PrunedEvents pruned;
  while (!sent_.empty() && sent_.front().second < before && pruned.removed < limit) {
    if (unsent_.contains(first_event())) break;
    if (first_event() <= sent_.front().first) {
      graph_.outbox.drop_oldest();
      ++pruned.removed;
    }
    if (first_event() > sent_.front().first) sent_.pop_front();
  }
  std::erase_if(graph_.gone,
                [&](const auto& queue) { return queue.second.last_event < first_event(); });
  if (!sent_.empty()) pruned.oldest = sent_.front().second;
  return pruned;
}

server::EventPage MemoryGraphStore::read_events(std::int64_t after, std::size_t limit,
                                                const std::string& queue_topic) const {
  const std::shared_lock lock(mutex_);
  server::EventPage page{.oldest = first_event(), .newest = published_, .events = {}};
  if (after >= published_) return page;
  std::size_t queues = 0;
  for (std::int64_t number = std::max(after, page.oldest - 1) + 1;
       number <= published_ && page.events.size() < limit; ++number) {
    const OutboxRow row = graph_.outbox.row(static_cast<std::size_t>(number - first_event()));
    if (row.queues) queues += row.queues->queues.size();
    if (queues > kEventPageQueues && !page.events.empty()) break;
    page.events.push_back({.number = number,
                           .type = std::string(type_of(row)),
                           .world = world_of(row),
                           .envelope = render(row, queue_topic).envelope});
  }
  return page;
}

void MemoryGraphStore::set_bell(EventBell::Calls bell) {
  const std::unique_lock lock(mutex_);
  bell_ = std::move(bell);
}

MemoryControlBus::MemoryControlBus(MemoryGraphStore& store, std::string queue_topic,
                                   FenceLock fence)
    : store_(store), queue_topic_(std::move(queue_topic)), fence_(std::move(fence)) {
  if (fence_) store_.send_all_again();
}

Result<std::vector<PendingEvent>> MemoryControlBus::pending(std::size_t limit) {
  return store_.pending_events(limit, queue_topic_);
}

Result<OutboxBacklog> MemoryControlBus::backlog() { return store_.backlog(); }

Result<std::size_t> MemoryControlBus::publish(std::size_t limit, Instant now) {
  return store_.publish_events(limit, now, fence_ != nullptr);
}

Result<std::vector<PendingEvent>> MemoryControlBus::unsent(std::int64_t after, std::size_t limit) {
  return store_.unsent_events(after, limit, queue_topic_);
}

Result<void> MemoryControlBus::acknowledge(const LoopFence& fence,
                                           std::span<const std::int64_t> numbers, Instant /*now*/) {
  WEIR_ASSERT(fence_ != nullptr);
  WEIR_TRY(const auto held, fence_(fence));
  store_.acknowledge_events(numbers);
  return {};
}

Result<PrunedEvents> MemoryControlBus::prune(Instant before, std::size_t limit) {
  return store_.prune_events(before, limit);
}

Result<server::EventPage> MemoryEventLog::read(const std::string& /*stream*/, std::int64_t after,
                                               std::size_t limit) {
  return store_.read_events(after, limit, queue_topic_);
}

void MemoryEventBell::start(Calls calls) {
  // What came before, as every bell rings for.
  calls.written();
  calls.published();
  store_.set_bell(std::move(calls));
}

void MemoryEventBell::stop() { store_.set_bell({}); }

}  // namespace weir::dagmanager
