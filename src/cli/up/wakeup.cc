// SPDX-License-Identifier: Apache-2.0
#include "cli/up/wakeup.h"

#include <sys/eventfd.h>
#include <unistd.h>

namespace weir::cli {

Result<std::unique_ptr<Wakeup>> Wakeup::create() {
  const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return base::unavailable("no_descriptors", "eventfd: no descriptor is left");
  return std::unique_ptr<Wakeup>(new Wakeup(fd));
}

Wakeup::~Wakeup() { close(fd_); }

void Wakeup::set() const {
  // Fails only when the counter is full, and then it is set.
  static_cast<void>(eventfd_write(fd_, 1));
}

void Wakeup::clear() const {
  eventfd_t count = 0;
  static_cast<void>(eventfd_read(fd_, &count));
}

}  // namespace weir::cli
