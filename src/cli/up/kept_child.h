// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "cli/up/restart_budget.h"
#include "cli/up/wakeup.h"
#include "drivers/process/child_process.h"

namespace weir::cli {

/// What a child is and how it shows that it serves.
struct KeptChildPlan {
  std::string name;  ///< "DAG manager"
  process::ProcessOptions process;
  /// True once it serves; asked every kReadyLook while it starts.
  std::function<bool()> ready = {};
  /// Instead of `ready`, for what has no listener: words that its log has once it serves.
  std::string ready_words = {};
  /// Its log, of which the end is shown when it fails.
  std::filesystem::path log;
};

/// A role's process that is kept running: started, watched until it is ready, started again with
/// growing waits when it dies, given up when that does not help.
///
/// States: starting → ready → (died) → waiting → starting; `tend` makes every move, so the owner
/// calls it after each wake-up and no later than `due`. One thread, the one that started it: the
/// child dies with that thread.
class KeptChild {
 public:
  /// `wakeup` is set when the child ends; both outlive this.
  KeptChild(KeptChildPlan plan, Wakeup& wakeup, Clock& clock);

  /// Starts it the first time.
  Result<void> start();

  /// What happened since the last call.
  enum class News : std::uint8_t { None, Ready, Restarting };

  /// Looks at the child and does what is due. UNAVAILABLE `child_failed`, with how it ended and the
  /// end of its log: it refused its configuration (exit code 2), or the restarts are spent.
  Result<News> tend();

  /// When `tend` must be called at the latest (Clock::monotonic); nothing: when woken.
  std::optional<Duration> due() const;

  /// SIGTERM, kStopTimeout, then a kill. Nothing runs after it.
  void stop();

  const std::string& name() const { return plan_.name; }
  /// How it ended last, for people.
  const std::string& last_end() const { return last_end_; }

 private:
  enum class State : std::uint8_t { Starting, Ready, Waiting, Stopped };

  Result<void> spawn();
  Result<News> look_if_ready();
  Result<News> ended(const process::ProcessExit& exit);
  bool is_ready() const;
  Error failed(const std::string& why) const;

  const KeptChildPlan plan_;
  Wakeup& wakeup_;
  Clock& clock_;
  RestartBudget budget_;
  State state_ = State::Stopped;
  Duration since_{};  // of Starting: start; of Waiting: when to start
  std::string last_end_;
  std::uintmax_t log_begins_ = 0;  // what stands before it was there before us
  std::uintmax_t run_begins_ = 0;  // the same, before its last start
  std::unique_ptr<process::ChildProcess> process_;
};

}  // namespace weir::cli
