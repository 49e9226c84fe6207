// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "drivers/process/child_process.h"
#include "worker/child/stop_signal.h"

namespace weir::worker {

/// One run of a program.
struct ChildSpec {
  std::vector<std::string> argv;
  std::map<std::string, std::string> environment;  ///< all it gets
  std::string folder;                              ///< it works there
  std::string input;                               ///< its stdin
  std::filesystem::path log_path;                  ///< takes stdout and stderr
  std::vector<std::string> secrets = {};           ///< never in the log nor in the result
  /// By Clock::monotonic; nothing: it may run for ever.
  std::optional<Duration> deadline = {};
  /// From SIGTERM at the deadline to SIGKILL.
  Duration kill_after = std::chrono::seconds(2);
};

/// How a run ended.
struct ChildEnd {
  process::ProcessExit exit = {};
  StopWish stop = {};               ///< why it was stopped, if it was
  std::string last_line = {};       ///< of stdout, scrubbed
  bool last_line_cut = false;       ///< it was too long for a result
  std::string last_complaint = {};  ///< last line of stderr, scrubbed
};

/// Starts a program as the leader of a process group of its own and waits for its end. Its output
/// goes to the log, without secrets. When it is asked to stop, or at the deadline, the whole group
/// gets SIGTERM, and after the grace SIGKILL; when the leader has ended, what is left of the group
/// is killed at once. So nothing of the group runs on return.
/// The kernel kills the leader if the calling thread dies. `started` is called once it runs.
/// One that was asked to stop before is not started. UNAVAILABLE `spawn_failed` if it cannot be
/// started.
Result<ChildEnd> run_child(const ChildSpec& spec, StopSignal& stop, const Clock& clock,
                           const std::function<void()>& started = {});

}  // namespace weir::worker
