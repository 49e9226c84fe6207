// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/unit/worker/worker_fixture.h"
#include "worker/limits.h"

namespace weir::worker {
namespace {

namespace fs = std::filesystem;

/// One slot, whose first task waits at a gate, so that those that were claimed with it wait too.
class ClaimAheadTest : public WorkerTest {
 protected:
  ClaimAheadTest() {
    config_.slots = 1;
    dispatcher_.heartbeat_seconds = 1;
    define("quick", "true");
    // Leaves a mark that it was started.
    define("gate",
           "task=$(grep -o '\"task_id\":\"[^\"]*' | head -n 1 | cut -d '\"' -f 4)\n"
           "touch \"$WEIR_OBJECT_ROOT/$task\"\n"
           "while [ ! -e \"$WEIR_OBJECT_ROOT/open\" ]; do sleep 0.05; done");
  }

  void add_tasks() {
    for (std::string& task : tasks_) task = dispatcher_.add_silent_task("gate");
  }
  bool was_started(const std::string& task) const {
    return fs::exists(folder_ / ("objects/" + task));
  }
  void open_gate() const { write_text(folder_ / "objects/open", ""); }
  std::string outcome(const std::string& task) {
    return dispatcher_.completion(task)["outcome"].get<std::string>();
  }

  HeldClock held_;
  std::vector<std::string> tasks_ = std::vector<std::string>(4);
};

/// The slot by itself: what waits for it was claimed when the test begins, and no time passes but
/// what the test says.
class SlotAheadTest : public ClaimAheadTest {
 protected:
  void SetUp() override {
    furnish();
    auto operators = OperatorTable::load(config_);
    ASSERT_TRUE(operators.ok()) << operators.error().describe();
    operators_table_.emplace(std::move(*operators));
    slots_.emplace(SlotParts{.config = config_,
                             .operators = *operators_table_,
                             .scratch = *scratch_,
                             .guardian = 0,
                             .secrets = no_secrets_,
                             .hidden = nothing_hidden_,
                             .door = {.api = api_,
                                      .objects = *objects_,
                                      .rows = nullptr,
                                      .clock = held_,
                                      .random = random_,
                                      .log = log_,
                                      .cancel_grace = config_.cancel_grace,
                                      .kill_after = config_.kill_after},
                             .heartbeats = heartbeats_,
                             .completions = completions_,
                             .clock = held_,
                             .log = log_});
    completions_.start();
    heartbeats_.start();
    slots_->start();
    add_tasks();
    const auto answer = api_.claim({.claim_id = "claim", .task_ids = tasks_, .max = 4});
    ASSERT_TRUE(answer.ok()) << answer.error().describe();
    ASSERT_EQ(answer->tasks.size(), tasks_.size());
    for (const Claimed& claimed : answer->tasks) slots_->run(claimed, held_.monotonic());
  }
  void TearDown() override {
    slots_.reset();
    heartbeats_.stop();
    EXPECT_TRUE(completions_.stop(std::chrono::seconds(10)));
  }

  /// Two rounds of heartbeats: what was answered to the first has been heard by the second.
  void beat() {
    for (std::ptrdiff_t round = 1; round <= 2; ++round) {
      held_.move(std::chrono::seconds(1));
      for (const std::string& task : tasks_) {
        ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) {
          return std::ranges::count(d.beats(), task, [](const auto& sent) {
                   return sent["task_id"].template get<std::string>();
                 }) >= round;
        })) << "its lease is kept";
      }
    }
  }

  const std::map<std::string, std::string> no_secrets_;
  const std::vector<std::string> nothing_hidden_;
  InternalApi api_{dispatcher_, "test", "ecs_platform", {"gate@1"}};
  Heartbeats heartbeats_{{config_.cancel_grace, config_.kill_after}, api_, held_, random_, log_};
  Completions completions_{api_, held_, random_, log_};
  std::optional<OperatorTable> operators_table_;
  std::optional<Slots> slots_;
};

TEST_F(SlotAheadTest, KeepsTheLeasesOfTasksThatWaitAndRunsThemInTheirTurn) {
  beat();
  for (std::size_t i = 1; i < tasks_.size(); ++i) EXPECT_FALSE(was_started(tasks_[i]));
  open_gate();
  for (const std::string& task : tasks_) {
    EXPECT_EQ(outcome(task), "success");
    EXPECT_TRUE(was_started(task));
  }
}

