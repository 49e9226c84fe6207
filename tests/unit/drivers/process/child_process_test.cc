// SPDX-License-Identifier: Apache-2.0
#include "drivers/process/child_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/unit/server/signal_gate.h"

namespace weir::process {
namespace {

using server::Gate;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

ProcessOptions shell(const std::string& script) { return {.argv = {"/bin/sh", "-c", script}}; }

std::unique_ptr<ChildProcess> spawn(const ProcessOptions& options) {
  auto child = ChildProcess::spawn(options);
  EXPECT_TRUE(child.ok()) << child.error().describe();
  return *std::move(child);
}

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    std::string pattern = testing::TempDir() + "/weir-process-XXXXXX";
    folder_ = mkdtemp(pattern.data());
  }
  ~ProcessTest() override { std::filesystem::remove_all(folder_); }

  std::string read(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(folder_ + "/" + name).rdbuf();
    return text.str();
  }

  /// What a program that ends by itself writes.
  std::string output_of(ProcessOptions options) {
    options.output_path = folder_ + "/output";
    std::filesystem::remove(options.output_path);
    EXPECT_TRUE(spawn(options)->wait(seconds(20))->clean());
    return read("output");
  }

  std::string folder_;
};

TEST_F(ProcessTest, TellsHowAChildEnded) {
  EXPECT_EQ(spawn(shell("exit 0"))->wait(seconds(20))->text(), "exit code 0");
  EXPECT_EQ(spawn(shell("exit 7"))->wait(seconds(20))->code, 7);
  const auto killed = spawn(shell("kill -9 $$"))->wait(seconds(20));
  EXPECT_EQ(killed->text(), "signal 9");
  EXPECT_FALSE(killed->clean());
}

TEST_F(ProcessTest, TellsOnceThatAChildEnded) {
  Gate ended;
  std::atomic<int> calls = 0;
  const auto child = ChildProcess::spawn(shell("exit 3"), [&](const ProcessExit& exit) {
    EXPECT_EQ(exit.code, 3);
    ++calls;
    ended.open();
  });
  ASSERT_TRUE(child.ok());
  ended.pass();
  EXPECT_EQ((*child)->wait(Duration::zero())->code, 3);
  EXPECT_EQ(calls, 1);
}

TEST_F(ProcessTest, RunsItWithTheFolderOutputAndEnvironmentAskedFor) {
  setenv("WEIR_TEST_KEPT", "kept", 1);
  setenv("WEIR_TEST_REMOVED", "there", 1);
  ProcessOptions options =
      shell("pwd; echo $WEIR_TEST_KEPT-$WEIR_TEST_SET-${WEIR_TEST_REMOVED-gone} >&2; cat; exit 0");
  options.folder = "/";
  options.output_path = folder_ + "/out";
  options.environment = {{"WEIR_TEST_SET", "set"}, {"WEIR_TEST_REMOVED", ""}};
  for (int round = 0; round < 2; ++round) {
    EXPECT_TRUE(spawn(options)->wait(seconds(20))->clean());
  }
  EXPECT_EQ(read("out"), "/\nkept-set-gone\n/\nkept-set-gone\n");
}

TEST_F(ProcessTest, GivesACleanStartWhereItIsAskedFor) {
  ProcessOptions options = shell(
      "pwd; umask; env | sort | grep -v '^_=\\|^PWD=\\|^OLDPWD=\\|^SHLVL='; read line || echo no "
      "input");
  options.environment = {{"PATH", "/usr/bin:/bin"}, {"LC_ALL", "C"}};
  options.inherit_environment = false;
  options.folder = "/";
  options.file_mask = 077;
  EXPECT_EQ(output_of(options), "/\n0077\nLC_ALL=C\nPATH=/usr/bin:/bin\nno input\n");
}

TEST_F(ProcessTest, StandsInASessionOfItsOwnWhereItIsAskedFor) {
  ProcessOptions options = shell("exec tail -f /dev/null");
  EXPECT_EQ(getsid(spawn(options)->pid()), getsid(0));
  options.new_session = true;
  const auto child = spawn(options);
  EXPECT_EQ(getsid(child->pid()), child->pid());
}

