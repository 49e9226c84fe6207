// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/topics/topic_alerts.h"

#include <gmock/gmock.h>

#include <chrono>
#include <vector>

#include "dagmanager/core/monitors/alert_catalog.h"

namespace weir::dagmanager {
namespace {

using testing::HasSubstr;

constexpr Instant kNow = Instant(std::chrono::hours(5));

graph::TopicShape shape(int partitions) {
  return {.partitions = partitions, .replication = 1, .retention_ms = 1000, .cleanup = ""};
}

TEST(TopicAlerts, NameTheTopicThatWasLostAndItsNode) {
  const Condition lost = recreated_condition(graph::TopicName("w.t"), "blake3:01", kNow);
  EXPECT_EQ(lost.key, (AlertKey{std::string(kTopicRecreated), "w.t"}));
  EXPECT_EQ(lost.topic, "w.t");
  EXPECT_EQ(lost.node, "blake3:01");
  EXPECT_EQ(lost.until, kNow + std::chrono::hours(1));
}

TEST(TopicAlerts, SayWhatAChangedTopicHasAndWhatItWasMadeWith) {
  const Condition changed =
      changed_condition({.topic = graph::TopicName("t"), .shape = shape(5)}, shape(3), kNow);
  EXPECT_EQ(changed.key, (AlertKey{std::string(kTopicMismatch), "t"}));
  EXPECT_THAT(changed.detail, HasSubstr("has 5 partitions"));
  EXPECT_THAT(changed.detail, HasSubstr("made with 3 partitions"));
}

TEST(TopicAlerts, SayOfEachTopicThatItWasLeftAlone) {
  TopicLogRow row;
  row.topic = graph::TopicName("t");
  row.shape = shape(7);
  row.node_id = "blake3:02";
  const std::vector<Condition> said = mismatch_conditions({row, row}, kNow);
  ASSERT_EQ(said.size(), 2U);
  EXPECT_EQ(said[1].key, (AlertKey{std::string(kTopicMismatch), "t"}));
  EXPECT_EQ(said[1].node, "blake3:02");
  EXPECT_THAT(said[1].detail, HasSubstr("7 partitions"));
}

}  // namespace
}  // namespace weir::dagmanager
