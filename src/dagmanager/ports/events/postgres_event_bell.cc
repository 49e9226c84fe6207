// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/events/postgres_event_bell.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

#include "base/assert.h"
#include "dagmanager/ports/events/postgres_control_bus.h"
#include "dagmanager/ports/postgres_limits.h"
#include "drivers/postgres/listener.h"

namespace weir::dagmanager {

PostgresEventBell::~PostgresEventBell() {
  stop();
  if (wake_ >= 0) close(wake_);
}

void PostgresEventBell::start(Calls calls) {
  calls_ = std::move(calls);
  wake_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  WEIR_ASSERT(wake_ >= 0);  // a descriptor, or the process cannot go on
  thread_ = std::thread([this] { run(); });
}

void PostgresEventBell::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (!thread_.joinable()) return;
  const std::uint64_t one = 1;
  (void)!write(wake_, &one, sizeof one);
  thread_.join();
}

void PostgresEventBell::run() {
  constexpr std::array kChannels = {kWrittenChannel, kPublishedChannel};
  Duration wait = kBellWaitFirst;
  while (!stopping()) {
    auto listener = postgres::Listener::connect(options_, kChannels);
    if (!listener.ok()) {
      if (!pause(wait)) return;
      wait = std::min(wait * 2, kBellWaitMax);
      continue;
    }
    wait = kBellWaitFirst;
    calls_.written();  // what came while nobody listened
    calls_.published();
    listen(**listener);
    if (!pause(wait)) return;
  }
}

void PostgresEventBell::listen(postgres::Listener& listener) const {
  while (true) {
    const auto heard = listener.wait(wake_);
    if (!heard.ok() || heard->empty()) return;
    for (const std::string& channel : *heard) {
      if (channel == kWrittenChannel) calls_.written();
      if (channel == kPublishedChannel) calls_.published();
    }
  }
}

bool PostgresEventBell::pause(Duration time) {
  const base::MutexLock lock(mutex_);
  if (!stopping_) changed_.wait_for(mutex_, time);
  return !stopping_;
}

bool PostgresEventBell::stopping() {
  const base::MutexLock lock(mutex_);
  return stopping_;
}

}  // namespace weir::dagmanager