TEST_F(ProcessTest, SaysWhyAChildCannotStart) {
  const auto missing = ChildProcess::spawn({.argv = {"/no/such/program"}});
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().code(), Code::Unavailable);
  EXPECT_EQ(missing.error().reason(), "spawn_failed");
  EXPECT_EQ(missing.error().message(),
            "start /no/such/program: execute the program: No such file or directory");
  ProcessOptions lost = shell("exit 0");
  lost.folder = "/no/such/folder";
  EXPECT_THAT(ChildProcess::spawn(lost).error().message(), HasSubstr("enter its folder"));
  lost = shell("exit 0");
  lost.output_path = "/no/such/folder/out";
  EXPECT_THAT(ChildProcess::spawn(lost).error().message(), HasSubstr("/no/such/folder/out"));
  EXPECT_FALSE(ChildProcess::spawn({}).ok());
}

TEST_F(ProcessTest, FindsProgramsInThePath) {
  EXPECT_EQ(output_of({.argv = {"sh", "-c", "echo found"}}), "found\n");
}

TEST_F(ProcessTest, LeavesNoSignalBlockedOrIgnored) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  const auto child = spawn(shell("kill -TERM $$; exit 1"));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  EXPECT_EQ(child->wait(seconds(20))->signal, SIGTERM);
}

TEST_F(ProcessTest, InheritsNoDescriptors) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(pipe(ends.data()), 0);  // without the close-on-exec flag
  const std::string open = output_of(shell("exec ls /proc/self/fd"));
  close(ends[0]);
  close(ends[1]);
  EXPECT_EQ(open, "0\n1\n2\n3\n");  // 3 is the folder being listed
}

TEST_F(ProcessTest, StandsInAProcessGroupOfItsOwn) {
  const auto child = spawn(shell("exec tail -f /dev/null"));
  EXPECT_EQ(getpgid(child->pid()), child->pid());
}

TEST_F(ProcessTest, AsksAChildToEnd) {
  const auto child = spawn({.argv = {"/bin/cat", "/dev/zero"}, .output_path = "/dev/null"});
  EXPECT_FALSE(child->wait(Duration::zero()));
  const ProcessExit exit = child->terminate(seconds(20));
  EXPECT_EQ(exit.signal, SIGTERM);
  child->signal(SIGTERM);  // nobody is there any more
  EXPECT_EQ(child->terminate(seconds(20)).signal, SIGTERM);
}

TEST_F(ProcessTest, KillsAChildThatDoesNotWantToEnd) {
  ProcessOptions options = shell("trap '' TERM; echo ready; while :; do :; done");
  options.output_path = folder_ + "/fifo";
  ASSERT_EQ(mkfifo(options.output_path.c_str(), 0600), 0);
  // Opened first for both ends, so that neither side blocks.
  const int fifo = open(options.output_path.c_str(), O_RDWR | O_CLOEXEC);
  const auto child = spawn(options);
  char byte = 0;
  ASSERT_EQ(::read(fifo, &byte, 1), 1);  // the trap is set
  close(fifo);
  EXPECT_EQ(child->terminate(milliseconds(10)).signal, SIGKILL);
}

TEST_F(ProcessTest, DiesWithTheThreadThatStartedIt) {
  std::array<int, 2> ends = {};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  const pid_t parent = fork();
  if (parent == 0) {
    const auto child = ChildProcess::spawn(shell("exec tail -f /dev/null"));
    const pid_t pid = child.ok() ? (*child)->pid() : 0;
    if (write(ends[1], &pid, sizeof(pid)) != sizeof(pid)) _exit(1);
    for (;;) pause();
  }
  pid_t grandchild = 0;
  ASSERT_EQ(::read(ends[0], &grandchild, sizeof(grandchild)), sizeof(grandchild));
  ASSERT_GT(grandchild, 0);
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, grandchild, 0));
  ASSERT_GE(handle, 0);
  kill(parent, SIGKILL);
  waitpid(parent, nullptr, 0);
  pollfd ended = {handle, POLLIN, 0};
  EXPECT_EQ(poll(&ended, 1, 20'000), 1);
  close(handle);
  close(ends[0]);
  close(ends[1]);
}

TEST_F(ProcessTest, TakesAnotherUsersRightsWhenRoot) {
  if (geteuid() != 0) GTEST_SKIP() << "only root may take another user's rights";
  ProcessOptions options = shell("id -u; id -g; id -G");
  options.run_as = User{65534, 65534};
  EXPECT_EQ(output_of(options), "65534\n65534\n65534\n");
}

}  // namespace
}  // namespace weir::process
