// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/child_process.h"

#include <pthread.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "base/mutex.h"

namespace weir::process {
namespace {

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
  WEIR_TRY(const pid_t pid, spawn_process(options));
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

}  // namespace weir::process
