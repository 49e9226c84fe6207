// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace weir::server {

/// Whose rights a child gets; only root may say so.
struct RunAs {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct ProcessOptions {
  std::vector<std::string> argv = {};  // argv[0]: a path, or a name looked up in PATH
  /// Set in the child over what it inherits; an empty value removes the variable.
  std::map<std::string, std::string> environment = {};
  std::string folder = {};       // working folder, empty: the caller's
  std::string output_path = {};  // file that takes stdout and stderr, appended; empty: the caller's
  std::optional<RunAs> run_as = {};
  /// Sent to the child if the thread that started it dies, however it dies; so start children from
  /// a thread that lives as long as they shall.
  int death_signal = SIGTERM;
};

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
  friend Result<struct CommandResult> run_command(const ProcessOptions& options, Duration span);
  static Result<std::unique_ptr<ChildProcess>> spawn_with(
      const ProcessOptions& options, int output, std::function<void(const ProcessExit&)> on_exit);

  struct State;
  explicit ChildProcess(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

struct CommandResult {
  ProcessExit exit;
  std::string output;  // stdout and stderr as they came, at most the last kCommandOutputBytesMax
};

/// Runs a command to its end and keeps its output. DEADLINE_EXCEEDED `command_timeout` after
/// `span` (the command's group is killed), UNAVAILABLE `spawn_failed`. `output_path` must be empty.
Result<CommandResult> run_command(const ProcessOptions& options, Duration span);

}  // namespace weir::server
