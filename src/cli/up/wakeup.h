// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/result.h"

namespace weir::cli {

/// An event that a thread in poll() can wait for. Any thread may set it.
class Wakeup {
 public:
  /// UNAVAILABLE `no_descriptors`.
  static Result<std::unique_ptr<Wakeup>> create();
  ~Wakeup();
  Wakeup(const Wakeup&) = delete;
  Wakeup& operator=(const Wakeup&) = delete;

  void set() const;
  /// Takes back what was set.
  void clear() const;
  /// Readable while set.
  int fd() const { return fd_; }

 private:
  explicit Wakeup(int fd) : fd_(fd) {}

  int fd_;
};

}  // namespace weir::cli
