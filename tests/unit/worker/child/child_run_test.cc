// SPDX-License-Identifier: Apache-2.0
#include "worker/child/child_run.h"

#include <gtest/gtest.h>
#include <signal.h>  // NOLINT(modernize-deprecated-headers): kill is POSIX

#include <chrono>
#include <fstream>
#include <string>
#include <thread>

#include "server/system_clock.h"
#include "tests/unit/worker/child/temporary_folder.h"

namespace weir::worker {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ChildRun : public ::testing::Test {
 protected:
  ChildSpec shell(const std::string& script) const {
    ChildSpec spec;
    spec.argv = {"/bin/sh", "-c", script};
    spec.environment = {{"PATH", "/usr/bin:/bin"}};
    spec.folder = folder_.path().string();
    spec.log_path = folder_ / "log";
    return spec;
  }

  ChildEnd run(const ChildSpec& spec) {
    auto end = run_child(spec, stop_, clock_);
    EXPECT_TRUE(end.ok());
    return end.ok() ? *end : ChildEnd{};
  }

  /// A named pipe, so that a script can say that it got somewhere.
  std::string pipe(const std::string& name) const {
    const std::string path = folder_ / name;
    EXPECT_EQ(std::system(("mkfifo " + path).c_str()), 0);
    return path;
  }

  TemporaryFolder folder_;
  server::SystemClock clock_;
  StopSignal stop_;
};

TEST_F(ChildRun, GivesItsInputAndKeepsItsOutput) {
  ChildSpec spec = shell("cat; echo complaint >&2; echo; echo last");
  spec.input = "payload\n";
  const ChildEnd end = run(spec);
  EXPECT_TRUE(end.exit.clean());
  EXPECT_EQ(end.last_line, "last");
  EXPECT_EQ(end.last_complaint, "complaint");
  const std::string log = read_text(spec.log_path);
  EXPECT_NE(log.find("payload\n"), std::string::npos);
  EXPECT_NE(log.find("complaint\n"), std::string::npos);
}

TEST_F(ChildRun, HasOnlyTheEnvironmentThatItIsGiven) {
  ChildSpec spec = shell("env | sort | tr '\\n' ' '");
  spec.environment["TRACE_TASK_API"] = "unix:/a";
  EXPECT_EQ(run(spec).last_line,
            "PATH=/usr/bin:/bin PWD=" + folder_.path().string() + " TRACE_TASK_API=unix:/a ");
}

TEST_F(ChildRun, ShowsNoSecretNeitherInTheLogNorAsResult) {
  ChildSpec spec = shell("printf can; printf ary; echo; echo '{\"token\":\"canary\"}'");
  spec.secrets = {"canary"};
  const ChildEnd end = run(spec);
  EXPECT_EQ(end.last_line, "{\"token\":\"***\"}");
  EXPECT_EQ(read_text(spec.log_path), "***\n{\"token\":\"***\"}\n");
}

TEST_F(ChildRun, TellsCodesAndSignals) {
  EXPECT_EQ(run(shell("exit 75")).exit.code, 75);
  EXPECT_EQ(run(shell("kill -9 $$")).exit.signal, 9);
}

TEST_F(ChildRun, IsRefusedIfThereIsNoSuchProgram) {
  ChildSpec spec = shell("");
  spec.argv = {"/no/such/program"};
  const auto end = run_child(spec, stop_, clock_);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().reason(), "spawn_failed");
}

TEST_F(ChildRun, EndsAtItsDeadlineThoughItIgnoresSigterm) {
  ChildSpec spec = shell("trap '' TERM; while :; do read line < /dev/zero; done");
  spec.argv = {"/bin/sh", "-c", "trap '' TERM; while true; do sleep 1; done"};
  spec.deadline = clock_.monotonic() + milliseconds(50);
  spec.kill_after = milliseconds(50);
  const ChildEnd end = run(spec);
  EXPECT_EQ(end.stop.reason, StopReason::Deadline);
  EXPECT_EQ(end.exit.signal, SIGKILL);
}

TEST_F(ChildRun, MayEndByItselfWithinTheGrace) {
  const std::string ready = pipe("ready");
  ChildSpec spec =
      shell("trap 'echo bye; exit 3' TERM; echo > " + ready + "; while true; do sleep 0.01; done");
  std::thread asker([&] {
    read_text(ready);
    stop_.ask({StopReason::Canceled, seconds(30), "user"});
  });
  const ChildEnd end = run(spec);
  asker.join();
  EXPECT_EQ(end.stop.reason, StopReason::Canceled);
  EXPECT_EQ(end.stop.detail, "user");
  EXPECT_EQ(end.exit.code, 3);
  EXPECT_EQ(end.last_line, "bye");
}

TEST_F(ChildRun, TakesItsWholeGroupWithIt) {
  const ChildEnd end = run(shell("sleep 1000 & echo $!"));
  EXPECT_TRUE(end.exit.clean());
  const int grandchild = std::stoi(end.last_line);
  // Killed before the leader was collected; its own collector may take a moment.
  const auto until = std::chrono::steady_clock::now() + seconds(10);
  bool runs = true;
  while (runs && std::chrono::steady_clock::now() < until) {
    std::ifstream status("/proc/" + end.last_line + "/stat");
    std::string number;
    std::string name;
    std::string state;
    runs = static_cast<bool>(status >> number >> name >> state) && state != "Z" && state != "X";
    std::this_thread::yield();
  }
  EXPECT_FALSE(runs) << grandchild;
}

TEST_F(ChildRun, DoesNotWaitForOneWhoHoldsItsOutputOpen) {
  const auto before = clock_.monotonic();
  const ChildEnd end = run(shell("setsid sleep 5 & echo started"));
  EXPECT_EQ(end.last_line, "started");
  EXPECT_LT(clock_.monotonic() - before, seconds(4));
}

TEST_F(ChildRun, AGraceCanOnlyBecomeShorter) {
  stop_.ask({StopReason::Canceled, seconds(30), "user"});
  stop_.ask({StopReason::Drain, seconds(2)});
  stop_.ask({StopReason::LeaseLost, seconds(60)});
  EXPECT_EQ(stop_.wish().reason, StopReason::Canceled);
  EXPECT_EQ(stop_.wish().grace, seconds(2));
}

}  // namespace
}  // namespace weir::worker