TEST_F(SlotAheadTest, NeverStartsATaskThatWasCanceledWhileItWaited) {
  dispatcher_.cancel(tasks_[1], "user");
  beat();
  open_gate();
  EXPECT_EQ(outcome(tasks_[1]), "canceled");
  EXPECT_EQ(outcome(tasks_[2]), "success");
  EXPECT_FALSE(was_started(tasks_[1]));
}

TEST_F(SlotAheadTest, NeverStartsATaskThatAnotherAttemptHolds) {
  dispatcher_.fence(tasks_[1]);
  beat();
  open_gate();
  EXPECT_EQ(outcome(tasks_[2]), "success");
  EXPECT_FALSE(was_started(tasks_[1]));
}

TEST_F(SlotAheadTest, ReleasesWhatWaitsWhenThereWillBeNoMore) {
  slots_->no_more();
  for (std::size_t i = 1; i < tasks_.size(); ++i) {
    EXPECT_EQ(outcome(tasks_[i]), "released") << "which is charged to nobody";
    EXPECT_FALSE(was_started(tasks_[i]));
  }
  open_gate();
  EXPECT_EQ(outcome(tasks_[0]), "success");
}

TEST_F(SlotAheadTest, TakesNoMoreAheadThanOneClaimShallBring) {
  open_gate();
  std::vector<std::string> quick(24);
  for (std::string& task : quick) task = dispatcher_.add_silent_task("quick");
  const auto answer =
      api_.claim({.claim_id = "more", .task_ids = quick, .max = static_cast<int>(quick.size())});
  ASSERT_TRUE(answer.ok()) << answer.error().describe();
  for (const Claimed& claimed : answer->tasks) slots_->run(claimed, held_.monotonic());
  ASSERT_TRUE(slots_->wait_idle(std::chrono::seconds(30)));
  EXPECT_EQ(slots_->wait_free(true), kAheadClaim) << "however short the attempts are";
  EXPECT_EQ(slots_->wait_free(false), 1U) << "no more is ready than was named";
}

/// A whole worker that has seen short attempts only.
class WorkerAheadTest : public ClaimAheadTest {
 protected:
  ~WorkerAheadTest() override { worker_.reset(); }

  void claim_ahead() {
    constexpr int kQuick = 12;
    clock_used_ = &held_;
    for (int i = 0; i < kQuick; ++i) dispatcher_.add_silent_task("quick");
    add_tasks();
    start();
    ASSERT_TRUE(dispatcher_.wait([&](const FakeDispatcher& d) {
      return std::ranges::all_of(tasks_, [&](const auto& task) { return d.is_running(task); });
    })) << "all are claimed";
    held_.go();
  }
};

TEST_F(WorkerAheadTest, ReleasesWhatWaitsWhenItEnds) {
  claim_ahead();
  EXPECT_TRUE(worker_->drain());
  for (const std::string& task : tasks_) EXPECT_EQ(outcome(task), "released");
  EXPECT_LE(std::ranges::count_if(tasks_, [&](const auto& task) { return was_started(task); }), 1)
      << "there is one slot";
}

TEST_F(WorkerAheadTest, ReleasesWhatALongTaskIsInTheWayOf) {
  claim_ahead();
  for (std::size_t i = 1; i < tasks_.size(); ++i) EXPECT_EQ(outcome(tasks_[i]), "released");
  EXPECT_FALSE(was_started(tasks_[1]));
  open_gate();
  EXPECT_EQ(outcome(tasks_[0]), "success");
}

TEST_F(WorkerTest, AnAttemptSeesNoFileOfAnother) {
  config_.slots = 1;
  define("leaves", "ls -A; echo secret > .left; mkdir kept");
  define("clean", "ls -A");
  start();
  for (int round = 0; round < 3; ++round) {
    for (const char* op : {"clean", "leaves", "leaves", "clean"}) {
      const std::string task = dispatcher_.add_task(op);
      EXPECT_EQ(dispatcher_.completion(task)["outcome"], "success");
      EXPECT_EQ(log_of(task), "") << op;
    }
  }
}

}  // namespace
}  // namespace weir::worker
