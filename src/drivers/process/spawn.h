// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <csignal>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "drivers/process/file_descriptor.h"
#include "drivers/process/user.h"

namespace weir::process {

struct ProcessOptions {
  std::vector<std::string> argv = {};  // argv[0]: a path, or a name looked up in PATH
  /// Set in the child over what it inherits; an empty value removes the variable.
  std::map<std::string, std::string> environment = {};
  bool inherit_environment = true;  // false: `environment` is all there is
  std::string folder = {};          // working folder, empty: the caller's
  std::string output_path = {};  // file that takes stdout and stderr, appended; empty: the caller's
  int output = -1;               // a descriptor instead of that file
  int error_output = -1;         // a descriptor that takes stderr alone; -1: it goes with stdout
  int input = -1;                // a descriptor that is stdin; -1: /dev/null
  std::optional<User> run_as = {};       // whose rights it gets; only root may say so
  bool new_session = false;              // away from the terminal; else a process group of its own
  std::optional<mode_t> file_mask = {};  // umask
  /// Sent to the child if the thread that started it dies, however it dies, so start children from
  /// a thread that lives as long as they shall; 0: nothing is.
  int death_signal = SIGTERM;
};

/// Starts a process as `options` say and returns once it runs the program: UNAVAILABLE
/// `spawn_failed` names the step that failed otherwise. No descriptor but the three is inherited,
/// no signal is blocked or ignored. The descriptors stay the caller's. The caller reaps the
/// process; `pid_fd`, if there is one, takes a descriptor that names it.
Result<pid_t> spawn_process(const ProcessOptions& options, FileDescriptor* pid_fd = nullptr);

}  // namespace weir::process
