// SPDX-License-Identifier: Apache-2.0
#include "cli/console/progress.h"

#include <utility>

#include "cli/console/console.h"
#include "cli/console/limits.h"

namespace weir::cli {

Progress::Progress(std::string what, const Clock& clock)
    : what_(std::move(what)),
      clock_(clock),
      started_(clock.monotonic()),
      terminal_(error_is_terminal()),
      thread_([this] { run(); }) {}

Progress::~Progress() {
  {
    const base::MutexLock lock(mutex_);
    done_ = true;
  }
  wake_.notify_all();
  thread_.join();
  const base::MutexLock lock(mutex_);
  if (shown_ && terminal_) print_error("\r\x1b[K");
}

void Progress::update(std::string detail) {
  const base::MutexLock lock(mutex_);
  detail_ = std::move(detail);
}

void Progress::say(const std::string& line) {
  const base::MutexLock lock(mutex_);
  print_error((shown_ && terminal_ ? "\r\x1b[K" : "") + line + "\n");
}

void Progress::run() {
  const base::MutexLock lock(mutex_);
  Duration next = started_ + kProgressAfter;
  Duration distance = kProgressAfter;
  while (!done_) {
    const Duration now = clock_.monotonic();
    if (now < next) {
      wake_.wait_for(mutex_, next - now);
      continue;
    }
    show();
    if (!terminal_) distance *= 2;
    next = now + distance;
  }
}

void Progress::show() {
  const auto seconds =
      std::chrono::duration_cast<std::chrono::seconds>(clock_.monotonic() - started_);
  std::string line = what_ + " … " + std::to_string(seconds.count()) + " s";
  if (!detail_.empty()) line += " (" + detail_ + ")";
  print_error(terminal_ ? "\r\x1b[K" + line : line + "\n");
  shown_ = true;
}

}  // namespace weir::cli
