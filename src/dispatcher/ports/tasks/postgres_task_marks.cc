// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_marks.h"

#include <algorithm>

namespace weir::dispatcher {

std::vector<ReadyMarks::Mark> ReadyMarks::use(std::span<const std::string> queues) {
  const base::MutexLock lock(mutex_);
  std::vector<Mark> found;
  if (++searches_ % kMarkedSearchesMax == 0) return found;
  for (const auto& [key, place] : marks_) {
    if (std::ranges::find(queues, key.second) == queues.end()) continue;
    found.push_back({.build = key.first, .queue = key.second, .place = place});
  }
  return found;
}

void ReadyMarks::set(const Mark& mark) {
  const base::MutexLock lock(mutex_);
  marks_.insert_or_assign({mark.build, mark.queue}, mark.place);
}

void ReadyMarks::lower(const Mark& to) {
  const base::MutexLock lock(mutex_);
  const auto found = marks_.find({to.build, to.queue});
  if (found != marks_.end()) found->second = std::min(found->second, to.place);
}

void ReadyMarks::forget() {
  const base::MutexLock lock(mutex_);
  marks_.clear();
}

bool ReadyMarks::may_be_alone() {
  const base::MutexLock lock(mutex_);
  return searches_ >= alone_from_;
}

void ReadyMarks::not_alone() {
  const base::MutexLock lock(mutex_);
  alone_from_ = searches_ + kNotAloneSearches;
}

}  // namespace weir::dispatcher
