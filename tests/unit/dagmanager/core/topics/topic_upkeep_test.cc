// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topics/topic_upkeep.h"

#include <gmock/gmock.h>

#include <string>

#include "graph/topic.h"

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

IntentRow intent_of(const std::string& topic) {
  IntentRow intent;
  intent.topic = graph::TopicName(topic);
  intent.shape = {.partitions = 3, .replication = 2, .retention_ms = 1000, .cleanup = ""};
  return intent;
}

TEST(IntentTopic, IsOursInItsShapeAndEmpty) {
  const IntentRow intent = intent_of("w.a");
  EXPECT_EQ(judge_intent_topic(intent, {}, std::nullopt), IntentTopic::Gone);
  std::vector<TopicSeen> seen = {{graph::TopicName("W.a"), intent.shape}};
  EXPECT_EQ(judge_intent_topic(intent, seen, std::nullopt), IntentTopic::Gone);
  seen.push_back({intent.topic, intent.shape});
  EXPECT_EQ(judge_intent_topic(intent, seen, 0), IntentTopic::Ours);
  seen.back().shape.cleanup = "delete";  // what a broker makes of none
  EXPECT_EQ(judge_intent_topic(intent, seen, std::nullopt), IntentTopic::Ours);
}

TEST(IntentTopic, IsAnothersInAnotherShapeOrWithMessages) {
  const IntentRow intent = intent_of("w.a");
  std::vector<TopicSeen> seen = {{intent.topic, intent.shape}};
  EXPECT_EQ(judge_intent_topic(intent, seen, 1), IntentTopic::Anothers);
  seen.back().shape.partitions = 4;
  EXPECT_EQ(judge_intent_topic(intent, seen, 0), IntentTopic::Anothers);
}

TEST(MissingTopics, AreLostWhenTwoPassesRunningMissThem) {
  MissingTopics missing;
  EXPECT_THAT(missing.judge({1, 2, 3}), IsEmpty());
  EXPECT_THAT(missing.judge({2, 3, 4}), ElementsAre(2, 3));
  EXPECT_THAT(missing.judge({4}), ElementsAre(4));
  EXPECT_THAT(missing.judge({}), IsEmpty());
  EXPECT_THAT(missing.judge({4}), IsEmpty());
}

TEST(MissingTopics, AreNotLostAcrossAPassWithoutAListing) {
  MissingTopics missing;
  EXPECT_THAT(missing.judge({1}), IsEmpty());
  missing.no_listing();
  EXPECT_THAT(missing.judge({1}), IsEmpty());
  EXPECT_THAT(missing.judge({1}), ElementsAre(1));
}

TEST(TopicForm, FitsEveryNameThatWeirGives) {
  for (const bool dry_run : {false, true}) {
    for (unsigned candidate = 0; candidate < 40; ++candidate) {
      const graph::TopicName name = graph::topic_name(
          {.asset = "btc_usd",
           .node_type = "Raw_Trades",
           .node_id = "blake3:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
           .version = "v1.4_x",
           .dry_run = dry_run,
           .name_space = "w1.live"},
          candidate);
      EXPECT_TRUE(has_topic_form(name.view())) << name.text();
    }
  }
}

TEST(TopicForm, FitsNothingElse) {
  for (const char* name :
       {"", "orders", "a_b_c", "a_b_0123456_v1", "a_b_012345678_v1", "a_b_0123456g_v1",
        "a_b_01234567", "a_b_01234567_", "_b_01234567_v1", "w.live._b_01234567_v1",
        "a__01234567_v1", "01234567_v1", "a_01234567_v1", "__consumer_offsets"}) {
    EXPECT_FALSE(has_topic_form(name)) << name;
  }
}

class SharedTopics : public testing::Test {
 protected:
  void put(RowId row, const std::string& topic, const std::string& key, QueueState state) {
    graph::ComputeContext context;
    context.world_id = "world of " + key;
    QueueRecord queue;
    queue.row = row;
    queue.topic = graph::TopicName(topic);
    queue.state = state;
    queue.binding_key = graph::BindingKey("binding " + std::to_string(row));
    queue.compute_key = graph::ComputeKey(key);
    queue.binding =
        std::make_shared<const BindingContext>(context, graph::Namespace(), graph::StrategyId("s"));
    index_.put_queue(queue);
  }

  GraphIndex index_;
};

TEST_F(SharedTopics, AreHitsUnderTwoComputeKeys) {
  put(1, "a", "k1", QueueState::Active);
  put(2, "b", "k2", QueueState::Active);
  EXPECT_THAT(shared_topics(index_), IsEmpty());
  put(3, "A", "k3", QueueState::Active);
  const auto shared = shared_topics(index_);
  ASSERT_EQ(shared.size(), 1U);
  EXPECT_EQ(shared.front().wanted.world_id, "world of k3");
  EXPECT_EQ(shared.front().existing.world_id, "world of k1");
}

TEST_F(SharedTopics, AreNoneUnderOneKeyOrOfIntents) {
  put(1, "a", "k1", QueueState::Active);
  put(2, "a", "k1", QueueState::Active);
  put(3, "a", "k3", QueueState::Intent);
  EXPECT_THAT(shared_topics(index_), IsEmpty());
}

}  // namespace
}  // namespace weir::dagmanager
