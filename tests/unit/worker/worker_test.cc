// SPDX-License-Identifier: Apache-2.0
#include "worker/worker.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/unit/worker/worker_fixture.h"

namespace weir::worker {
namespace {

using Json = nlohmann::json;

TEST_F(WorkerTest, RunsATaskAndReportsItsResult) {
  define("ok",
         "cat > payload; echo noise; cp payload \"$WEIR_OBJECT_ROOT/seen\"; echo '{\"rows\":3}'");
  start();
  const std::string task = dispatcher_.add_task("ok", {{"config", {{"key", "value"}}}});
  const Json completion = dispatcher_.completion(task);
  EXPECT_EQ(completion["outcome"], "success");
  EXPECT_EQ(completion["result"], Json({{"rows", 3}}));
  const Json payload = Json::parse(read_text(folder_ / "objects/seen"));
  EXPECT_EQ(payload["config"]["key"], "value");
  EXPECT_TRUE(payload["endpoints"]["task_api"].get<std::string>().starts_with("unix:/"));
  EXPECT_FALSE(payload.contains("lease_token"));
  EXPECT_EQ(log_of(task), "noise\n{\"rows\":3}\n");
  worker_->drain();
  EXPECT_TRUE(scratch_is_empty());
}

TEST_F(WorkerTest, MapsEachExitCodeToItsOutcome) {
  const std::vector<std::pair<int, std::string>> codes = {
      {1, "retryable_error"}, {2, "retryable_error"},  {63, "retryable_error"}, {64, "fatal_error"},
      {65, "fatal_error"},    {74, "fatal_error"},     {75, "retryable_error"}, {76, "fatal_error"},
      {78, "fatal_error"},    {79, "retryable_error"}, {127, "retryable_error"}};
  for (const auto& [code, outcome] : codes) {
    define("exit" + std::to_string(code), "echo why >&2; exit " + std::to_string(code));
  }
  start();
  for (const auto& [code, outcome] : codes) {
    const std::string task = dispatcher_.add_task("exit" + std::to_string(code));
    const Json completion = dispatcher_.completion(task);
    EXPECT_EQ(completion["outcome"], outcome) << code;
    EXPECT_EQ(completion["error"]["code"], "exit_" + std::to_string(code));
    EXPECT_EQ(completion["error"]["message"], "why");
  }
}

TEST_F(WorkerTest, TakesTheErrorThatTheLastLineNames) {
  define("bad", R"(echo '{"error":{"code":"source_invalid","message":"line 3"}}'; exit 65)");
  start();
  const Json completion = dispatcher_.completion(dispatcher_.add_task("bad"));
  EXPECT_EQ(completion["outcome"], "fatal_error");
  EXPECT_EQ(completion["error"], Json({{"code", "source_invalid"}, {"message", "line 3"}}));
}

TEST_F(WorkerTest, KeepsTokensFromTheChildAndSecretsFromTheLog) {
  define("env", "env; echo $TRACE_SECRET_KEY; echo lease-1 capability-canary worker-token-canary");
  start();
  const std::string task = dispatcher_.add_task("env");
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
  const std::string log = log_of(task);
  EXPECT_NE(log.find("TRACE_SECRET_KEY=***\n"), std::string::npos);
  EXPECT_NE(log.find("\n***\n*** *** ***\n"), std::string::npos) << log;
  EXPECT_EQ(log.find("canary"), std::string::npos);
  EXPECT_EQ(log.find("GTEST"), std::string::npos);
}

TEST_F(WorkerTest, EndsATaskAtItsDeadline) {
  define("slow", "trap '' TERM; while true; do sleep 0.1; done");
  start();
  const std::string task =
      dispatcher_.add_task("slow", {{"deadline_at", "2020-01-01T00:00:00.000Z"}});
  const Json completion = dispatcher_.completion(task);
  EXPECT_EQ(completion["outcome"], "retryable_error");
  EXPECT_EQ(completion["error"]["code"], "timeout");
}

TEST_F(WorkerTest, StopsACanceledTask) {
  define("slow", "while true; do sleep 0.1; done");
  dispatcher_.heartbeat_seconds = 1;
  start();
  const std::string task = dispatcher_.add_task("slow");
  dispatcher_.cancel(task, "user");
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "canceled");
}

TEST_F(WorkerTest, SaysTimeoutOfATaskThatWasCanceledForIt) {
  define("slow", "while true; do sleep 0.1; done");
  dispatcher_.heartbeat_seconds = 1;
  start();
  const std::string task = dispatcher_.add_task("slow");
  dispatcher_.cancel(task, "timeout");
  EXPECT_EQ(dispatcher_.completion(task)["error"]["code"], "timeout");
}

TEST_F(WorkerTest, StopsAFencedAttemptAndReportsNothing) {
  define("slow", "echo $$ > \"$WEIR_OBJECT_ROOT/pid\"; while true; do sleep 0.1; done");
  define("after", "true");
  config_.slots = 1;
  dispatcher_.heartbeat_seconds = 1;
  start();
  const std::string task = dispatcher_.add_task("slow");
  ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.is_running(task); }));
  dispatcher_.fence(task);
  // The one slot is free again once the fenced one has ended.
  EXPECT_EQ(dispatcher_.completion(dispatcher_.add_task("after"))["outcome"], "success");
  EXPECT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.is_running(task); }));
}

