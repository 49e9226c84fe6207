// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/topics/topic_history.h"

#include <gmock/gmock.h>

#include <string>

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::Key;

TopicLogRow row_of(const std::string& action, const std::string& topic,
                   const std::string& result = "ok") {
  TopicLogRow row;
  row.topic = graph::TopicName(topic);
  row.action = action;
  row.result = result;
  return row;
}

TEST(TopicHistory, KnowsWhatWasMadeAdoptedAndMadeAgain) {
  TopicHistory history;
  for (const char* action : {"create", "adopt", "mismatch", "recreated"}) {
    history.add(row_of(action, std::string("by ") + action));
  }
  EXPECT_THAT(history.existing(), ElementsAre(Key("by adopt"), Key("by create"), Key("by mismatch"),
                                              Key("by recreated")));
}

TEST(TopicHistory, ForgetsWhatWasRemoved) {
  TopicHistory history;
  history.add(row_of("create", "a"));
  history.add(row_of("create", "b"));
  history.add(row_of("delete_started", "a"));
  EXPECT_EQ(history.existing().size(), 2U);
  history.add(row_of("deleted", "a"));
  history.add(row_of("dropped", "b"));
  EXPECT_TRUE(history.existing().empty());
  history.add(row_of("create", "a", "again"));
  EXPECT_EQ(history.existing().at("a").result, "again");
}

TEST(TopicHistory, TakesNoNoticeOfWhatWasNotOurs) {
  TopicHistory history;
  history.add(row_of("create", "a"));
  history.add(row_of("mismatch", "b", "left alone"));
  history.add(row_of("dropped", "a", "left alone"));
  history.add(row_of("sentinel", ""));
  history.add(row_of("hit", "c"));
  EXPECT_THAT(history.existing(), ElementsAre(Key("a")));
}

}  // namespace
}  // namespace weir::dagmanager
