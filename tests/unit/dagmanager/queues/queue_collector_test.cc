// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/queues/queue_collector.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/queues/folder_archive_store.h"
#include "dagmanager/ports/queues/memory_queue_life.h"
#include "dagmanager/ports/queues/registry_topic_content.h"
#include "dagmanager/queues/cleanup_service.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using std::chrono::hours;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr Duration kLong = hours(24 * 400);

/// A broker that can be told to lose removals.
class Broker final : public TopicAdmin {
 public:
  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    return kept_.create(topics);
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    return kept_.look(topics);
  }
  Result<std::vector<TopicSeen>> list() override { return kept_.list(); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    return kept_.sizes(topics);
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    if (on_remove) on_remove();
    if (away) return base::unavailable("broker_unavailable", "nobody answers");
    if (deaf) return std::vector<bool>(topics.size(), false);
    return kept_.remove(topics);
  }
  Result<int> broker_count() override { return kept_.broker_count(); }
  Result<void> ping() override { return kept_.ping(); }

  std::function<void()> on_remove;
  bool away = false;
  bool deaf = false;

 private:
  MemoryTopicAdmin kept_;
};

class FixedLoad final : public LoadSource {
 public:
  Result<double> messages_per_second() override {
    if (load < 0) return base::unavailable("load_unknown", "no page");
    return load;
  }
  double load = 0;
};

class QueueCollectorTest : public testing::Test {
 protected:
  QueueCollectorTest() {
    fence_ = {"gc", test::must(loops_.renew("me", std::vector<LoopClaim>{{"gc"}})).front().fence};
  }

  /// A deploy of so many nodes of a type, ended at once.
  void make_orphans(int count, graph::TopicType type = graph::TopicType::Indicator) {
    auto binding = std::make_shared<const BindingContext>(
        graph::ComputeContext{}, graph::Namespace(), graph::StrategyId("s"));
    GraphChange change;
    change.diff_id = "d";
    IntentBatch batch;
    batch.diff_id = "d";
    batch.binding = binding;
    batch.new_nodes = static_cast<std::size_t>(count);
    std::vector<TopicSpec> topics;
    for (int i = 0; i < count; ++i) {
      const std::string name = "q" + std::to_string(++made_);
      NodeRecord node;
      node.id = graph::NodeId("id-" + name);
      node.parts.interval = 60;
      node.parts.node_type = "Indicator";
      node.tags = {"t"};
      change.nodes.push_back(node);
      const graph::TopicName topic("topic_" + name);
      batch.intents.push_back({.topic = topic,
                               .type = type,
                               .shape = {1, 1, 1000, ""},
                               .node = node.id,
                               .binding_key = graph::BindingKey("b-" + name),
                               .compute_key = graph::ComputeKey("b-" + name),
                               .gives_up = {}});
      topics.push_back({topic, {1, 1, 1000, ""}});
    }
    change.base = test::must(store_->read(nullptr)).epoch();
    const Reservation got = test::must(store_->reserve(batch));
    test::must(broker_.create(topics));
    DeployRecord deploy;
    deploy.key = {graph::StrategyId("s"), {}, graph::VersionLabel("v1"), std::to_string(made_)};
    deploy.first_seen = deploy.last_seen = clock_.now();
    for (std::size_t i = 0; i < change.nodes.size(); ++i) {
      change.nodes[i].row = got.node_rows[i];
      change.queues.push_back({.queue = got.outcomes[i].queue,
                               .node = got.node_rows[i],
                               .shape = {1, 1, 1000, ""},
                               .schema_hash = {},
                               .ttl_ms = 1000,
                               .lag_alert_seconds = 60});
      deploy.nodes.push_back({got.node_rows[i], "", true});
    }
    change.binding = binding;
    change.deploy = deploy;
    change.at = clock_.now();
    test::must(store_->commit(change));
    test::must(life_.end_deploys({.id = "s", .actor = "me", .at = clock_.now()}));
    clock_.sleep_for(hours(2));
  }
  QueueCollector collector(QueueCollector::Rules rules = {}) {
    return QueueCollector({*store_, life_, broker_, archiver_ ? &*archiver_ : nullptr, load_,
                           clock_, random_, holds_},
                          std::move(rules));
  }
  GcReport pass(QueueCollector& on) { return test::must(on.run_once(fence_)); }
  std::size_t topics() { return test::must(broker_.list()).size(); }

