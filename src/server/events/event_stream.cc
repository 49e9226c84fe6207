// SPDX-License-Identifier: Apache-2.0
#include "server/events/event_stream.h"

#include <algorithm>
#include <utility>

#include "server/limits.h"

namespace weir::server {

EventStream::EventStream(Parts parts) : parts_(parts) {}

EventStream::~EventStream() { stop(); }

void EventStream::start() {
  thread_ = std::thread([this] { run(); });
}

void EventStream::stop() {
  {
    const base::MutexLock lock(signal_->mutex);
    signal_->stopping = true;
    signal_->changed.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void EventStream::Signal::give_room() {
  const base::MutexLock lock(mutex);
  room = true;
  changed.notify_all();
}

void EventStream::tell() {
  const base::MutexLock lock(signal_->mutex);
  signal_->told = true;
  signal_->changed.notify_all();
}

std::size_t EventStream::readers() const {
  const base::MutexLock lock(signal_->mutex);
  return signal_->readers;
}

void EventStream::subscribe(EventRequest request, const std::string& stream, Responder responder) {
  if (const auto refusal = take_place()) return responder.answer(*refusal);
  BodyWriter writer = responder.begin(
      {.content_type = "text/event-stream", .headers = {{"Cache-Control", "no-store"}}});
  // Not under the lock: of a reader that has gone already it is called at once.
  writer.when_hurried([signal = signal_] { signal->give_room(); });
  {
    const base::MutexLock lock(signal_->mutex);
    --signal_->arriving;
    if (!signal_->stopping) {
      signal_->arrivals.push_back({stream, std::move(request), std::move(writer)});
      signal_->changed.notify_all();
      return;
    }
  }
  (void)writer.finish();
}

std::optional<Error> EventStream::take_place() {
  const base::MutexLock lock(signal_->mutex);
  if (signal_->stopping) return base::unavailable("draining", "the server stops; try again");
  if (signal_->readers + signal_->arrivals.size() + signal_->arriving >= kEventReadersMax) {
    return base::unavailable("too_many_subscribers",
                             "this instance has as many readers of events as it serves; close "
                             "some, or ask another instance");
  }
  ++signal_->arriving;
  return std::nullopt;
}

void EventStream::run() {
  while (true) {
    Work work = wait();
    if (work.stop) return send_away(work.arrivals);
    for (Arrival& arrival : work.arrivals) admit(std::move(arrival));
    serve(work.look);
    count_readers();
  }
}

void EventStream::send_away(std::vector<Arrival>& arrivals) {
  for (Arrival& arrival : arrivals) (void)arrival.writer.finish();
  for (auto& [name, channel] : channels_) channel.finish();
  channels_.clear();
}

EventStream::Work EventStream::wait() {
  const base::MutexLock lock(signal_->mutex);
  const auto nothing_new = [this]() WEIR_REQUIRES(signal_->mutex) {
    return !signal_->stopping && !signal_->told && !signal_->room && signal_->arrivals.empty();
  };
  while (nothing_new() && !behind_) {
    if (channels_.empty()) {
      signal_->changed.wait(signal_->mutex);
      continue;
    }
    const Duration left = std::min(next_look_, next_beat_) - parts_.clock.monotonic();
    if (left <= Duration::zero()) break;
    signal_->changed.wait_for(signal_->mutex, left);
  }
  const bool look = std::exchange(signal_->told, false);
  signal_->room = false;
  return {signal_->stopping, look || parts_.clock.monotonic() >= next_look_,
          std::exchange(signal_->arrivals, {})};
}

void EventStream::admit(Arrival arrival) {
  auto found = channels_.find(arrival.stream);
  if (found == channels_.end()) {
    EventChannel channel(parts_.events, arrival.stream,
                         [signal = signal_] { signal->give_room(); });
    const Result<void> opened = channel.open();
    if (!opened.ok()) {
      // The connection is cut: the reader comes back, as it would to a server that is not there.
      parts_.log.warning("events cannot be read", {{"error", opened.error().describe()}});
      return;
    }
    if (channels_.empty()) next_beat_ = parts_.clock.monotonic() + kEventBeat;
    found = channels_.emplace(arrival.stream, std::move(channel)).first;
  }
  found->second.add(std::move(arrival.request), std::move(arrival.writer));
}

void EventStream::serve(bool look) {
  const Duration now = parts_.clock.monotonic();
  if (look) next_look_ = now + kEventLook;
  const bool beat = now >= next_beat_;
  if (beat) next_beat_ = now + kEventBeat;
  behind_ = false;
  for (auto& [name, channel] : channels_) {
    std::size_t log_reads = kEventLogReads;
    const auto served = [&]() -> Result<bool> {
      if (look) WEIR_CHECK(channel.read_on());
      return channel.deliver(log_reads);
    }();
    if (!served.ok()) {
      parts_.log.warning("events cannot be read", {{"error", served.error().describe()}});
      next_look_ = std::min(next_look_, now + kEventRetry);
      continue;
    }
    if (!*served) behind_ = true;
    if (beat) channel.beat();
  }
  std::erase_if(channels_, [](const auto& entry) { return entry.second.readers() == 0; });
}

void EventStream::count_readers() {
  std::size_t readers = 0;
  for (const auto& [name, channel] : channels_) readers += channel.readers();
  const base::MutexLock lock(signal_->mutex);
  signal_->readers = readers;
}

}  // namespace weir::server
