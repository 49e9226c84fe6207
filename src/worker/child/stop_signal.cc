// SPDX-License-Identifier: Apache-2.0
#include "worker/child/stop_signal.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::worker {

Result<StopSignal> StopSignal::create() {
  process::FileDescriptor event(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.open()) return base::unavailable("no_descriptor", std::strerror(errno));
  return StopSignal(std::move(event));
}

StopSignal::StopSignal(StopSignal&& other) noexcept : event_(std::move(other.event_)) {
  const base::MutexLock lock(other.mutex_);
  wish_ = std::move(other.wish_);
}

void StopSignal::ask(StopWish wish) {
  {
    const base::MutexLock lock(mutex_);
    if (wish_.reason == StopReason::None) {
      wish_ = std::move(wish);
    } else if (wish.grace < wish_.grace) {
      wish_.grace = wish.grace;
    } else {
      return;
    }
  }
  eventfd_write(event_.number(), 1);
}

StopWish StopSignal::wish() const {
  const base::MutexLock lock(mutex_);
  return wish_;
}

void StopSignal::clear() {
  eventfd_t count = 0;
  eventfd_read(event_.number(), &count);
}

}  // namespace weir::worker
