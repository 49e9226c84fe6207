// SPDX-License-Identifier: Apache-2.0
#include "worker/child/stop_signal.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "drivers/process/file_descriptor.h"

namespace weir::worker {
namespace {

Result<int> event_of_thread() {
  thread_local process::FileDescriptor event;
  if (!event.open()) event = process::FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event.open()) return base::unavailable("no_descriptor", std::strerror(errno));
  return event.number();
}

}  // namespace

void StopSignal::ask(StopWish wish) {
  const base::MutexLock lock(mutex_);
  if (wish_.reason == StopReason::None) {
    wish_ = std::move(wish);
  } else if (wish.grace < wish_.grace) {
    wish_.grace = wish.grace;
  } else {
    return;
  }
  tell();
}

StopWish StopSignal::wish() const {
  const base::MutexLock lock(mutex_);
  return wish_;
}

Result<int> StopSignal::watch() {
  WEIR_TRY(const int event, event_of_thread());
  const base::MutexLock lock(mutex_);
  event_ = event;
  if (wish_.reason != StopReason::None) tell();
  return event;
}

void StopSignal::unwatch() {
  const base::MutexLock lock(mutex_);
  take_back();
  event_.reset();
}

void StopSignal::clear() {
  const base::MutexLock lock(mutex_);
  take_back();
}

void StopSignal::tell() {
  if (!event_) return;
  eventfd_write(*event_, 1);
  told_ = true;
}

void StopSignal::take_back() {
  eventfd_t count = 0;
  if (told_) eventfd_read(*event_, &count);
  told_ = false;
}

}  // namespace weir::worker