TEST_F(WorkerTest, TakesTheClaimThatItsPollIsAnsweredWith) {
  define("ok", "true");
  dispatcher_.poll_claims = FakeDispatcher::PollClaims::Made;
  start();
  int claims = 0;
  ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) {
    claims = d.requests("/internal/task-claim");
    return d.requests("/internal/wakeups") == 1;
  }));
  const std::string task = dispatcher_.add_task("ok");
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
  EXPECT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.acks() == 1; }));
  EXPECT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) {
    return d.requests("/internal/task-claim") == claims && d.attempts(task) == 1;
  }));
}

TEST_F(WorkerTest, ALostReplyOfAPollThatClaimedCostsNothing) {
  define("ok", "true");
  dispatcher_.poll_claims = FakeDispatcher::PollClaims::Made;
  start();
  ASSERT_TRUE(dispatcher_.wait(
      [&](const FakeDispatcher& d) { return d.requests("/internal/wakeups") == 1; }));
  dispatcher_.lose_reply("/internal/wakeups");
  const std::string task = dispatcher_.add_task("ok");
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
  EXPECT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.attempts(task) == 1; }));
}

TEST_F(WorkerTest, ClaimsByItselfWhereAPollMayNot) {
  define("ok", "true");
  dispatcher_.poll_claims = FakeDispatcher::PollClaims::Refused;
  start();
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(dispatcher_.completion(dispatcher_.add_task("ok"))["outcome"], "success");
  }
}

TEST_F(WorkerTest, ALostClaimReplyCostsNothing) {
  define("ok", "true");
  dispatcher_.lose_reply("/internal/task-claim");
  const std::string task = dispatcher_.add_task("ok");
  start();
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
  EXPECT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.attempts(task) == 1; }));
}

TEST_F(WorkerTest, ALostCompletionReplyIsRepeated) {
  define("ok", "true");
  dispatcher_.lose_reply("/internal/task-complete");
  const std::string task = dispatcher_.add_task("ok");
  start();
  EXPECT_TRUE(dispatcher_.wait(
      [](const FakeDispatcher& d) { return d.requests("/internal/task-complete") == 2; }));
  EXPECT_TRUE(worker_->drain());
}

TEST_F(WorkerTest, GoesOnWhileTheDispatcherIsAway) {
  define("wait", "while [ ! -e \"$WEIR_OBJECT_ROOT/go\" ]; do sleep 0.01; done");
  start();
  const std::string task = dispatcher_.add_task("wait");
  ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.is_running(task); }));
  dispatcher_.set_away(true);
  write_text(folder_ / "objects/go", "");
  EXPECT_TRUE(dispatcher_.wait(
      [](const FakeDispatcher& d) { return d.requests("/internal/task-complete") >= 2; }));
  dispatcher_.set_away(false);
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
  EXPECT_EQ(dispatcher_.completion(dispatcher_.add_task("wait"))["outcome"], "success");
}

