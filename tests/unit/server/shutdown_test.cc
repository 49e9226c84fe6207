// SPDX-License-Identifier: Apache-2.0
#include "server/shutdown.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace weir::server {
namespace {

/// A child that blocks its signals, says "r", waits for the wish to stop and answers with the
/// signal's number; then it hangs, so that only a second signal can end it. Forked before this
/// process has other threads of note, it leaves by _exit alone.
class StoppableChild {
 public:
  enum class Then { Exit, Hang };

  explicit StoppableChild(Then then) {
    std::array<int, 2> ends = {};
    EXPECT_EQ(pipe(ends.data()), 0);
    pid_ = fork();
    if (pid_ == 0) live(ends[1], then);
    close(ends[1]);
    from_child_ = ends[0];
    EXPECT_EQ(next(), 'r');
  }
  ~StoppableChild() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    close(from_child_);
  }

  void send(int number) const { kill(pid_, number); }
  /// The next byte it says; 0 once it is gone.
  int next() const {
    char byte = 0;
    return read(from_child_, &byte, 1) == 1 ? byte : 0;
  }
  int exit_code() const {
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    EXPECT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }

 private:
  [[noreturn]] static void live(int out, Then then) {
    block_shutdown_signals();
    const auto signals = ShutdownSignals::create();
    if (!signals.ok() || write(out, "r", 1) != 1) _exit(1);
    const char number = static_cast<char>((*signals)->wait());
    if (write(out, &number, 1) != 1) _exit(1);
    if (then == Then::Exit) _exit(42);
    for (;;) pause();
  }

  pid_t pid_ = 0;
  int from_child_ = -1;
};

TEST(ShutdownSignals, WakesOnTheFirstSignalAndLeavesTheRestToTheCaller) {
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) {
    const StoppableChild child(StoppableChild::Then::Exit);
    child.send(number);
    EXPECT_EQ(child.next(), number);
    EXPECT_EQ(child.exit_code(), 42);
  }
}

TEST(ShutdownSignals, ExitsAtOnceOnASecondSignal) {
  const StoppableChild child(StoppableChild::Then::Hang);
  child.send(SIGTERM);
  EXPECT_EQ(child.next(), SIGTERM);
  child.send(SIGINT);
  EXPECT_EQ(child.exit_code(), 128 + SIGINT);
}

TEST(ShutdownSignals, SurvivesABrokenPipe) {
  const StoppableChild child(StoppableChild::Then::Exit);
  child.send(SIGPIPE);
  child.send(SIGTERM);
  EXPECT_EQ(child.next(), SIGTERM);
}

TEST(ShutdownSignals, WakesOnARequestFromInside) {
  auto signals = ShutdownSignals::create();
  ASSERT_TRUE(signals.ok());
  std::thread asker([&signals] { (*signals)->request(); });
  EXPECT_EQ((*signals)->wait(), 0);
  EXPECT_EQ((*signals)->wait(), 0);
  asker.join();
}

TEST(ShutdownSignals, EndsWithoutASignal) {
  for (int round = 0; round < 20; ++round) EXPECT_TRUE(ShutdownSignals::create().ok());
}

}  // namespace
}  // namespace weir::server
