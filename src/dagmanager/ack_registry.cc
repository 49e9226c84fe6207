// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ack_registry.h"

#include <algorithm>

namespace weir::dagmanager {

AckRegistry::AckRegistry(const Clock& clock, Duration timeout) : clock_(clock), windows_(timeout) {}

AckRegistry::~AckRegistry() { stop(); }

void AckRegistry::start() {
  timer_ = std::thread([this] { run_timer(); });
}

void AckRegistry::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    due_changed_.notify_all();
  }
  if (timer_.joinable()) timer_.join();
}

StreamId AckRegistry::open(const graph::SentinelId& sentinel, const std::string& connection,
                           std::weak_ptr<AckListener> listener) {
  const base::MutexLock lock(mutex_);
  const StreamId stream = windows_.open(sentinel, connection);
  listeners_.emplace(stream, std::move(listener));
  return stream;
}

bool AckRegistry::try_send(StreamId stream, std::uint32_t chunk, bool last) {
  const base::MutexLock lock(mutex_);
  if (!windows_.may_send(stream)) return false;
  const Duration now = clock_.monotonic();
  windows_.sent(stream, chunk, now);
  if (last) {
    windows_.ended(stream, now);
    listeners_.erase(stream);
    stream_ended_.notify_all();
  }
  if (last || !windows_.may_send(stream)) due_changed_.notify_one();
  return true;
}

void AckRegistry::cancelled(StreamId stream) {
  const base::MutexLock lock(mutex_);
  windows_.cancelled(stream);
  listeners_.erase(stream);
  stream_ended_.notify_all();
  due_changed_.notify_one();
}

bool AckRegistry::acknowledged(const graph::SentinelId& sentinel, const std::string& connection,
                               std::uint32_t chunk) {
  AckChanges changes;
  Listeners released;
  bool known = false;
  {
    const base::MutexLock lock(mutex_);
    known = windows_.acknowledged(sentinel, connection, chunk, clock_.monotonic(), changes);
    released = take(changes.released, false);
    if (changes.due_sooner) due_changed_.notify_one();
  }
  for (const auto& listener : released) listener->released();
  return known;
}

std::size_t AckRegistry::open_streams() const {
  const base::MutexLock lock(mutex_);
  return windows_.open_streams();
}

bool AckRegistry::wait_until_idle(Duration span) {
  const base::MutexLock lock(mutex_);
  const Duration until = clock_.monotonic() + span;
  while (windows_.open_streams() > 0) {
    const Duration left = until - clock_.monotonic();
    if (left <= Duration::zero()) return false;
    stream_ended_.wait_for(mutex_, left);
  }
  return true;
}

AckRegistry::Listeners AckRegistry::take(const std::vector<StreamId>& streams, bool forget) {
  Listeners taken;
  for (const StreamId stream : streams) {
    const auto found = listeners_.find(stream);
    if (found == listeners_.end()) continue;
    if (auto listener = found->second.lock()) taken.push_back(std::move(listener));
    if (forget) listeners_.erase(found);
  }
  return taken;
}

void AckRegistry::run_timer() {
  while (true) {
    Listeners released;
    Listeners timed_out;
    {
      const base::MutexLock lock(mutex_);
      if (stopping_) return;
      const auto due = windows_.next_due();
      const Duration now = clock_.monotonic();
      if (!due) {
        due_changed_.wait(mutex_);
      } else if (*due > now) {
        due_changed_.wait_for(mutex_, *due - now);
      }
      if (stopping_) return;
      const AckChanges changes = windows_.due(clock_.monotonic());
      released = take(changes.released, false);
      timed_out = take(changes.timed_out, true);
      if (!timed_out.empty()) stream_ended_.notify_all();
    }
    for (const auto& listener : released) listener->released();
    for (const auto& listener : timed_out) listener->timed_out();
  }
}

}  // namespace weir::dagmanager
