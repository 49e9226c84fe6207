// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/pid_fd.h"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace weir::process {
namespace {

int wait_status(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

Result<Process> start_process(const ProcessOptions& options) {
  Process process;
  WEIR_TRY(process.pid, spawn_process(options, &process.pid_fd));
  if (process.pid_fd.open()) return process;
  const int error = errno;
  kill(process.pid, SIGKILL);
  wait_status(process.pid);
  return base::unavailable("spawn_failed",
                           "watch " + options.argv.front() + ": " + std::strerror(error));
}

// System calls by number: glibc 2.36 declares its wrappers for C only.
FileDescriptor open_pid_fd(pid_t pid) {
  return FileDescriptor(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

void send_signal(const FileDescriptor& pid_fd, int signal) {
  syscall(SYS_pidfd_send_signal, pid_fd.number(), signal, nullptr, 0);
}

bool wait_for_exit(const FileDescriptor& pid_fd, std::chrono::milliseconds timeout) {
  pollfd descriptor{.fd = pid_fd.number(), .events = POLLIN, .revents = 0};
  int ready = -1;
  do {
    ready = poll(&descriptor, 1, static_cast<int>(timeout.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

Ending reap(Process& process) {
  const int status = wait_status(std::exchange(process.pid, -1));
  process.pid_fd.close();
  if (WIFSIGNALED(status)) return {false, "signal " + std::to_string(WTERMSIG(status))};
  return {status == 0, "exit status " + std::to_string(WEXITSTATUS(status))};
}

Result<void> run_to_end(const ProcessOptions& options, std::chrono::milliseconds timeout) {
  WEIR_TRY(Process process, start_process(options));
  const bool ended = wait_for_exit(process.pid_fd, timeout);
  if (!ended) kill(process.pid, SIGKILL);
  const Ending ending = reap(process);
  if (ending.success) return {};
  std::string text = options.argv.front() + ": " + ending.text;
  if (!ended) text += " after " + std::to_string(timeout.count()) + " ms";
  return base::internal(std::move(text));
}

}  // namespace weir::process
