// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/queues/queue_life_store.h"

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dagmanager/queues/orphan_watch.h"
#include "graph/dag_meta.h"
#include "tests/conformance/graph_cases.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using std::chrono::hours;
using test::at;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_sentinel;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;

/// Topics of which only the sizes matter.
class SizedTopics final : public TopicAdmin {
 public:
  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    return std::vector<CreateAnswer>(topics.size(), CreateAnswer::Created);
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName>) override {
    return std::vector<TopicSeen>();
  }
  Result<std::vector<TopicSeen>> list() override { return std::vector<TopicSeen>(); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    std::vector<std::optional<std::int64_t>> found;
    for (const graph::TopicName& topic : topics) found.emplace_back(held[topic.text()]);
    return found;
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    return std::vector<bool>(topics.size(), true);
  }
  Result<int> broker_count() override { return 1; }
  Result<void> ping() override { return {}; }

  std::map<std::string, std::int64_t> held;
};

class QueueLifeStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  /// A deploy of nodes of these names, made or bound.
  void deploy(const std::string& strategy, const std::string& version,
              const std::vector<std::string>& names, std::optional<double> weight = {}) {
    const auto binding = make_binding(strategy, "w");
    std::vector<NodeRecord> nodes;
    for (const std::string& name : names) nodes.push_back(make_node(name));
    Diff diff(engine_->store(), binding, nodes, clock_.now());
    diff.view().reserve();
    std::vector<DeployNode> bound;
    for (const std::string& name : names) bound.push_back({row_of(name, diff), name, false});
    diff.change().deploy = make_deploy(*binding, version, bound, clock_.now());
    diff.change().sentinel = make_sentinel(*diff.change().deploy, weight);
    diff.change().sentinel->id = graph::sentinel_id(binding->strategy);
    diff.change().deploy->sentinel_due = true;
    ASSERT_TRUE(succeeded(diff.commit()));
  }
  RowId row_of(const std::string& name, Diff& diff) {
    const graph::NodeId id = make_node(name).id;
    for (const NodeRecord& node : diff.change().nodes) {
      if (node.id == id) return node.row;
    }
    return test::must(engine_->store().read(nullptr)).index().node(id).row();
  }
  RowId queue_of(const std::string& name) {
    const auto view = test::must(engine_->store().read(nullptr));
    return view.index().queues_of(view.index().node(make_node(name).id).row()).front();
  }
  OrphanReport watch() {
    OrphanWatch watching({engine_->store(), engine_->life(), topics_, clock_});
    return test::must(watching.run_once(fence_));
  }
  std::vector<OrphanRecord> orphans() { return test::must(engine_->life().orphans()); }
  /// Deploys of the strategy that push older ones out.
  void push_out(const std::string& strategy, int count, const std::string& node) {
    for (int i = 0; i < count; ++i) {
      deploy(strategy, "later" + std::to_string(++later_), {node});
      clock_.sleep_for(hours(3));
    }
  }

  weir::test::HandClock clock_{Duration::zero(), at(0)};
  SizedTopics topics_;
  std::unique_ptr<test::GraphEngine> engine_ = test::make_graph_engine(GetParam(), &clock_);
  LoopFence fence_ = test::hold_loop(engine_->loops(), "gc");
  int later_ = 0;
};

