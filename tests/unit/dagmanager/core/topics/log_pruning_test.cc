// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topics/log_pruning.h"

#include <gmock/gmock.h>

#include <chrono>
#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;

Instant at(int second) { return Instant(std::chrono::seconds(second)); }

TopicLogRow row(const std::string& topic, const std::string& action, int second,
                const std::string& result = "ok") {
  TopicLogRow row;
  row.topic = graph::TopicName(topic);
  row.action = action;
  row.result = result;
  row.at = at(second);
  return row;
}

TEST(LogPruning, KnowsWhatMakesATopicAndWhatEndsIt) {
  for (const char* action : {"create", "adopt", "mismatch", "recreated"}) {
    EXPECT_EQ(log_effect(row("t", action, 1)), LogEffect::Makes) << action;
    EXPECT_EQ(log_effect(row("t", action, 1, "left alone")), LogEffect::None) << action;
    EXPECT_EQ(log_effect(row("", action, 1)), LogEffect::None) << action;
  }
  for (const char* action : {"dropped", "deleted"}) {
    EXPECT_EQ(log_effect(row("t", action, 1)), LogEffect::Ends) << action;
  }
  for (const char* action : {"archive", "delete_started", "hit", "of a newer build"}) {
    EXPECT_EQ(log_effect(row("t", action, 1)), LogEffect::None) << action;
  }
}

TEST(LogPruning, KeepsTheLastMakingOfWhatIsThereAtTheHorizon) {
  const std::vector<TopicLogRow> rows = {row("t", "create", 1),  row("t", "recreated", 2),
                                         row("t", "archive", 3), row("u", "create", 4),
                                         row("u", "deleted", 5), row("u", "create", 20)};
  EXPECT_THAT(rows_that_stay(rows, at(10)), ElementsAre(false, true, true, false, false, true));
}

TEST(LogPruning, KeepsWhatMadeATopicThatEndedAfterTheHorizon) {
  const std::vector<TopicLogRow> rows = {row("t", "create", 1), row("t", "deleted", 15)};
  EXPECT_THAT(rows_that_stay(rows, at(10)), ElementsAre(true, true));
  EXPECT_THAT(rows_that_stay(rows, at(15)), ElementsAre(true, true)) << "not older";
  EXPECT_THAT(rows_that_stay(rows, at(16)), ElementsAre(false, false));
}

TEST(LogPruning, GivesUpWhatIsOfNoTopic) {
  const std::vector<TopicLogRow> rows = {row("", "sentinel", 1), row("", "hit", 11)};
  EXPECT_THAT(rows_that_stay(rows, at(10)), ElementsAre(false, true));
}

}  // namespace
}  // namespace weir::dagmanager
