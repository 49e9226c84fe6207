// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dagmanager/monitors/completion_watch.h"
#include "dagmanager/monitors/lag_watch.h"
#include "dagmanager/monitors/limits.h"
#include "dagmanager/monitors/size_keeper.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "dagmanager/ports/monitors/memory_completion_store.h"
#include "server/log.h"
#include "tests/conformance/engines.h"
#include "tests/conformance/graph_cases.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::must;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

/// Topics that hold what they are told to, and count who asks.
class CountedTopics final : public TopicAdmin {
 public:
  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    return inner_.create(topics);
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    return inner_.look(topics);
  }
  Result<std::vector<TopicSeen>> list() override { return inner_.list(); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName> topics) override {
    ++calls;
    if (is_gone) return base::unavailable("broker_unavailable", "nobody there");
    std::vector<std::optional<std::int64_t>> sizes;
    for (const graph::TopicName& topic : topics) {
      const auto found = held.find(topic.text());
      sizes.push_back(found == held.end() ? std::nullopt : std::optional(found->second));
    }
    return sizes;
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName> topics) override {
    return inner_.remove(topics);
  }
  Result<int> broker_count() override { return 1; }
  Result<void> admits() override {
    if (is_shut) return base::unavailable("broker_unavailable", "breaker_open: broker");
    return {};
  }
  Result<void> ping() override { return {}; }

  std::map<std::string, std::int64_t> held;
  int calls = 0;
  bool is_gone = false;
  bool is_shut = false;

 private:
  MemoryTopicAdmin inner_;
};

/// A graph in memory with a queue a node.
class QueueWatchTest : public testing::Test {
 protected:
  void bind(const std::string& strategy, const std::vector<std::string>& names) {
    std::vector<NodeRecord> nodes;
    for (const std::string& name : names) nodes.push_back(test::make_node(name));
    test::Diff diff(*store_, test::make_binding(strategy, "w1"), nodes, clock_.now());
    diff.view().reserve();
    for (QueuePromotion& promotion : diff.change().queues) promotion.lag_alert_seconds = 60;
    ASSERT_TRUE(succeeded(diff.commit()));
  }

  test::SharedRandom random_{1};
  test::HandClock clock_{std::chrono::hours(1), test::at(0)};
  std::unique_ptr<MemoryGraphStore> store_ = must(MemoryGraphStore::open({}, random_));
};

class SizeKeeperTest : public QueueWatchTest {
 protected:
  std::vector<std::optional<std::int64_t>> sizes(const std::vector<const char*>& names) {
    return must(keeper_.sizes(std::vector<graph::TopicName>(names.begin(), names.end())));
  }

  CountedTopics topics_;
  SizeKeeper keeper_{{*store_, topics_, clock_, server::log()}};
};

TEST_F(SizeKeeperTest, AnswersFromTheLastLookWithoutAnyCall) {
  bind("s1", {"a", "b"});
  topics_.held["w1.id-a"] = 7;
  ASSERT_TRUE(succeeded(keeper_.look()));
  const int calls = topics_.calls;
  topics_.held["w1.id-a"] = 8;
  EXPECT_THAT(sizes({"w1.id-b", "w1.id-a"}), ElementsAre(std::nullopt, Optional(7)))
      << "b is no topic";
  EXPECT_EQ(topics_.calls, calls);
  ASSERT_TRUE(succeeded(keeper_.look()));
  EXPECT_THAT(sizes({"w1.id-a"}), ElementsAre(Optional(8)));
}

TEST_F(SizeKeeperTest, AsksAnEngineThatIsNoBrokerWhenItIsAskedAndNotBefore) {
  SizeKeeper direct({*store_, topics_, clock_, server::log(), false});
  direct.start();
  EXPECT_EQ(topics_.calls, 0);
  topics_.held["w1.id-a"] = 7;
  const std::vector<graph::TopicName> asked = {graph::TopicName("w1.id-a")};
  EXPECT_THAT(must(direct.sizes(asked)), ElementsAre(Optional(7)));
  topics_.is_gone = true;
  EXPECT_EQ(reason_of(direct.sizes(asked)), "broker_unavailable");
}

TEST_F(SizeKeeperTest, HoldsNothingOfAQueueThatCameSince) {
  ASSERT_TRUE(succeeded(keeper_.look()));
  bind("s1", {"a"});
  EXPECT_THAT(sizes({"w1.id-a"}), ElementsAre(Optional(0)));
}

