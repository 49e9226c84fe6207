// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace weir::postgres {

/// A file descriptor with an owner; -1 if none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

/// A user of the system, as a process is run by.
struct Identity {
  unsigned uid;
  unsigned gid;
  std::string name;
};

/// The user of that name or number, if there is one.
std::optional<Identity> find_user(const std::string& name);
std::optional<Identity> find_user(unsigned uid);

/// What to run. The program gets /dev/null as input, a session of its own, the root folder as
/// working folder, umask 077, default signals, no other descriptors and next to no environment.
struct ProcessSpec {
  std::vector<std::string> command;     // The first is the program's absolute path.
  std::optional<Identity> run_as = {};  // Stepped down to before the program starts; needs root.
  int output_fd = -1;                   // For standard output and error.
  int death_signal = 0;                 // Sent to it when the thread that started it ends; 0: none.
};

/// A child process. Not stopped by the destructor: the owner decides how.
struct Process {
  int pid = -1;
  UniqueFd pid_fd;  // Readable once it has exited.
};

/// Fails with Internal if there is no such program or no right to run it so.
Result<Process> spawn(const ProcessSpec& spec);

/// A descriptor for any process; none and errno if there is no such process (ESRCH).
UniqueFd open_pid_fd(int pid);
/// Sends a signal to the process behind a pid_fd, whoever has its number by now.
void send_signal(int pid_fd, int signal);

/// Waits until the process behind a pid_fd has exited; false if it has not after `timeout`.
bool wait_for_exit(int pid_fd, std::chrono::milliseconds timeout);

/// Collects an exited child and says how it ended: "exit status 1", "signal 9". `success` says
/// whether it was status 0.
struct Ending {
  bool success;
  std::string text;
};
Ending reap(Process& process);

/// Runs a program to its end, at most `timeout`, then kills it. Fails with Internal unless it ends
/// with status 0.
Result<void> run_to_end(const ProcessSpec& spec, std::chrono::milliseconds timeout);

/// True if the user could make `folder` its working folder.
bool can_enter(const std::optional<Identity>& user, const std::filesystem::path& folder);

}  // namespace weir::postgres
