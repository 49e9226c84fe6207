// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/task_gather.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace weir::dispatcher {

Result<void> GatherLine::enter(std::vector<Entry> entries) {
  const base::MutexLock lock(mutex_);
  if (stopped_) return base::unavailable("unavailable", "the service is stopping");
  if (line_.size() + entries.size() > limits_.waiting_max) {
    return Error(Code::ResourceExhausted, "overloaded", "too many requests wait for the database");
  }
  line_.insert(line_.end(), std::make_move_iterator(entries.begin()),
               std::make_move_iterator(entries.end()));
  ++callers_;
  return {};
}

std::vector<GatherLine::Entry> GatherLine::next_call(Caller& caller) {
  const base::MutexLock lock(mutex_);
  while (true) {
    if (caller.unanswered == 0) {
      wake_next();  // it may have been woken to make a call
      if (--callers_ == 0) idle_.notify_all();
      return {};
    }
    if (calls_ < limits_.calls_max && !line_.empty()) {
      ++calls_;
      std::vector<Entry> batch = take();
      wake_next();
      return batch;
    }
    caller.waiting = true;
    caller.wake.wait(mutex_);
    caller.waiting = false;
  }
}

void GatherLine::end_call(const std::vector<Entry>& entries) {
  const base::MutexLock lock(mutex_);
  --calls_;
  for (const Entry& entry : entries) {
    // Under the lock: an answered caller, once awake, is gone with its condition variable.
    if (--entry.caller->unanswered == 0) entry.caller->wake.notify_one();
  }
  wake_next();
}

void GatherLine::stop() {
  const base::MutexLock lock(mutex_);
  stopped_ = true;
  while (callers_ > 0) idle_.wait(mutex_);
}

/// In line order, as many as the limits allow; the first one whatever its size. What names a task
/// that one before it names stays in its place.
std::vector<GatherLine::Entry> GatherLine::take() {
  std::vector<Entry> batch;
  std::vector<Entry> left;
  std::set<TaskId> named;
  GatherSize sum{.items = 0, .events = 0};
  while (!line_.empty()) {
    Entry& entry = line_.front();
    const bool clash =
        std::ranges::any_of(entry.names, [&](const TaskId& task) { return named.contains(task); });
    const bool fits = sum.items + entry.size.items <= limits_.items_max &&
                      sum.events + entry.size.events <= limits_.events_max;
    if (!clash && !fits && !batch.empty()) break;
    named.insert(entry.names.begin(), entry.names.end());
    if (!clash) {
      sum.items += entry.size.items;
      sum.events += entry.size.events;
    }
    (clash ? left : batch).push_back(std::move(entry));
    line_.pop_front();
  }
  line_.insert(line_.begin(), std::make_move_iterator(left.begin()),
               std::make_move_iterator(left.end()));
  return batch;
}

/// If a slot is free and something waits, somebody who sleeps is to make the call. One who does not
/// sleep comes by here or in next_call anyway.
void GatherLine::wake_next() {
  if (calls_ >= limits_.calls_max) return;
  const auto sleeper =
      std::ranges::find_if(line_, [](const Entry& entry) { return entry.caller->waiting; });
  if (sleeper != line_.end()) sleeper->caller->wake.notify_one();
}

}  // namespace weir::dispatcher
