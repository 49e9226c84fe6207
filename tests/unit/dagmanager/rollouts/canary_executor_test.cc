// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/rollouts/canary_executor.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/hand_clock.h"

namespace weir::dagmanager {
namespace {

/// One rollout that runs, for ever.
class OneRollout final : public RolloutStore {
 public:
  OneRollout() {
    record_.id = "one";
    record_.rollout.state = RolloutState::Running;
    record_.rollout.steps = {{0.5, {}}};
  }
  Result<RolloutOutcome> begin(const RolloutBegin& /*command*/) override { return nothing(); }
  Result<RolloutOutcome> change(const RolloutOrder& /*order*/) override { return nothing(); }
  Result<RolloutOutcome> judge(const LoopFence& /*fence*/,
                               const RolloutJudgement& /*judgement*/) override {
    ++judged;
    return RolloutOutcome{.record = record_, .judged = true};
  }
  Result<std::vector<RolloutRecord>> list(const RolloutFilter& /*filter*/) override {
    return std::vector{record_};
  }
  Result<std::vector<RolloutRecord>> unfinished() override { return std::vector{record_}; }
  Result<std::optional<RolloutRecord>> find(const std::string& /*id*/) override { return record_; }
  Result<std::vector<SentinelRecord>> versions(const graph::SentinelId& /*sentinel*/) override {
    return std::vector<SentinelRecord>();
  }
  Result<std::size_t> sentinel_gaps() override { return 0; }

  int judged = 0;

 private:
  static Error nothing() { return base::internal("nobody asks for this"); }
  RolloutRecord record_;
};

/// Nobody answers, and the loop is given up while it is asked.
class LostWhileAsked final : public MetricReader {
 public:
  explicit LostWhileAsked(bool& held) : held_(held) {}
  Result<double> read(const std::string& /*query*/) override {
    held_ = stays_;
    return base::unavailable(kMetricsUnavailable, "nobody answers");
  }
  void keep() { stays_ = true; }

 private:
  bool& held_;
  bool stays_ = false;
};

class Deaf final : public CanaryObserver {
 public:
  void judged(Verdict /*verdict*/) override {}
  void rolled_back(const RolloutRecord& /*rollout*/) override {}
  void undecided(const RolloutRecord& /*rollout*/) override {}
};

TEST(CanaryExecutor, JudgesNothingByWhatWasAskedWhileTheLoopWasGivenUp) {
  test::HandClock clock;
  OneRollout rollouts;
  Deaf observer;
  bool held = true;
  LostWhileAsked metrics(held);
  CanaryExecutor executor({.policy = {}, .checks = {{.name = "errors", .query = "errors"}}},
                          {.rollouts = rollouts,
                           .clock = clock,
                           .observer = observer,
                           .metrics = &metrics,
                           .holds = [&](const LoopFence&) { return held; }});
  const auto lost = executor.run_once({"canary", 1});
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().reason(), kLoopLost);
  EXPECT_EQ(rollouts.judged, 0) << "its silence is this instance's";
  held = true;
  metrics.keep();
  EXPECT_TRUE(executor.run_once({"canary", 1}).ok());
  EXPECT_EQ(rollouts.judged, 1);
}

}  // namespace
}  // namespace weir::dagmanager
