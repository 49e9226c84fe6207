// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/diff_executor.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "dagmanager/ports/memory_graph_store.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "tests/hand_clock.h"
#include "tests/must.h"
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
  void decided_anew() override {}

  std::vector<std::string> topics;
  bool fails = false;
};

class DiffExecutorTest : public testing::Test {
 protected:
  /// The topic that a diff of one node gets.
  Result<std::string> diff(bool prod) {
    DiffExecutor executor({.policy = {}, .prod = prod}, *store_, topics_, clock_, random_, hears_);
    DiffCommand command;
    command.dag = test_dag({{.name = "a"}});
    command.actor = "me";
    command.request_hash = [] { return base::Digest{}; };
    WEIR_TRY(const DiffOutcome outcome, executor.run(command));
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

}  // namespace
}  // namespace weir::dagmanager
