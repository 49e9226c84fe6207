// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/wakeup_desk.h"

#include <algorithm>
#include <utility>

namespace weir::dispatcher {

WakeupDesk::WakeupDesk(WakeupQueue& queue, const Clock& clock) : queue_(queue), clock_(clock) {}

WakeupDesk::~WakeupDesk() { stop(); }

void WakeupDesk::start() {
  thread_ = std::jthread([this] { run(); });
}

void WakeupDesk::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

std::optional<WakeupDesk::Ticket> WakeupDesk::wait(const WakeupRequest& request, Answer answer) {
  Result<std::vector<ReceivedWakeup>> found = queue_.receive(request.queues, request.max);
  if (found.ok() && found->empty() && request.wait > Duration::zero()) {
    const base::MutexLock lock(mutex_);
    if (!stopping_) {
      const Ticket ticket = ++last_ticket_;
      parked_.push_back({.ticket = ticket,
                         .queues = request.queues,
                         .max = request.max,
                         .until = clock_.monotonic() + request.wait,
                         .answer = std::move(answer)});
      changed_.notify_all();
      return ticket;
    }
  }
  answer(std::move(found));
  return std::nullopt;
}

void WakeupDesk::give_up(Ticket ticket) {
  Answer answer;
  {
    const base::MutexLock lock(mutex_);
    const auto found = std::ranges::find(parked_, ticket, &Parked::ticket);
    if (found == parked_.end()) return;
    answer = std::move(found->answer);
    parked_.erase(found);
  }
  answer(std::vector<ReceivedWakeup>{});
}

void WakeupDesk::ring() {
  const base::MutexLock lock(mutex_);
  if (parked_.empty()) return;
  rung_ = true;
  changed_.notify_all();
}

std::size_t WakeupDesk::parked() const {
  const base::MutexLock lock(mutex_);
  return parked_.size();
}

std::vector<WakeupDesk::Parked> WakeupDesk::take_due() {
  const base::MutexLock lock(mutex_);
  const Duration now = clock_.monotonic();
  std::vector<Parked> due;
  for (auto at = parked_.begin(); at != parked_.end();) {
    if (at->until > now && !stopping_) {
      ++at;
      continue;
    }
    due.push_back(std::move(*at));
    at = parked_.erase(at);
  }
  return due;
}

/// Gives messages to the parked requests, the longest waiting first. Each is looked up for its own
/// queues; one that finds nothing stays.
void WakeupDesk::serve() {
  std::vector<Ticket> tickets;
  {
    const base::MutexLock lock(mutex_);
    for (const Parked& parked : parked_) tickets.push_back(parked.ticket);
  }
  for (const Ticket ticket : tickets) {
    std::vector<QueueName> queues;
    std::size_t max = 0;
    {
      const base::MutexLock lock(mutex_);
      const auto found = std::ranges::find(parked_, ticket, &Parked::ticket);
      if (found == parked_.end()) continue;
      queues = found->queues;
      max = found->max;
    }
    auto messages = queue_.receive(queues, max);
    if (!messages.ok() || messages->empty()) continue;
    Answer answer;
    {
      const base::MutexLock lock(mutex_);
      const auto found = std::ranges::find(parked_, ticket, &Parked::ticket);
      // Gone meanwhile: its messages show up again when their time is over.
      if (found == parked_.end()) continue;
      answer = std::move(found->answer);
      parked_.erase(found);
    }
    answer(std::move(messages));
  }
}

void WakeupDesk::run() {
  while (true) {
    bool rung = false;
    bool stopping = false;
    {
      const base::MutexLock lock(mutex_);
      while (!rung_ && !stopping_) {
        if (parked_.empty()) {
          changed_.wait(mutex_);
          continue;
        }
        const auto first = std::ranges::min_element(parked_, {}, &Parked::until);
        const Duration left = first->until - clock_.monotonic();
        if (left <= Duration::zero()) break;
        changed_.wait_for(mutex_, left);
      }
      rung = std::exchange(rung_, false);
      stopping = stopping_;
    }
    for (Parked& parked : take_due()) parked.answer(std::vector<ReceivedWakeup>{});
    if (stopping) return;
    if (rung) serve();
  }
}

}  // namespace weir::dispatcher
