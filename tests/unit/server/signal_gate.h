// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "base/mutex.h"

namespace weir::server {

/// A door that a test opens: others wait in front of it, and the test can wait for them to come.
class Gate {
 public:
  void open() {
    const base::MutexLock lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }

  /// Waits until the gate is open.
  void pass() {
    const base::MutexLock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    while (!open_) changed_.wait(mutex_);
  }

  /// Waits until so many have come; false after 20 s.
  bool await_arrivals(int count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    const base::MutexLock lock(mutex_);
    while (arrived_ < count) {
      const auto left = deadline - std::chrono::steady_clock::now();
      if (left <= left.zero()) return false;
      changed_.wait_for(mutex_, left);
    }
    return true;
  }

 private:
  base::Mutex mutex_;
  base::CondVar changed_;
  bool open_ WEIR_GUARDED_BY(mutex_) = false;
  int arrived_ WEIR_GUARDED_BY(mutex_) = 0;
};

}  // namespace weir::server