TEST_F(WorkerTest, StopsAnOperatorWhoseLeaseRunsOutWhileTheDispatcherIsAway) {
  define("slow", "while true; do sleep 0.1; done");
  dispatcher_.heartbeat_seconds = 1;
  start();
  const std::string task = dispatcher_.add_task("slow");
  ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.is_running(task); }));
  dispatcher_.set_away(true);
  ASSERT_TRUE(dispatcher_.wait(
      [](const FakeDispatcher& d) { return d.requests("/internal/task-complete") >= 1; }));
  dispatcher_.set_away(false);
  EXPECT_EQ(dispatcher_.completion(task)["error"]["code"], "lease_expired");
}

TEST_F(WorkerTest, ReleasesWhatItCannotFinishWhenItEnds) {
  define("slow", "trap '' TERM; while true; do sleep 0.1; done");
  start();
  const std::string task = dispatcher_.add_task("slow");
  ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.is_running(task); }));
  EXPECT_TRUE(worker_->drain());
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "released");
  EXPECT_TRUE(scratch_is_empty());
}

TEST_F(WorkerTest, LetsAShortTaskEndWhenItEnds) {
  define("wait", "while [ ! -e \"$WEIR_OBJECT_ROOT/go\" ]; do sleep 0.01; done");
  config_.drain = std::chrono::seconds(30);
  start();
  const std::string task = dispatcher_.add_task("wait");
  ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) { return d.is_running(task); }));
  write_text(folder_ / "objects/go", "");
  EXPECT_TRUE(worker_->drain());
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
}

TEST_F(WorkerTest, ClaimsABacklogThatNobodyRang) {
  define("ok", "true");
  std::vector<std::string> tasks;
  for (int i = 0; i < 20; ++i) tasks.push_back(dispatcher_.add_silent_task("ok"));
  const std::string rung = dispatcher_.add_task("ok");
  start();
  for (const std::string& task : tasks) {
    EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
  }
  EXPECT_EQ(dispatcher_.completion(rung)["outcome"], "success");
}

TEST_F(WorkerTest, ClaimsBeforeItsFirstPoll) {
  define("ok", "true");
  const std::string task = dispatcher_.add_silent_task("ok");
  start();
  std::string first;
  ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) {
    first = d.first_request();
    return d.attempts(task) > 0;
  }));
  EXPECT_EQ(first, "/internal/task-claim") << "bells may have gone to who does not run it";
  EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
}

TEST_F(WorkerTest, RunsNoMoreThanItsSlotsAndAcknowledgesItsWakeups) {
  define("wait", "while [ ! -e \"$WEIR_OBJECT_ROOT/go\" ]; do sleep 0.01; done");
  std::vector<std::string> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(dispatcher_.add_task("wait"));
  start();
  ASSERT_TRUE(dispatcher_.wait([](const FakeDispatcher& d) { return d.running() == 2; }));
  write_text(folder_ / "objects/go", "");
  for (const std::string& task : tasks) {
    EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
  }
  EXPECT_TRUE(dispatcher_.wait([](const FakeDispatcher& d) { return d.acks() >= 1; }));
}

TEST_F(WorkerTest, LeavesOutAResultThatIsTooLong) {
  define("long", "printf '{\"a\":\"'; head -c 20000 /dev/zero | tr '\\0' x; echo '\"}'");
  start();
  const Json completion = dispatcher_.completion(dispatcher_.add_task("long"));
  EXPECT_EQ(completion["outcome"], "success");
  EXPECT_FALSE(completion.contains("result"));
}

TEST_F(WorkerTest, SaysThatItDoesNotRunAnOperator) {
  start();
  const Json completion = dispatcher_.completion(dispatcher_.add_task("unknown"));
  EXPECT_EQ(completion["outcome"], "retryable_error");
  EXPECT_EQ(completion["error"]["code"], "unsupported_operator");
}

}  // namespace
}  // namespace weir::worker