TEST_P(QueueLifeStoreTest, TellsOfEachDeployWhatDecidesHowLongItHolds) {
  deploy("a", "v1", {"x"});
  clock_.sleep_for(hours(1));
  deploy("b-sentinel", "v1", {"x", "y"}, 0.5);
  clock_.sleep_for(hours(1));
  deploy("b-sentinel", "v2", {"y"}, 0);
  const auto found = test::must(engine_->life().deploys());
  ASSERT_EQ(found.size(), 3U);
  EXPECT_TRUE(std::ranges::is_sorted(found, {}, &DeployStanding::key));
  int live = 0;
  for (const DeployStanding& one : found) {
    EXPECT_EQ(one.world.text(), "w");
    EXPECT_FALSE(one.safe_mode);
    EXPECT_FALSE(one.ended);
    const auto when = (one.last_seen - at(0)) / hours(1);
    EXPECT_EQ(one.strategy.text(), when == 0 ? "a" : "b-sentinel");
    EXPECT_EQ(one.live, when == 1);
    EXPECT_EQ(one.was_live, when == 1);
    live += one.live ? 1 : 0;
    for (const DeployStanding& other : found) {
      EXPECT_EQ(one.last_seen < other.last_seen, one.order < other.order);
    }
  }
  EXPECT_EQ(live, 1);
  ASSERT_TRUE(succeeded(
      engine_->traffic().set_weight({.request = {.sentinel = graph::SentinelId("b-sentinel"),
                                                 .version = graph::VersionLabel("v1"),
                                                 .world = graph::WorldId("w"),
                                                 .weight = 0},
                                     .actor = "me",
                                     .at = clock_.now()})));
  for (const DeployStanding& one : test::must(engine_->life().deploys())) {
    EXPECT_FALSE(one.live);
    EXPECT_EQ(one.was_live, (one.last_seen - at(0)) / hours(1) == 1) << "it is not forgotten";
  }
}

TEST_P(QueueLifeStoreTest, HoldsBothSidesOfARolloutUntilItEnds) {
  deploy("s", "v1", {"x"}, 0.5);
  clock_.sleep_for(hours(1));
  deploy("s", "v2", {"y"}, 0);
  const auto live = [&] {
    std::vector<bool> found;
    for (const DeployStanding& one : test::must(engine_->life().deploys()))
      found.push_back(one.live);
    return found;
  };
  EXPECT_THAT(live(), ElementsAre(true, false));
  RolloutWish wish{.sentinel = graph::SentinelId("s-sentinel"), .steps = {{1, {}}}};
  const std::string candidate =
      test::must(engine_->rollouts().versions(wish.sentinel)).back().deploy_key;
  const std::string id = "00000000-0000-4000-8000-000000000001";
  test::must(engine_->rollouts().begin({.wish = wish,
                                        .start = {.id = id, .actor = "me", .at = clock_.now()},
                                        .gate = {},
                                        .deploy = candidate,
                                        .queues = {}}));
  EXPECT_THAT(live(), ElementsAre(true, true)) << "the baseline has no traffic any more";
  test::must(engine_->rollouts().change({.id = id,
                                         .action = RolloutAction::Advance,
                                         .expect = {},
                                         .actor = "me",
                                         .at = clock_.now()}));
  EXPECT_THAT(live(), ElementsAre(false, true));
}

TEST_P(QueueLifeStoreTest, TellsWhatDeploysAreBoundTo) {
  deploy("a", "v1", {"x", "y"});
  deploy("b", "v1", {"y"});
  std::vector<std::string> keys;
  for (const DeployStanding& one : test::must(engine_->life().deploys())) keys.push_back(one.key);
  keys.emplace_back("nobody's");
  const auto bindings = test::must(engine_->life().bindings(keys));
  ASSERT_EQ(bindings.size(), 2U);
  for (const DeployBindings& one : bindings) {
    EXPECT_EQ(one.nodes.size(), one.strategy.text() == "a" ? 2U : 1U);
    EXPECT_EQ(one.context, make_binding(one.strategy.text(), "w")->context);
    EXPECT_TRUE(std::ranges::find(keys, one.key) != keys.end());
  }
  EXPECT_TRUE(test::must(engine_->life().bindings({})).empty());
}

TEST_P(QueueLifeStoreTest, KeepsMarksUntilTheyAreTakenBack) {
  const OrphanRecord first{.queue = 7, .tag = "raw", .since = at(1), .grown_at = at(1)};
  OrphanRecord second{.queue = 3, .tag = "sentinel", .since = at(2), .size = 5, .grown_at = at(3)};
  ASSERT_TRUE(succeeded(engine_->life().mark(fence_, {{first, second}, {}})));
  EXPECT_THAT(orphans(), ElementsAre(second, first));
  second.size = 6;
  second.grown_at = at(9);
  ASSERT_TRUE(succeeded(engine_->life().mark(fence_, {{second}, {7, 8}})));
  EXPECT_THAT(orphans(), ElementsAre(second));
}

