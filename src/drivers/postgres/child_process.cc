// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/child_process.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <limits>

#include "base/assert.h"
#include "base/error.h"

namespace weir::postgres {
namespace {

constexpr int kExecFailed = 127;
constexpr std::size_t kUserRecordBytes = 16'384;  // Names, paths and password field of a user.

std::string system_error(const std::string& what, int code) {
  return what + ": " + std::strerror(code);
}

/// Everything a child needs between fork and exec, made before the fork: afterwards only
/// async-signal-safe calls are allowed, as other threads may have held any lock.
struct ChildPlan {
  const char* program;
  std::vector<char*> arguments;
  std::array<char*, 3> environment;
  const Identity* run_as;
  int input_fd;
  int output_fd;
  int error_pipe;
  int death_signal;
  pid_t parent;
};

/// Raw system calls: the library's wrappers would look for other threads to change along.
bool step_down(const Identity& user) {
  return syscall(SYS_setgroups, 0, nullptr) == 0 && syscall(SYS_setgid, user.gid) == 0 &&
         syscall(SYS_setuid, user.uid) == 0;
}

void default_signals() {
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGCHLD, SIGUSR1, SIGUSR2}) {
    ::signal(signal, SIG_DFL);
  }
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void become_program(const ChildPlan& plan) {
  default_signals();
  setsid();
  umask(077);
  const bool ready = dup2(plan.input_fd, STDIN_FILENO) >= 0 &&
                     dup2(plan.output_fd, STDOUT_FILENO) >= 0 &&
                     dup2(plan.output_fd, STDERR_FILENO) >= 0 && chdir("/") == 0 &&
                     (plan.run_as == nullptr || step_down(*plan.run_as));
  if (ready) {
    // Only now: a change of user forgets the signal. The parent may have died in between.
    if (plan.death_signal != 0) prctl(PR_SET_PDEATHSIG, plan.death_signal);
    if (getppid() != plan.parent) _exit(kExecFailed);
    syscall(SYS_close_range, 3U, std::numeric_limits<unsigned>::max(), CLOSE_RANGE_CLOEXEC);
    execve(plan.program, plan.arguments.data(), plan.environment.data());
  }
  const int code = errno;
  [[maybe_unused]] const ssize_t written = write(plan.error_pipe, &code, sizeof code);
  _exit(kExecFailed);
}

/// Forks with all signals blocked, so that no handler of ours runs in the child.
pid_t fork_quietly(const ChildPlan& plan) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = fork();
  if (pid == 0) become_program(plan);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return pid;
}

std::optional<Identity> to_identity(int status, const passwd* found) {
  if (status != 0 || found == nullptr) return std::nullopt;
  return Identity{found->pw_uid, found->pw_gid, found->pw_name};
}

int wait_status(pid_t pid) {
  int status = 0;
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

}  // namespace

void UniqueFd::reset() {
  if (fd_ >= 0) close(fd_);
  fd_ = -1;
}

std::optional<Identity> find_user(const std::string& name) {
  std::vector<char> buffer(kUserRecordBytes);
  passwd record{};
  passwd* found = nullptr;
  const int status = getpwnam_r(name.c_str(), &record, buffer.data(), buffer.size(), &found);
  return to_identity(status, found);
}

std::optional<Identity> find_user(unsigned uid) {
  std::vector<char> buffer(kUserRecordBytes);
  passwd record{};
  passwd* found = nullptr;
  const int status = getpwuid_r(uid, &record, buffer.data(), buffer.size(), &found);
  return to_identity(status, found);
}

Result<Process> spawn(const ProcessSpec& spec) {
  WEIR_ASSERT(!spec.command.empty() && spec.command.front().starts_with('/'));
  const UniqueFd input(open("/dev/null", O_RDWR | O_CLOEXEC));
  std::array<int, 2> ends{-1, -1};
  if (!input || pipe2(ends.data(), O_CLOEXEC) != 0) {
    return base::internal(system_error("start " + spec.command.front(), errno));
  }
  const UniqueFd read_end(ends[0]);
  UniqueFd write_end(ends[1]);

  std::vector<std::string> command = spec.command;
  std::string path = "PATH=/usr/local/bin:/usr/bin:/bin";
  std::string locale = "LC_ALL=C";
  ChildPlan plan{.program = spec.command.front().c_str(),
                 .arguments = {},
                 .environment = {path.data(), locale.data(), nullptr},
                 .run_as = spec.run_as ? &*spec.run_as : nullptr,
                 .input_fd = input.get(),
                 .output_fd = spec.output_fd >= 0 ? spec.output_fd : input.get(),
                 .error_pipe = write_end.get(),
                 .death_signal = spec.death_signal,
                 .parent = getpid()};
  for (std::string& argument : command) plan.arguments.push_back(argument.data());
  plan.arguments.push_back(nullptr);

  Process process;
  process.pid = fork_quietly(plan);
  if (process.pid < 0) return base::internal(system_error("fork", errno));
  write_end.reset();
  int code = 0;
  ssize_t bytes = 0;
  do {
    bytes = read(read_end.get(), &code, sizeof code);  // Ends when the program has taken over.
  } while (bytes < 0 && errno == EINTR);
  process.pid_fd = open_pid_fd(process.pid);
  if (bytes == 0 && process.pid_fd) return process;

  if (bytes == 0) code = errno;
  kill(process.pid, SIGKILL);
  wait_status(process.pid);
  return base::internal(system_error("start " + spec.command.front(), code));
}

// System calls by number: glibc 2.36 declares its wrappers for C only.
UniqueFd open_pid_fd(int pid) {
  return UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
}

void send_signal(int pid_fd, int signal) {
  syscall(SYS_pidfd_send_signal, pid_fd, signal, nullptr, 0);
}

bool wait_for_exit(int pid_fd, std::chrono::milliseconds timeout) {
  pollfd descriptor{.fd = pid_fd, .events = POLLIN, .revents = 0};
  int ready = -1;
  do {
    ready = poll(&descriptor, 1, static_cast<int>(timeout.count()));
  } while (ready < 0 && errno == EINTR);
  return ready > 0;
}

Ending reap(Process& process) {
  const int status = wait_status(std::exchange(process.pid, -1));
  process.pid_fd.reset();
  if (WIFSIGNALED(status)) return {false, "signal " + std::to_string(WTERMSIG(status))};
  return {status == 0, "exit status " + std::to_string(WEXITSTATUS(status))};
}

Result<void> run_to_end(const ProcessSpec& spec, std::chrono::milliseconds timeout) {
  WEIR_TRY(Process process, spawn(spec));
  const bool ended = wait_for_exit(process.pid_fd.get(), timeout);
  if (!ended) kill(process.pid, SIGKILL);
  const Ending ending = reap(process);
  if (ending.success) return {};
  std::string text = spec.command.front() + ": " + ending.text;
  if (!ended) text += " after " + std::to_string(timeout.count()) + " ms";
  return base::internal(std::move(text));
}

bool can_enter(const std::optional<Identity>& user, const std::filesystem::path& folder) {
  const char* path = folder.c_str();
  const Identity* identity = user ? &*user : nullptr;
  const pid_t pid = fork();
  if (pid < 0) return false;
  if (pid == 0) {
    _exit((identity == nullptr || step_down(*identity)) && chdir(path) == 0 ? 0 : 1);
  }
  return wait_status(pid) == 0;
}

}  // namespace weir::postgres
