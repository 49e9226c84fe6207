// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/redo_store.h"

#include <gmock/gmock.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/graph_cases.h"

namespace weir::dagmanager {
namespace {

using test::at;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_sentinel;
using test::reason_of;
using test::succeeded;

const graph::SentinelId kSentinel("s-sentinel");

class RedoStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  RedoStoreTest() : engine_(test::make_graph_engine(GetParam())), redo_(engine_->redo()) {}

  /// A deploy of one node; `after` hands its weight over.
  Result<Committed> deploy(const std::string& version, std::optional<double> weight,
                           const std::string& after = "", int second = 1,
                           const std::string& nodes = "") {
    const auto binding = make_binding("s", "w1");
    Diff diff(engine_->store(), binding, {make_node(version)}, at(second));
    GraphChange& change = diff.view().reserve().change();
    DeployRecord record = make_deploy(*binding, version, {}, at(second));
    record.key.node_set = nodes.empty() ? version : nodes;
    change.sentinel = make_sentinel(record, weight);
    if (!after.empty()) {
      record.baseline = key_of(after);
      change.handover = Handover{graph::VersionLabel(after), record.baseline, "somebody"};
    }
    change.deploy = record;
    change.sentinel->deploy_key = record.key.text();
    return diff.commit();
  }
  SentinelHistory history() {
    auto all = redo_.history(kSentinel);
    EXPECT_TRUE(succeeded(all));
    auto one = in_world(*std::move(all), graph::WorldId());
    EXPECT_TRUE(succeeded(one));
    return one.ok() ? *std::move(one) : SentinelHistory{};
  }
  std::string key_of(const std::string& version) {
    for (const DeployHead& head : history().deploys) {
      if (head.version.text() == version) return head.key;
    }
    return "";
  }
  std::map<std::string, std::optional<double>> weights() {
    std::map<std::string, std::optional<double>> weights;
    for (const SentinelRecord& sentinel : history().sentinels) {
      weights[sentinel.version.text()] = sentinel.traffic_weight;
    }
    return weights;
  }
  Result<TakenBack> take_back(std::vector<RowId> queues = {}, int second = 50) {
    const auto plan = plan_rollback(history());
    if (!plan.ok()) return plan.error();
    return redo_.take_back({.sentinel = kSentinel,
                            .world = graph::WorldId("w1"),
                            .taken = plan->taken.key,
                            .predecessor = plan->predecessor.key,
                            .queues = std::move(queues),
                            .actor = "somebody",
                            .at = at(second)});
  }
  /// Version and weight of each weight event, in order.
  std::vector<std::pair<std::string, double>> told() {
    std::vector<std::pair<std::string, double>> told;
    const auto pending = engine_->bus().pending(1000);
    EXPECT_TRUE(succeeded(pending));
    for (const PendingEvent& event : *pending) {
      const auto data = nlohmann::json::parse(event.event.envelope)["data"];
      if (data["type"] != "SentinelWeightUpdated") continue;
      told.emplace_back(data["sentinel_version"], data["weight"]);
    }
    return told;
  }
  std::vector<std::string> audit() {
    std::vector<std::string> lines;
    const auto rows = engine_->traffic().audit(0, 1000);
    EXPECT_TRUE(succeeded(rows));
    for (const auto& [seq, row] : *rows) {
      if (row.action == "diff") continue;  // the weights that deploys came with
      lines.push_back(row.action + " " + row.version.text() + " " +
                      (row.from ? std::to_string(*row.from).substr(0, 4) : "none") + " " +
                      std::to_string(row.to).substr(0, 4) + " " + row.note);
    }
    return lines;
  }

  using Weights = std::map<std::string, std::optional<double>>;
  using Told = std::vector<std::pair<std::string, double>>;

