// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/graph_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "tests/unit/base/test_seed.h"

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;
using ::testing::SizeIs;

const QueryScope kWorld{"w1", "live"};

std::shared_ptr<const BindingContext> binding_of(const QueryScope& scope) {
  graph::ComputeContext context;
  context.world_id = scope.world_id;
  context.execution_domain = scope.execution_domain;
  const graph::Namespace prefix(scope.world_id.empty() ? "" : scope.world_id + ".live");
  return std::make_shared<const BindingContext>(context, prefix, graph::StrategyId("s"));
}

NodeRecord node_of(RowId row, std::vector<std::string> tags, std::int64_t interval = 60) {
  NodeRecord node;
  node.row = row;
  node.id = graph::NodeId("node-" + std::to_string(row));
  node.parts.interval = interval;
  node.tags = std::move(tags);
  return node;
}

QueueRecord queue_of(RowId row, RowId node, QueueState state = QueueState::Active,
                     const QueryScope& scope = {}) {
  QueueRecord queue;
  queue.row = row;
  queue.node = node;
  queue.state = state;
  queue.topic = graph::TopicName("Topic." + std::to_string(row));
  queue.binding_key = graph::BindingKey("key-" + std::to_string(row));
  queue.binding = binding_of(scope);
  return queue;
}

QuerySet query(std::vector<std::string> tags, bool all = false, const QueryScope& scope = {},
               std::int64_t interval = 60) {
  return {.tags = std::move(tags), .interval = interval, .match_all = all, .scope = scope};
}

graph::TagQuerySpec asks(std::vector<std::string> tags, bool all = false) {
  return {.tags = std::move(tags), .match_all = all, .has_interval = true, .interval = 60};
}

TEST(GraphIndex, FindsNodesAndQueuesByEveryKey) {
  GraphIndex index;
  index.add_node(node_of(1, {"a"}));
  index.put_queue(queue_of(2, 1));
  ASSERT_NE(index.node(RowId{1}), nullptr);
  EXPECT_EQ(index.node(graph::NodeId("node-1")), index.node(RowId{1}));
  EXPECT_EQ(index.node(RowId{2}), nullptr);
  EXPECT_EQ(index.node(graph::NodeId("node-2")), nullptr);
  ASSERT_NE(index.queue(2), nullptr);
  EXPECT_EQ(index.queue_by_topic(graph::TopicKey("topic_2")), index.queue(2));
  EXPECT_EQ(index.queue_by_topic(graph::TopicKey("Topic.2")), nullptr) << "keys are lower case";
  EXPECT_EQ(index.queue_by_binding(graph::BindingKey("key-2")), index.queue(2));
  EXPECT_THAT(index.queues_of(1), ElementsAre(2));
  EXPECT_THAT(index.queues_of(9), IsEmpty());
  EXPECT_EQ(index.node_count(), 1U);
  EXPECT_EQ(index.queue_count(), 1U);
}

TEST(GraphIndex, KeepsTheFirstNodeOfAnId) {
  GraphIndex index;
  index.add_node(node_of(1, {"a"}));
  NodeRecord same = node_of(1, {"b"});
  same.row = 9;
  index.add_node(same);
  EXPECT_EQ(index.node_count(), 1U);
  EXPECT_THAT(index.node(RowId{1}).tags(), ElementsAre("a"));
  EXPECT_EQ(index.node(RowId{9}), nullptr);
}

TEST(GraphIndex, CountsAnIntentAsNoQueueUntilItIsActive) {
  GraphIndex index;
  index.add_node(node_of(1, {"a"}));
  index.put_queue(queue_of(2, 0, QueueState::Intent));
  EXPECT_EQ(index.queue_count(), 0U);
  EXPECT_THAT(index.match(query({"a"})), IsEmpty());
  EXPECT_NE(index.queue_by_topic(graph::TopicKey("topic_2")), nullptr) << "its name is taken";
  index.put_queue(queue_of(2, 1));
  EXPECT_EQ(index.queue_count(), 1U);
  EXPECT_THAT(index.match(query({"a"})), ElementsAre(2));
  EXPECT_THAT(index.queues_of(1), ElementsAre(2));
}