  base::SeededRandom random_{7};
  weir::test::HandClock clock_{Duration::zero(), Instant(hours(480'000))};
  std::unique_ptr<MemoryGraphStore> store_ = test::must(MemoryGraphStore::open({}, random_));
  MemoryLoopLeases loops_{clock_};
  MemoryQueueLife life_{*store_, loops_, random_};
  Broker broker_;
  std::optional<TopicArchiver> archiver_;
  LoadSource* load_ = nullptr;
  std::function<bool(const LoopFence&)> holds_;
  LoopFence fence_;
  int made_ = 0;
};

TEST_F(QueueCollectorTest, BringsWhatIsPastItsTimeToItsEnd) {
  make_orphans(3);
  QueueCollector gc = collector();
  const GcReport young = pass(gc);
  EXPECT_EQ(young.observed, 3U);
  EXPECT_EQ(young.candidates, 0U);
  ASSERT_THAT(young.skipped, SizeIs(3));
  EXPECT_EQ(young.skipped[0].reason, GcReason::WithinGrace);
  clock_.sleep_for(kLong);
  const GcReport report = pass(gc);
  EXPECT_EQ(report.candidates, 3U);
  ASSERT_THAT(report.processed, SizeIs(3));
  EXPECT_EQ(report.processed[0].action, GcAction::Drop);
  EXPECT_EQ(report.processed[0].interval, 60);
  EXPECT_EQ(topics(), 0U);
  EXPECT_THAT(test::must(life_.leaving(fence_)), IsEmpty());
  EXPECT_EQ(test::must(store_->read(nullptr)).index().queue_count(), 0U);
  EXPECT_EQ(pass(gc).observed, 0U);
}

/// Between two passes a deploy came back and was ended again: no pass saw it, and its client has
/// the queues all the same.
TEST_F(QueueCollectorTest, BeginsTheTimeOfAQueueAnewThatWasHandedOutBetweenPasses) {
  make_orphans(2);
  QueueCollector gc = collector();
  EXPECT_EQ(pass(gc).observed, 2U);
  clock_.sleep_for(kLong);
  store_->look([&](const MemoryGraph& graph) { ASSERT_EQ(graph.deploys.order().size(), 1U); });
  test::must(store_->alter([&](MemoryGraph& graph, const auto& /*tell*/) -> Result<bool> {
    graph.deploys.find(graph.deploys.order().front())->last_seen = clock_.now();
    return true;
  }));
  const GcReport touched = pass(gc);
  EXPECT_EQ(touched.observed, 0U);
  EXPECT_THAT(touched.processed, IsEmpty());
  EXPECT_EQ(topics(), 2U);
  EXPECT_EQ(pass(gc).observed, 2U);
  clock_.sleep_for(kLong);
  EXPECT_THAT(pass(gc).processed, SizeIs(2));
}

TEST_F(QueueCollectorTest, NeverCollectsOrdersUnlessItIsTold) {
  make_orphans(1, graph::TopicType::TradeExec);
  QueueCollector gc = collector();
  pass(gc);
  clock_.sleep_for(kLong);
  const GcReport kept = pass(gc);
  ASSERT_THAT(kept.skipped, SizeIs(1));
  EXPECT_EQ(kept.skipped[0].reason, GcReason::UnknownPolicy);
  QueueCollector::Rules rules;
  rules.gc.policies["trade_exec"] = {.action = GcAction::Drop};
  QueueCollector told = collector(rules);
  EXPECT_THAT(pass(told).processed, SizeIs(1));
}

TEST_F(QueueCollectorTest, TakesFiftyAtATimeAndHalfOfThemFromABusyBroker) {
  make_orphans(200);
  FixedLoad load;
  load_ = &load;
  QueueCollector gc = collector({.capacity = 1000});
  pass(gc);
  clock_.sleep_for(kLong);
  load.load = 800;
  const GcReport first = pass(gc);
  EXPECT_EQ(first.candidates, 200U) << "before the batch was cut";
  EXPECT_THAT(first.processed, SizeIs(50));
  load.load = 801;
  EXPECT_THAT(pass(gc).processed, SizeIs(25));
  load.load = -1;
  EXPECT_THAT(pass(gc).processed, SizeIs(25)) << "nobody knows";
  load.load = 0;
  EXPECT_THAT(pass(gc).processed, SizeIs(50));
  EXPECT_EQ(topics(), 50U);
}

TEST_F(QueueCollectorTest, KeepsWhatIsToBeArchivedWhereThereIsNoArchive) {
  make_orphans(1);
  QueueCollector::Rules rules;
  rules.gc.policies["indicator"].action = GcAction::Archive;
  QueueCollector gc = collector(rules);
  pass(gc);
  clock_.sleep_for(kLong);
  const GcReport report = pass(gc);
  EXPECT_THAT(report.processed, IsEmpty());
  ASSERT_THAT(report.skipped, SizeIs(1));
  EXPECT_EQ(report.skipped[0].action, GcAction::Skip);
  EXPECT_EQ(report.skipped[0].reason, GcReason::ArchiveFailed);
  EXPECT_EQ(report.skipped[0].archive_status, "missing_client");
  EXPECT_EQ(topics(), 1U);
  const auto json = nlohmann::json::parse(report_json(report));
  EXPECT_EQ(json["actions"], (nlohmann::json{{"drop", 0}, {"archive", 0}, {"skip", 1}}));
  EXPECT_EQ(json["items"][0]["reason"], "archive_failed");
}

TEST_F(QueueCollectorTest, ArchivesFirstAndTellsWhere) {
  std::string pattern = testing::TempDir() + "weir-archive-XXXXXX";
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const auto archive = test::must(FolderArchiveStore::open(folder));
  RegistryTopicContent content(broker_);
  archiver_.emplace(content, *archive);
  make_orphans(1);
  QueueCollector::Rules rules;
  rules.gc.policies["indicator"].action = GcAction::Archive;
  QueueCollector gc = collector(rules);
  pass(gc);
  clock_.sleep_for(kLong);
  const GcReport report = pass(gc);
  ASSERT_THAT(report.processed, SizeIs(1));
  EXPECT_EQ(report.processed[0].action, GcAction::Archive);
  EXPECT_EQ(report.processed[0].archive_status, "archived");
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    files.push_back(entry.path().filename().string());
  }
  EXPECT_THAT(files, SizeIs(2)) << "content and manifest";
  std::vector<std::string> actions;
  for (const auto& [seq, row] : test::must(store_->topic_log(0, 100))) {
    actions.push_back(row.action);
    if (row.action == "archive") {
      EXPECT_TRUE(row.result.starts_with("topic_q1-"));
    }
  }
  EXPECT_THAT(actions, ElementsAre("archive", "delete_started", "deleted"));
  EXPECT_EQ(nlohmann::json::parse(report_json(report))["actions"]["archive"], 1);
}

TEST_F(QueueCollectorTest, ArchivesNoMoreOnceTheLoopIsGivenUp) {
  std::string pattern = testing::TempDir() + "weir-archive-XXXXXX";
  const std::filesystem::path folder = mkdtemp(pattern.data());
  const auto archive = test::must(FolderArchiveStore::open(folder));
  RegistryTopicContent content(broker_);
  archiver_.emplace(content, *archive);
  make_orphans(5);
  QueueCollector::Rules rules;
  rules.gc.policies["indicator"].action = GcAction::Archive;
  const auto archived = [&] {
    return std::distance(std::filesystem::directory_iterator(folder), {});
  };
  holds_ = [&](const LoopFence&) { return archived() < 4; };  // two topics' files
  QueueCollector gc = collector(rules);
  pass(gc);
  clock_.sleep_for(kLong);
  const auto stopped = gc.run_once(fence_);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().reason(), "loop_lost");
  EXPECT_EQ(archived(), 4);
  EXPECT_EQ(topics(), 5U);
  EXPECT_THAT(test::must(life_.leaving(fence_)), IsEmpty());
}

TEST_F(QueueCollectorTest, GoesOnWithWhatAnotherLeft) {
  make_orphans(2);
  QueueCollector gc = collector();
  pass(gc);
  clock_.sleep_for(kLong);
  broker_.away = true;
  const auto cut = gc.run_once(fence_);
  ASSERT_FALSE(cut.ok());
  EXPECT_EQ(cut.error().reason(), "broker_unavailable");
  EXPECT_EQ(test::must(store_->read(nullptr)).index().queue_count(), 0U) << "bound to nothing";
  broker_.away = false;
  broker_.deaf = true;
  QueueCollector next = collector();
  pass(next);
  EXPECT_THAT(test::must(life_.leaving(fence_)), SizeIs(2)) << "they may still be there";
  EXPECT_EQ(topics(), 2U);
  broker_.deaf = false;
  pass(next);
  EXPECT_THAT(test::must(life_.leaving(fence_)), IsEmpty());
  EXPECT_EQ(topics(), 0U);
}

TEST_F(QueueCollectorTest, DoesNothingForOneWhoLostTheLoop) {
  make_orphans(1);
  QueueCollector gc = collector();
  const auto lost = gc.run_once({"gc", fence_.fence + 1});
  ASSERT_FALSE(lost.ok());
  EXPECT_EQ(lost.error().reason(), "loop_lost");
}

TEST_F(QueueCollectorTest, DeletesNothingOnceItDoesNotTrustItsLeaseAnyMore) {
  make_orphans(1);
  QueueCollector first = collector();
  pass(first);
  clock_.sleep_for(kLong);
  holds_ = [](const LoopFence&) { return false; };
  QueueCollector stale = collector();
  const auto stopped = stale.run_once(fence_);
  ASSERT_FALSE(stopped.ok());
  EXPECT_EQ(stopped.error().reason(), "loop_lost");
  EXPECT_EQ(topics(), 1U);
  EXPECT_THAT(test::must(life_.leaving(fence_)), SizeIs(1)) << "for the next holder";
}

TEST_F(QueueCollectorTest, ACleanupEndsDeploysAndRunsOnePassWhereTheLoopIsHeld) {
  make_orphans(1);
  QueueCollector gc = collector();
  std::optional<LoopFence> held;
  int passes = 0;
  CleanupService service({.life = life_,
                          .collector = gc,
                          .clock = clock_,
                          .held = [&] { return held; },
                          .passed = [&](const GcReport&) { ++passes; },
                          .nudge = [] {}});
  EXPECT_EQ(test::must(service.cleanup("s", "me")), std::nullopt);
  EXPECT_EQ(passes, 0);
  EXPECT_EQ(gc_trigger_json({}), "{\"processed\":[],\"report\":null}\n");
  held = fence_;
  ASSERT_TRUE(test::must(service.cleanup("s", "me")).has_value());
  clock_.sleep_for(kLong);
  const auto report = test::must(service.cleanup("s", "me"));
  ASSERT_TRUE(report.has_value());
  const auto json = nlohmann::json::parse(gc_trigger_json(report));
  EXPECT_EQ(json["processed"], nlohmann::json({"topic_q1"}));
  EXPECT_EQ(json["report"]["observed"], 1);
  EXPECT_EQ(json["report"]["candidates"], 1);
  EXPECT_EQ(json["report"]["by_tag"], (nlohmann::json{{"indicator", 1}}));
  EXPECT_EQ(json["report"]["items"][0]["queue"], "topic_q1");
  EXPECT_EQ(json["report"]["items"][0]["archive_status"], nullptr);
  EXPECT_EQ(passes, 2);
  broker_.away = true;
  held = LoopFence{"gc", 99};
  EXPECT_EQ(test::must(service.cleanup("s", "me")), std::nullopt)
      << "a pass that fails is no fault";
}

TEST_F(QueueCollectorTest, ACleanupDoesNotWaitForAPassThatIsUnderWay) {
  make_orphans(1);
  QueueCollector gc = collector();
  pass(gc);
  clock_.sleep_for(kLong);
  int nudges = 0;
  CleanupService service({.life = life_,
                          .collector = gc,
                          .clock = clock_,
                          .held = [&] { return std::optional(fence_); },
                          .passed = [](const GcReport&) {},
                          .nudge = [&] { ++nudges; }});
  std::promise<void> entered;
  std::promise<void> leave;
  broker_.on_remove = [&] {
    entered.set_value();
    leave.get_future().wait();
  };
  std::thread loop([&] { test::must(service.pass(fence_)); });
  entered.get_future().wait();
  EXPECT_EQ(test::must(service.cleanup("s", "me")), std::nullopt);
  EXPECT_EQ(nudges, 1) << "what was ended is seen by a pass of its own";
  leave.set_value();
  loop.join();
  broker_.on_remove = nullptr;
  EXPECT_TRUE(test::must(service.cleanup("s", "me")).has_value());
  EXPECT_EQ(nudges, 1);
}

TEST(GcTrigger, TakesAnObjectWithAnId) {
  EXPECT_EQ(read_gc_trigger(R"({"id":"s-sentinel","more":1})"), "s-sentinel");
  for (const char* body : {"", "[]", "{}", R"({"id":""})", R"({"id":7})", "nonsense"}) {
    EXPECT_EQ(read_gc_trigger(body), std::nullopt) << body;
  }
}

}  // namespace
}  // namespace weir::dagmanager