  std::unique_ptr<test::GraphEngine> engine_;
  RedoStore& redo_;
};

TEST_P(RedoStoreTest, TellsWhatASentinelHasBeen) {
  EXPECT_TRUE(redo_.history(kSentinel)->deploys.empty());
  ASSERT_TRUE(succeeded(deploy("v1", 0.5)));
  ASSERT_TRUE(succeeded(deploy("v2", std::nullopt, "", 2)));
  const SentinelHistory known = history();
  ASSERT_EQ(known.deploys.size(), 2U);
  EXPECT_EQ(known.deploys[0].version.text(), "v1");
  EXPECT_EQ(known.deploys[0].first_seen, at(1));
  EXPECT_EQ(known.deploys[1].version.text(), "v2");
  EXPECT_EQ(known.deploys[1].strategy.text(), "s");
  EXPECT_FALSE(known.deploys[1].taken_back);
  EXPECT_EQ(weights(), (Weights{{"v1", 0.5}, {"v2", std::nullopt}}));
  const auto whole = redo_.deploy(known.deploys[1].key);
  ASSERT_TRUE(succeeded(whole));
  ASSERT_TRUE(whole->has_value());
  EXPECT_EQ((*whole)->key.version.text(), "v2");
  EXPECT_FALSE(redo_.deploy("nothing")->has_value());
}

TEST_P(RedoStoreTest, AHotfixTakesTheWeightOverInOneCommit) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5)));
  const auto committed = deploy("v1-hotfix", 0.9, "v1", 2);
  ASSERT_TRUE(succeeded(committed));
  EXPECT_EQ(committed->handed_over, 0.5);
  EXPECT_EQ(weights(), (Weights{{"v1", 0.0}, {"v1-hotfix", 0.5}}));
  EXPECT_EQ(told(), (Told{{"v1", 0.5}, {"v1-hotfix", 0.5}})) << "one id: the gaining side alone";
  EXPECT_THAT(audit(), testing::ElementsAre("hotfix v1 0.50 0.00 after version v1",
                                            "hotfix v1-hotfix none 0.50 after version v1"));
  EXPECT_EQ(history().deploys.back().baseline, key_of("v1"));
}

TEST_P(RedoStoreTest, AHotfixOfWhatHasNoWeightHasNone) {
  ASSERT_TRUE(succeeded(deploy("v1", std::nullopt)));
  ASSERT_TRUE(succeeded(deploy("v1-hotfix", 0.9, "v1", 2)));
  EXPECT_EQ(weights(), (Weights{{"v1", std::nullopt}, {"v1-hotfix", std::nullopt}}));
  EXPECT_TRUE(told().empty());
}

TEST_P(RedoStoreTest, AHotfixIsRefusedWholeWhileAHitIsOpen) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5)));
  const std::vector<HitSighting> seen = {{graph::NodeId("a"), "w1", "w2"}};
  ASSERT_TRUE(succeeded(engine_->hits().record(seen, at(2))));
  EXPECT_EQ(reason_of(deploy("v1-hotfix", std::nullopt, "v1", 3)), "cross_context_hit_open");
  EXPECT_EQ(weights(), (Weights{{"v1", 0.5}}));
  EXPECT_EQ(history().deploys.size(), 1U);
}

TEST_P(RedoStoreTest, ARollbackGivesThePredecessorItsLastWeight) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5)));
  ASSERT_TRUE(succeeded(deploy("v1-hotfix", std::nullopt, "v1", 2)));
  const auto done = take_back();
  ASSERT_TRUE(succeeded(done));
  EXPECT_TRUE(done->changed);
  EXPECT_EQ(weights(), (Weights{{"v1", 0.5}, {"v1-hotfix", 0.0}}));
  EXPECT_EQ(told().back(), (std::pair<std::string, double>{"v1", 0.5}));
  EXPECT_EQ(told().size(), 3U);
  EXPECT_TRUE(history().deploys.back().taken_back);
  EXPECT_EQ(current_deploy(history()).version.text(), "v1");
  auto lines = audit();
  lines.erase(lines.begin(), lines.begin() + 2);
  EXPECT_THAT(lines, testing::ElementsAre("rollback v1-hotfix none 0.00 to version v1",
                                          "rollback v1-hotfix 0.50 0.00 to version v1",
                                          "rollback v1 0.00 0.50 to version v1"));
}

/// What has the traffic is what is held and guarded: not a later deploy of the same version.
TEST_P(RedoStoreTest, ASentinelStandsForTheDeployThatCameBack) {
  ASSERT_TRUE(succeeded(deploy("v1", 1.0)));
  const std::string first = key_of("v1");
  ASSERT_TRUE(succeeded(deploy("v1", 1.0, "", 2, "another graph")));
  ASSERT_EQ(history().deploys.size(), 2U);
  const std::string second = history().deploys.back().key;
  ASSERT_EQ(history().sentinels.front().deploy_key, second);
  const auto done = take_back();
  ASSERT_TRUE(succeeded(done));
  EXPECT_TRUE(done->weights.empty()) << "one sentinel for both";
  ASSERT_EQ(history().sentinels.size(), 1U);
  EXPECT_EQ(history().sentinels.front().deploy_key, first);
  EXPECT_TRUE(history().deploys.back().taken_back);
}

