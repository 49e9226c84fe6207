// SPDX-License-Identifier: Apache-2.0
#include "worker/child/orphans.h"

#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "drivers/process/pid_fd.h"
#include "tests/unit/worker/child/temporary_folder.h"

namespace weir::worker {
namespace {

/// Runs a script in an attempt's folder and waits for its end; what it leaves behind goes on.
void run_script(const std::filesystem::path& attempt, const std::string& script) {
  process::ProcessOptions options;
  options.argv = {"/bin/sh", "-c", script};
  options.environment = {{"PATH", "/usr/bin:/bin"}, {"TMPDIR", attempt.string()}};
  options.inherit_environment = false;
  auto child = process::start_process(options);
  ASSERT_TRUE(child.ok());
  ASSERT_TRUE(process::wait_for_exit(child->pid_fd, std::chrono::seconds(20)));
  process::reap(*child);
}

bool ends_soon(pid_t pid) {
  const process::FileDescriptor watched = process::open_pid_fd(pid);
  return !watched.open() || process::wait_for_exit(watched, std::chrono::seconds(10));
}

class Orphans : public ::testing::Test {
 protected:
  void SetUp() override { become_subreaper(); }
  void TearDown() override { prctl(PR_SET_CHILD_SUBREAPER, 0); }

  std::filesystem::path attempt(const std::string& name) const {
    const std::filesystem::path path = folder_.path() / "w1" / name;
    std::filesystem::create_directories(path);
    return path;
  }
  pid_t pid_in(const std::filesystem::path& file) const { return std::stoi(read_text(file)); }

  TemporaryFolder folder_;
};

TEST_F(Orphans, EndsAProcessThatLeftItsGroup) {
  const auto mine = attempt("t1.1");
  run_script(mine, "setsid sh -c 'echo $$ > " + (mine / "pid").string() +
                       "; exec sleep 1000' < /dev/null > /dev/null 2>&1 & "
                       "while [ ! -s " +
                       (mine / "pid").string() + " ]; do :; done");
  EXPECT_EQ(end_orphans(mine, 0), 1U);
  EXPECT_NE(kill(pid_in(mine / "pid"), 0), 0);
}

TEST_F(Orphans, SparesThoseOfAnotherAttempt) {
  const auto other = attempt("t2.1");
  run_script(other, "setsid sh -c 'echo $$ > " + (other / "pid").string() +
                        "; exec sleep 1000' < /dev/null > /dev/null 2>&1 & "
                        "while [ ! -s " +
                        (other / "pid").string() + " ]; do :; done");
  EXPECT_EQ(end_orphans(attempt("t1.1"), 0), 0U);
  EXPECT_EQ(kill(pid_in(other / "pid"), 0), 0);
  EXPECT_EQ(end_orphans(other, 0), 1U);
}

TEST_F(Orphans, SparesThoseOfAnotherAttemptWhileTheyChangeTheirProgram) {
  const auto other = attempt("t2.1");
  const auto again = other / "again";
  std::ofstream(again) << "exec /bin/sh " << again.string() << "\n";
  run_script(other, "setsid sh -c 'echo $$ > " + (other / "pid").string() + "; exec sh " +
                        again.string() + "' < /dev/null > /dev/null 2>&1 & while [ ! -s " +
                        (other / "pid").string() + " ]; do :; done");
  const auto mine = attempt("t1.1");
  std::size_t ended = 0;
  for (int look = 0; look < 1000; ++look) ended += end_orphans(mine, 0);
  EXPECT_EQ(ended, 0U);
  EXPECT_EQ(end_orphans(other, 0), 1U);
}

TEST_F(Orphans, TheGuardianKillsWhatAKilledWorkerLeft) {
  const auto mine = attempt("t1.1");
  const pid_t worker = fork();
  ASSERT_GE(worker, 0);
  if (worker == 0) {
    auto guardian = Guardian::start(folder_.path() / "w1");
    if (!guardian.ok()) _exit(1);
    run_script(mine, "setsid sh -c 'echo $$ > " + (mine / "pid").string() +
                         "; exec sleep 1000' < /dev/null > /dev/null 2>&1 & "
                         "while [ ! -s " +
                         (mine / "pid").string() + " ]; do :; done");
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  waitpid(worker, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  const pid_t left = pid_in(mine / "pid");
  EXPECT_TRUE(ends_soon(left));
  end_orphans(mine, 0);  // collects the guardian and what it killed
}

}  // namespace
}  // namespace weir::worker
