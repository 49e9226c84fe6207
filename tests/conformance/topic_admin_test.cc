// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topic_admin.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "dagmanager/ports/topics/kafka_topic_admin.h"
#include "tests/conformance/engines.h"

namespace weir::dagmanager {
namespace {

using test::reason_of;
using test::succeeded;
using testing::ElementsAre;

const graph::TopicShape kOther{.partitions = 1, .replication = 1, .retention_ms = 0, .cleanup = ""};

class TopicAdminTest : public testing::TestWithParam<test::Adapter> {
 protected:
  TopicAdminTest() : engine_(test::make_topic_engine(GetParam())), topics_(engine_->topics()) {}

  std::vector<CreateAnswer> create(const std::vector<TopicSpec>& specs) {
    auto answers = topics_.create(specs);
    EXPECT_TRUE(succeeded(answers));
    if (!answers.ok()) return {};
    std::vector<CreateAnswer> made;
    for (const CreateAnswer answer : *answers) {
      const bool seen = answer == CreateAnswer::CreatedAndSeen;
      made.push_back(seen ? CreateAnswer::Created : answer);
    }
    return made;
  }
  std::vector<TopicSeen> look(const std::vector<const char*>& names) {
    std::vector<graph::TopicName> topics(names.begin(), names.end());
    auto seen = topics_.look(topics);
    EXPECT_TRUE(succeeded(seen));
    return seen.ok() ? *seen : std::vector<TopicSeen>();
  }

  std::vector<TopicSeen> list() {
    auto seen = topics_.list();
    EXPECT_TRUE(succeeded(seen));
    return seen.ok() ? *seen : std::vector<TopicSeen>();
  }
  /// A look and a list may lag behind what was made or removed, each broker's on its own: the
  /// first that has so many topics, else the last.
  std::vector<TopicSeen> look_for(const std::vector<const char*>& names, std::size_t topics) {
    return with(topics, [&] { return look(names); });
  }
  std::vector<TopicSeen> list_of(std::size_t topics) {
    return with(topics, [this] { return list(); });
  }

  static bool has_one_broker() {
    return GetParam() == test::Adapter::KafkaPlain || GetParam() == test::Adapter::KafkaScram;
  }
  TopicSpec spec(const char* name) const { return {graph::TopicName(name), shape_}; }
  static TopicSpec spec(const char* name, graph::TopicShape shape) {
    return {graph::TopicName(name), std::move(shape)};
  }

  const graph::TopicShape shape_{.partitions = 3,
                                 .replication = has_one_broker() ? 1 : 2,
                                 .retention_ms = 604'800'000,
                                 .cleanup = "delete"};
  std::unique_ptr<test::TopicEngine> engine_;
  TopicAdmin& topics_;