TEST_P(RedoStoreTest, ASecondRollbackChangesNothing) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5)));
  ASSERT_TRUE(succeeded(deploy("v2", 0.25, "", 2)));
  ASSERT_TRUE(succeeded(take_back()));
  const auto before = audit();
  const auto events = told();
  const auto again = take_back({}, 60);
  ASSERT_TRUE(succeeded(again));
  EXPECT_FALSE(again->changed);
  EXPECT_EQ(audit(), before);
  EXPECT_EQ(told(), events);
  EXPECT_EQ(weights(), (Weights{{"v1", 0.5}, {"v2", 0.0}}));
}

TEST_P(RedoStoreTest, ANewSubmissionClearsTheMark) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5)));
  ASSERT_TRUE(succeeded(deploy("v2", 0.25, "", 2)));
  ASSERT_TRUE(succeeded(take_back()));
  const auto whole = redo_.deploy(key_of("v2"));
  ASSERT_TRUE(succeeded(whole));
  {
    const auto view = engine_->store().read(&(*whole)->key);
    ASSERT_TRUE(succeeded(view));
    ASSERT_TRUE(view->deploy().has_value());
    EXPECT_TRUE(view->deploy()->ended) << "so that the same graph is written again";
  }
  ASSERT_TRUE(succeeded(deploy("v2", 0.25, "", 3)));
  EXPECT_FALSE(history().deploys.back().taken_back);
  EXPECT_EQ(weights()["v2"], 0.25);
}

TEST_P(RedoStoreTest, RefusesWhereThereIsNoWayBack) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5)));
  EXPECT_EQ(reason_of(take_back()), "no_predecessor");
  ASSERT_TRUE(succeeded(deploy("v2", 0.25, "", 2)));
  EXPECT_EQ(reason_of(take_back({1'000'000})), "queues_collected");
  EXPECT_EQ(weights(), (Weights{{"v1", 0.5}, {"v2", 0.25}}));
  EXPECT_FALSE(history().deploys.back().taken_back);
  EXPECT_EQ(reason_of(redo_.take_back({.sentinel = kSentinel,
                                       .world = graph::WorldId("w1"),
                                       .taken = key_of("v1"),
                                       .predecessor = key_of("v2"),
                                       .queues = {},
                                       .actor = "somebody",
                                       .at = at(9)})),
            "graph_moved");
}

TEST_P(RedoStoreTest, WorksWhileAHitIsOpenAndGivesOneToWhoNeverHadAWeight) {
  ASSERT_TRUE(succeeded(deploy("v1", std::nullopt)));
  ASSERT_TRUE(succeeded(deploy("v2", 0.25, "", 2)));
  const std::vector<HitSighting> seen = {{graph::NodeId("a"), "w1", "w2"}};
  ASSERT_TRUE(succeeded(engine_->hits().record(seen, at(3))));
  ASSERT_TRUE(succeeded(take_back()));
  EXPECT_EQ(weights(), (Weights{{"v1", 1.0}, {"v2", 0.0}}));
}

TEST_P(RedoStoreTest, OneOfManyRollbacksAtOnceMovesTheWeights) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5)));
  ASSERT_TRUE(succeeded(deploy("v2", 0.25, "", 2)));
  const auto plan = plan_rollback(history());
  ASSERT_TRUE(succeeded(plan));
  std::atomic<int> changed = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      const auto done = redo_.take_back({.sentinel = kSentinel,
                                         .world = graph::WorldId("w1"),
                                         .taken = plan->taken.key,
                                         .predecessor = plan->predecessor.key,
                                         .queues = {},
                                         .actor = "somebody",
                                         .at = at(9)});
      EXPECT_TRUE(succeeded(done));
      if (done.ok() && done->changed) ++changed;
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(changed, 1);
  EXPECT_EQ(audit().size(), 3U)
      << "the deploy, the one weight that moved, and the other as it stays";
}

INSTANTIATE_TEST_SUITE_P(Adapters, RedoStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
