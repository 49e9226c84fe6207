// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/process/spawn.h"

namespace weir::process {

/// How a process ended.
struct ProcessExit {
  int code = 0;    // exit code, if signal is 0
  int signal = 0;  // the signal that killed it

  bool clean() const { return code == 0 && signal == 0; }
  std::string text() const;  // "exit code 1", "signal 9"
};

/// A running child, in a process group of its own so that Ctrl-C reaches only its supervisor. One
/// thread sleeps in waitid and reaps it. Any thread may call. The destructor kills what still runs.
class ChildProcess {
 public:
  /// UNAVAILABLE `spawn_failed` if it cannot be started (no such program, rights).
  /// `on_exit` runs once on the reaping thread; it must not destroy the child.
  static Result<std::unique_ptr<ChildProcess>> spawn(
      const ProcessOptions& options, std::function<void(const ProcessExit&)> on_exit = {});
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const;
  /// Sends a signal; nothing happens if the child has ended.
  void signal(int number);
  /// Waits at most `span`; nothing if it still runs.
  std::optional<ProcessExit> wait(Duration span);
  /// Sends `number`, waits at most `span`, then kills the whole group. Always ended on return.
  ProcessExit terminate(Duration span, int number = SIGTERM);

 private:
  struct State;
  explicit ChildProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace weir::process
