// SPDX-License-Identifier: Apache-2.0
#include "cli/promote/backtest_hook.h"

#include <poll.h>
#include <pthread.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>

#include "cli/console/text_file.h"
#include "cli/promote/limits.h"
#include "drivers/process/pid_fd.h"

namespace weir::cli {
namespace {

/// A folder of this run alone.
class RunFolder {
 public:
  static Result<RunFolder> create() {
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::temp_directory_path(error);
    std::string path = (error ? std::filesystem::path("/tmp") : parent) / "weir-promote-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) {
      return base::unavailable("folder_not_made",
                               path + ": " + std::generic_category().message(errno));
    }
    return RunFolder(std::move(path));
  }
  ~RunFolder() {
    std::error_code ignored;  // what a command left unremovable is the temporary folder's
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  RunFolder(RunFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  RunFolder(const RunFolder&) = delete;
  RunFolder& operator=(const RunFolder&) = delete;
  RunFolder& operator=(RunFolder&&) = delete;

  std::filesystem::path work() const { return path_ / "work"; }
  std::filesystem::path dag() const { return path_ / "dag.json"; }
  std::filesystem::path report() const { return path_ / "report.json"; }

 private:
  explicit RunFolder(std::filesystem::path path) : path_(std::move(path)) {}

  std::filesystem::path path_;
};

// Read in a signal handler, so an atomic that no lock is behind.
constexpr pid_t kNoGroup = -1;
constexpr pid_t kStarting = 0;  ///< there is about to be one
std::atomic<pid_t> running_group = kNoGroup;
static_assert(std::atomic<pid_t>::is_always_lock_free);

/// Ends the group, and then this process by the very signal.
extern "C" void end_with_the_group(int number) {
  // The thread that starts the group has the signal blocked, so it is another that waits for it.
  while (running_group.load() == kStarting) ::poll(nullptr, 0, 1);
  const pid_t group = running_group.load();
  if (group > 0) ::kill(-group, SIGKILL);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

/// From before a group starts until it is over, it ends with this process, also where a signal
/// comes as it starts.
class EndsWithUs {
 public:
  EndsWithUs() {
    running_group.store(kStarting);
    sigset_t ours;
    ::sigemptyset(&ours);
    for (const int number : kSignals) ::sigaddset(&ours, number);
    ::pthread_sigmask(SIG_BLOCK, &ours, &mask_before_);
    struct sigaction action = {};
    action.sa_handler = end_with_the_group;
    ::sigemptyset(&action.sa_mask);
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals.at(i), nullptr, &before_.at(i));
      // A signal that whoever started us has us ignore (nohup) stays ignored.
      if (before_.at(i).sa_handler != SIG_IGN) ::sigaction(kSignals.at(i), &action, nullptr);
    }
  }
  ~EndsWithUs() {
    for (std::size_t i = 0; i < kSignals.size(); ++i) {
      ::sigaction(kSignals.at(i), &before_.at(i), nullptr);
    }
    watch(kNoGroup);
  }
  EndsWithUs(const EndsWithUs&) = delete;
  EndsWithUs& operator=(const EndsWithUs&) = delete;

  void watch(pid_t group) {
    running_group.store(group);
    ::pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
  }

 private:
  static constexpr std::array<int, 3> kSignals = {SIGINT, SIGTERM, SIGHUP};
  std::array<struct sigaction, kSignals.size()> before_ = {};
  sigset_t mask_before_ = {};
};

/// Runs the command to its end. Its first process is not reaped before its group is killed, so the
/// group's number is nobody else's by then.
Result<void> run_command(const dagmanager::BacktestHook& hook, const BacktestSubject& subject,
                         const RunFolder& folder) {
  const process::ProcessOptions options{.argv = hook.command,
                                        .environment = {{"WEIR_DAG_FILE", folder.dag().string()},
                                                        {"WEIR_NODE_SET", subject.node_set},
                                                        {"WEIR_REPORT", folder.report().string()}},
                                        .folder = folder.work().string(),
                                        .output = STDERR_FILENO,
                                        .death_signal = SIGKILL};
  std::optional<EndsWithUs> tied(std::in_place);
  auto started = process::start_process(options);
  if (!started.ok()) return backtests_failed(started.error().message());
  process::Process& child = *started;
  tied->watch(child.pid);
  const bool in_time = process::wait_for_exit(
      child.pid_fd, std::chrono::duration_cast<std::chrono::milliseconds>(hook.timeout));
  ::kill(-child.pid, SIGKILL);
  tied.reset();
  const process::Ending ending = process::reap(child);
  if (!in_time) {
    return backtests_failed(
        hook.command.front() + ": was not done in " +
        std::to_string(std::chrono::ceil<std::chrono::seconds>(hook.timeout).count()) +
        " seconds (gate.backtest_timeout_seconds) and was ended");
  }
  if (!ending.success) return backtests_failed(hook.command.front() + ": " + ending.text);
  return {};
}

Result<std::string> read_report(const RunFolder& folder) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(folder.report(), error);
  if (!std::filesystem::exists(status))
    return backtests_failed("the backtests left no report at WEIR_REPORT");
  if (!std::filesystem::is_regular_file(status))
    return backtests_failed("WEIR_REPORT: is no plain file");
  const auto bytes = std::filesystem::file_size(folder.report(), error);
  if (!error && bytes > kReportBytesMax) {
    return backtests_failed("WEIR_REPORT: has more than " + std::to_string(kReportBytesMax) +
                            " bytes");
  }
  auto text = read_text_file(folder.report().string());
  if (!text.ok()) return backtests_failed("WEIR_REPORT: " + text.error().message());
  return text;
}

}  // namespace

Result<std::vector<wire::Backtest>> run_backtests(const dagmanager::BacktestHook& hook,
                                                  const BacktestSubject& subject) {
  if (hook.command.empty()) {
    if (hook.runs_min == 0) return std::vector<wire::Backtest>{};
    return backtests_failed(
        "no command runs backtests: give gate.backtest_command, in the file of --config");
  }
  WEIR_TRY(const RunFolder folder, RunFolder::create());
  std::error_code error;
  if (!std::filesystem::create_directory(folder.work(), error)) {
    return base::unavailable("folder_not_made", folder.work().string() + ": " + error.message());
  }
  WEIR_CHECK(write_text_file(folder.dag(), subject.dag_json));
  WEIR_CHECK(run_command(hook, subject, folder));
  WEIR_TRY(const std::string report, read_report(folder));
  return read_backtests(report, hook.runs_min);
}

}  // namespace weir::cli
