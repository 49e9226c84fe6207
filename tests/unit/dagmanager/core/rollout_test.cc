// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/rollout.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <string>
#include <vector>

#include "base/random.h"

namespace weir::dagmanager {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr RolloutPolicy kPolicy;

Instant at(Duration since) { return Instant(hours(1'000) + since); }

Rollout started() {
  Rollout rollout;
  rollout.steps = default_steps(hours(1));
  rollout.judged_at = at({});
  rollout.baseline_before = 0.75;
  return rollout;
}

CheckResult check(std::optional<bool> holds, const std::string& name = "lag") {
  return {name, holds, "it says so"};
}

/// A rollout under a clock of its own, judged as the loop does.
class Loop {
 public:
  RolloutMove judge(std::vector<CheckResult> checks, bool hit_open = false) {
    now_ += kPolicy.interval;
    RolloutMove move = dagmanager::judge(rollout_, checks, hit_open, at(now_), kPolicy);
    rollout_ = move.next;
    undecided_ += move.undecided ? 1 : 0;
    return move;
  }
  void judge_for(Duration span, std::optional<bool> holds, bool hit_open = false) {
    for (const Duration until = now_ + span; now_ < until;) judge({check(holds)}, hit_open);
  }
  Result<RolloutMove> change(RolloutAction action, bool hit_open = false) {
    auto move = change_rollout(rollout_, {.action = action,
                                          .expect = {},
                                          .hit_open = hit_open,
                                          .actor = "somebody",
                                          .at = at(now_)});
    if (move.ok()) rollout_ = move->next;
    return move;
  }
  const Rollout& rollout() const { return rollout_; }
  WeightPair weights() const { return weights_of(rollout_); }
  Duration now() const { return now_; }
  void pass_time(Duration span) { now_ += span; }
  int undecided() const { return undecided_; }

 private:
  Rollout rollout_ = started();
  Duration now_{};
  int undecided_ = 0;
};

std::string reason_of(const Result<RolloutMove>& move) {
  return move.ok() ? "ok" : move.error().reason();
}

TEST(Rollout, GoesFromATenthToAllInADayAndAnHour) {
  Loop loop;
  EXPECT_EQ(loop.weights(), (WeightPair{0.1, 0.9}));
  loop.judge_for(hours(24) - kPolicy.interval, true);
  EXPECT_EQ(loop.rollout().step, 0U);
  EXPECT_TRUE(loop.judge({check(true)}).weights_change);
  EXPECT_EQ(loop.weights(), (WeightPair{0.5, 0.5}));
  loop.judge_for(hours(1), true);
  EXPECT_EQ(loop.weights(), (WeightPair{1, 0}));
  EXPECT_EQ(loop.rollout().state, RolloutState::Running) << "judged once more at its weight";
  EXPECT_FALSE(loop.judge({check(true)}).weights_change);
  EXPECT_EQ(loop.rollout().state, RolloutState::Done);
  EXPECT_EQ(loop.rollout().ended_at, at(hours(25) + kPolicy.interval));
  EXPECT_EQ(loop.weights(), (WeightPair{1, 0}));
}

TEST(Rollout, GoesBackAtEachStepWhenTheSameCheckFailsThreeTimesRunning) {
  for (std::size_t step = 0; step < 3; ++step) {
    Loop loop;
    for (std::size_t i = 0; i < step; ++i) ASSERT_TRUE(loop.change(RolloutAction::Advance).ok());
    for (int turn = 0; turn < 2; ++turn) {
      EXPECT_FALSE(loop.judge({check(false), check(true, "skew")}).rolled_back);
      EXPECT_EQ(loop.rollout().verdict, Verdict::Fail);
    }
    const RolloutMove last = loop.judge({check(false)});
    EXPECT_TRUE(last.rolled_back);
    EXPECT_TRUE(last.weights_change);
    EXPECT_EQ(loop.rollout().state, RolloutState::RolledBack);
    EXPECT_EQ(loop.rollout().reason, "lag: it says so");
    EXPECT_EQ(loop.weights(), (WeightPair{0, 0.75})) << "what the baseline had";
  }
}

TEST(Rollout, DoesNotAddUpFailuresOfDifferentChecksOrWithAPassBetween) {
  Loop loop;
  for (int turn = 0; turn < 5; ++turn) {
    loop.judge({check(false), check(true, "skew")});
    loop.judge({check(true), check(false, "skew")});
  }
  loop.judge({check(false)});
  loop.judge({check(false)});
  loop.judge({check(true)});
  loop.judge({check(false)});
  EXPECT_EQ(loop.rollout().state, RolloutState::Running);
  EXPECT_LT(loop.rollout().held, minutes(1));
}

TEST(Rollout, ASilentCheckNeitherEndsARowOfFailuresNorCountsAsOne) {
  Loop loop;
  loop.judge({check(false)});
  loop.judge({check(false)});
  for (int turn = 0; turn < 10; ++turn) loop.judge({check(std::nullopt)});
  EXPECT_EQ(loop.rollout().verdict, Verdict::Unknown);
  EXPECT_EQ(loop.rollout().state, RolloutState::Running);
  loop.judge({check(false)});
  EXPECT_EQ(loop.rollout().state, RolloutState::RolledBack);
}

TEST(Rollout, StandsStillInSilenceAndTellsItOnceAfterAnHour) {
  for (std::size_t step = 0; step < 3; ++step) {
    Loop loop;
    for (std::size_t i = 0; i < step; ++i) ASSERT_TRUE(loop.change(RolloutAction::Advance).ok());
    const WeightPair before = loop.weights();
    loop.judge_for(minutes(60), std::nullopt);
    EXPECT_EQ(loop.undecided(), 0);
    loop.judge_for(hours(48), std::nullopt);
    EXPECT_EQ(loop.undecided(), 1);
    EXPECT_EQ(loop.rollout().step, step);
    EXPECT_EQ(loop.rollout().held, Duration::zero());
    EXPECT_EQ(loop.weights(), before);
    loop.judge({check(true)});
    loop.judge_for(hours(2), std::nullopt);
    EXPECT_EQ(loop.undecided(), loop.rollout().ended() ? 1 : 2) << "a silence of its own";
  }
}

TEST(Rollout, StandsStillWhileAHitIsOpenWhateverTheChecksSay) {
  for (const std::optional<bool> says : {std::optional<bool>(true), std::optional<bool>(false)}) {
    Loop loop;
    loop.judge_for(hours(23), true);
    const Duration held = loop.rollout().held;
    loop.judge_for(hours(30), says, true);
    EXPECT_EQ(loop.rollout().state, RolloutState::Running);
    EXPECT_EQ(loop.rollout().verdict, Verdict::Unknown);
    EXPECT_EQ(loop.rollout().held, held);
    EXPECT_EQ(reason_of(loop.change(RolloutAction::Advance, true)), "cross_context_hit_open");
    EXPECT_EQ(reason_of(loop.change(RolloutAction::Abort, true)), "ok");
  }
}

TEST(Rollout, CountsNoTimeThatNobodyWatched) {
  Loop loop;
  loop.judge({check(true)});
  loop.pass_time(hours(23));
  loop.judge({check(true)});
  EXPECT_LE(loop.rollout().held, 4 * kPolicy.interval);
  loop.judge({check(std::nullopt)});
  const Duration held = loop.rollout().held;
  loop.judge({check(true)});
  EXPECT_EQ(loop.rollout().held, held) << "before it was not known";
  loop.judge({check(true)});
  EXPECT_EQ(loop.rollout().held, held + kPolicy.interval);
}

TEST(Rollout, PausesResumesAndAborts) {
  Loop loop;
  loop.judge_for(hours(1), true);
  EXPECT_EQ(reason_of(loop.change(RolloutAction::Resume)), "state_changed");
  ASSERT_TRUE(loop.change(RolloutAction::Pause).ok());
  const Rollout paused = loop.rollout();
  loop.judge_for(hours(30), false);
  EXPECT_EQ(loop.rollout(), paused) << "time stands";
  EXPECT_EQ(reason_of(loop.change(RolloutAction::Pause)), "state_changed");
  EXPECT_EQ(reason_of(loop.change(RolloutAction::Advance)), "state_changed");
  ASSERT_TRUE(loop.change(RolloutAction::Resume).ok());
  loop.judge({check(true)});
  EXPECT_LE(loop.rollout().held, paused.held + kPolicy.interval);
  const auto aborted = loop.change(RolloutAction::Abort);
  ASSERT_TRUE(aborted.ok());
  EXPECT_TRUE(aborted->weights_change);
  EXPECT_FALSE(aborted->rolled_back) << "no alert";
  EXPECT_EQ(loop.rollout().reason, "aborted by somebody");
  for (const RolloutAction action : {RolloutAction::Pause, RolloutAction::Resume,
                                     RolloutAction::Advance, RolloutAction::Abort}) {
    EXPECT_EQ(reason_of(loop.change(action)), "state_changed");
  }
  const auto stale = change_rollout(started(), {.action = RolloutAction::Pause,
                                                .expect = RolloutState::Paused,
                                                .hit_open = false,
                                                .actor = "",
                                                .at = at({})});
  EXPECT_EQ(reason_of(stale), "state_changed");
}

TEST(Rollout, TakesOnlyStepsThatRiseToAll) {
  const auto fits = [](const std::vector<RolloutStep>& steps) { return check_steps(steps).ok(); };
  EXPECT_TRUE(fits(default_steps(hours(1))));
  EXPECT_TRUE(fits({{1, {}}}));
  EXPECT_FALSE(fits({}));
  EXPECT_FALSE(fits({{0.5, {}}}));
  EXPECT_FALSE(fits({{0, {}}, {1, {}}}));
  EXPECT_FALSE(fits({{0.5, {}}, {0.5, {}}, {1, {}}}));
  EXPECT_FALSE(fits({{0.5, {}}, {1.5, {}}}));
  EXPECT_FALSE(fits({{std::numeric_limits<double>::quiet_NaN(), {}}, {1, {}}}));
  EXPECT_FALSE(fits({{0.5, -seconds(1)}, {1, {}}}));
  EXPECT_FALSE(fits({{0.5, kRolloutHoldMax + seconds(1)}, {1, {}}}));
  std::vector<RolloutStep> many(kRolloutStepsMax + 1);
  for (std::size_t i = 0; i < many.size(); ++i) {
    many[i].weight = static_cast<double>(i + 1) / static_cast<double>(many.size());
  }
  EXPECT_FALSE(fits(many));
}

TEST(Rollout, HasWordsForItsStatesVerdictsAndActions) {
  EXPECT_EQ(rollout_state_text(RolloutState::RolledBack), "rolled_back");
  EXPECT_EQ(rollout_state_of("paused"), RolloutState::Paused);
  EXPECT_EQ(rollout_state_of(""), std::nullopt);
  EXPECT_EQ(verdict_text(Verdict::Unknown), "unknown");
  EXPECT_EQ(rollout_action_of("abort"), RolloutAction::Abort);
  EXPECT_EQ(rollout_action_of("stop"), std::nullopt);
}

/// Two instances judge one stored rollout, each transaction fenced by what it read; any of them may
/// die between reading and writing, and anybody may say a word in between.
void run_seed(std::uint64_t seed, std::map<RolloutState, int>& ends) {
  base::SeededRandom random(seed);
  Rollout stored = started();
  stored.steps = {{0.1, minutes(5)}, {0.5, minutes(2)}, {1, {}}};
  WeightPair weights = weights_of(stored);
  struct Instance {
    Rollout read;
    bool reading = false;
  };
  std::vector<Instance> instances(2);
  Duration now{};
  bool hit_open = false;
  int after_end = 0;
  for (int turn = 0; turn < 80 && after_end < 5; ++turn) {
    after_end += stored.ended() ? 1 : 0;
    now += seconds(random.next() % 60);
    if (random.next() % 20 == 0) hit_open = !hit_open;
    Instance& instance = instances[random.next() % 2];
    if (!instance.reading) {
      instance = {stored, true};
      continue;
    }
    instance.reading = false;
    if (random.next() % 5 == 0) continue;   // killed: nothing is written
    if (instance.read != stored) continue;  // the fence: another was first
    const bool by_hand = random.next() % 20 == 0;
    RolloutMove move{.next = stored};
    if (by_hand) {
      const auto action = static_cast<RolloutAction>(random.next() % 4);
      auto changed = change_rollout(stored, {.action = action,
                                             .expect = stored.state,
                                             .hit_open = hit_open,
                                             .actor = "a",
                                             .at = at(now)});
      if (changed.ok()) move = *changed;
    } else {
      const std::uint64_t says = random.next() % 12;
      const std::optional<bool> holds = says == 0   ? std::optional<bool>(false)
                                        : says == 1 ? std::nullopt
                                                    : std::optional<bool>(true);
      move = judge(stored, std::vector<CheckResult>{check(holds)}, hit_open, at(now), kPolicy);
    }
    const WeightPair next = move.weights_change ? weights_of(move.next) : weights;
    ASSERT_EQ(next, weights_of(move.next)) << "seed " << seed << ": the weights are the row's";
    const bool ends_back = move.next.state == RolloutState::RolledBack;
    ASSERT_TRUE(ends_back || next.candidate + next.baseline == 1) << "seed " << seed;
    const bool rises = next.candidate > weights.candidate || next.baseline > weights.baseline;
    ASSERT_FALSE(rises && hit_open && !(by_hand && ends_back)) << "seed " << seed;
    ASSERT_TRUE(!stored.ended() || move.next == stored) << "seed " << seed << ": an end stays";
    stored = move.next;
    weights = next;
  }
  ++ends[stored.state];
}

TEST(Rollout, KeepsItsWeightsAPairUnderKillsAndTwoInstances) {
  std::map<RolloutState, int> ends;
  for (std::uint64_t seed = 1; seed <= 10'000 && !testing::Test::HasFailure(); ++seed) {
    run_seed(seed, ends);
  }
  for (const RolloutState end : {RolloutState::Running, RolloutState::Paused, RolloutState::Done,
                                 RolloutState::RolledBack}) {
    EXPECT_GT(ends[end], 100) << rollout_state_text(end) << " is hardly ever come to";
  }
}

}  // namespace
}  // namespace weir::dagmanager
