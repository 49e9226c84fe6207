// SPDX-License-Identifier: Apache-2.0
#include "server/events/event_channel.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

#include "server/limits.h"

namespace weir::server {

Result<void> EventChannel::open() {
  WEIR_TRY(const EventPage page,
           log_.read(name_, std::numeric_limits<std::int64_t>::max(), kEventPage));
  head_ = page.newest;
  return {};
}

void EventChannel::add(EventRequest request, BodyWriter writer) {
  constexpr std::int64_t kLast = std::numeric_limits<std::int64_t>::max() - 1;
  const std::int64_t next = request.after ? std::min(*request.after, kLast) + 1 : head_ + 1;
  readers_.push_back({.request = std::move(request), .writer = std::move(writer), .next = next});
}

Result<void> EventChannel::read_on() {
  while (true) {
    WEIR_TRY(EventPage page, log_.read(name_, head_, kEventPage));
    for (StreamEvent& event : page.events) {
      // Events were forgotten before they were read: who wanted them is behind what is kept here.
      if (event.number != head_ + 1) drop_recent();
      head_ = event.number;
      std::string block = event_block(event);
      recent_bytes_ += block.size() + event.envelope.size();
      recent_.push_back({std::move(event), std::move(block)});
    }
    forget_old();
    if (page.events.empty() || head_ >= page.newest) return {};
  }
}

void EventChannel::drop_recent() {
  recent_.clear();
  recent_bytes_ = 0;
}

void EventChannel::forget_old() {
  while (recent_bytes_ > kEventRecentBytes && recent_.size() > 1) {
    recent_bytes_ -= recent_.front().block.size() + recent_.front().event.envelope.size();
    recent_.pop_front();
  }
}

Result<bool> EventChannel::deliver(std::size_t& log_reads) {
  bool all = true;
  for (auto reader = readers_.begin(); reader != readers_.end();) {
    WEIR_TRY(const Outcome outcome, deliver(*reader, log_reads));
    if (outcome == Outcome::Behind) all = false;
    reader = outcome == Outcome::Gone ? readers_.erase(reader) : std::next(reader);
  }
  return all;
}

Result<EventChannel::Outcome> EventChannel::deliver(Reader& reader, std::size_t& log_reads) {
  if (reader.writer.is_hurried()) {
    (void)reader.writer.finish();
    return Outcome::Gone;
  }
  while (!reader.waits->load()) {
    if (reader.next == head_ + 1) {
      reader.caught_up = true;
      say_caught_up(reader);
      return Outcome::UpToDate;
    }
    const bool is_recent = reader.next >= first_recent() && reader.next <= head_;
    if (!is_recent && reader.caught_up) return Outcome::Gone;
    if (is_recent) {
      if (!give(reader, take_recent(reader))) return Outcome::Gone;
      continue;
    }
    if (log_reads == 0) return Outcome::Behind;
    --log_reads;
    WEIR_TRY(Batch batch, take_logged(reader));
    if (batch.next == reader.next) {  // ahead of what was read here
      say_caught_up(reader);
      return Outcome::UpToDate;
    }
    if (!give(reader, std::move(batch))) return Outcome::Gone;
  }
  // It takes what there is once it has room, unless that is not kept any longer.
  return reader.caught_up && reader.next < first_recent() ? Outcome::Gone : Outcome::UpToDate;
}

EventChannel::Batch EventChannel::take_recent(const Reader& reader) const {
  Batch batch{.next = reader.next};
  auto at = recent_.begin() + (reader.next - first_recent());
  for (; at != recent_.end() && batch.block.size() < kEventBlockBytes; ++at, ++batch.next) {
    if (reader.request.wants(at->event)) batch.block += at->block;
  }
  return batch;
}

Result<EventChannel::Batch> EventChannel::take_logged(const Reader& reader) {
  WEIR_TRY(const EventPage page, log_.read(name_, reader.next - 1, kEventPage));
  if (reader.next < page.oldest || reader.next > page.newest + 1) {
    return Batch{.next = page.oldest, .block = reset_block(page.oldest)};
  }
  Batch batch{.next = reader.next};
  for (const StreamEvent& event : page.events) {
    if (batch.block.size() >= kEventBlockBytes) break;
    if (reader.request.wants(event)) batch.block += event_block(event);
    batch.next = event.number + 1;
  }
  return batch;
}

void EventChannel::say_caught_up(Reader& reader) {
  if (reader.told_so) return;
  const Result<bool> taken = reader.writer.offer(": up to date\n\n", kEventBlockBytes);
  reader.told_so = taken.ok() && *taken;
}

bool EventChannel::give(Reader& reader, Batch batch) {
  if (!batch.block.empty()) {
    const Result<bool> taken = reader.writer.offer(std::move(batch.block), kEventBlockBytes);
    if (!taken.ok()) return false;
    if (!*taken) {
      reader.waits->store(true);
      reader.writer.when_sent([waits = reader.waits, room = room_] {
        waits->store(false);
        room();
      });
      return true;
    }
  }
  reader.next = batch.next;
  return true;
}

void EventChannel::beat() {
  std::erase_if(readers_, [](Reader& reader) {
    return !reader.waits->load() && !reader.writer.offer(": \n\n").ok();
  });
}

void EventChannel::finish() {
  for (Reader& reader : readers_) (void)reader.writer.finish();
  readers_.clear();
}

}  // namespace weir::server
