// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <string>

#include "base/result.h"
#include "drivers/process/file_descriptor.h"
#include "drivers/process/spawn.h"

/// Processes by descriptor: ours or another's, none is stopped by a destructor.
namespace weir::process {

/// A started child whose owner decides how it ends.
struct Process {
  pid_t pid = -1;
  FileDescriptor pid_fd;  ///< readable once it has exited
};

/// Starts a child, as spawn_process does.
Result<Process> start_process(const ProcessOptions& options);

/// A descriptor for any process; none and errno if there is no such process (ESRCH).
FileDescriptor open_pid_fd(pid_t pid);
/// Sends a signal to the process behind a descriptor, whoever has its number by now.
void send_signal(const FileDescriptor& pid_fd, int signal);
/// Waits until the process behind a descriptor has exited; false if it has not after `timeout`.
bool wait_for_exit(const FileDescriptor& pid_fd, std::chrono::milliseconds timeout);

/// How a child ended: "exit status 1", "signal 9"; `success`: with status 0.
struct Ending {
  bool success;
  std::string text;
};
/// Collects a child that has exited.
Ending reap(Process& process);

/// Runs a program to its end, at most `timeout`, then kills it. INTERNAL unless it ends with
/// status 0.
Result<void> run_to_end(const ProcessOptions& options, std::chrono::milliseconds timeout);

}  // namespace weir::process