TEST(GraphIndex, TellsWhatGrowsApartFromWhatIsCompleted) {
  GraphIndex index;
  index.add_node(node_of(1, {"a"}));
  index.put_queue(queue_of(2, 1));
  QueueRecord completed = queue_of(3, 1);
  completed.completed = true;
  index.put_queue(completed);
  EXPECT_THAT(index.match(query({"a"})), ElementsAre(2, 3));
  EXPECT_THAT(*index.match_growing(query({"a"}), SIZE_MAX), ElementsAre(2));
  EXPECT_FALSE(index.match_growing(query({"a"}), 1)) << "completed ones count";
  EXPECT_THAT(*index.match_growing(query({"a"}, false, {"w", "live"}), 1), IsEmpty());
  EXPECT_EQ(index.queue_count(), 2U);
}

TEST(GraphIndex, TakesAQueueBeforeItsNode) {
  GraphIndex index;
  index.put_queue(queue_of(2, 1));
  EXPECT_THAT(index.match(query({"a"})), IsEmpty());
  index.add_node(node_of(1, {"a"}));
  EXPECT_THAT(index.match(query({"a"})), ElementsAre(2));
}

TEST(GraphIndex, ForgetsANodeThatNothingActiveIsOf) {
  GraphIndex index;
  const std::size_t bytes = index.resident_bytes();
  index.add_node(node_of(1, {"a"}));
  index.add_node(node_of(3, {"a"}));
  index.put_queue(queue_of(2, 1));
  EXPECT_FALSE(index.remove_node(1)) << "it is bound";
  EXPECT_FALSE(index.remove_node(9));
  index.put_queue(queue_of(2, 1, QueueState::Leaving));
  EXPECT_TRUE(index.remove_node(1));
  EXPECT_EQ(index.node_count(), 1U);
  EXPECT_EQ(index.node(RowId{1}), nullptr);
  EXPECT_EQ(index.node(graph::NodeId("node-1")), nullptr);
  EXPECT_EQ(index.queue(2).node(), 0);
  EXPECT_EQ(index.largest_nodes(5).size(), 1U);
  int visited = 0;
  index.for_each_node([&](const NodeView&) { ++visited; });
  EXPECT_EQ(visited, 1);
  index.remove_queue(2);
  EXPECT_TRUE(index.remove_node(3));
  EXPECT_LE(index.resident_bytes() - bytes, 400U) << "but for the texts, which are shared";
  NodeRecord again = node_of(1, {"a"});
  again.row = 7;
  index.add_node(again);
  EXPECT_EQ(index.node(graph::NodeId("node-1")).row(), 7);
}

TEST(GraphIndex, ForgetsARemovedQueueWhole) {
  GraphIndex index;
  index.add_node(node_of(1, {"a"}));
  const std::size_t bytes = index.resident_bytes();
  index.put_queue(queue_of(2, 1));
  EXPECT_GT(index.resident_bytes(), bytes);
  index.remove_queue(2);
  index.remove_queue(2);
  EXPECT_EQ(index.resident_bytes(), bytes);
  EXPECT_EQ(index.queue_count(), 0U);
  EXPECT_EQ(index.queue(2), nullptr);
  EXPECT_EQ(index.queue_by_topic(graph::TopicKey("topic_2")), nullptr);
  EXPECT_EQ(index.queue_by_binding(graph::BindingKey("key-2")), nullptr);
  EXPECT_THAT(index.queues_of(1), IsEmpty());
  EXPECT_THAT(index.match(query({"a"})), IsEmpty());
  int visited = 0;
  index.for_each_queue([&](const QueueView&) { ++visited; });
  EXPECT_EQ(visited, 0);
}

