// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/traffic_store.h"

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
using test::make_sentinel;
using test::reason_of;
using test::succeeded;

class TrafficStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  TrafficStoreTest()
      : engine_(test::make_graph_engine(GetParam())),
        store_(engine_->store()),
        traffic_(engine_->traffic()) {}

  void deploy(const std::string& strategy, const std::string& world, const char* version,
              std::optional<double> weight = std::nullopt) {
    const auto binding = make_binding(strategy, world);
    Diff diff(store_, binding, {}, at(1));
    diff.view().change().actor = "who submits";
    diff.change().deploy = make_deploy(*binding, version, {}, at(1));
    diff.change().sentinel = make_sentinel(*diff.change().deploy, weight);
    ASSERT_TRUE(succeeded(diff.commit()));
  }
  Result<WeightOutcome> set(WeightRequest request, int second = 10) {
    return traffic_.set_weight(
        {.request = std::move(request), .actor = "somebody", .at = at(second)});
  }
  Result<WeightOutcome> set(const std::string& sentinel, double weight,
                            std::optional<double> expect = std::nullopt) {
    return set({.sentinel = graph::SentinelId(sentinel), .weight = weight, .expect = expect});
  }
  std::optional<double> stored(const std::string& sentinel, const std::string& world) {
    const auto newest = store_.newest_sentinel(graph::SentinelId(sentinel), graph::WorldId(world));
    EXPECT_TRUE(succeeded(newest));
    return newest.ok() && *newest ? (*newest)->traffic_weight : std::nullopt;
  }
  std::vector<nlohmann::json> events() {
    std::vector<nlohmann::json> data;
    const auto pending = engine_->bus().pending(1000);
    EXPECT_TRUE(succeeded(pending));
    for (const PendingEvent& event : *pending) {
      data.push_back(nlohmann::json::parse(event.event.envelope)["data"]);
    }
    return data;
  }
  std::vector<AuditRow> audit(const std::string& action = "set_weight") {
    std::vector<AuditRow> rows;
    const auto read = traffic_.audit(0, 1000);
    EXPECT_TRUE(succeeded(read));
    for (const auto& [seq, row] : *read) {
      if (row.action == action) rows.push_back(row);
    }
    return rows;
  }

  std::unique_ptr<test::GraphEngine> engine_;
  GraphStore& store_;
  TrafficStore& traffic_;
};

TEST_P(TrafficStoreTest, SetsAWeightWithItsAuditRowAndItsEvent) {
  deploy("s", "w1", "v1");
  const auto outcome = set("s-sentinel", 0.25);
  ASSERT_TRUE(succeeded(outcome));
  EXPECT_TRUE(outcome->changed);
  EXPECT_EQ(outcome->previous, 0);
  EXPECT_EQ(stored("s-sentinel", "w1"), 0.25);
  ASSERT_TRUE(succeeded(set("s-sentinel", 1)));
  const auto told = events();
  ASSERT_EQ(told.size(), 2U);
  EXPECT_EQ(told[0]["sentinel_id"], "s-sentinel");
  EXPECT_EQ(told[0]["sentinel_version"], "v1");
  EXPECT_EQ(told[0]["world_id"], "w1");
  EXPECT_EQ(told[0]["weight"], 0.25);
  EXPECT_EQ(told[0]["etag"], "sw:s-sentinel:v1:0.250000:1");
  EXPECT_EQ(told[1]["weight"], 1);
  const AuditRow first{.at = at(10),
                       .actor = "somebody",
                       .action = "set_weight",
                       .world = graph::WorldId("w1"),
                       .sentinel = graph::SentinelId("s-sentinel"),
                       .version = graph::VersionLabel("v1"),
                       .from = std::nullopt,
                       .to = 0.25};
  AuditRow second = first;
  second.from = 0.25;
  second.to = 1;
  EXPECT_THAT(audit(), testing::ElementsAre(first, second));
  const auto later = traffic_.audit(1, 10);
  ASSERT_EQ(later->size(), 1U);
  EXPECT_EQ(later->front().first, 2);
}

TEST_P(TrafficStoreTest, ChangesAndTellsNothingWhereTheWeightIsTheSame) {
  deploy("s", "w1", "v1", 0.5);
  for (int i = 0; i < 3; ++i) {
    const auto outcome = set("s-sentinel", 0.5);
    ASSERT_TRUE(succeeded(outcome));
    EXPECT_FALSE(outcome->changed);
    EXPECT_EQ(outcome->previous, 0.5);
  }
  EXPECT_EQ(events().size(), 1U) << "of the deploy";
  EXPECT_TRUE(audit().empty());
}

TEST_P(TrafficStoreTest, LeavesEverythingAsItIsWhereItRefuses) {
  deploy("s", "w1", "v1", 0.5);
  deploy("t", "w1", "v1", 0.5);
  deploy("t", "w2", "v1", 0.5);
  EXPECT_EQ(reason_of(set("s-sentinel", 1.5)), "weight_out_of_range");
  EXPECT_EQ(reason_of(set("x-sentinel", 0.1)), "unknown_sentinel");
  EXPECT_EQ(reason_of(set("t-sentinel", 0.1)), "world_required");
  EXPECT_EQ(reason_of(set("s-sentinel", 0.1, 0.4)), "weight_changed");
  EXPECT_EQ(reason_of(set({.sentinel = graph::SentinelId("s-sentinel"),
                           .version = graph::VersionLabel("v7"),
                           .weight = 0.1})),
            "unknown_sentinel");
  EXPECT_EQ(events().size(), 3U);
  EXPECT_TRUE(audit().empty());
  EXPECT_EQ(stored("s-sentinel", "w1"), 0.5);
}

