// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/tag_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

TagQueryAsked asked(std::vector<std::string> tags, const std::string& mode = "",
                    const std::string& world = "", const std::string& domain = "") {
  return {.tags = std::move(tags),
          .interval = 60,
          .match_mode = mode,
          .world_id = world,
          .execution_domain = domain};
}

class TagQuery : public ::testing::Test {
 protected:
  struct Put {
    std::string topic;
    std::vector<std::string> tags = {};
    std::string world = {};
    std::string domain = "live";
    std::int64_t interval = 60;
    bool global = false;
    graph::TopicType type = graph::TopicType::Indicator;
    QueueState state = QueueState::Active;
  };

  void put(const Put& what) {
    NodeRecord node;
    node.row = ++row_;
    node.id = graph::NodeId("node-" + std::to_string(row_));
    node.tags = what.tags;
    node.global = what.global;
    node.parts.interval = what.interval;
    QueueRecord queue;
    queue.row = ++row_;
    queue.node = node.row;
    queue.topic = graph::TopicName(what.topic);
    queue.type = what.type;
    queue.state = what.state;
    queue.binding_key = graph::BindingKey(what.topic);
    graph::ComputeContext context;
    context.world_id = what.world;
    context.execution_domain = what.domain;
    const std::string prefix = what.world.empty() ? "" : what.world + "." + what.domain;
    queue.binding = std::make_shared<const BindingContext>(context, graph::Namespace(prefix),
                                                           graph::StrategyId("s"));
    index_.add_node(node);
    index_.put_queue(queue);
  }

  std::vector<std::string> find(const TagQueryAsked& what) const {
    const auto found = find_queues(index_, what);
    EXPECT_TRUE(found.ok());
    std::vector<std::string> topics;
    for (const QueueDescriptor& queue : *found) topics.push_back(queue.topic.text());
    return topics;
  }

  std::vector<std::string> filter(std::string_view text) const {
    const auto parsed = parse_stats_filter(text);
    EXPECT_TRUE(parsed.ok()) << text;
    std::vector<std::string> topics;
    for (const graph::TopicName& topic : filter_queues(index_, *parsed)) {
      topics.push_back(topic.text());
    }
    return topics;
  }

  GraphIndex index_;

 private:
  RowId row_ = 0;
};

TEST_F(TagQuery, GivesBaseNamesOnceWithoutAWorld) {
  put({.topic = "w1.live.a", .tags = {"x"}, .world = "w1"});
  put({.topic = "w2.live.a", .tags = {"x"}, .world = "w2"});
  put({.topic = "bare", .tags = {"x"}, .world = ""});
  EXPECT_THAT(find(asked({"x"})), ElementsAre("a", "bare"));
}

TEST_F(TagQuery, CutsOffNoNamespaceThatIsNotTheQueuesOwn) {
  put({.topic = "w2.live.a", .tags = {"x"}, .world = "w1"});
  put({.topic = "w1.livelier", .tags = {"x"}, .world = "w1"});
  EXPECT_THAT(find(asked({"x"})), ElementsAre("w2.live.a", "w1.livelier"));
}

TEST_F(TagQuery, GivesExactNamesOfOneWorldAndDomain) {
  put({.topic = "w1.live.a", .tags = {"x"}, .world = "w1"});
  put({.topic = "w1.dryrun.a", .tags = {"x"}, .world = "w1", .domain = "dryrun"});
  put({.topic = "w2.live.a", .tags = {"x"}, .world = "w2"});
  const auto of = [&](const std::string& world, const std::string& domain) {
    return find(asked({"x"}, "", world, domain));
  };
  EXPECT_THAT(of("w1", "live"), ElementsAre("w1.live.a"));
  EXPECT_THAT(of("w1", "prod"), ElementsAre("w1.live.a")) << "an alias";
  EXPECT_THAT(of("w1", "paper"), ElementsAre("w1.dryrun.a"));
  EXPECT_THAT(of("w3", "live"), IsEmpty());
}