TEST(GraphIndex, MovesAQueueToAnotherNameAndNode) {
  GraphIndex index;
  index.add_node(node_of(1, {"a"}));
  index.add_node(node_of(3, {"b"}));
  index.put_queue(queue_of(2, 1));
  QueueRecord moved = queue_of(2, 3);
  moved.topic = graph::TopicName("other");
  moved.binding_key = graph::BindingKey("other-key");
  index.put_queue(moved);
  EXPECT_EQ(index.queue_by_topic(graph::TopicKey("topic_2")), nullptr);
  EXPECT_EQ(index.queue_by_topic(graph::TopicKey("other")), index.queue(2));
  EXPECT_EQ(index.queue_by_binding(graph::BindingKey("key-2")), nullptr);
  EXPECT_EQ(index.queue_by_binding(graph::BindingKey("other-key")), index.queue(2));
  EXPECT_THAT(index.queues_of(1), IsEmpty());
  EXPECT_THAT(index.queues_of(3), ElementsAre(2));
  EXPECT_THAT(index.match(query({"a"})), IsEmpty());
  EXPECT_THAT(index.match(query({"b"})), ElementsAre(2));
}

TEST(GraphIndex, MatchesAnyAndAllAtOneIntervalAndInOneScope) {
  GraphIndex index;
  index.add_node(node_of(1, {"a", "b"}));
  index.add_node(node_of(2, {"b", "c"}));
  index.add_node(node_of(3, {"a"}, 300));
  index.put_queue(queue_of(11, 1));
  index.put_queue(queue_of(12, 2));
  index.put_queue(queue_of(13, 3));
  index.put_queue(queue_of(14, 1, QueueState::Active, kWorld));
  EXPECT_THAT(index.match(query({"a", "c"})), ElementsAre(11, 12));
  EXPECT_THAT(index.match(query({"a", "b"}, true)), ElementsAre(11));
  EXPECT_THAT(index.match(query({"a", "nobody"}, true)), IsEmpty());
  EXPECT_THAT(index.match(query({"nobody", "b"})), ElementsAre(11, 12));
  EXPECT_THAT(index.match(query({"a"}, false, {}, 300)), ElementsAre(13));
  EXPECT_THAT(index.match(query({"a"}, false, kWorld)), ElementsAre(14));
  EXPECT_THAT(index.match(query({"a"}, false, {"w1", "dryrun"})), IsEmpty());
  EXPECT_THAT(index.match_any_scope(query({"a"})), ElementsAre(11, 14));
  EXPECT_THAT(index.match(query({})), IsEmpty()) << "no tags, no queues";
  EXPECT_THAT(index.match(query({}, true)), IsEmpty());
}

TEST(GraphIndex, GivesNothingAboveTheLimit) {
  GraphIndex index;
  index.add_node(node_of(1, {"a"}));
  for (RowId row = 2; row < 12; ++row) index.put_queue(queue_of(row, 1));
  EXPECT_EQ(index.match_at_most(query({"a"}), 9), std::nullopt);
  EXPECT_THAT(index.match_at_most(query({"a"}), 10), Optional(SizeIs(10)));
}

TEST(GraphIndex, KnowsWhichQueriesANodeAnswers) {
  GraphIndex index;
  NodeRecord asker = node_of(1, {});
  asker.query = asks({"a", "b"}, true);
  NodeRecord other = node_of(2, {});
  other.query = asks({"a"});
  NodeRecord aimless = node_of(3, {});
  aimless.query = graph::TagQuerySpec{.tags = {"a"}};
  index.add_node(asker);
  index.add_node(other);
  index.add_node(aimless);
  index.put_queue(queue_of(11, 1));
  index.put_queue(queue_of(12, 2, QueueState::Active, kWorld));
  index.put_queue(queue_of(13, 3));
  index.put_queue(queue_of(14, 1, QueueState::Active, kWorld));
  const auto asked = [&](std::vector<std::string> tags, const QueryScope& scope) {
    std::vector<QuerySet> sets;
    for (const QuerySet* set : index.asked_queries_for(node_of(9, std::move(tags)), scope)) {
      sets.push_back(*set);
    }
    return sets;
  };
  EXPECT_THAT(asked({"a", "b"}, {}), ElementsAre(query({"a", "b"}, true)));
  EXPECT_THAT(asked({"a"}, {}), IsEmpty());
  EXPECT_THAT(asked({"b", "a"}, kWorld),
              ElementsAre(query({"a"}, false, kWorld), query({"a", "b"}, true, kWorld)));
}

