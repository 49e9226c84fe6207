// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/diff_executor.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/random.h"
#include "dagmanager/core/limits.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "tests/hand_clock.h"
#include "tests/must.h"
#include "tests/sim/forwarding_ports.h"
#include "tests/unit/dagmanager/test_graphs.h"

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Hears of topics that were left alone, and may fail.
class Hears final : public DiffObserver {
 public:
  void topics_wanted(std::size_t, std::size_t) override {}
  Result<void> cross_context(const std::vector<CrossContextViolation>&) override { return {}; }
  Result<void> topics_mismatched(const std::vector<TopicLogRow>& left_alone) override {
    for (const TopicLogRow& row : left_alone) topics.push_back(row.topic.text());
    if (fails) return base::unavailable("graph_unavailable", "no store for alerts");
    return {};
  }
  void decided_anew() override { ++anew; }
  void waited_for_topics(Duration wait) override { waits.push_back(wait); }

  std::vector<std::string> topics;
  std::vector<Duration> waits;
  int anew = 0;
  bool fails = false;
};

/// A store that somebody else writes to between two reads.
class Overtaken final : public sim::ForwardingGraphStore {
 public:
  using ForwardingGraphStore::ForwardingGraphStore;
  Result<GraphView> read(const DeployKey* deploy) override {
    if (++reads == 2) overtake();
    return inner().read(deploy);
  }

  std::function<void()> overtake;
  int reads = 0;
};

/// Topics that are not seen for a while after they are made.
class Late final : public sim::ForwardingTopicAdmin {
 public:
  using ForwardingTopicAdmin::ForwardingTopicAdmin;
  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec> topics) override {
    WEIR_TRY(auto answers, inner().create(topics));
    std::ranges::replace(answers, CreateAnswer::CreatedAndSeen, CreateAnswer::Created);
    return answers;
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName> topics) override {
    if (unseen-- > 0) return std::vector<TopicSeen>();
    return inner().look(topics);
  }

  int unseen = 2;
};

class DiffExecutorTest : public testing::Test {
 protected:
  Result<DiffOutcome> run(const TestNode& node, GraphStore& store, TopicAdmin& topics,
                          bool prod = false) {
    DiffExecutor executor({.policy = {}, .prod = prod}, store, topics, clock_, random_, hears_);
    DiffCommand command;
    command.dag = test_dag({node});
    command.actor = "me";
    command.request_hash = [] { return base::Digest{}; };
    return executor.run(command);
  }
  /// The topic that a diff of one node gets.
  Result<std::string> diff(bool prod) {
    WEIR_CHECK(run({.name = "a"}, *store_, topics_, prod));
    WEIR_TRY(const auto listed, topics_.list());
    return listed.back().topic.text() + std::to_string(listed.size());
  }
  /// The name that the node would get, held by a topic of another shape.
  std::string occupy() {
    test::must(diff(true));
    const TopicSeen made = test::must(topics_.list()).front();
    store_ = test::must(MemoryGraphStore::open({}, random_));
    TopicSpec other{made.topic, made.shape};
    other.shape.partitions += 1;
    test::must(topics_.remove(std::vector{made.topic}));
    test::must(topics_.create(std::vector{other}));
    return made.topic.text();
  }

  base::SeededRandom random_{1};
  test::HandClock clock_;
  std::unique_ptr<MemoryGraphStore> store_ = test::must(MemoryGraphStore::open({}, random_));
  MemoryTopicAdmin topics_;
  Hears hears_;
};

TEST_F(DiffExecutorTest, TellsInProdOfATopicOfAnotherShapeThatHasANodesName) {
  const std::string held = occupy();
  EXPECT_THAT(hears_.topics, IsEmpty());
  test::must(diff(true));
  EXPECT_THAT(hears_.topics, ElementsAre(held));
  EXPECT_EQ(test::must(topics_.list()).size(), 2U) << "the node has the next name";
  test::must(diff(true));
  EXPECT_EQ(hears_.topics.size(), 1U) << "a repeat has its own topic";
}

TEST_F(DiffExecutorTest, CommitsNoDiffWhoseMismatchWasNotTold) {
  const std::string held = occupy();
  hears_.fails = true;
  const auto failed = diff(true);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().reason(), "graph_unavailable");
  hears_.fails = false;
  test::must(diff(true));
  EXPECT_THAT(hears_.topics, ElementsAre(held, held)) << "its repeat tells again";
}

TEST_F(DiffExecutorTest, AdoptsSuchATopicOutsideProdAndTellsNobody) {
  occupy();
  test::must(diff(false));
  EXPECT_THAT(hears_.topics, IsEmpty());
  EXPECT_EQ(test::must(topics_.list()).size(), 1U);
}

TEST_F(DiffExecutorTest, DecidesAnewWhereTheGraphChangedBeforeTheDeployOfAConflictWasFound) {
  const TestNode first{.name = "n", .code = "c1", .id = "shared"};
  const TestNode conflicting{.name = "n", .code = "c2", .id = "shared"};
  test::must(run(first, *store_, topics_));
  test::must(run(conflicting, *store_, topics_));
  Overtaken store(*store_);
  store.overtake = [&] { test::must(run({.name = "another"}, *store_, topics_)); };
  test::must(run(conflicting, store, topics_));
  EXPECT_EQ(hears_.anew, 1);
  EXPECT_EQ(store.reads, 4) << "the plan and its deploy are of one graph";
}

TEST_F(DiffExecutorTest, TellsHowLongItWaitedForTopicsThatAreSeenLate) {
  Late topics(topics_);
  test::must(run({.name = "a"}, *store_, topics));
  EXPECT_THAT(hears_.waits, ElementsAre(kVerifyWaitFirst, 2 * kVerifyWaitFirst));
}

}  // namespace
}  // namespace weir::dagmanager