TEST_P(TrafficStoreTest, AWeightThatComesWithADiffIsAuditedWhereItChanges) {
  deploy("s", "w1", "v1", 0.5);
  deploy("s", "w1", "v1", 0.5);
  deploy("s", "w1", "v1");
  deploy("s", "w1", "v1", 0.25);
  deploy("s", "w1", "v2", 0.0);
  const auto rows = audit("diff");
  ASSERT_EQ(rows.size(), 3U) << "one a weight that was not there already";
  EXPECT_EQ(rows[0].actor, "who submits");
  EXPECT_EQ(rows[0].at, at(1));
  EXPECT_EQ(rows[0].world.text(), "w1");
  EXPECT_EQ(rows[0].sentinel.text(), "s-sentinel");
  EXPECT_EQ(rows[0].version.text(), "v1");
  EXPECT_EQ(rows[0].from, std::nullopt);
  EXPECT_EQ(rows[0].to, 0.5);
  EXPECT_THAT(rows[0].note, testing::StartsWith("diff:"));
  EXPECT_EQ(rows[1].from, 0.5);
  EXPECT_EQ(rows[1].to, 0.25);
  EXPECT_EQ(rows[2].version.text(), "v2");
  EXPECT_EQ(rows[2].from, std::nullopt);
  const std::vector<HitSighting> seen = {{graph::NodeId("a"), "w1", "w2"}};
  ASSERT_TRUE(succeeded(engine_->hits().record(seen, at(2))));
  deploy("s", "w1", "v2", 1.0);
  EXPECT_EQ(audit("diff").size(), 3U) << "a weight that is refused is none";
}

TEST_P(TrafficStoreTest, TellsTheHighestWeightOfEachVersion) {
  const auto weights = [&](std::size_t limit) {
    std::vector<std::pair<std::string, double>> found;
    for (const VersionWeight& one : test::must(traffic_.version_weights(limit))) {
      found.emplace_back(one.version.text(), one.weight);
    }
    return found;
  };
  using Weights = std::vector<std::pair<std::string, double>>;
  EXPECT_TRUE(weights(10).empty());
  deploy("s", "w1", "v1", 0.25);
  deploy("s", "w1", "v2");
  EXPECT_EQ(weights(10), (Weights{{"v1", 0.25}})) << "v2 has none";
  deploy("s", "w2", "v1", 0.5);
  deploy("t", "w1", "v3", 0.0);
  deploy("t", "w1", "v4", 0.0);
  deploy("t", "w1", "v5", 1.0);
  EXPECT_EQ(weights(10), (Weights{{"v5", 1}, {"v1", 0.5}, {"v4", 0}, {"v3", 0}}));
  EXPECT_EQ(weights(3), (Weights{{"v5", 1}, {"v1", 0.5}, {"v4", 0}}));
  ASSERT_TRUE(succeeded(set(
      {.sentinel = graph::SentinelId("s-sentinel"), .world = graph::WorldId("w2"), .weight = 0})));
  EXPECT_EQ(weights(2), (Weights{{"v5", 1}, {"v1", 0.25}}));
}

TEST_P(TrafficStoreTest, SetsAnOlderVersionWithoutMakingItTheNewest) {
  deploy("s", "w1", "v1", 1);
  deploy("s", "w1", "v2");
  ASSERT_TRUE(succeeded(set({.sentinel = graph::SentinelId("s-sentinel"),
                             .version = graph::VersionLabel("v1"),
                             .world = graph::WorldId("w1"),
                             .weight = 0})));
  const auto newest = store_.newest_sentinel(graph::SentinelId("s-sentinel"), graph::WorldId("w1"));
  EXPECT_EQ((*newest)->version.text(), "v2");
  EXPECT_EQ(events().back()["sentinel_version"], "v1");
}

TEST_P(TrafficStoreTest, LetsOneOfTwoCallersThroughThatExpectTheSame) {
  deploy("s", "w1", "v1", 0);
  for (int round = 0; round < 10; ++round) {
    const double before = *stored("s-sentinel", "w1");
    std::atomic<int> done = 0;
    std::atomic<int> refused = 0;
    std::vector<std::thread> callers;
    for (int caller = 0; caller < 4; ++caller) {
      callers.emplace_back([&, caller] {
        const auto outcome = set("s-sentinel", 0.1 * caller + 0.05 * (round % 2) + 0.01, before);
        if (outcome.ok()) {
          ++done;
        } else {
          EXPECT_EQ(outcome.error().reason(), "weight_changed");
          ++refused;
        }
      });
    }
    for (std::thread& caller : callers) caller.join();
    EXPECT_EQ(done, 1);
    EXPECT_EQ(refused, 3);
  }
  const auto told = events();
  ASSERT_EQ(told.size(), 11U);
  const auto rows = audit();
  ASSERT_EQ(rows.size(), 10U);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(told[i + 1]["weight"], rows[i].to);
    EXPECT_EQ(rows[i].from, told[i]["weight"].get<double>()) << "each after the one before";
  }
}

TEST_P(TrafficStoreTest, ADiffSeesTheWeightThatWasSet) {
  deploy("s", "w1", "v1", 0.5);
  ASSERT_TRUE(succeeded(set("s-sentinel", 0.75)));
  deploy("s", "w1", "v1", 0.75);
  EXPECT_EQ(events().size(), 2U);
  deploy("s", "w1", "v1", 0.5);
  EXPECT_EQ(events().size(), 3U);
  EXPECT_EQ(events().back()["weight"], 0.5);
}

INSTANTIATE_TEST_SUITE_P(Adapters, TrafficStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
