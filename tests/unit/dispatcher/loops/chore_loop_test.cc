// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/loops/chore_loop.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <vector>

#include "base/random.h"
#include "dispatcher/loops/limits.h"
#include "tests/hand_clock.h"

namespace weir::dispatcher {
namespace {

const Instant kNow{std::chrono::hours(24 * 365 * 50)};

/// A store that tells what is due and counts the pages asked for.
class DueStore final : public TaskStore {
 public:
  explicit DueStore(weir::test::HandClock& clock) : clock_(clock) {}

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
    clock_.sleep_for(page_takes);
    if (serve) return ChorePage{.done = serve(chore), .more = false, .notes = {}};
    if (scripted.empty()) return ChorePage{};
    ChorePage page = scripted.front();
    scripted.pop_front();
    return page;
  }
  Result<DueInstants> due() override {
    ++looks;
    if (away) return base::unavailable("unavailable", "no database");
    return told;
  }

  static Error none() { return base::internal("not asked for in this test"); }

  DueInstants told{.now = kNow, .chores = {}, .outbox = {}, .wakeups = {}};
  std::deque<ChorePage> scripted;
  std::map<Chore, int> pages;
  Duration page_takes{};
  /// What a page does, instead of the script; gives how much.
  std::function<std::size_t(Chore)> serve;
  int looks = 0;
  bool away = false;

 private:
  weir::test::HandClock& clock_;
};

class ChoreLoopTest : public testing::Test {
 protected:
  void due(Chore chore, Duration in) {
    store_.told.chores[static_cast<std::size_t>(chore)] = kNow + in;
  }

  weir::test::HandClock clock_{Duration::zero(), kNow};
  DueStore store_{clock_};
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

TEST_F(ChoreLoopTest, AChoreThatTakesLongDoesNotMakeWhatIsDueMeanwhileLate) {
  due(Chore::ExpireLeases, {});
  due(Chore::QueueRetries, std::chrono::milliseconds(80));
  store_.page_takes = std::chrono::milliseconds(60);
  EXPECT_EQ(loop_.run_once(), std::chrono::milliseconds(20));
  store_.page_takes = std::chrono::seconds(2);
  EXPECT_EQ(loop_.run_once(), Duration::zero());
}

TEST_F(ChoreLoopTest, ANudgeForAnEarlierInstantShortensTheSleepAndALaterOneDoesNot) {
  const Duration at = clock_.monotonic() + std::chrono::seconds(5);
  loop_.nudge(std::chrono::seconds(9));
  EXPECT_EQ(loop_.time_left(at), std::chrono::seconds(5));
  loop_.nudge(std::chrono::milliseconds(40));
  loop_.nudge(std::chrono::seconds(1));
  EXPECT_EQ(loop_.time_left(at), std::chrono::milliseconds(40));
  clock_.sleep_for(std::chrono::seconds(3));
  EXPECT_EQ(loop_.time_left(at), Duration::zero());
}

/// Leases, retries and instants of sources that fall due one after the other, on a clock that only
/// the loop's sleeps and its store's calls move.
TEST_F(ChoreLoopTest, B33WhatIsDueIsServedWithinFiftyMillisecondsOnFewLooks) {
  constexpr Chore kServed[] = {Chore::ExpireLeases, Chore::QueueRetries, Chore::FireSources};
  constexpr int kInstants = 300;
  base::SeededRandom random(33);
  std::map<Chore, std::vector<Instant>> waiting;
  Instant last = kNow;
  for (int i = 0; i < kInstants; ++i) {
    last += std::chrono::milliseconds(random.below(4000));
    waiting[kServed[random.below(3)]].push_back(last);
  }
  store_.page_takes = std::chrono::milliseconds(4);
  Duration latest{};
  store_.serve = [&](Chore chore) {
    auto& rest = waiting[chore];
    std::size_t served = 0;
    while (!rest.empty() && rest.front() <= clock_.now()) {
      latest = std::max(latest, clock_.now() - rest.front());
      rest.erase(rest.begin());
      ++served;
    }
    return served;
  };
  while (clock_.now() <= last) {
    store_.told.now = clock_.now();
    for (const Chore chore : kServed) {
      auto& when = store_.told.chores[static_cast<std::size_t>(chore)];
      when.reset();
      if (!waiting[chore].empty()) when = waiting[chore].front();
    }
    const Duration pause = loop_.run_once();
    clock_.sleep_for(loop_.time_left(clock_.monotonic() + pause));
  }
  for (const Chore chore : kServed) EXPECT_TRUE(waiting[chore].empty());
  EXPECT_LE(latest, std::chrono::milliseconds(50));
  // An instant costs the look that serves it and the one after; beside these one in five seconds.
  EXPECT_LE(store_.looks, 2 * kInstants + (last - kNow) / kLoopPeriodMax + 1);
}

TEST_F(ChoreLoopTest, StopsWhileItSleeps) {
  loop_.start();
  loop_.nudge(std::chrono::hours(1));
  loop_.stop();
}

}  // namespace
}  // namespace weir::dispatcher
