// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "base/result.h"

namespace weir::server {

/// Keeps SIGTERM, SIGINT and SIGHUP from this thread and every thread started after it, and ignores
/// SIGPIPE. First thing in a server's main, before any thread exists.
void block_shutdown_signals();

/// Waits for the wish to stop. One thread sleeps on a signalfd; nothing polls. The first signal (or
/// `request`) wakes `wait`; a further signal ends the process at once with 128 + its number,
/// however long the orderly stop takes. One a process, after block_shutdown_signals.
class ShutdownSignals {
 public:
  static Result<std::unique_ptr<ShutdownSignals>> create();
  ~ShutdownSignals();
  ShutdownSignals(const ShutdownSignals&) = delete;
  ShutdownSignals& operator=(const ShutdownSignals&) = delete;

  /// Returns the signal's number, or 0 after `request`. Returns at once if it came before.
  int wait();

  /// Asks for a stop from inside, as when a supervised child died. Any thread.
  void request();

 private:
  struct State;
  explicit ShutdownSignals(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::server