 private:
  template <class Read>
  static std::vector<TopicSeen> with(std::size_t topics, Read read) {
    std::vector<TopicSeen> seen;
    test::in_the_end([&] {
      seen = read();
      return seen.size() == topics;
    });
    return seen;
  }
};

TEST_P(TopicAdminTest, MakesAllTopicsOfOneCall) {
  EXPECT_THAT(create({spec("b"), spec("a", kOther)}),
              ElementsAre(CreateAnswer::Created, CreateAnswer::Created));
  EXPECT_THAT(list_of(2), ElementsAre(TopicSeen{graph::TopicName("a"), kOther},
                                      TopicSeen{graph::TopicName("b"), shape_}));
}

TEST_P(TopicAdminTest, AnswersInTheOrderOfTheQuestions) {
  create({spec("there")});
  EXPECT_THAT(create({spec("new.1"), spec("there"), spec(""), spec("new.2"), spec("a b")}),
              ElementsAre(CreateAnswer::Created, CreateAnswer::AlreadyExists, CreateAnswer::Refused,
                          CreateAnswer::Created, CreateAnswer::Refused));
}

/// What is answered as seen needs no look: it is there as asked for, and alone of its kind.
TEST_P(TopicAdminTest, HasSeenOnlyWhatALookShows) {
  create({spec("old.topic")});
  const std::vector<std::vector<TopicSpec>> calls = {
      {spec("a"), spec("b", kOther)}, {spec("c"), spec("Old_Topic")}, {spec("X.y"), spec("x_Y")}};
  for (const std::vector<TopicSpec>& specs : calls) {
    const auto answers = topics_.create(specs);
    ASSERT_TRUE(succeeded(answers));
    for (std::size_t i = 0; i < specs.size(); ++i) {
      if (answers->at(i) != CreateAnswer::CreatedAndSeen) continue;
      EXPECT_THAT(look({specs[i].topic.text().c_str()}),
                  ElementsAre(TopicSeen{specs[i].topic, specs[i].shape}));
    }
  }
}

TEST_P(TopicAdminTest, KeepsTheShapeOfTheFirstWhoMadeATopic) {
  create({spec("t")});
  EXPECT_THAT(create({spec("t", kOther)}), ElementsAre(CreateAnswer::AlreadyExists));
  EXPECT_THAT(look_for({"t"}, 1), ElementsAre(TopicSeen{graph::TopicName("t"), shape_}));
}

TEST_P(TopicAdminTest, MakesATopicOnceThatIsAskedForTwice) {
  EXPECT_THAT(create({spec("old")}), ElementsAre(CreateAnswer::Created));
  EXPECT_THAT(
      create({spec("t"), spec("old"), spec("t")}),
      ElementsAre(CreateAnswer::Created, CreateAnswer::AlreadyExists, CreateAnswer::AlreadyExists));
  EXPECT_THAT(create({spec("u"), spec("u")}),
              ElementsAre(CreateAnswer::Created, CreateAnswer::AlreadyExists));
}

TEST_P(TopicAdminTest, ShowsEveryTopicThatABrokerWouldConfuse) {
  create({spec("A.b"), spec("a_b"), spec("a.c")});
  const auto seen = look_for({"a.B"}, 2);
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_THAT((std::vector{seen[0].topic.text(), seen[1].topic.text()}),
              testing::UnorderedElementsAre("A.b", "a_b"));
}

TEST_P(TopicAdminTest, SeesNothingWhereNothingIs) {
  EXPECT_TRUE(look({"a", "b"}).empty());
  EXPECT_TRUE(look({}).empty());
  EXPECT_TRUE(create({}).empty());
  const auto listed = topics_.list();
  ASSERT_TRUE(succeeded(listed));
  EXPECT_TRUE(listed->empty());
}

TEST_P(TopicAdminTest, TellsSizesOfTopicsThatAreThereOnly) {
  create({spec("a"), spec("b_c")});
  list_of(2);
  const std::vector<graph::TopicName> asked = {graph::TopicName("b_c"), graph::TopicName("b.c"),
                                               graph::TopicName("a"), graph::TopicName("x")};
  const auto sizes = topics_.sizes(asked);
  ASSERT_TRUE(succeeded(sizes));
  EXPECT_THAT(*sizes,
              ElementsAre(testing::Optional(0), std::nullopt, testing::Optional(0), std::nullopt));
}

TEST_P(TopicAdminTest, ListsByName) {
  create({spec("b"), spec("B"), spec("a.z"), spec("a-z"), spec("A_z")});
  const auto listed = list_of(5);
  EXPECT_TRUE(std::ranges::is_sorted(listed, {}, &TopicSeen::topic));
  EXPECT_EQ(listed.size(), 5U);
}

/// More than fit in one request to a broker; a small cluster is not to be filled with them.
TEST_P(TopicAdminTest, MakesManyTopicsAtOnce) {
  const bool in_process =
      GetParam() == test::Adapter::Memory || GetParam() == test::Adapter::Postgres;
  const std::size_t many = in_process ? 3000 : 450;
  std::vector<TopicSpec> specs;
  for (std::size_t i = 0; i < many; ++i) {
    specs.push_back(spec(("topic." + std::to_string(i)).c_str(), kOther));
  }
  EXPECT_EQ(create(specs), std::vector<CreateAnswer>(many, CreateAnswer::Created));
  EXPECT_EQ(create(specs), std::vector<CreateAnswer>(many, CreateAnswer::AlreadyExists));
}

TEST_P(TopicAdminTest, HasBrokersForEveryDefaultReplication) {
  const auto brokers = topics_.broker_count();
  ASSERT_TRUE(succeeded(brokers));
  for (const graph::TopicShape& shape : graph::default_topic_shapes()) {
    EXPECT_LE(has_one_broker() ? 1 : shape.replication, *brokers);
  }
  EXPECT_TRUE(succeeded(topics_.ping()));
}

TEST_P(TopicAdminTest, RemovesTheNamedTopicsAndNoOthersLikeThem) {
  create({spec("a.b"), spec("other")});
  create({spec("A.b", kOther)});
  create({spec("a.B", kOther)});
  list_of(4);
  const std::vector<graph::TopicName> gone = {graph::TopicName("a.b"), graph::TopicName("never")};
  const auto removed = topics_.remove(gone);
  ASSERT_TRUE(succeeded(removed));
  EXPECT_THAT(*removed, ElementsAre(true, true));
  EXPECT_THAT(look_for({"a.b"}, 2),
              testing::UnorderedElementsAre(TopicSeen{graph::TopicName("A.b"), kOther},
                                            TopicSeen{graph::TopicName("a.B"), kOther}));
  ASSERT_TRUE(succeeded(topics_.remove(gone))) << "again";
  EXPECT_EQ(list_of(3).size(), 3U);
  EXPECT_THAT(create({spec("a.b", kOther)}), ElementsAre(CreateAnswer::Created));
  const std::vector<graph::TopicName> rest = {graph::TopicName("A.b"), graph::TopicName("a.b"),
                                              graph::TopicName("a.B"), graph::TopicName("other")};
  ASSERT_TRUE(succeeded(topics_.remove(rest)));
  EXPECT_TRUE(list_of(0).empty());
  EXPECT_TRUE(look_for({"a.b", "other"}, 0).empty());
}

INSTANTIATE_TEST_SUITE_P(Adapters, TopicAdminTest, test::all_adapters(), test::adapter_name);
#ifndef WEIR_WITHOUT_KAFKA
INSTANTIATE_TEST_SUITE_P(Kafka, TopicAdminTest, testing::Values(test::Adapter::Kafka),
                         test::adapter_name);
INSTANTIATE_TEST_SUITE_P(KafkaSasl, TopicAdminTest,
                         testing::Values(test::Adapter::KafkaPlain, test::Adapter::KafkaScram),
                         test::adapter_name);

class TooFewBrokers : public testing::TestWithParam<test::Adapter> {};

TEST_P(TooFewBrokers, AreToldOfInTheirOwnWords) {
  std::vector<std::string> told;
  KafkaTopicAdmin topics(test::kafka_client(GetParam()),
                         [&](const graph::TopicName& topic, const std::string& words) {
                           told.push_back(topic.text() + ": " + words);
                         });
  graph::TopicShape shape = kOther;
  shape.replication = 100;
  const std::vector<TopicSpec> specs = {{graph::TopicName("few.1"), shape},
                                        {graph::TopicName("few.2"), shape}};
  const auto made = topics.create(specs);
  ASSERT_TRUE(succeeded(made));
  EXPECT_THAT(*made, ElementsAre(CreateAnswer::Failed, CreateAnswer::Failed));
  EXPECT_THAT(told, ElementsAre(testing::AllOf(testing::StartsWith("few.1: "),
                                               testing::HasSubstr("replication"))));
}

INSTANTIATE_TEST_SUITE_P(Kafka, TooFewBrokers, testing::Values(test::Adapter::Kafka),
                         test::adapter_name);
#endif

}  // namespace
}  // namespace weir::dagmanager
