// SPDX-License-Identifier: Apache-2.0
#include "server/loop_thread.h"

#include <utility>

namespace weir::server {

void LoopThread::start(std::optional<Duration> first, Turn turn) {
  thread_ = std::thread([this, first, turn = std::move(turn)] {
    std::optional<Duration> until = first;
    while (sleep(until)) until = turn();
  });
}

void LoopThread::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void LoopThread::nudge() {
  const base::MutexLock lock(mutex_);
  nudged_ = true;
  changed_.notify_all();
}

bool LoopThread::stopping() const {
  const base::MutexLock lock(mutex_);
  return stopping_;
}

/// False if the thread ends.
bool LoopThread::sleep(std::optional<Duration> until) {
  const base::MutexLock lock(mutex_);
  while (!stopping_ && !nudged_) {
    if (!until) {
      changed_.wait(mutex_);
      continue;
    }
    const Duration left = *until - clock_.monotonic();
    if (left <= Duration::zero()) break;
    changed_.wait_for(mutex_, left);
  }
  nudged_ = false;
  return !stopping_;
}

}  // namespace weir::server
