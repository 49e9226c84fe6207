// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/redo.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

DeployHead head(const std::string& version, int first_seen, const std::string& baseline = "") {
  DeployHead deploy;
  deploy.key = "key-" + version;
  deploy.strategy = graph::StrategyId("s");
  deploy.world = graph::WorldId("w1");
  deploy.version = graph::VersionLabel(version);
  deploy.node_set = "set-" + version;
  deploy.first_seen = Instant(std::chrono::seconds(first_seen));
  if (!baseline.empty()) deploy.baseline = "key-" + baseline;
  return deploy;
}

SentinelRecord sentinel(const std::string& version, std::optional<double> weight) {
  SentinelRecord record;
  record.id = graph::SentinelId("s-sentinel");
  record.world = graph::WorldId("w1");
  record.version = graph::VersionLabel(version);
  record.traffic_weight = weight;
  return record;
}

SentinelHistory history(std::vector<DeployHead> deploys) {
  return {.id = graph::SentinelId("s-sentinel"), .deploys = std::move(deploys), .sentinels = {}};
}

std::string hotfix_of(const std::vector<std::string>& versions) {
  std::vector<DeployHead> deploys;
  int seen = 0;
  for (const std::string& version : versions) deploys.push_back(head(version, ++seen));
  return plan_hotfix(history(std::move(deploys)), "another set", {}).version.text();
}

std::string predecessor_of(const SentinelHistory& known) {
  const auto plan = plan_rollback(known);
  return plan.ok() ? plan->predecessor.version.text() : plan.error().reason();
}

TEST(Redo, NamesASentinelWithItsSuffixAndTheStrategiesBehindIt) {
  EXPECT_EQ(with_suffix("v2").text(), "v2-sentinel");
  EXPECT_EQ(with_suffix("s-sentinel").text(), "s-sentinel");
  const auto strategies = strategies_of(graph::SentinelId("s-sentinel"));
  ASSERT_EQ(strategies.size(), 2U);
  EXPECT_EQ(strategies[0].text(), "s-sentinel");
  EXPECT_EQ(strategies[1].text(), "s");
  EXPECT_EQ(strategies_of(graph::SentinelId("-sentinel")).size(), 1U);
}

TEST(Redo, AsksForAWorldOnlyWhereThereAreSeveral) {
  SentinelHistory known = history({head("v1", 1), head("v2", 2)});
  EXPECT_EQ(in_world(known, {})->deploys.size(), 2U);
  known.deploys[1].world = graph::WorldId("w2");
  EXPECT_EQ(in_world(known, {}).error().reason(), "world_required");
  const auto one = in_world(known, graph::WorldId("w2"));
  ASSERT_TRUE(one.ok());
  ASSERT_EQ(one->deploys.size(), 1U);
  EXPECT_EQ(one->deploys.front().version.text(), "v2");
  EXPECT_EQ(in_world(known, graph::WorldId("w3")).error().reason(), "unknown_sentinel");
  EXPECT_EQ(in_world(known, graph::WorldId()).error().reason(), "world_required");
  known.deploys.back().world = graph::WorldId();
  EXPECT_EQ(in_world(known, {}).error().reason(), "world_required");
  EXPECT_EQ(in_world(known, graph::WorldId())->deploys.front().world, graph::WorldId())
      << "the one that stands in no world";
  EXPECT_EQ(in_world(history({}), {}).error().reason(), "unknown_sentinel");
}

TEST(Redo, CountsHotfixesUpPastThoseThatWere) {
  EXPECT_EQ(hotfix_of({"v1"}), "v1-hotfix");
  EXPECT_EQ(hotfix_of({"v1", "v1-hotfix"}), "v1-hotfix.2");
  EXPECT_EQ(hotfix_of({"v1", "v1-hotfix", "v1-hotfix.2"}), "v1-hotfix.3");
  EXPECT_EQ(hotfix_of({"v1-hotfix.9"}), "v1-hotfix.10");
  EXPECT_EQ(hotfix_of({"v1-hotfix.x"}), "v1-hotfix.x-hotfix");
  EXPECT_EQ(hotfix_of({"v1-hotfix.1"}), "v1-hotfix.1-hotfix") << "no name of ours";
  EXPECT_EQ(hotfix_of({"v1-hotfixed"}), "v1-hotfixed-hotfix");
  EXPECT_EQ(hotfix_of({"v1-hotfix", "v1"}), "v1-hotfix.2") << "the first was taken back to v1";
}

