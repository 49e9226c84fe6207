// SPDX-License-Identifier: Apache-2.0
#include "cli/tasks/watch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <CLI/CLI.hpp>

#include "base/text.h"
#include "cli/console/console.h"
#include "cli/tasks/limits.h"
#include "cli/tasks/task_text.h"

namespace weir::cli {
namespace {

/// True for a deploy that will not change any more.
bool has_ended(const std::string& state, bool ends_ready) {
  return state == "active" || state == "failed" || state == "canceled" || state == "superseded" ||
         (ends_ready && state == "ready");
}

int say_time_is_over(const std::string& what) {
  print_error("still_running: " + what + " did not end in the time that --timeout gives\n");
  return kExitFailed;
}

/// The graph of the candidate while a deploy builds, else of what is current.
ApiPath graph_path(const Api& api, const std::string& dag, bool is_candidate) {
  ApiPath path("/v1/dags");
  path.segment(dag).segment("graph").query("world", api.flags().world);
  if (is_candidate) path.query("pointer_set", "candidate");
  return path;
}

std::vector<std::string> failed_jobs(const std::vector<JobCounts>& jobs,
                                     const std::set<std::string>& reused,
                                     const std::vector<JobCounts>& before) {
  std::vector<std::string> failed;
  for (const JobCounts& job : jobs) {
    std::int64_t known = 0;
    const auto found = std::ranges::find(before, job.job, &JobCounts::job);
    if (reused.contains(job.job) && found != before.end()) known = found->failed;
    if (job.failed > known) failed.push_back(job.job);
  }
  return failed;
}

/// All tasks of a root, oldest page last; nothing if a call failed. `whole` says whether one answer
/// held them all, and so one moment.
struct RootTasks {
  JsonTree items = JsonTree::array();
  bool whole = true;
};
std::optional<RootTasks> tasks_of_root(Api& api, const std::string& root) {
  RootTasks tasks;
  std::string cursor;
  for (int page = 0; page < kRootPagesMax; ++page) {
    ApiPath path("/v1/tasks");
    path.query("root", root)
        .query("world", api.flags().world)
        .query("limit", std::to_string(kPageMax))
        .query("cursor", cursor);
    const std::optional<JsonTree> body = api.get(path);
    if (!body) return {};
    for (const JsonTree& task : list_at(*body, {"items"})) tasks.items.push_back(task);
    const JsonTree& next = at(*body, {"next_cursor"});
    if (!next.is_string()) return tasks;
    tasks.whole = false;
    cursor = next.get<std::string>();
  }
  return tasks;
}

bool is_over(const JsonTree& task) {
  const std::string state = cell(task, {"state"});
  return state == "completed" || state == "failed" || state == "canceled";
}

/// Puts the run's own task, which comes before its root event, in front of the event's tasks.
void add_own(const JsonTree& own, JsonTree& tasks) {
  for (const JsonTree& task : tasks) {
    if (at(task, {"task_id"}) == at(own, {"task_id"})) return;
  }
  tasks.insert(tasks.begin(), own);
}

/// The failed tasks one by one, and the exit code that they give.
int tell_failed(const JsonTree& tasks) {
  std::size_t failed = 0;
  for (const JsonTree& task : tasks) {
    if (cell(task, {"state"}) != "failed") continue;
    if (++failed > kFailedToldMax) continue;
    print_error("task_failed: " + cell(task, {"job"}) + " " + cell(task, {"task_id"}) + ": " +
                cell(task, {"last_error", "code"}) + " " + cell(task, {"last_error", "message"}) +
                "\n");
  }
  if (failed > kFailedToldMax) {
    print_error("and " + std::to_string(failed - kFailedToldMax) + " more failed\n");
  }
  return failed == 0 ? kExitOk : kExitFailed;
}

}  // namespace

LiveView::LiveView(std::string what, const Clock& clock) : terminal_(error_is_terminal()) {
  if (!terminal_) progress_ = std::make_unique<Progress>(std::move(what), clock);
}

LiveView::~LiveView() { wipe(); }

void LiveView::wipe() {
  if (lines_ > 0) print_error("\x1b[" + std::to_string(lines_) + "F\x1b[J");
  lines_ = 0;
}

void LiveView::show(const std::vector<JobCounts>& jobs) {
  if (progress_) {
    progress_->update(job_counts_line(jobs));
    return;
  }
  const std::string text = job_counts_text(jobs, kWatchLinesMax);
  wipe();
  print_error(text);
  lines_ = static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

Pace::Pace(Clock& clock, long seconds_max)
    : clock_(clock),
      until_(clock.monotonic() + std::chrono::seconds(seconds_max)),
      wait_(kWatchWaitFirst) {}

bool Pace::next() {
  if (clock_.monotonic() >= until_) return false;
  clock_.sleep_for(wait_);
  wait_ = std::min(wait_ * 3 / 2, kWatchWaitMax);
  return true;
}

int watch_deploy(Api& api, const DeployToWatch& deploy) {
  std::optional<LiveView> view;
  view.emplace("deploying " + deploy.dag, api.clock());
  Pace pace(api.clock(), deploy.seconds_max);
  std::string state = deploy.deploy_id.empty() ? "active" : "";
  std::vector<JobCounts> before;
  int quiet = 0;
  do {
    if (!has_ended(state, deploy.ends_ready)) {
      ApiPath path("/v1/dags");
      path.segment(deploy.dag).segment("deploys").segment(deploy.deploy_id);
      const auto picture = api.get(path.query("world", api.flags().world));
      if (!picture) return kExitFailed;
      state = cell(*picture, {"state"});
    }
    const bool ended = has_ended(state, deploy.ends_ready);
    const auto graph = api.get(graph_path(api, deploy.dag, !ended || state == "ready"));
    if (!graph) return kExitFailed;
    const std::vector<JobCounts> jobs = job_counts(*graph);
    if (before.empty()) before = jobs;
    view->show(jobs);
    // Twice, because the count is not the moment of the deploy's end.
    quiet = ended && !any_open(jobs) ? quiet + 1 : 0;
    if (quiet < 2 && !(ended && state != "active")) continue;
    view.reset();
    if (!api.session().json()) print_out(job_counts_text(jobs, jobs.size()));
    if (state != "active" && state != "ready") {
      print_error("deploy_" + state + ": the deploy of " + deploy.dag + " ended " + state + "\n");
      return kExitFailed;
    }
    const auto failed = failed_jobs(jobs, deploy.reused, before);
    for (const std::string& job : failed) {
      print_error(base::join({"task_failed: a task of ", job, " failed; see `weir task list --dag ",
                              deploy.dag, " --job ", job, " --state failed`\n"},
                             ""));
    }
    return failed.empty() ? kExitOk : kExitFailed;
  } while (pace.next());
  view.reset();
  return say_time_is_over("the deploy of " + deploy.dag);
}

int watch_run(Api& api, const RunToWatch& run) {
  std::optional<LiveView> view;
  view.emplace("running " + run.what, api.clock());
  Pace pace(api.clock(), run.seconds_max);
  std::size_t seen = 0;
  JsonTree own;
  do {
    if (!is_over(own)) {
      ApiPath path("/v1/tasks");
      const std::optional<JsonTree> picture = api.get(path.segment(run.task_id));
      if (!picture) return kExitFailed;
      own = *picture;
    }
    std::optional<RootTasks> tasks = tasks_of_root(api, run.root_event_id);
    if (!tasks) return kExitFailed;
    add_own(own, tasks->items);
    const std::vector<JobCounts> jobs = counts_of_tasks(tasks->items);
    view->show(jobs);
    // Pages are read one after the other: only when a second reading finds no task more was none
    // made behind the first one's back.
    const bool settled = tasks->whole || seen == tasks->items.size();
    seen = tasks->items.size();
    if (any_open(jobs) || !settled) continue;
    view.reset();
    if (!api.session().json()) print_out(job_counts_text(jobs, jobs.size()));
    return tell_failed(tasks->items);
  } while (pace.next());
  view.reset();
  return say_time_is_over(run.what);
}

void add_wait_flags(CLI::App& command, WaitFlags& flags, const std::string& meaning) {
  flags.seconds_max = kWatchSecondsDefault;
  command.add_flag("--wait", flags.wait, meaning);
  command.add_option("--timeout", flags.seconds_max, "How long --wait waits, in seconds")
      ->check(CLI::Range(1L, kWatchSecondsMax).description(""))
      ->capture_default_str()
      ->type_name("SECONDS");
}

}  // namespace weir::cli