TEST_F(SizeKeeperTest, TellsNothingThatIsTooOldNorWhileTheBrokerIsGone) {
  bind("s1", {"a"});
  topics_.held["w1.id-a"] = 7;
  const std::vector<graph::TopicName> asked = {graph::TopicName("w1.id-a")};
  EXPECT_EQ(reason_of(keeper_.sizes(asked)), "broker_unavailable") << "never looked";
  ASSERT_TRUE(succeeded(keeper_.look()));
  topics_.is_gone = true;
  clock_.sleep_for(kSizesAgeMax);
  EXPECT_EQ(reason_of(keeper_.look()), "broker_unavailable");
  EXPECT_THAT(sizes({"w1.id-a"}), ElementsAre(Optional(7)));
  clock_.sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(reason_of(keeper_.sizes(asked)), "broker_unavailable");
  topics_.is_gone = false;
  ASSERT_TRUE(succeeded(keeper_.look()));
  topics_.is_shut = true;
  EXPECT_EQ(reason_of(keeper_.sizes(asked)), "broker_unavailable");
  topics_.is_shut = false;
  EXPECT_THAT(sizes({"w1.id-a"}), ElementsAre(Optional(7)));
}

class SetLags final : public LagSource {
 public:
  Result<std::vector<std::optional<Duration>>> lags(std::span<const graph::TopicName> topics,
                                                    Instant /*now*/) override {
    if (is_gone) return base::unavailable("broker_unavailable", "nobody there");
    std::vector<std::optional<Duration>> lags;
    for (const graph::TopicName& topic : topics) {
      const auto found = set.find(topic.text());
      lags.push_back(found == set.end() ? std::nullopt : std::optional(found->second));
    }
    return lags;
  }

  std::map<std::string, Duration> set;
  bool is_gone = false;
};

class SeenLags final : public LagObserver {
 public:
  void queue_lags(const std::vector<QueueLag>& lags) override {
    seen.clear();
    for (const QueueLag& lag : lags) {
      seen.push_back(lag.topic + " " + std::to_string(std::lround(lag.seconds)) + "/" +
                     std::to_string(lag.bound_seconds));
    }
  }

  std::vector<std::string> seen;
};

class LagWatchTest : public QueueWatchTest {
 protected:
  std::vector<std::string> conditions() {
    std::vector<std::string> told;
    for (const Condition& one : must(alerts_.read()).conditions) {
      told.push_back(one.key.name + " " + one.topic + ": " + one.detail);
    }
    return told;
  }

  SetLags source_;
  SeenLags seen_;
  MemoryLoopLeases loops_{clock_};
  MemoryAlertStore alerts_{loops_};
  LagWatch watch_{{*store_, source_, alerts_, clock_, seen_}};
};

TEST_F(LagWatchTest, TellsOfEachQueueAndAlertsOfThoseAboveTheirBound) {
  bind("s1", {"a", "b", "c", "unread"});
  source_.set = {{"w1.id-a", std::chrono::seconds(60)},
                 {"w1.id-b", std::chrono::seconds(61)},
                 {"w1.id-c", std::chrono::seconds(0)},
                 {"w1.foreign", std::chrono::hours(1)}};
  ASSERT_TRUE(succeeded(watch_.run_once()));
  EXPECT_THAT(seen_.seen, ElementsAre("w1.id-b 61/60", "w1.id-a 60/60", "w1.id-c 0/60"));
  EXPECT_THAT(conditions(), ElementsAre("QueueLagHigh w1.id-b: behind by 61 s, the bound 60 s"));
}

TEST_F(LagWatchTest, SaysNothingWithoutABroker) {
  bind("s1", {"a"});
  source_.is_gone = true;
  EXPECT_EQ(reason_of(watch_.run_once()), "broker_unavailable");
  EXPECT_THAT(seen_.seen, IsEmpty());
  EXPECT_THAT(conditions(), IsEmpty());
}

TEST_F(LagWatchTest, AlertsOfSoManyAtOnce) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < kLagAlertsMax + 20; ++i) names.push_back("n" + std::to_string(i));
  bind("s1", names);
  for (const std::string& name : names) source_.set["w1.id-" + name] = std::chrono::minutes(2);
  ASSERT_TRUE(succeeded(watch_.run_once()));
  EXPECT_EQ(conditions().size(), kLagAlertsMax);
  EXPECT_EQ(seen_.seen.size(), names.size());
}

TEST_F(SizeKeeperTest, SaysWhatANewerLookSawAndNothingMore) {
  bind("s1", {"a"});
  topics_.held["w1.id-a"] = 7;
  const std::vector<graph::TopicName> asked = {graph::TopicName("w1.id-a"),
                                               graph::TopicName("w1.none")};
  EXPECT_FALSE(keeper_.seen(std::nullopt, asked));
  ASSERT_TRUE(succeeded(keeper_.look()));
  const auto seen = keeper_.seen(std::nullopt, asked);
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->at, clock_.monotonic());
  EXPECT_THAT(seen->sizes, ElementsAre(Optional(7), std::nullopt));
  EXPECT_FALSE(keeper_.seen(seen->at, asked));
  clock_.sleep_for(kSizesEvery);
  ASSERT_TRUE(succeeded(keeper_.look()));
  EXPECT_TRUE(keeper_.seen(seen->at, asked));
}

class CompletedSeen final : public CompletionObserver {
 public:
  void queues_completed(std::size_t count) override { last = count; }

