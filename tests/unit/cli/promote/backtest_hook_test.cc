// SPDX-License-Identifier: Apache-2.0
#include "cli/promote/backtest_hook.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "drivers/process/file_descriptor.h"

namespace weir::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

constexpr const char* kPasses = R"(echo '{"runs":[{"name":"a","passed":true}]}' > "$WEIR_REPORT")";

/// Temporary files go to a folder of the test's, so that what stays behind is seen.
class BacktestHookTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = testing::TempDir() + "weir-hook-XXXXXX";
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    std::filesystem::create_directory(folder_ / "tmp");
    const char* before = std::getenv("TMPDIR");
    if (before != nullptr) tmpdir_ = before;
    setenv("TMPDIR", (folder_ / "tmp").c_str(), 1);
  }
  void TearDown() override {
    EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp")) << "nothing stays behind";
    if (tmpdir_.empty()) {
      unsetenv("TMPDIR");
    } else {
      setenv("TMPDIR", tmpdir_.c_str(), 1);
    }
    std::filesystem::remove_all(folder_);
  }

  Result<std::vector<wire::Backtest>> run(const std::string& script,
                                          Duration timeout = seconds(60)) {
    return run_backtests({.command = {"/bin/sh", "-c", script, "hook", folder_.string()},
                          .runs_min = 1,
                          .timeout = timeout},
                         {.dag_json = R"({"nodes":[]})", .node_set = "aa55"});
  }
  std::string fault_of(const std::string& script, Duration timeout = seconds(60)) {
    const auto done = run(script, timeout);
    if (done.ok()) return "passed";
    EXPECT_EQ(done.error().reason(), kBacktestsFailed);
    return done.error().message();
  }
  std::string text_of(const std::string& name) {
    std::ifstream file(folder_ / name);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;
  std::string tmpdir_;
};

TEST_F(BacktestHookTest, RunsInAnEmptyFolderAndSaysWhereThingsAre) {
  const auto done = run(std::string(kPasses) + R"(; ls -A > "$1/listed"; pwd > "$1/folder"
      cat "$WEIR_DAG_FILE" > "$1/dag"; printf '%s' "$WEIR_NODE_SET" > "$1/node_set")");
  ASSERT_TRUE(done.ok()) << done.error().describe();
  ASSERT_EQ(done->size(), 1U);
  EXPECT_EQ(done->front().name(), "a");
  EXPECT_EQ(text_of("listed"), "");
  EXPECT_EQ(text_of("dag"), R"({"nodes":[]})");
  EXPECT_EQ(text_of("node_set"), "aa55");
  EXPECT_THAT(text_of("folder"), HasSubstr((folder_ / "tmp").string()));
}

TEST_F(BacktestHookTest, BelievesNoReportOfACommandThatFails) {
  EXPECT_EQ(fault_of(std::string(kPasses) + "; exit 3"), "/bin/sh: exit status 3");
  EXPECT_EQ(fault_of(std::string(kPasses) + "; kill -9 $$"), "/bin/sh: signal 9");
}

TEST_F(BacktestHookTest, NeedsAReport) {
  EXPECT_EQ(fault_of("true"), "the backtests left no report at WEIR_REPORT");
  EXPECT_EQ(fault_of(R"(mkdir "$WEIR_REPORT")"), "WEIR_REPORT: is no plain file");
  EXPECT_EQ(fault_of(R"(ln -s /dev/zero "$WEIR_REPORT")"), "WEIR_REPORT: is no plain file");
  EXPECT_THAT(fault_of(R"(truncate -s 17M "$WEIR_REPORT")"), HasSubstr("has more than 16777216"));
  EXPECT_THAT(fault_of(R"(echo '{"runs":[' > "$WEIR_REPORT")"), HasSubstr("WEIR_REPORT: the file"));
}

TEST_F(BacktestHookTest, NeedsACommandThatIsThere) {
  const auto run = [](std::vector<std::string> command, std::size_t runs_min) {
    return run_backtests({.command = std::move(command), .runs_min = runs_min}, {});
  };
  const auto none = run({}, 1);
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().reason(), kBacktestsFailed);
  EXPECT_THAT(none.error().message(), HasSubstr("gate.backtest_command"));
  EXPECT_TRUE(run({}, 0).ok()) << "none are wanted";
  const auto missing = run({"/no/such/program"}, 1);
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().reason(), kBacktestsFailed);
  EXPECT_THAT(missing.error().message(), HasSubstr("/no/such/program"));
}

/// A FIFO whose writers are the processes of the hook: its end shows that none of them is left.
class Writers {
 public:
  explicit Writers(const std::filesystem::path& path) {
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    reader_ = process::FileDescriptor(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  }
  /// One has written, and then all were gone.
  bool wrote_and_ended() const {
    std::string seen;
    for (int tries = 0; tries < 1000; ++tries) {
      pollfd waiting{.fd = reader_.number(), .events = POLLIN, .revents = 0};
      if (poll(&waiting, 1, 20'000) <= 0) return false;
      char byte = 0;
      if (read(reader_.number(), &byte, 1) == 1) {
        seen += byte;
      } else {
        return seen == "up\n";
      }
    }
    return false;
  }

 private:
  process::FileDescriptor reader_;
};

TEST_F(BacktestHookTest, KillsAllOfACommandThatHangs) {
  const Writers writers(folder_ / "writers");
  // Neither the shell nor the process behind it listens to SIGTERM.
  EXPECT_EQ(fault_of(R"(trap '' TERM; exec 5>"$1/writers"; echo up >&5
      (while :; do sleep 1000; done) & while :; do sleep 1000; done)",
                     milliseconds(300)),
            "/bin/sh: was not done in 1 seconds (gate.backtest_timeout_seconds) and was ended");
  EXPECT_TRUE(writers.wrote_and_ended());
}

TEST_F(BacktestHookTest, LeavesNothingRunningBehindACommandThatIsDone) {
  const Writers writers(folder_ / "writers");
  EXPECT_EQ(fault_of(std::string(kPasses) + R"(; exec 5>"$1/writers"; echo up >&5
      sleep 1000 &)"),
            "passed");
  EXPECT_TRUE(writers.wrote_and_ended());
}

TEST_F(BacktestHookTest, EndsWithTheProcessThatRunsIt) {
  const Writers writers(folder_ / "writers");
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    // The hook tells its parent to end, which takes the hook's own background process along.
    static_cast<void>(run(R"(exec 5>"$1/writers"; echo up >&5
        sleep 1000 & kill -TERM $PPID; sleep 1000)"));
    _exit(0);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) << status;
  EXPECT_TRUE(writers.wrote_and_ended());
  std::filesystem::remove_all(folder_ / "tmp");  // who is killed cannot tidy up
  std::filesystem::create_directory(folder_ / "tmp");
}

TEST_F(BacktestHookTest, GivesSignalsBackAsTheyWere) {
  struct sigaction before = {};
  ASSERT_EQ(sigaction(SIGTERM, nullptr, &before), 0);
  EXPECT_EQ(fault_of(kPasses), "passed");
  struct sigaction after = {};
  ASSERT_EQ(sigaction(SIGTERM, nullptr, &after), 0);
  EXPECT_EQ(after.sa_handler, before.sa_handler);
}

}  // namespace
}  // namespace weir::cli