TEST(Redo, TakesTheStatedVersionAndHandsOverFromTheCurrentOne) {
  const SentinelHistory known = history({head("v1", 1), head("v2", 2)});
  const HotfixPlan plan = plan_hotfix(known, "another set", graph::VersionLabel("v9"));
  EXPECT_EQ(plan.version.text(), "v9");
  ASSERT_TRUE(plan.handover.has_value());
  EXPECT_EQ(plan.handover->former.text(), "v2");
  EXPECT_EQ(plan.handover->baseline, "key-v2");
}

TEST(Redo, FollowsWhatHasTrafficAndNotACandidateThatWentBack) {
  SentinelHistory known = history({head("v1", 1), head("v2", 2), head("v3", 3)});
  known.sentinels = {sentinel("v1", 0), sentinel("v2", 1), sentinel("v3", 0)};
  const HotfixPlan plan = plan_hotfix(known, "another set", {});
  EXPECT_EQ(plan.version.text(), "v2-hotfix");
  EXPECT_EQ(plan.handover->former.text(), "v2");
  known.sentinels[0].traffic_weight = 0.5;
  known.sentinels[1].traffic_weight = 0.5;
  EXPECT_EQ(current_deploy(known).version.text(), "v2") << "of two that have traffic the newer";
  known.deploys[1].taken_back = true;
  EXPECT_EQ(current_deploy(known).version.text(), "v1");
  known.sentinels[0].traffic_weight = 0;
  EXPECT_EQ(current_deploy(known).version.text(), "v3") << "without traffic the newest";
}

TEST(Redo, MakesNothingNewOfTheGraphThatIsOut) {
  const HotfixPlan plan =
      plan_hotfix(history({head("v1", 1), head("v2", 2)}), "set-v2", graph::VersionLabel("v9"));
  EXPECT_EQ(plan.version.text(), "v2");
  EXPECT_FALSE(plan.handover.has_value());
}

TEST(Redo, PutsOutAgainWhatWasTakenBack) {
  SentinelHistory known = history({head("v1", 1), head("v1-hotfix", 2, "v1")});
  known.deploys.back().taken_back = true;
  const HotfixPlan again = plan_hotfix(known, "set-v1-hotfix", {});
  EXPECT_EQ(again.version.text(), "v1-hotfix");
  ASSERT_TRUE(again.handover.has_value());
  EXPECT_EQ(again.handover->former.text(), "v1");
  const HotfixPlan other = plan_hotfix(known, "another set", {});
  EXPECT_EQ(other.version.text(), "v1-hotfix.2");
  EXPECT_EQ(other.handover->former.text(), "v1");
}

TEST(Redo, ReturnsToTheBaselineOfAHotfixElseToTheNewestBefore) {
  EXPECT_EQ(predecessor_of(history({head("v1", 1)})), "no_predecessor");
  EXPECT_EQ(predecessor_of(history({head("v1", 1), head("v2", 2), head("v3", 3)})), "v2");
  EXPECT_EQ(predecessor_of(history({head("v1", 1), head("v2", 2), head("v3", 3, "v1")})), "v1");
  SentinelHistory known = history({head("v1", 1), head("v2", 2), head("v3", 3)});
  known.deploys[1].taken_back = true;
  EXPECT_EQ(predecessor_of(known), "v1");
  known.deploys[0].strategy = graph::StrategyId("s-sentinel");
  EXPECT_EQ(predecessor_of(known), "no_predecessor") << "another strategy's";
  EXPECT_EQ(predecessor_of(history({head("v2", 2), head("v1", 1)})), "no_predecessor")
      << "the newest was seen first before the other";
}

TEST(Redo, IsRefusedWhereItIsDecidedOtherwiseByNow) {
  const SentinelHistory known = history({head("v1", 1), head("v2", 2)});
  EXPECT_TRUE(decide_take_back(known, "key-v2", "key-v1").ok());
  EXPECT_EQ(decide_take_back(known, "key-v1", "key-v1").error().reason(), "graph_moved");
  EXPECT_EQ(decide_take_back(known, "key-v2", "key-v0").error().reason(), "graph_moved");
}