  std::size_t last = 0;
};

/// Looks every ten seconds; nodes have an interval of a minute.
class CompletionWatchTest : public QueueWatchTest {
 protected:
  Result<void> look(CompletionWatch& watch) {
    clock_.sleep_for(kSizesEvery);
    WEIR_CHECK(keeper_.look());
    return watch.run_once(fence_);
  }
  void look_often(int times) {
    for (int i = 0; i < times; ++i) ASSERT_TRUE(succeeded(look(watch_)));
  }
  bool completed(const std::string& topic) {
    const auto view = must(store_->read(nullptr));
    return view.index().queue_by_topic(graph::topic_key(graph::TopicName(topic))).completed();
  }
  std::size_t told() { return must(bus_.pending(1000)).size(); }

  CountedTopics topics_;
  SizeKeeper keeper_{{*store_, topics_, clock_, server::log()}};
  MemoryLoopLeases loops_{clock_};
  MemoryControlBus bus_{*store_, "queue"};
  MemoryCompletionStore stored_{*store_, loops_, random_};
  CompletedSeen seen_;
  LoopFence fence_ = test::hold_loop(loops_, kCompletionLoop);
  CompletionWatch watch_{{*store_, keeper_, stored_, clock_, seen_}};
};

TEST_F(CompletionWatchTest, CompletesASilentQueueOnceAndResumesIt) {
  bind("s1", {"a", "b"});
  topics_.held = {{"w1.id-a", 7}, {"w1.id-b", 0}};
  const std::size_t before = told();
  look_often(12);
  EXPECT_FALSE(completed("w1.id-a"));
  look_often(1);
  EXPECT_TRUE(completed("w1.id-a"));
  EXPECT_FALSE(completed("w1.id-b")) << "nobody has written to it";
  EXPECT_EQ(seen_.last, 1U);
  const std::size_t after = told();
  EXPECT_GT(after, before);
  look_often(20);
  EXPECT_EQ(told(), after);
  topics_.held["w1.id-a"] = 8;
  look_often(1);
  EXPECT_FALSE(completed("w1.id-a"));
  EXPECT_EQ(seen_.last, 0U);
  EXPECT_GT(told(), after);
}

TEST_F(CompletionWatchTest, DoesNothingWithoutANewLook) {
  bind("s1", {"a"});
  topics_.held["w1.id-a"] = 7;
  ASSERT_TRUE(succeeded(watch_.run_once(fence_))) << "nobody has looked yet";
  look_often(1);
  topics_.is_gone = true;
  for (int i = 0; i < 100; ++i) {
    clock_.sleep_for(kCompletionEvery);
    ASSERT_TRUE(succeeded(watch_.run_once(fence_)));
  }
  EXPECT_FALSE(completed("w1.id-a")) << "an outage is no silence";
}

TEST_F(CompletionWatchTest, GoesOnFromWhatThePreviousHolderNoted) {
  bind("s1", {"a"});
  topics_.held["w1.id-a"] = 7;
  look_often(12);
  ASSERT_FALSE(completed("w1.id-a"));
  CompletionWatch next({*store_, keeper_, stored_, clock_, seen_});
  ASSERT_TRUE(succeeded(look(next)));
  for (int looks = 0; !completed("w1.id-a"); ++looks) {
    ASSERT_LT(looks, 4) << "most of it had been noted";
    ASSERT_TRUE(succeeded(look(next)));
  }
  const std::size_t after = told();
  CompletionWatch third({*store_, keeper_, stored_, clock_, seen_});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(succeeded(look(third)));
  EXPECT_EQ(told(), after);
}

TEST_F(CompletionWatchTest, BeginsAnewFromTheStoreWhereItCouldNotWrite) {
  bind("s1", {"a"});
  topics_.held["w1.id-a"] = 7;
  look_often(12);
  const LoopFence own = fence_;
  fence_.fence += 1;
  EXPECT_EQ(reason_of(look(watch_)), kLoopLost);
  EXPECT_FALSE(completed("w1.id-a"));
  fence_ = own;
  look_often(5);
  EXPECT_TRUE(completed("w1.id-a"));
}

TEST_F(CompletionWatchTest, ResumesAllWhereItIsSwitchedOff) {
  bind("s1", {"a"});
  topics_.held["w1.id-a"] = 7;
  look_often(13);
  ASSERT_TRUE(completed("w1.id-a"));
  const std::size_t before = told();
  CompletionWatch off({*store_, keeper_, stored_, clock_, seen_, false});
  ASSERT_TRUE(succeeded(off.run_once(fence_)));
  EXPECT_FALSE(completed("w1.id-a"));
  EXPECT_GT(told(), before);
  EXPECT_EQ(seen_.last, 0U);
  EXPECT_THAT(must(stored_.silences(fence_)), IsEmpty());
}

}  // namespace
}  // namespace weir::dagmanager