TEST(GraphIndex, NamesTheLargestNodes) {
  GraphIndex index;
  for (RowId row = 1; row <= 5; ++row) {
    NodeRecord node = node_of(row, {});
    node.parts.params_canon = std::string(static_cast<std::size_t>(row) * 100, 'x');
    index.add_node(node);
  }
  const auto largest = index.largest_nodes(2);
  ASSERT_THAT(largest, SizeIs(2));
  EXPECT_EQ(largest[0].first.row(), 5);
  EXPECT_EQ(largest[1].first.row(), 4);
  EXPECT_THAT(index.largest_nodes(50), SizeIs(5));
}

/// The same graph, looked through from end to end.
class SlowIndex {
 public:
  void put(const QueueRecord& queue) { queues_[queue.row] = queue; }
  void remove(RowId row) { queues_.erase(row); }
  void add(const NodeRecord& node) { nodes_.emplace(node.row, node); }

  std::vector<RowId> match(const QuerySet& set, bool any_scope) const {
    std::vector<RowId> rows;
    for (const auto& [row, queue] : queues_) {
      if (queue.state != QueueState::Active || !nodes_.contains(queue.node)) continue;
      if (!any_scope && queue.binding->scope != set.scope) continue;
      if (query_matches(set, nodes_.at(queue.node))) rows.push_back(row);
    }
    return rows;
  }
  std::size_t active() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        queues_, [](const auto& row) { return row.second.state == QueueState::Active; }));
  }

 private:
  std::map<RowId, QueueRecord> queues_;
  std::map<RowId, NodeRecord> nodes_;
};

std::vector<std::string> some_tags(base::SeededRandom& random) {
  std::vector<std::string> tags;
  for (const char* tag : {"a", "b", "c", "d"}) {
    if (random.chance(40)) tags.emplace_back(tag);
  }
  return tags;
}

TEST(GraphIndex, AnswersLikeASearchThroughEverything) {
  base::SeededRandom random(base::test_seed(7));
  for (int round = 0; round < 40; ++round) {
    GraphIndex index;
    SlowIndex slow;
    for (int step = 0; step < 120; ++step) {
      const auto row = static_cast<RowId>(1 + random.below(20));
      const QueryScope scope = random.chance(50) ? kWorld : QueryScope{};
      if (random.chance(25)) {
        const NodeRecord node = node_of(row, some_tags(random), random.chance(80) ? 60 : 300);
        if (index.node(row) == nullptr) slow.add(node);
        index.add_node(node);
      } else if (random.chance(15)) {
        slow.remove(row + 100);
        index.remove_queue(row + 100);
      } else {
        const auto state = random.chance(70) ? QueueState::Active : QueueState::Intent;
        const QueueRecord queue =
            queue_of(row + 100, static_cast<RowId>(1 + random.below(20)), state, scope);
        slow.put(queue);
        index.put_queue(queue);
      }
      const QuerySet set = query(some_tags(random), random.chance(50), scope);
      auto found = index.match(set);
      std::ranges::sort(found);
      ASSERT_EQ(found, slow.match(set, false));
      auto anywhere = index.match_any_scope(set);
      std::ranges::sort(anywhere);
      ASSERT_EQ(anywhere, slow.match(set, true));
      ASSERT_EQ(index.queue_count(), slow.active());
    }
  }
}

}  // namespace
}  // namespace weir::dagmanager
