// SPDX-License-Identifier: Apache-2.0
#include "server/shutdown.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "base/mutex.h"
#include "drivers/process/file_descriptor.h"

namespace weir::server {
namespace {

sigset_t shutdown_set() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, number);
  return set;
}

}  // namespace

struct ShutdownSignals::State {
  void watch() WEIR_EXCLUDES(mutex);
  void tell(int number) WEIR_EXCLUDES(mutex);

  process::FileDescriptor signals;
  process::FileDescriptor quit;
  std::thread thread;

  base::Mutex mutex;
  base::CondVar told;
  std::optional<int> first WEIR_GUARDED_BY(mutex);
};

void block_shutdown_signals() {
  const sigset_t set = shutdown_set();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction ignore = {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
}

Result<std::unique_ptr<ShutdownSignals>> ShutdownSignals::create() {
  auto state = std::make_unique<State>();
  const sigset_t set = shutdown_set();
  state->signals = process::FileDescriptor(signalfd(-1, &set, SFD_CLOEXEC));
  state->quit = process::FileDescriptor(eventfd(0, EFD_CLOEXEC));
  if (!state->signals.open() || !state->quit.open()) {
    return base::unavailable("no_descriptor",
                             std::string("watch signals: ") + std::strerror(errno));
  }
  try {
    state->thread = std::thread([watched = state.get()] { watched->watch(); });
  } catch (const std::system_error& error) {
    return base::unavailable("no_thread", std::string("watch signals: ") + error.what());
  }
  return std::unique_ptr<ShutdownSignals>(new ShutdownSignals(std::move(state)));
}

ShutdownSignals::ShutdownSignals(std::unique_ptr<State> state) : state_(std::move(state)) {}

ShutdownSignals::~ShutdownSignals() {
  const std::uint64_t one = 1;
  // Cannot fail: the counter starts at 0 and is written once.
  [[maybe_unused]] const ssize_t written = write(state_->quit.number(), &one, sizeof(one));
  state_->thread.join();
}

int ShutdownSignals::wait() {
  const base::MutexLock lock(state_->mutex);
  while (!state_->first) state_->told.wait(state_->mutex);
  return *state_->first;
}

void ShutdownSignals::request() { state_->tell(0); }

void ShutdownSignals::State::tell(int number) {
  const base::MutexLock lock(mutex);
  if (!first) first = number;
  told.notify_all();
}

void ShutdownSignals::State::watch() {
  pthread_setname_np(pthread_self(), "signals");
  bool seen = false;
  for (;;) {
    std::array<pollfd, 2> wanted = {pollfd{signals.number(), POLLIN, 0},
                                    pollfd{quit.number(), POLLIN, 0}};
    if (poll(wanted.data(), wanted.size(), -1) < 0) continue;  // a signal of no interest
    if (wanted[1].revents != 0) return;
    signalfd_siginfo info = {};
    if (read(signals.number(), &info, sizeof(info)) != sizeof(info)) continue;
    const int number = static_cast<int>(info.ssi_signo);
    if (seen) _exit(128 + number);
    seen = true;
    tell(number);
  }
}

}  // namespace weir::server
