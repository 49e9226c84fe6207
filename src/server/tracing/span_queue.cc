// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/span_queue.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace weir::server {

void SpanQueue::put(SpanRecord span) {
  bool full = false;
  bool due = false;
  {
    const base::MutexLock lock(mutex_);
    full = waiting_.size() + taken_ >= config_.waiting_max;
    if (!full) {
      if (waiting_.empty()) since_ = clock_.monotonic();
      waiting_.push_back(std::move(span));
      due = waiting_.size() == 1 || waiting_.size() == config_.batch_max;
    }
  }
  if (full) dropped_(1);
  if (due && due_) due_();
}

std::optional<Duration> SpanQueue::due_at() const {
  const base::MutexLock lock(mutex_);
  if (waiting_.empty()) return {};
  return waiting_.size() >= config_.batch_max ? since_ : since_ + config_.wait_max;
}

std::vector<SpanRecord> SpanQueue::take() {
  const base::MutexLock lock(mutex_);
  const auto count = static_cast<std::ptrdiff_t>(std::min(waiting_.size(), config_.batch_max));
  std::vector<SpanRecord> batch(std::make_move_iterator(waiting_.begin()),
                                std::make_move_iterator(waiting_.begin() + count));
  waiting_.erase(waiting_.begin(), waiting_.begin() + count);
  taken_ = batch.size();
  since_ = clock_.monotonic();
  return batch;
}

void SpanQueue::release(std::size_t lost) {
  {
    const base::MutexLock lock(mutex_);
    taken_ = 0;
  }
  if (lost > 0) dropped_(lost);
}

}  // namespace weir::server