TEST_P(QueueLifeStoreTest, MarksNothingForOneWhoLostTheLoop) {
  const OrphanRecord orphan{.queue = 7, .tag = "raw", .since = at(1), .grown_at = at(1)};
  const OrphanMarks marks{{orphan}, {}};
  EXPECT_EQ(reason_of(engine_->life().mark({"gc", fence_.fence + 1}, marks)), "loop_lost");
  EXPECT_EQ(reason_of(engine_->life().mark({"lag", 1}, marks)), "loop_lost");
  ASSERT_TRUE(succeeded(engine_->loops().give_back("me")));
  EXPECT_EQ(reason_of(engine_->life().mark(fence_, marks)), "loop_lost");
  EXPECT_TRUE(orphans().empty());
}

TEST_P(QueueLifeStoreTest, GivesManyOrphansPageByPage) {
  OrphanMarks marks;
  for (RowId row = 1; row <= 12'000; ++row) {
    marks.put.push_back({.queue = row, .tag = "raw", .since = at(1), .grown_at = at(1)});
  }
  ASSERT_TRUE(succeeded(engine_->life().mark(fence_, marks)));
  EXPECT_EQ(orphans(), marks.put);
}

TEST_P(QueueLifeStoreTest, APassSeesWhatNoHeldDeployBindsAndThatItIsBoundAgain) {
  deploy("a", "v1", {"old", "shared"});
  EXPECT_EQ(watch().observed, 0U);
  push_out("a", 9, "shared");
  EXPECT_EQ(watch().observed, 0U) << "the tenth last is held";
  push_out("a", 1, "shared");
  const Instant seen = clock_.now();
  const OrphanReport report = watch();
  EXPECT_EQ(report.observed, 1U);
  EXPECT_EQ(report.eligible, 0U);
  EXPECT_EQ(report.by_tag, (std::map<std::string, std::size_t>{{"raw", 1}}));
  const OrphanRecord expected{
      .queue = queue_of("old"), .tag = "raw", .since = seen, .size = 0, .grown_at = seen};
  EXPECT_THAT(orphans(), ElementsAre(expected));
  clock_.sleep_for(hours(24));
  watch();
  EXPECT_THAT(orphans(), ElementsAre(expected)) << "since then";
  deploy("b", "v1", {"old"});
  EXPECT_EQ(watch().observed, 0U);
  EXPECT_TRUE(orphans().empty());
}

TEST_P(QueueLifeStoreTest, APassTellsTheHistoryOfALiveVersionApart) {
  deploy("a", "v1", {"old", "shared"}, 1);
  push_out("a", 12, "shared");
  EXPECT_EQ(watch().observed, 0U) << "a version with traffic holds its queues";
  ASSERT_TRUE(succeeded(
      engine_->traffic().set_weight({.request = {.sentinel = graph::SentinelId("a-sentinel"),
                                                 .version = graph::VersionLabel("v1"),
                                                 .world = graph::WorldId("w"),
                                                 .weight = 0},
                                     .actor = "me",
                                     .at = clock_.now()})));
  EXPECT_EQ(watch().by_tag, (std::map<std::string, std::size_t>{{"sentinel", 1}}));
}

TEST_P(QueueLifeStoreTest, AQueueThatIsStillWrittenToIsNotEligibleIn400Days) {
  deploy("a", "v1", {"old", "shared"});
  push_out("a", 10, "shared");
  std::string topic;
  {
    const auto view = test::must(engine_->store().read(nullptr));
    const RowId row = view.index().queues_of(view.index().node(make_node("old").id).row()).front();
    topic = view.index().queue(row).topic();
  }
  for (int day = 0; day < 400; ++day) {
    ++topics_.held[topic];
    clock_.sleep_for(hours(24));
    const OrphanReport report = watch();
    ASSERT_EQ(report.observed, 1U);
    ASSERT_EQ(report.eligible, 0U) << "day " << day;
  }
  clock_.sleep_for(hours(24 * 40));
  EXPECT_EQ(watch().eligible, 1U);
}

INSTANTIATE_TEST_SUITE_P(Adapters, QueueLifeStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
