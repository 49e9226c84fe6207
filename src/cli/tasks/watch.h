// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "cli/console/progress.h"
#include "cli/tasks/api.h"
#include "cli/tasks/dag_text.h"

namespace weir::cli {

/// Shows how something goes on, on standard error: on a terminal a table that is written over, else
/// a line now and then. Lives on the stack of the command.
class LiveView {
 public:
  LiveView(std::string what, const Clock& clock);
  ~LiveView();
  LiveView(const LiveView&) = delete;
  LiveView& operator=(const LiveView&) = delete;

  void show(const std::vector<JobCounts>& jobs);

 private:
  void wipe();

  const bool terminal_;
  std::size_t lines_ = 0;
  std::unique_ptr<Progress> progress_;
};

/// Paces looks at the server: soon at first, then once in kWatchWaitMax, until the bound.
class Pace {
 public:
  Pace(Clock& clock, long seconds_max);
  /// Sleeps until the next look; false when the time is over.
  bool next();

 private:
  Clock& clock_;
  const Duration until_;
  Duration wait_;
};

/// What a deploy's watching needs to know of it.
struct DeployToWatch {
  std::string dag = {};
  std::string deploy_id = {};         ///< empty: it was current already
  bool ends_ready = false;            ///< `activate=manual`: it ends where a person must say go
  std::set<std::string> reused = {};  ///< jobs whose failed tasks were there before
  long seconds_max = 0;
};

/// Follows a deploy to its end, and the tasks of its graph until none is open. Prints the last
/// picture. Gives the exit code: 1 if the deploy or a task failed, or the time is over.
int watch_deploy(Api& api, const DeployToWatch& deploy);

struct RunToWatch {
  std::string what;
  std::string task_id;
  std::string root_event_id;
  long seconds_max = 0;
};
/// Follows a manual run until its own task and every task of its root event are terminal. Exit code
/// as above.
int watch_run(Api& api, const RunToWatch& run);

/// `--wait` and its bound.
struct WaitFlags {
  bool wait = false;
  long seconds_max = 0;
};
void add_wait_flags(CLI::App& command, WaitFlags& flags, const std::string& meaning);

}  // namespace weir::cli
