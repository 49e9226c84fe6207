// SPDX-License-Identifier: Apache-2.0
#include "server/process.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <climits>
#include <cstdint>
#include <cstring>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "server/file_descriptor.h"
#include "server/limits.h"
#include "server/spawn.h"

namespace weir::server {
namespace {

/// Sleeps until there is output or the child ended; false if the deadline passed first.
bool wait_readable(FileDescriptor& output, const FileDescriptor& ended,
                   std::chrono::steady_clock::time_point deadline) {
  for (;;) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return false;
    // A closed descriptor is -1, which poll passes over.
    std::array<pollfd, 2> wanted = {pollfd{output.number(), POLLIN, 0},
                                    pollfd{ended.number(), POLLIN, 0}};
    const int span = static_cast<int>(std::min<std::int64_t>(left.count(), INT_MAX));
    if (poll(wanted.data(), wanted.size(), span) > 0) return true;
  }
}

bool has_ended(const FileDescriptor& ended) {
  eventfd_t unused = 0;
  return eventfd_read(ended.number(), &unused) == 0;
}

/// Takes what is there, keeps the last kCommandOutputBytesMax of all, closes at the end. Bounded,
/// so that a command that never pauses does not outrun its deadline; twice what a pipe holds, so
/// that all of an ended command is taken.
void read_available(FileDescriptor& output, std::string& text) {
  std::array<char, 4096> block = {};
  for (int round = 0; round < 32 && output.open(); ++round) {
    const ssize_t got = read(output.number(), block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got == 0) output.close();
    if (got <= 0) return;
    text.append(block.data(), static_cast<std::size_t>(got));
    if (text.size() > 2 * kCommandOutputBytesMax) {
      text.erase(0, text.size() - kCommandOutputBytesMax);
    }
  }
}

ProcessExit exit_of(int status) {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

}  // namespace

std::string ProcessExit::text() const {
  return signal != 0 ? "signal " + std::to_string(signal) : "exit code " + std::to_string(code);
}

struct ChildProcess::State {
  void reap() WEIR_EXCLUDES(mutex);
  void send(int number, bool whole_group) WEIR_EXCLUDES(mutex);
  std::optional<ProcessExit> wait_until(std::chrono::steady_clock::time_point deadline)
      WEIR_EXCLUDES(mutex);

  pid_t pid = 0;
  std::function<void(const ProcessExit&)> on_exit;
  std::thread reaper;

  base::Mutex mutex;
  base::CondVar ended;
  // Set together with the reaping, so a number that the kernel may give away again is never
  // signalled.
  std::optional<ProcessExit> exit WEIR_GUARDED_BY(mutex);
};

Result<std::unique_ptr<ChildProcess>> ChildProcess::spawn(
    const ProcessOptions& options, std::function<void(const ProcessExit&)> on_exit) {
  return spawn_with(options, -1, std::move(on_exit));
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::spawn_with(
    const ProcessOptions& options, int output, std::function<void(const ProcessExit&)> on_exit) {
  WEIR_TRY(const pid_t pid, spawn_process(options, output));
  auto state = std::make_unique<State>();
  state->pid = pid;
  state->on_exit = std::move(on_exit);
  try {
    state->reaper = std::thread([reaped = state.get()] { reaped->reap(); });
  } catch (const std::system_error& error) {
    kill(-pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    return base::unavailable("no_thread", options.argv.front() + ": " + error.what());
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(state)));
}

ChildProcess::ChildProcess(std::unique_ptr<State> state) : state_(std::move(state)) {}

ChildProcess::~ChildProcess() {
  state_->send(SIGKILL, true);
  state_->reaper.join();
}

pid_t ChildProcess::pid() const { return state_->pid; }
void ChildProcess::signal(int number) { state_->send(number, false); }

std::optional<ProcessExit> ChildProcess::wait(Duration span) {
  return state_->wait_until(std::chrono::steady_clock::now() + span);
}

ProcessExit ChildProcess::terminate(Duration span, int number) {
  state_->send(number, false);
  std::optional<ProcessExit> exit = wait(span);
  if (!exit) {
    state_->send(SIGKILL, true);
    const base::MutexLock lock(state_->mutex);
    // The kernel ends a killed process without its help; no bound is needed.
    while (!state_->exit) state_->ended.wait(state_->mutex);
    exit = state_->exit;
  }
  return *exit;
}

void ChildProcess::State::reap() {
  pthread_setname_np(pthread_self(), "reaper");
  siginfo_t info = {};
  while (waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT) != 0 && errno == EINTR) {
  }
  ProcessExit seen;
  {
    const base::MutexLock lock(mutex);
    int status = 0;
    waitpid(pid, &status, 0);
    seen = exit_of(status);
    exit = seen;
    ended.notify_all();
  }
  if (on_exit) on_exit(seen);
}

void ChildProcess::State::send(int number, bool whole_group) {
  const base::MutexLock lock(mutex);
  if (!exit) kill(whole_group ? -pid : pid, number);
}

std::optional<ProcessExit> ChildProcess::State::wait_until(
    std::chrono::steady_clock::time_point deadline) {
  const base::MutexLock lock(mutex);
  while (!exit) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left.count() <= 0) return {};
    ended.wait_for(mutex, left);
  }
  return exit;
}

Result<CommandResult> run_command(const ProcessOptions& options, Duration span) {
  const auto deadline = std::chrono::steady_clock::now() + span;
  std::array<int, 2> ends = {-1, -1};
  FileDescriptor ended(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!ended.open() || pipe2(ends.data(), O_CLOEXEC) != 0) {
    return base::unavailable("spawn_failed", std::string("make a pipe: ") + std::strerror(errno));
  }
  FileDescriptor output(ends[0]);
  FileDescriptor input(ends[1]);
  fcntl(output.number(), F_SETFL, O_NONBLOCK);
  WEIR_TRY(const std::unique_ptr<ChildProcess> child,
           ChildProcess::spawn_with(options, input.number(), [&ended](const ProcessExit&) {
             eventfd_write(ended.number(), 1);
           }));
  input.close();
  CommandResult result;
  // The end of the child counts, not that of the pipe: what it left running may keep that open.
  while (wait_readable(output, ended, deadline)) {
    const bool over = has_ended(ended);
    read_available(output, result.output);
    if (!over) continue;
    if (result.output.size() > kCommandOutputBytesMax) {
      result.output.erase(0, result.output.size() - kCommandOutputBytesMax);
    }
    result.exit = *child->wait(Duration::zero());
    return result;
  }
  return Error(Code::DeadlineExceeded, "command_timeout",
               "run " + options.argv.front() + ": not done in time, killed");
}

}  // namespace weir::server
