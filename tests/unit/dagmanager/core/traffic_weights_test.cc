// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/traffic_weights.h"

#include <gmock/gmock.h>

#include <limits>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

SentinelRecord stored(const std::string& id, const std::string& world, const std::string& version,
                      std::optional<double> weight) {
  SentinelRecord sentinel;
  sentinel.id = graph::SentinelId(id);
  sentinel.world = graph::WorldId(world);
  sentinel.version = graph::VersionLabel(version);
  sentinel.traffic_weight = weight;
  return sentinel;
}

const std::vector<SentinelRecord> kStored = {
    stored("s-sentinel", "w1", "v1", 0.25), stored("s-sentinel", "w1", "v2", std::nullopt),
    stored("t-sentinel", "w1", "v1", 0.5), stored("t-sentinel", "w2", "v1", 0.75)};

WeightRequest asking(const std::string& id, double weight, const std::string& version = "",
                     const std::string& world = "") {
  return {.sentinel = graph::SentinelId(id),
          .version = graph::VersionLabel(version),
          .world = graph::WorldId(world),
          .weight = weight};
}

std::string reason_of(const WeightRequest& request) {
  const auto outcome = decide_weight(kStored, request);
  return outcome.ok() ? "ok" : outcome.error().reason();
}

TEST(TrafficWeights, TakeTheNewestVersionOfTheOnlyWorldWhereNoneIsNamed) {
  const auto outcome = decide_weight(kStored, asking("s-sentinel", 0.1));
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->sentinel.version.text(), "v2");
  EXPECT_EQ(outcome->sentinel.world.text(), "w1");
  EXPECT_EQ(outcome->sentinel.traffic_weight, 0.1);
  EXPECT_EQ(outcome->previous, 0);
  EXPECT_TRUE(outcome->changed);
}

TEST(TrafficWeights, TakeTheVersionAndTheWorldThatAreNamed) {
  EXPECT_EQ(decide_weight(kStored, asking("s-sentinel", 1, "v1"))->previous, 0.25);
  EXPECT_EQ(decide_weight(kStored, asking("t-sentinel", 1, "", "w2"))->previous, 0.75);
}

TEST(TrafficWeights, AreRefusedOutsideOfTheirRangeAndNeverClamped) {
  for (const double weight : {-1e-9, 1.0 + 1e-9, std::numeric_limits<double>::infinity(),
                              std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_EQ(reason_of(asking("s-sentinel", weight)), "weight_out_of_range") << weight;
  }
  EXPECT_EQ(reason_of(asking("s-sentinel", 0)), "ok");
  EXPECT_EQ(reason_of(asking("s-sentinel", 1)), "ok");
}

TEST(TrafficWeights, AreRefusedForASentinelThatIsNotKnown) {
  EXPECT_EQ(reason_of(asking("", 0.5)), "missing_field");
  EXPECT_EQ(reason_of(asking("x-sentinel", 0.5)), "unknown_sentinel");
  EXPECT_EQ(reason_of(asking("s-sentinel", 0.5, "v9")), "unknown_sentinel");
  EXPECT_EQ(reason_of(asking("s-sentinel", 0.5, "", "w9")), "unknown_sentinel");
}

TEST(TrafficWeights, FindTheSentinelThatStandsInNoWorldByAnEmptyOne) {
  const graph::SentinelId id("s-sentinel");
  const graph::WorldId none;
  const graph::WorldId one("w1");
  const std::set<graph::WorldId> both = {none, one};
  EXPECT_EQ(*meant_world(none, both, id), none);
  EXPECT_EQ(*meant_world(one, both, id), one);
  const auto open = meant_world(std::nullopt, both, id);
  ASSERT_FALSE(open.ok());
  EXPECT_EQ(open.error().reason(), "world_required");
  EXPECT_THAT(open.error().message(), testing::HasSubstr("an empty one"));
  EXPECT_EQ(*meant_world(std::nullopt, {none}, id), none);
  EXPECT_EQ(*meant_world(none, {one}, id), one) << "none stands in no world: its only one";
  EXPECT_EQ(meant_world(none, {one, graph::WorldId("w2")}, id).error().reason(), "world_required");
}

TEST(TrafficWeights, NeedAWorldWhereASentinelStandsInSeveral) {
  EXPECT_EQ(reason_of(asking("t-sentinel", 0.5)), "world_required");
  EXPECT_EQ(reason_of(asking("t-sentinel", 0.5, "", "w1")), "ok");
}

TEST(TrafficWeights, AreRefusedWhereAnotherWasSetMeanwhile) {
  WeightRequest request = asking("s-sentinel", 0.5, "v1");
  request.expect = 0.2;
  EXPECT_EQ(reason_of(request), "weight_changed");
  request.expect = 0.25 + 5e-7;
  EXPECT_EQ(reason_of(request), "ok");
  request = asking("s-sentinel", 0.5, "v2");
  request.expect = 0;  // it has none
  EXPECT_EQ(reason_of(request), "ok");
}

TEST(TrafficWeights, ChangeNothingWhereTheyAreTheSame) {
  const auto outcome = decide_weight(kStored, asking("s-sentinel", 0.25 + 5e-7, "v1"));
  ASSERT_TRUE(outcome.ok());
  EXPECT_FALSE(outcome->changed);
  EXPECT_EQ(outcome->sentinel.traffic_weight, 0.25);
  EXPECT_TRUE(decide_weight(kStored, asking("s-sentinel", 0))->changed) << "none was ever told";
}

TEST(TrafficWeights, DoNotRiseWhileAHitIsOpen) {
  const auto decide = [](double weight) {
    const auto outcome =
        decide_weight(kStored, asking("s-sentinel", weight, "v1"), {.hit_open = true});
    return outcome.ok() ? "ok" : outcome.error().reason();
  };
  EXPECT_EQ(decide(0.26), "cross_context_hit_open");
  EXPECT_EQ(decide(0.25), "ok");
  EXPECT_EQ(decide(0), "ok");
  EXPECT_TRUE(check_fence({}, graph::WorldId("w1"), {0, 1}).ok());
}

TEST(TrafficWeights, AreARolloutsAsLongAsItRuns) {
  const WeightFence fence{.hit_open = true, .rollouts = {graph::WorldId("w1")}};
  const auto word = [&](const char* world, WeightMove move) {
    const auto checked = check_fence(fence, graph::WorldId(world), move);
    return checked.ok() ? "ok" : checked.error().reason();
  };
  EXPECT_EQ(word("w1", {0.5, 0}), "rollout_running");
  EXPECT_EQ(word("w1", {0.5, 1}), "rollout_running");
  EXPECT_EQ(word("w1", {0.5, 0.5}), "ok") << "it stays as it is";
  EXPECT_EQ(word("w2", {0.5, 0}), "ok");
  EXPECT_EQ(word("w2", {0.5, 1}), "cross_context_hit_open");
}

}  // namespace
}  // namespace weir::dagmanager
