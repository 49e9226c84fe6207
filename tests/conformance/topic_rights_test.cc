// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "dagmanager/ports/topics/kafka_topic_rights.h"
#include "dagmanager/ports/topics/memory_topic_rights.h"
#include "dagmanager/ports/topics/topic_rights_store.h"
#include "drivers/kafka/acls.h"
#include "drivers/kafka/client.h"
#include "tests/conformance/engines.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;

TopicRight right(const char* topic, const char* principal, RightKind kind) {
  return {graph::TopicName(topic), principal, kind};
}

class TopicRightsTest : public testing::TestWithParam<test::Adapter> {
 protected:
  TopicRightsTest() {
    if (GetParam() == test::Adapter::Memory) {
      rights_ = std::make_unique<MemoryTopicRights>();
      return;
    }
    rights_ = std::make_unique<KafkaTopicRights>(test::kafka_client(GetParam()));
    std::vector<graph::TopicName> topics;
    for (const TopicRight& one : test::must(rights_->list())) topics.push_back(one.topic);
    EXPECT_TRUE(succeeded(rights_->revoke_all(topics)));
    list_of(0);
  }

  /// What is listed may lag behind what was changed: the first list of this length, else the last.
  std::vector<TopicRight> list_of(std::size_t count) {
    std::vector<TopicRight> listed;
    test::in_the_end([&] {
      listed = test::must(rights_->list());
      std::ranges::sort(listed);
      return listed.size() == count;
    });
    return listed;
  }

  std::unique_ptr<TopicRightsStore> rights_;
};

TEST_P(TopicRightsTest, ListsWhatWasGivenOnceHoweverOften) {
  const std::vector<TopicRight> given = {right("a.b", "User:x", RightKind::Describe),
                                         right("a.b", "User:x", RightKind::Read),
                                         right("a_b", "User:x", RightKind::Write)};
  ASSERT_TRUE(succeeded(rights_->grant(given)));
  ASSERT_TRUE(succeeded(rights_->grant(given)));
  std::vector<TopicRight> wanted = given;
  std::ranges::sort(wanted);
  EXPECT_EQ(list_of(3), wanted);
}

TEST_P(TopicRightsTest, TakesTheNamedRightsAndNoOthers) {
  ASSERT_TRUE(succeeded(rights_->grant(
      std::vector{right("a", "User:x", RightKind::Read), right("a", "User:x", RightKind::Write),
                  right("a", "User:y", RightKind::Read), right("b", "User:x", RightKind::Read)})));
  list_of(4);
  const std::vector<TopicRight> taken = {right("a", "User:x", RightKind::Read),
                                         right("never", "User:x", RightKind::Read)};
  ASSERT_TRUE(succeeded(rights_->revoke(taken)));
  ASSERT_TRUE(succeeded(rights_->revoke(taken))) << "again";
  EXPECT_THAT(list_of(3), ElementsAre(right("a", "User:x", RightKind::Write),
                                      right("a", "User:y", RightKind::Read),
                                      right("b", "User:x", RightKind::Read)));
}

TEST_P(TopicRightsTest, LeavesNothingOfATopicAndEverythingOfOthersLikeIt) {
  ASSERT_TRUE(succeeded(rights_->grant(std::vector{
      right("a.b", "User:x", RightKind::Read), right("a.b", "User:y", RightKind::Write),
      right("a_b", "User:x", RightKind::Read), right("a.b.c", "User:x", RightKind::Read)})));
  list_of(4);
  const std::vector<graph::TopicName> gone = {graph::TopicName("a.b"), graph::TopicName("never")};
  ASSERT_TRUE(succeeded(rights_->revoke_all(gone)));
  EXPECT_THAT(list_of(2), ElementsAre(right("a.b.c", "User:x", RightKind::Read),
                                      right("a_b", "User:x", RightKind::Read)));
}

/// More than fit in one request to a controller.
TEST_P(TopicRightsTest, GivesAndTakesManyAtOnce) {
  std::vector<TopicRight> given;
  std::vector<graph::TopicName> topics;
  for (int i = 0; i < 600; ++i) {
    topics.emplace_back("topic." + std::to_string(i));
    given.push_back({topics.back(), "User:x", RightKind::Read});
    given.push_back({topics.back(), "User:x", RightKind::Describe});
  }
  ASSERT_TRUE(succeeded(rights_->grant(given)));
  EXPECT_EQ(list_of(given.size()).size(), given.size());
  ASSERT_TRUE(succeeded(rights_->revoke_all(topics)));
  EXPECT_THAT(list_of(0), IsEmpty());
}

TEST_P(TopicRightsTest, DoesNothingWithoutNames) {
  EXPECT_TRUE(succeeded(rights_->grant({})));
  EXPECT_TRUE(succeeded(rights_->revoke({})));
  EXPECT_TRUE(succeeded(rights_->revoke_all({})));
  EXPECT_THAT(list_of(0), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Adapters, TopicRightsTest, testing::Values(test::Adapter::Memory),
                         test::adapter_name);
#ifndef WEIR_WITHOUT_KAFKA
INSTANTIATE_TEST_SUITE_P(KafkaSasl, TopicRightsTest, testing::Values(test::Adapter::KafkaPlain),
                         test::adapter_name);

class OpenBrokers : public testing::TestWithParam<test::Adapter> {};

TEST_P(OpenBrokers, KeepNoRights) {
  KafkaTopicRights rights(test::kafka_client(GetParam()));
  EXPECT_EQ(reason_of(rights.list()), "acl_unavailable");
  const std::vector<TopicRight> some = {right("a", "User:x", RightKind::Read)};
  const auto granted = rights.grant(some);
  EXPECT_EQ(reason_of(granted), "acl_unavailable");
  EXPECT_EQ(granted.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(reason_of(rights.revoke(some)), "acl_unavailable");
}

INSTANTIATE_TEST_SUITE_P(Kafka, OpenBrokers, testing::Values(test::Adapter::Kafka),
                         test::adapter_name);
#endif

}  // namespace
}  // namespace weir::dagmanager