TEST(Redo, MovesTheWeightsOfARollbackWithTheLosingSideFirst) {
  const auto plan = plan_rollback(history({head("v1", 1), head("v2", 2)}));
  ASSERT_TRUE(plan.ok());
  SentinelRecord gains = sentinel("v1", 0.5);
  give_weight(gains, 0);
  const auto with = [](std::vector<SentinelRecord> sentinels) {
    return SentinelHistory{.id = {}, .deploys = {}, .sentinels = std::move(sentinels)};
  };
  const auto steps = rollback_weights(*plan, with({gains, sentinel("v2", 0.25)}));
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[0].sentinel.version.text(), "v2");
  EXPECT_EQ(steps[0].sentinel.traffic_weight, 0);
  EXPECT_FALSE(steps[0].told) << "both have one id";
  EXPECT_EQ(steps[1].sentinel.version.text(), "v1");
  EXPECT_EQ(steps[1].sentinel.traffic_weight, 0.5);
  EXPECT_TRUE(steps[1].told);
  EXPECT_TRUE(rollback_weights(*plan, with({})).empty());
  const auto first =
      rollback_weights(*plan, with({sentinel("v1", std::nullopt), sentinel("v2", 0)}));
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].sentinel.traffic_weight, 1);
}

/// Found by simulation: readers went on with the weight of what was taken back.
TEST(Redo, TellsThePredecessorOfOneIdAlsoWhereItHadItsWeight) {
  const auto plan = plan_rollback(history({head("v1", 1), head("v2", 2)}));
  ASSERT_TRUE(plan.ok());
  SentinelHistory stored;
  stored.sentinels = {sentinel("v1", 0.5), sentinel("v2", 0.25)};
  const auto steps = rollback_weights(*plan, stored);
  ASSERT_EQ(steps.size(), 2U);
  EXPECT_EQ(steps[1].sentinel.version.text(), "v1");
  EXPECT_EQ(steps[1].sentinel.traffic_weight, 0.5);
  EXPECT_TRUE(steps[1].told);
  const auto handed = handover_weights(sentinel("v1", 0.5), sentinel("v2", 0.5), {});
  ASSERT_TRUE(handed.ok());
  ASSERT_EQ(handed->size(), 2U);
  EXPECT_TRUE(handed->back().told);
}

TEST(Redo, LeavesTheWeightOfOneSentinelForBothAlone) {
  auto again = head("v1", 2);
  again.key = "key-other-set";
  const auto plan = plan_rollback(history({head("v1", 1), again}));
  ASSERT_TRUE(plan.ok());
  SentinelHistory stored;
  stored.sentinels = {sentinel("v1", 0.5)};
  EXPECT_TRUE(rollback_weights(*plan, stored).empty());
}

TEST(Redo, HandsAWeightOverWhole) {
  const auto steps = handover_weights(sentinel("v1", 0.5), sentinel("v2", std::nullopt), {});
  ASSERT_TRUE(steps.ok());
  ASSERT_EQ(steps->size(), 2U);
  EXPECT_EQ((*steps)[0].sentinel.traffic_weight, 0);
  EXPECT_EQ((*steps)[1].sentinel.traffic_weight, 0.5);
  EXPECT_TRUE(handover_weights(sentinel("v1", std::nullopt), sentinel("v2", 1), {})->empty());
  EXPECT_TRUE(handover_weights(sentinel("v1", 0.5), sentinel("v1", 0.5), {})->empty());
  const auto refused = handover_weights(sentinel("v1", 0.5), sentinel("v2", 0), {.hit_open = true});
  EXPECT_EQ(refused.error().reason(), "cross_context_hit_open");
}

TEST(Redo, KeepsTheLastWeightAboveNothingAndTheHighest) {
  SentinelRecord record = sentinel("v1", std::nullopt);
  EXPECT_EQ(last_live_weight(record), std::nullopt);
  for (const double weight : {0.0, 0.75, 0.5, 0.0}) give_weight(record, weight);
  EXPECT_EQ(record.traffic_weight, 0);
  EXPECT_EQ(last_live_weight(record), 0.5);
  EXPECT_EQ(record.peak_weight, 0.75);
}

}  // namespace
}  // namespace weir::dagmanager
