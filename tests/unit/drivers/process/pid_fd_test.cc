// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/pid_fd.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>

namespace weir::process {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

ProcessOptions endless() { return {.argv = {"/bin/cat", "/dev/zero"}, .output_path = "/dev/null"}; }

TEST(PidFd, RunsAProgramAndReportsHowItEnded) {
  EXPECT_TRUE(run_to_end({.argv = {"/bin/sh", "-c", "exit 0"}}, seconds(20)).ok());
  const auto failed = run_to_end({.argv = {"/bin/sh", "-c", "exit 3"}}, seconds(20));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message(), "/bin/sh: exit status 3");
}

TEST(PidFd, SaysWhyAProgramCannotStart) {
  const auto process = start_process({.argv = {"/nosuch/program"}});
  ASSERT_FALSE(process.ok());
  EXPECT_EQ(process.error().reason(), "spawn_failed");
}

TEST(PidFd, KillsAProgramThatTakesTooLong) {
  const auto ended = run_to_end(endless(), milliseconds(50));
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().message(), "/bin/cat: signal 9 after 50 ms");
}

TEST(PidFd, WaitsNoLongerThanTold) {
  auto process = start_process(endless());
  ASSERT_TRUE(process.ok());
  EXPECT_FALSE(wait_for_exit(process->pid_fd, milliseconds(1)));
  send_signal(process->pid_fd, SIGTERM);
  EXPECT_TRUE(wait_for_exit(process->pid_fd, seconds(20)));
  EXPECT_EQ(reap(*process).text, "signal 15");
  EXPECT_FALSE(process->pid_fd.open());
}

TEST(PidFd, IsNoneOfAProcessThatIsNotThere) {
  auto process = start_process({.argv = {"/bin/true"}});
  ASSERT_TRUE(process.ok());
  const pid_t pid = process->pid;
  ASSERT_TRUE(wait_for_exit(process->pid_fd, seconds(20)));
  EXPECT_TRUE(reap(*process).success);
  EXPECT_FALSE(open_pid_fd(pid).open());
}

}  // namespace
}  // namespace weir::process