TEST_F(TagQuery, KnowsAnyAndAllInAnyCase) {
  put({.topic = "ab", .tags = {"a", "b"}, .world = ""});
  put({.topic = "b", .tags = {"b"}, .world = ""});
  const auto of = [&](const std::string& mode) { return find(asked({"b ", "a", "", "a"}, mode)); };
  EXPECT_THAT(of(""), ElementsAre("ab", "b"));
  EXPECT_THAT(of("ANY"), ElementsAre("ab", "b"));
  EXPECT_THAT(of(" All "), ElementsAre("ab"));
  const auto refused = find_queues(index_, asked({"a"}, "some"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::InvalidArgument);
  EXPECT_EQ(refused.error().reason(), "match_mode_invalid");
}

TEST_F(TagQuery, FindsNothingWithoutTagsOrAtAnotherInterval) {
  put({.topic = "a", .tags = {"a"}, .world = ""});
  EXPECT_THAT(find(asked({})), IsEmpty());
  EXPECT_THAT(find(asked({" ", ""})), IsEmpty());
  TagQueryAsked other = asked({"a"});
  other.interval = 61;
  EXPECT_THAT(find(other), IsEmpty());
}

TEST_F(TagQuery, PassesTheGlobalFlagOn) {
  put({.topic = "g", .tags = {"a"}, .world = "", .global = true});
  const auto found = find_queues(index_, asked({"a"}));
  ASSERT_EQ(found->size(), 1U);
  EXPECT_TRUE(found->front().global);
}

TEST_F(TagQuery, FiltersQueuesByEachPartOnItsOwn) {
  put({.topic = "a", .tags = {"x"}, .world = "", .interval = 60});
  put({.topic = "b", .tags = {"y"}, .world = "", .interval = 300});
  put({.topic = "c", .tags = {}, .world = "", .interval = 60, .type = graph::TopicType::Raw});
  put({.topic = "d", .tags = {"x"}, .world = "", .state = QueueState::Intent});
  EXPECT_THAT(filter(""), UnorderedElementsAre("a", "b", "c"));
  EXPECT_THAT(filter("tag=x"), UnorderedElementsAre("a"));
  EXPECT_THAT(filter("tag=x,raw"), UnorderedElementsAre("a", "c"));
  EXPECT_THAT(filter("interval=5m"), UnorderedElementsAre("b"));
  EXPECT_THAT(filter(" tag = indicator ; interval = 60 "), UnorderedElementsAre("a"));
  EXPECT_THAT(filter("interval=0;;tag="), UnorderedElementsAre("a", "b", "c"));
}

TEST(StatsFilter, ReadsIntervals) {
  const auto interval = [](const std::string& text) {
    return parse_stats_filter("interval=" + text)->interval;
  };
  EXPECT_EQ(interval("60"), 60);
  EXPECT_EQ(interval("30s"), 30);
  EXPECT_EQ(interval("5m"), 300);
  EXPECT_EQ(interval("2h"), 7200);
  EXPECT_EQ(interval("0"), std::nullopt);
  EXPECT_EQ(interval("0h"), std::nullopt);
  EXPECT_EQ(interval(""), std::nullopt);
}

TEST(StatsFilter, NamesThePartItCannotRead) {
  for (const char* text : {"interval=abc", "interval=-5", "interval=5d", "interval=5 m",
                           "interval=99999999999999999999", "interval=9223372036854775807h",
                           "tags=a", "x", "tag=a;y=1"}) {
    const auto refused = parse_stats_filter(text);
    ASSERT_FALSE(refused.ok()) << text;
    EXPECT_EQ(refused.error().code(), Code::InvalidArgument);
    EXPECT_EQ(refused.error().reason(), "filter_invalid");
  }
  EXPECT_THAT(parse_stats_filter("tag=a;y=1").error().message(), HasSubstr("\"y=1\""));
}

}  // namespace
}  // namespace weir::dagmanager
