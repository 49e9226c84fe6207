// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/control_events.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "tests/unit/dagmanager/test_graphs.h"

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// 2025-08-28T09:00:00.123456Z
constexpr Instant kNow(Duration(1'756'371'600'123'456));

std::string golden(const std::string& name) {
  std::ifstream file(WEIR_SOURCE_DIR "/tests/data/golden/" + name, std::ios::binary);
  EXPECT_TRUE(file.good()) << name;
  std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

OutboxRow row_of(int number, std::int64_t revision) {
  OutboxRow row;
  row.id = "0b0e6a53-6f0c-4f7e-8a59-00000000000" + std::to_string(number);
  row.revision = revision;
  row.created_at = kNow;
  return row;
}

QuerySet query(std::vector<std::string> tags, std::int64_t interval, bool all = false,
               const QueryScope& scope = {}) {
  return {.tags = std::move(tags), .interval = interval, .match_all = all, .scope = scope};
}

QueueDescriptor queue(const std::string& topic, bool global = false) {
  return {graph::TopicName(topic), global};
}

TEST(ControlEvents, RenderTheEndOfATopic) {
  OutboxRow row = row_of(7, 1);
  row.lifecycle = {.queue = graph::TopicName("btc_Indicator_6d6ee26c_v1"),
                   .action = "drop",
                   .reason = "eligible"};
  const auto event = render_lifecycle(row, "queue");
  EXPECT_EQ(type_of(row), "queue_lifecycle");
  EXPECT_EQ(world_of(row), "");
  EXPECT_EQ(event.topic, "queue");
  EXPECT_EQ(event.key, "btc_Indicator_6d6ee26c_v1");
  EXPECT_EQ(event.envelope, golden("queue_lifecycle.json"));
}

TEST(ControlEvents, RenderTheEndOfATopicOfAWorldWithAllThatIsKnownOfIt) {
  OutboxRow row = row_of(8, 2);
  row.lifecycle = {.queue = graph::TopicName("w1.live.btc_Indicator_6d6ee26c_v1"),
                   .action = "archive",
                   .reason = "eligible",
                   .tag = "indicator",
                   .interval = 60,
                   .archive_status = "archived",
                   .scope = {"w1", "live"}};
  const auto event = render_lifecycle(row, "queue");
  EXPECT_EQ(world_of(row), "w1");
  EXPECT_EQ(event.key, "w1.live.btc_Indicator_6d6ee26c_v1");
  EXPECT_EQ(event.envelope, golden("queue_lifecycle_world.json"));
}

TEST(ControlEvents, RenderTheOrderToComputeAQueueInFull) {
  OutboxRow row = row_of(9, 1);
  row.lifecycle = {.queue = graph::TopicName("w1.live.btc_Indicator_6d6ee26c_v1"),
                   .action = "recompute",
                   .reason = "schema_changed",
                   .tag = "indicator",
                   .interval = 60,
                   .scope = {"w1", "live"}};
  EXPECT_EQ(render_lifecycle(row, "queue").envelope, golden("queue_lifecycle_recompute.json"));
}

TEST(ControlEvents, RenderAQueueUpdateWithoutAWorld) {
  OutboxRow row = row_of(1, 77);
  row.queues = QueueUpdate{query({"BTC", "price"}, 60), {5}};
  const auto event =
      render_queue_update(row, std::vector{queue("btc_Indicator_6d6ee26c_v1")}, "queue");
  EXPECT_EQ(event.topic, "queue");
  EXPECT_EQ(event.key, "BTC,price:60");
  EXPECT_EQ(event.envelope, golden("queue_updated.json"));
}

TEST(ControlEvents, RenderAQueryForAllTagsWithTextThatNeedsEscapes) {
  OutboxRow row = row_of(2, 1);
  row.queues = QueueUpdate{query({"a \"quoted\" tag", "ünï"}, 300, true), {5, 6}};
  const auto event =
      render_queue_update(row, std::vector{queue("first", true), queue("second")}, "elsewhere");
  EXPECT_EQ(event.topic, "elsewhere");
  EXPECT_EQ(event.key, "a \"quoted\" tag,ünï:300");
  EXPECT_EQ(event.envelope, golden("queue_updated_all.json"));
}

TEST(ControlEvents, RenderAQueueUpdateOfAWorld) {
  OutboxRow row = row_of(3, 2);
  row.queues = QueueUpdate{query({"BTC"}, 60, false, {"w1", "live"}), {5}};
  const auto event =
      render_queue_update(row, std::vector{queue("w1.live.btc_Indicator_6d6ee26c_v1")}, "queue");
  EXPECT_EQ(event.key, "BTC:60");
  EXPECT_EQ(event.envelope, golden("queue_updated_world.json"));
}

OutboxRow weight_row(int number, double weight, const std::string& world) {
  OutboxRow row = row_of(number, 1);
  row.weight = WeightUpdate{graph::SentinelId("s1-sentinel"), graph::VersionLabel("v2"),
                            graph::WorldId(world), weight};
  return row;
}

TEST(ControlEvents, RenderAWeightWithAndWithoutAWorld) {
  const auto plain = render_weight_update(weight_row(4, 0.25, ""));
  EXPECT_EQ(plain.topic, "sentinel_weight");
  EXPECT_EQ(plain.key, "s1-sentinel");
  EXPECT_EQ(plain.envelope, golden("sentinel_weight_updated.json"));
  EXPECT_EQ(render_weight_update(weight_row(5, 0.333333, "w1")).envelope,
            golden("sentinel_weight_updated_world.json"));
  EXPECT_EQ(render_weight_update(weight_row(6, 1.0, "w1")).envelope,
            golden("sentinel_weight_updated_whole.json"));
}

TEST(ControlEvents, WriteWeightsThatReadBackToTheSameNumber) {
  for (const double weight : {0.0, 1e-9, 0.1, 1.0 / 3, 0.9999999, 1.0}) {
    const auto read =
        nlohmann::json::parse(render_weight_update(weight_row(4, weight, "")).envelope);
    EXPECT_TRUE(read["data"]["weight"].is_number());
    EXPECT_EQ(read["data"]["weight"].get<double>(), weight);
  }
}

TEST(ControlEvents, AreTheSameBytesWheneverTheyAreRendered) {
  OutboxRow row = row_of(1, 3);
  row.queues = QueueUpdate{query({"a"}, 60), {}};
  const auto first = render_queue_update(row, {}, "queue");
  EXPECT_EQ(first.envelope, render_queue_update(row, {}, "queue").envelope);
  EXPECT_EQ(nlohmann::json::parse(first.envelope)["data"]["queues"], nlohmann::json::array());
}

TEST(QueryKey, DiffersWhereverTheEtagDoesAndNowhereElse) {
  std::set<std::string> keys;
  for (const auto& set : {query({"a"}, 60), query({"a"}, 61), query({"b"}, 60),
                          query({"a", "b"}, 60), query({"a,b"}, 60), query({"a", "b", ""}, 60),
                          query({"a", "1:b"}, 60), query({"a:60"}, 60)}) {
    EXPECT_TRUE(keys.insert(query_key(set)).second) << query_key(set);
  }
  for (const auto& set : {query({"a"}, 60, true), query({"a"}, 60, false, {"w", "live"}),
                          query({"a"}, 60, false, {"x", "live"})}) {
    EXPECT_EQ(query_key(set), query_key(query({"a"}, 60))) << "a consumer keeps one etag for both";
  }
}

TEST(WeightChanged, TellsAWeightOnceAndThenOnlyItsChanges) {
  SentinelRecord last;
  last.version = graph::VersionLabel("v1");
  last.traffic_weight = 0.5;
  SentinelRecord wanted = last;
  EXPECT_TRUE(weight_changed(std::nullopt, wanted)) << "the first";
  EXPECT_FALSE(weight_changed(last, wanted));
  wanted.traffic_weight = 0.5 + 0.9e-6;
  EXPECT_FALSE(weight_changed(last, wanted));
  wanted.traffic_weight = 0.5 + 1.1e-6;
  EXPECT_TRUE(weight_changed(last, wanted));
  wanted.traffic_weight = 0.5;
  wanted.version = graph::VersionLabel("v2");
  EXPECT_TRUE(weight_changed(last, wanted)) << "another version";
  wanted.traffic_weight.reset();
  EXPECT_FALSE(weight_changed(last, wanted)) << "nothing is asked for";
  last.traffic_weight.reset();
  wanted.traffic_weight = 0.5;
  EXPECT_TRUE(weight_changed(last, wanted)) << "none was stored";
}

/// A graph and what a change adds to it.
class ChangedQueries : public ::testing::Test {
 protected:
  NodeRecord& node(std::vector<std::string> tags, std::int64_t interval = 60) {
    NodeRecord& made = nodes_.emplace_back();
    made.row = ++last_row_;
    made.id = graph::NodeId("node-" + std::to_string(made.row));
    made.tags = std::move(tags);
    made.parts.interval = interval;
    return made;
  }

  /// Stores the node with an active queue; gives the queue's row.
  RowId store(const NodeRecord& owner, const QueryScope& scope = {}) {
    before_.add_node(owner);
    QueueRecord made;
    made.row = ++last_row_;
    made.topic = graph::TopicName("topic-" + std::to_string(made.row));
    made.binding_key = graph::BindingKey(made.topic.text());
    made.state = QueueState::Active;
    made.node = owner.row;
    graph::ComputeContext context;
    context.world_id = scope.world_id;
    context.execution_domain = scope.execution_domain;
    made.binding = std::make_shared<const BindingContext>(context, graph::Namespace(scope.world_id),
                                                          graph::StrategyId("s"));
    before_.put_queue(made);
    return made.row;
  }

  RowId complete(RowId row) {
    QueueRecord queue = before_.queue(row).record();
    queue.completed = true;
    before_.put_queue(queue);
    return row;
  }

  RowId add(const NodeRecord& owner) {
    added_.push_back({++last_row_, &owner});
    return last_row_;
  }

  std::vector<QueueUpdate> changed(const QueryScope& scope = {}) const {
    return changed_queries(before_, added_, scope);
  }

  static graph::TagQuerySpec asks(std::vector<std::string> tags, bool all = false) {
    return {.tags = std::move(tags), .match_all = all, .has_interval = true, .interval = 60};
  }

  const GraphIndex& before() const { return before_; }

 private:
  std::deque<NodeRecord> nodes_;
  GraphIndex before_;
  std::vector<AddedQueue> added_;
  RowId last_row_ = 0;
};

TEST_F(ChangedQueries, AreNoneWhereNothingIsAdded) {
  store(node({"a"}));
  EXPECT_THAT(changed(), IsEmpty());
}

TEST_F(ChangedQueries, TellAnAddedNodesOwnTagsWithTheWholeSet) {
  const RowId old = store(node({"b", "x"}));
  store(node({"a"}, 300));
  store(node({"a"}), {"w1", "live"});
  const RowId fresh = add(node({"b", "a"}));
  const auto updates = changed();
  ASSERT_THAT(updates, SizeIs(1));
  EXPECT_EQ(updates[0].query, query({"a", "b"}, 60)) << "sorted, mode any";
  EXPECT_THAT(updates[0].queues, ElementsAre(old, fresh));
}

TEST_F(ChangedQueries, TellEveryTagListOnceHoweverManyNodesHaveIt) {
  const RowId first = add(node({"a", "b"}));
  const RowId second = add(node({"b", "a", "a"}));
  const auto updates = changed();
  ASSERT_THAT(updates, SizeIs(1));
  EXPECT_THAT(updates[0].queues, ElementsAre(first, second));
}

TEST_F(ChangedQueries, SayNothingOfNodesWithoutTagsOrInterval) {
  add(node({}));
  add(node({"a"}, 0));
  EXPECT_THAT(changed(), IsEmpty());
}

TEST_F(ChangedQueries, TellAnAskedQueryWhoseAnswerGrows) {
  NodeRecord& asker = node({"asker"});
  asker.query = asks({"a", "b"}, true);
  store(asker);
  const RowId old = store(node({"a", "b", "c"}));
  store(node({"a"}));
  const RowId fresh = add(node({"b", "a"}));
  const auto updates = changed();
  ASSERT_THAT(updates, SizeIs(2));
  EXPECT_EQ(updates[0].query, query({"a", "b"}, 60, true)) << "what a TagQuery node asks";
  EXPECT_THAT(updates[0].queues, ElementsAre(old, fresh));
  EXPECT_EQ(updates[1].query, query({"a", "b"}, 60, false)) << "the node's own tags";
  EXPECT_THAT(updates[1].queues, SizeIs(3));
}

TEST_F(ChangedQueries, SayNothingToAQueryThatTheAddedDoNotAnswer) {
  NodeRecord& asker = node({"asker"});
  asker.query = asks({"a", "b"}, true);
  store(asker);
  store(node({"a", "b"}));
  add(node({"a"}));
  const auto updates = changed();
  ASSERT_THAT(updates, SizeIs(1));
  EXPECT_EQ(updates[0].query, query({"a"}, 60));
}

TEST_F(ChangedQueries, TellOneEventWhereAnAskedQueryIsANodesOwnTags) {
  NodeRecord& asker = node({"asker"});
  asker.query = asks({"a"});
  store(asker);
  add(node({"a"}));
  EXPECT_THAT(changed(), SizeIs(1));
}

TEST_F(ChangedQueries, KnowQueriesThatThisVeryChangeBeginsToAsk) {
  NodeRecord& asker = node({"asker"});
  asker.query = asks({"a"});
  add(asker);
  const RowId fresh = add(node({"a", "z"}));
  const auto updates = changed();
  ASSERT_THAT(updates, SizeIs(3));
  EXPECT_EQ(updates[0].query, query({"a"}, 60));
  EXPECT_THAT(updates[0].queues, ElementsAre(fresh));
}

TEST_F(ChangedQueries, StayInTheirScope) {
  NodeRecord& asker = node({"asker"});
  asker.query = asks({"a"});
  store(asker, {"w1", "live"});
  store(node({"a"}), {"w1", "live"});
  const RowId fresh = add(node({"a", "b"}));
  const auto updates = changed({"w2", "live"});
  ASSERT_THAT(updates, SizeIs(1));
  EXPECT_EQ(updates[0].query, query({"a", "b"}, 60, false, {"w2", "live"}));
  EXPECT_THAT(updates[0].queues, ElementsAre(fresh));
}

TEST_F(ChangedQueries, LeaveOutATagListOfMoreThan256Queues) {
  for (std::size_t i = 0; i < kOwnTagQueuesMax - 1; ++i) store(node({"common"}));
  add(node({"common"}));
  ASSERT_THAT(changed(), SizeIs(1)) << "256 are told";
  EXPECT_THAT(changed()[0].queues, SizeIs(kOwnTagQueuesMax));
  add(node({"common", "rare"}));
  EXPECT_THAT(changed(), IsEmpty()) << "257 are not";
}

TEST_F(ChangedQueries, LeaveOutATagListThatThisChangeAloneMakesTooLong) {
  for (std::size_t i = 0; i < kOwnTagQueuesMax + 1; ++i) add(node({"common"}));
  add(node({"rare"}));
  const auto updates = changed();
  ASSERT_THAT(updates, SizeIs(1));
  EXPECT_EQ(updates[0].query, query({"rare"}, 60));
}

TEST_F(ChangedQueries, TellAnAskedQueryHoweverLongItsAnswer) {
  NodeRecord& asker = node({"asker"});
  asker.query = asks({"common"});
  store(asker);
  for (std::size_t i = 0; i < 2 * kOwnTagQueuesMax; ++i) store(node({"common"}));
  add(node({"common"}));
  const auto updates = changed();
  ASSERT_THAT(updates, SizeIs(1));
  EXPECT_THAT(updates[0].queues, SizeIs(2 * kOwnTagQueuesMax + 1));
}

TEST_F(ChangedQueries, LeaveOutWhatIsCompleted) {
  NodeRecord& asker = node({"asker"});
  asker.query = asks({"a"});
  store(asker);
  const RowId old = store(node({"a"}));
  complete(store(node({"a", "b"})));
  const RowId fresh = add(node({"a", "b"}));
  for (const QueueUpdate& update : changed()) {
    EXPECT_THAT(update.queues, ElementsAre(old, fresh));
  }
  EXPECT_THAT(changed(), SizeIs(2));
}

TEST_F(ChangedQueries, LeaveOutWhatIsCompletedWhereOthersLeave) {
  const RowId first = store(node({"a"}));
  complete(store(node({"a"})));
  const RowId last = store(node({"a"}));
  const auto updates = queries_without(before(), std::vector<RowId>{first});
  ASSERT_THAT(updates, SizeIs(1));
  EXPECT_THAT(updates[0].queues, ElementsAre(last));
}

TEST_F(ChangedQueries, AreThoseOfWhatCompletesAndOfWhatDoesNoMore) {
  NodeRecord& asker = node({"asker"});
  asker.query = asks({"a"});
  store(asker);
  const RowId stays = store(node({"a"}));
  const RowId completes = store(node({"a"}));
  const RowId resumes = complete(store(node({"a", "b"})));
  complete(store(node({"a"})));
  store(node({"c"}));
  const auto updates =
      queries_after(before(), std::vector<RowId>{completes}, std::vector<RowId>{resumes});
  ASSERT_THAT(updates, SizeIs(2));
  EXPECT_EQ(updates[0].query, query({"a"}, 60));
  EXPECT_EQ(updates[1].query, query({"a", "b"}, 60));
  for (const QueueUpdate& update : updates) {
    EXPECT_THAT(update.queues, ElementsAre(stays, resumes));
  }
}

TEST_F(ChangedQueries, AreTheSameTagListsWhetherOrNotSomeAreCompleted) {
  RowId last = 0;
  for (std::size_t i = 0; i < kOwnTagQueuesMax; ++i) last = store(node({"common"}));
  EXPECT_THAT(queries_after(before(), std::vector<RowId>{last}, {}), SizeIs(1));
  complete(last);
  store(node({"common"}));
  EXPECT_THAT(queries_after(before(), {}, std::vector<RowId>{last}), IsEmpty())
      << "257, told or not";
  add(node({"common", "rare"}));
  EXPECT_THAT(changed(), IsEmpty());
}

}  // namespace
}  // namespace weir::dagmanager
