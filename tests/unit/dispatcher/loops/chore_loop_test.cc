// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/loops/chore_loop.h"

#include <gtest/gtest.h>

#include <deque>
#include <map>

#include "dispatcher/loops/limits.h"
#include "server/system_clock.h"

namespace weir::dispatcher {
namespace {

const Instant kNow{std::chrono::hours(24 * 365 * 50)};

/// A store that tells what is due and counts the pages asked for.
class DueStore final : public TaskStore {
 public:
  Result<std::vector<ClaimAnswer>> claim(std::span<const ClaimRequest>) override { return none(); }
  Result<std::vector<Answer<HeartbeatReply>>> heartbeat(
      std::span<const TaskItem<HeartbeatCommand>>) override {
    return none();
  }
  Result<std::vector<Answer<CompleteReply>>> complete(
      std::span<const TaskItem<CompleteCommand>>) override {
    return none();
  }
  Result<std::vector<Answer<AcceptReply>>> accept(std::span<const AcceptRequest>) override {
    return none();
  }
  Result<std::vector<Answer<RunReply>>> start_runs(std::span<const RunRequest>) override {
    return none();
  }
  Result<Answer<StateReply>> command(const UserRequest&) override { return none(); }
  Result<TaskContext> fetch(const TaskId&) override { return none(); }
  Result<Answer<StateRow>> read_state(const StateRead&) override { return none(); }

  Result<ChorePage> run_chore(Chore chore, std::size_t) override {
    ++pages[chore];
    if (scripted.empty()) return ChorePage{};
    ChorePage page = scripted.front();
    scripted.pop_front();
    return page;
  }
  Result<DueInstants> due() override {
    if (away) return base::unavailable("unavailable", "no database");
    return told;
  }

  static Error none() { return base::internal("not asked for in this test"); }

  DueInstants told{.now = kNow, .chores = {}, .outbox = {}, .wakeups = {}};
  std::deque<ChorePage> scripted;
  std::map<Chore, int> pages;
  bool away = false;
};

class ChoreLoopTest : public testing::Test {
 protected:
  void due(Chore chore, Duration in) {
    store_.told.chores[static_cast<std::size_t>(chore)] = kNow + in;
  }

  server::SystemClock clock_;
  DueStore store_;
  int relayed_ = 0;
  int rung_ = 0;
  ChoreLoop loop_{{.store = store_,
                   .clock = clock_,
                   .log = server::log(),
                   .outbox_due = [this] { ++relayed_; },
                   .wakeups_due = [this] { ++rung_; }}};
};

TEST_F(ChoreLoopTest, WithNothingDueItLooksAgainAfterThePeriod) {
  EXPECT_EQ(loop_.run_once(), kLoopPeriodMax);
  EXPECT_TRUE(store_.pages.empty());
}

TEST_F(ChoreLoopTest, SleepsUntilTheEarliestInstant) {
  due(Chore::QueueRetries, std::chrono::milliseconds(700));
  due(Chore::ExpireLeases, std::chrono::milliseconds(300));
  EXPECT_EQ(loop_.run_once(), std::chrono::milliseconds(300));
  EXPECT_TRUE(store_.pages.empty());
}

TEST_F(ChoreLoopTest, DoesWhatIsDuePageByPageAndTellsTheRelay) {
  due(Chore::ExpireLeases, {});
  store_.scripted = {{.done = 500, .more = true, .notes = {}},
                     {.done = 3, .more = false, .notes = {}}};
  EXPECT_EQ(loop_.run_once(), Duration::zero());
  EXPECT_EQ(store_.pages[Chore::ExpireLeases], 2);
  EXPECT_EQ(relayed_, 2);
}

TEST_F(ChoreLoopTest, AChoreThatFindsNothingIsAskedAgainSoonNotAtOnce) {
  due(Chore::RefillWakeups, {});
  EXPECT_EQ(loop_.run_once(), kChoreAgain);
}

TEST_F(ChoreLoopTest, ALongChoreLeavesTheOthersTheirTurn) {
  due(Chore::SweepStopped, {});
  store_.scripted.assign(1000, {.done = 500, .more = true, .notes = {}});
  EXPECT_EQ(loop_.run_once(), Duration::zero());
  EXPECT_EQ(store_.pages[Chore::SweepStopped], kChorePagesInTurn);
}

TEST_F(ChoreLoopTest, NudgesRelayAndDeskForWhatOthersLeft) {
  store_.told.outbox = kNow;
  store_.told.wakeups = kNow;
  EXPECT_EQ(loop_.run_once(), kLoopPeriodMax);
  EXPECT_EQ(relayed_, 1);
  EXPECT_EQ(rung_, 1);
}

TEST_F(ChoreLoopTest, WaitsLongerAndLongerForADatabaseThatIsAway) {
  store_.away = true;
  EXPECT_EQ(loop_.run_once(), kLoopRetry);
  EXPECT_EQ(loop_.run_once(), kLoopRetry * 2);
  store_.away = false;
  EXPECT_EQ(loop_.run_once(), kLoopPeriodMax);
  store_.away = true;
  EXPECT_EQ(loop_.run_once(), kLoopRetry);
}

TEST_F(ChoreLoopTest, StopsWhileItSleeps) {
  loop_.start();
  loop_.nudge(std::chrono::hours(1));
  loop_.stop();
}

}  // namespace
}  // namespace weir::dispatcher
