// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_topic_admin.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;

TopicSpec spec(const std::string& name, int partitions = 1) {
  graph::TopicShape shape;
  shape.partitions = partitions;
  return {graph::TopicName(name), shape};
}

std::vector<std::string> names(const Result<std::vector<TopicSeen>>& seen) {
  std::vector<std::string> texts;
  for (const TopicSeen& topic : *seen) texts.push_back(topic.topic.text());
  return texts;
}

TEST(MemoryTopicAdmin, KeepsTheFirstShapeOfATopic) {
  MemoryTopicAdmin admin;
  EXPECT_THAT(*admin.create(std::vector{spec("a", 3)}), ElementsAre(CreateAnswer::Created));
  EXPECT_THAT(*admin.create(std::vector{spec("a", 5), spec("b")}),
              ElementsAre(CreateAnswer::AlreadyExists, CreateAnswer::Created));
  const auto seen = admin.look(std::vector{graph::TopicName("a")});
  ASSERT_EQ(seen->size(), 1U);
  EXPECT_EQ(seen->front().shape.partitions, 3);
}

TEST(MemoryTopicAdmin, RefusesNamesNoBrokerWouldTake) {
  MemoryTopicAdmin admin;
  EXPECT_THAT(*admin.create(std::vector{spec("a b"), spec(std::string(250, 'x')), spec("fine")}),
              ElementsAre(CreateAnswer::Refused, CreateAnswer::Refused, CreateAnswer::Created));
  EXPECT_THAT(names(admin.list()), ElementsAre("fine"));
}

TEST(MemoryTopicAdmin, ShowsWhatABrokerWouldConfuseAndNothingElse) {
  MemoryTopicAdmin admin;
  ASSERT_TRUE(admin.create(std::vector{spec("x.a"), spec("X_a"), spec("x.ab"), spec("x.b")}).ok());
  EXPECT_THAT(names(admin.look(std::vector{graph::TopicName("x_A"), graph::TopicName("x.a")})),
              ElementsAre("X_a", "x.a"));
  EXPECT_THAT(names(admin.list()), ElementsAre("X_a", "x.a", "x.ab", "x.b"));
}

TEST(MemoryTopicAdmin, HasNoMessagesAndKnowsWhatIsNotThere) {
  MemoryTopicAdmin admin;
  ASSERT_TRUE(admin.create(std::vector{spec("a")}).ok());
  const auto sizes = admin.sizes(std::vector{graph::TopicName("a"), graph::TopicName("A")});
  EXPECT_THAT(*sizes, ElementsAre(std::optional<std::int64_t>(0), std::nullopt));
  EXPECT_TRUE(admin.ping().ok());
}

TEST(MemoryTopicAdmin, MakesATopicOnceHoweverManyThreadsAsk) {
  MemoryTopicAdmin admin;
  std::atomic<int> made = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) {
        const auto answers = admin.create(std::vector{spec("t" + std::to_string(i))});
        if (answers->front() == CreateAnswer::Created) ++made;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(made, 100);
}

}  // namespace
}  // namespace weir::dagmanager
