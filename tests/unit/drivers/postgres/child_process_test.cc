// SPDX-License-Identifier: Apache-2.0
#include "drivers/postgres/child_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <string>

namespace weir::postgres {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// A pipe that a child writes to; what it wrote, once it has ended.
class Output {
 public:
  Output() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
    read_end_ = UniqueFd(ends[0]);
    write_end_ = UniqueFd(ends[1]);
  }
  int fd() const { return write_end_.get(); }
  std::string text() {
    write_end_.reset();
    std::string all;
    std::array<char, 4096> part{};
    for (ssize_t n = 0; (n = read(read_end_.get(), part.data(), part.size())) > 0;) {
      all.append(part.data(), static_cast<std::size_t>(n));
    }
    return all;
  }

 private:
  UniqueFd read_end_;
  UniqueFd write_end_;
};

TEST(ChildProcess, RunsAProgramAndReportsHowItEnded) {
  EXPECT_TRUE(run_to_end({.command = {"/bin/sh", "-c", "exit 0"}}, seconds(20)).ok());
  const auto failed = run_to_end({.command = {"/bin/sh", "-c", "exit 3"}}, seconds(20));
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message(), "/bin/sh: exit status 3");
}

TEST(ChildProcess, SaysWhyAProgramCannotStart) {
  const auto process = spawn({.command = {"/nosuch/program"}});
  ASSERT_FALSE(process.ok());
  EXPECT_EQ(process.error().message(), "start /nosuch/program: No such file or directory");
}

TEST(ChildProcess, KillsAProgramThatTakesTooLong) {
  const auto ended = run_to_end({.command = {"/bin/cat", "/dev/zero"}}, milliseconds(50));
  ASSERT_FALSE(ended.ok());
  EXPECT_EQ(ended.error().message(), "/bin/cat: signal 9 after 50 ms");
}

TEST(ChildProcess, GivesACleanStart) {
  const UniqueFd stray(open("/dev/null", O_RDONLY));  // Would be inherited.
  Output output;
  const std::string script =
      "pwd; umask; env | sort | grep -v '^_=\\|^PWD=\\|^OLDPWD=\\|^SHLVL='; test -e "
      "/proc/self/fd/" +
      std::to_string(stray.get()) + " && echo stray; read line || echo no input";
  ASSERT_TRUE(
      run_to_end({.command = {"/bin/sh", "-c", script}, .output_fd = output.fd()}, seconds(20))
          .ok());
  EXPECT_EQ(output.text(), "/\n0077\nLC_ALL=C\nPATH=/usr/local/bin:/usr/bin:/bin\nno input\n");
}

TEST(ChildProcess, UnblocksAndRestoresSignals) {
  ::signal(SIGTERM, SIG_IGN);
  auto process = spawn({.command = {"/bin/cat", "/dev/zero"}});
  ::signal(SIGTERM, SIG_DFL);
  ASSERT_TRUE(process.ok());
  send_signal(process->pid_fd.get(), SIGTERM);
  ASSERT_TRUE(wait_for_exit(process->pid_fd.get(), seconds(20)));
  EXPECT_EQ(reap(*process).text, "signal 15");
}

TEST(ChildProcess, WaitsNoLongerThanTold) {
  auto process = spawn({.command = {"/bin/cat", "/dev/zero"}});
  ASSERT_TRUE(process.ok());
  EXPECT_FALSE(wait_for_exit(process->pid_fd.get(), milliseconds(1)));
  send_signal(process->pid_fd.get(), SIGKILL);
  EXPECT_TRUE(wait_for_exit(process->pid_fd.get(), seconds(20)));
  reap(*process);
  EXPECT_FALSE(process->pid_fd);
}

TEST(ChildProcess, StepsDownToAnotherUser) {
  if (geteuid() != 0) GTEST_SKIP() << "only root can step down";
  const auto nobody = find_user("nobody");
  ASSERT_TRUE(nobody.has_value());
  Output output;
  ASSERT_TRUE(run_to_end({.command = {"/bin/sh", "-c", "id -u; id -G"},
                          .run_as = nobody,
                          .output_fd = output.fd()},
                         seconds(20))
                  .ok());
  EXPECT_EQ(output.text(), std::to_string(nobody->uid) + "\n" + std::to_string(nobody->gid) + "\n");
  EXPECT_FALSE(can_enter(nobody, "/nosuch"));
  EXPECT_TRUE(can_enter(nobody, "/tmp"));
}

TEST(ChildProcess, SendsTheDeathSignalWhenItsParentIsKilled) {
  Output output;
  const pid_t parent = fork();
  ASSERT_GE(parent, 0);
  if (parent == 0) {
    // Started by a process that is then killed; the grandchild holds the pipe open until it ends.
    const auto process = spawn({.command = {"/bin/cat", "/dev/zero"}, .death_signal = SIGKILL});
    const char ok = process.ok() ? 'y' : 'n';
    if (write(output.fd(), &ok, 1) != 1) _exit(1);
    kill(getpid(), SIGKILL);
  }
  int status = 0;
  while (waitpid(parent, &status, 0) < 0 && errno == EINTR) {
  }
  EXPECT_EQ(output.text(), "y");
}

TEST(ChildProcess, FindsUsersByNameAndNumber) {
  const auto root = find_user(0U);
  ASSERT_TRUE(root.has_value());
  EXPECT_EQ(find_user(root->name)->uid, 0U);
  EXPECT_FALSE(find_user("no such user").has_value());
}

}  // namespace
}  // namespace weir::postgres
