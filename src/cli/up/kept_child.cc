// SPDX-License-Identifier: Apache-2.0
#include "cli/up/kept_child.h"

#include <system_error>
#include <utility>

#include "cli/up/limits.h"
#include "cli/up/state_folder.h"

namespace weir::cli {
namespace {

/// A configuration that does not start will not start the next time (contract section 4).
constexpr int kExitConfiguration = 2;

std::uintmax_t size_of(const std::filesystem::path& log) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(log, error);
  return error ? 0 : size;
}

}  // namespace

KeptChild::KeptChild(KeptChildPlan plan, Wakeup& wakeup, Clock& clock)
    : plan_(std::move(plan)), wakeup_(wakeup), clock_(clock) {}

Result<void> KeptChild::start() {
  log_begins_ = size_of(plan_.log);
  return spawn();
}

Result<void> KeptChild::spawn() {
  process_.reset();
  run_begins_ = size_of(plan_.log);
  WEIR_TRY(process_, process::ChildProcess::spawn(
                         plan_.process, [this](const process::ProcessExit&) { wakeup_.set(); }));
  state_ = State::Starting;
  since_ = clock_.monotonic();
  return {};
}

Result<KeptChild::News> KeptChild::tend() {
  if (state_ == State::Starting || state_ == State::Ready) {
    if (const auto exit = process_->wait(Duration::zero())) return ended(*exit);
  }
  switch (state_) {
    case State::Starting:
      return look_if_ready();
    case State::Waiting:
      if (clock_.monotonic() >= since_) WEIR_CHECK(spawn());
      return News::None;
    case State::Ready:
    case State::Stopped:
      return News::None;
  }
  return News::None;
}

Result<KeptChild::News> KeptChild::look_if_ready() {
  if (is_ready()) {
    state_ = State::Ready;
    budget_.was_ready();
    return News::Ready;
  }
  if (clock_.monotonic() - since_ < kReadyTimeout) return News::None;
  return ended(process_->terminate(kStopTimeout));
}

bool KeptChild::is_ready() const {
  if (plan_.ready_words.empty()) return plan_.ready();
  return log_tail(plan_.log, run_begins_).find(plan_.ready_words) != std::string::npos;
}

Result<KeptChild::News> KeptChild::ended(const process::ProcessExit& exit) {
  last_end_ = exit.text();
  if (exit.signal == 0 && exit.code == kExitConfiguration) {
    return failed("refused to start");
  }
  const std::optional<Duration> wait = budget_.spend(clock_.monotonic() - since_);
  if (!wait) return failed("died again and again");
  since_ = clock_.monotonic() + *wait;
  state_ = State::Waiting;
  return News::Restarting;
}

Error KeptChild::failed(const std::string& why) const {
  std::string text = plan_.name + " " + why + " (" + last_end_ + ")";
  const std::string tail = log_tail(plan_.log, log_begins_);
  if (!tail.empty()) text += "; the end of " + plan_.log.string() + ":\n" + tail;
  return base::unavailable("child_failed", text);
}

std::optional<Duration> KeptChild::due() const {
  switch (state_) {
    case State::Starting:
      return clock_.monotonic() + kReadyLook;
    case State::Waiting:
      return since_;
    case State::Ready:
    case State::Stopped:
      return {};
  }
  return {};
}

void KeptChild::stop() {
  if (state_ == State::Starting || state_ == State::Ready) {
    last_end_ = process_->terminate(kStopTimeout).text();
  }
  state_ = State::Stopped;
  process_.reset();
}

}  // namespace weir::cli
