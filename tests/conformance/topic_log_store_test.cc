// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/topics/topic_log_store.h"

#include <gmock/gmock.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "dagmanager/core/topics/topic_history.h"
#include "dagmanager/topics/limits.h"
#include "dagmanager/topics/log_prune_executor.h"
#include "tests/conformance/graph_cases.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;

using Days = std::chrono::duration<std::int64_t, std::ratio<86'400>>;

class TopicLogStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  static Instant day(int number) { return test::at(0) + Days(number); }

  /// Each by itself: rows that are logged together may stay together.
  void log(const std::string& topic, const std::string& action, int on_day,
           const std::string& result = "ok") {
    TopicLogRow row;
    row.topic = graph::TopicName(topic);
    row.action = action;
    row.actor = "me";
    row.result = result;
    row.at = day(on_day);
    ASSERT_TRUE(succeeded(engine_->upkeep().add_log(fence_, std::span(&row, 1))));
  }
  std::size_t prune(int horizon, std::size_t limit = 1000) {
    return test::must(engine_->topic_log().prune(fence_, day(horizon), limit));
  }
  std::vector<std::string> rows() {
    std::vector<std::string> lines;
    for (const auto& [seq, row] : test::must(engine_->store().topic_log(0, 1000))) {
      lines.push_back(std::to_string(seq) + " " + row.action + " " + row.topic.text());
    }
    return lines;
  }
  std::vector<std::string> topics_at(int on_day) {
    TopicHistory history;
    for (const auto& [seq, row] : test::must(engine_->store().topic_log(0, 1000))) {
      if (row.at <= day(on_day)) history.add(row);
    }
    std::vector<std::string> names;
    for (const auto& [name, row] : history.existing()) names.push_back(name);
    return names;
  }

  test::HandClock clock_{std::chrono::hours(1), test::at(0)};
  std::unique_ptr<test::GraphEngine> engine_ = test::make_graph_engine(GetParam(), &clock_);
  LoopFence fence_ = test::hold_loop(engine_->loops(), "reconciler");
};

TEST_P(TopicLogStoreTest, KeepsWhatMadeATopicThatIsThereAndItsLastRow) {
  log("gone", "create", 1);
  log("there", "create", 2);
  log("there", "archive", 3, "there-2026");
  log("there", "mismatch", 4, "left alone");
  log("gone", "deleted", 5);
  log("later", "create", 50);
  EXPECT_EQ(test::must(engine_->topic_log().pruned_before()), std::nullopt);
  EXPECT_EQ(prune(20), 3U);
  EXPECT_THAT(rows(), ElementsAre("2 create there", "4 mismatch there", "6 create later"));
  EXPECT_EQ(test::must(engine_->topic_log().pruned_before()), day(20));
  EXPECT_EQ(prune(20), 0U);
  const auto page = test::must(engine_->store().topic_log(2, 1));
  ASSERT_EQ(page.size(), 1U);
  EXPECT_EQ(page[0].first, 4) << "numbers stay, and a page goes on behind one";
  log("later", "deleted", 51);
  EXPECT_EQ(rows().back(), "7 deleted later") << "and none is given twice";
}

TEST_P(TopicLogStoreTest, ReplaysToTheTopicsOfEachInstantFromTheHorizonOn) {
  log("long", "create", 1);
  log("again", "create", 2);
  log("again", "recreated", 10);
  log("long", "delete_started", 30);
  log("long", "deleted", 31);
  log("again", "deleted", 40);
  const std::map<int, std::vector<std::string>> before = {
      {20, topics_at(20)}, {30, topics_at(30)}, {35, topics_at(35)}, {45, topics_at(45)}};
  EXPECT_THAT(before.at(20), ElementsAre("again", "long"));
  prune(20);
  for (const auto& [on_day, topics] : before) EXPECT_EQ(topics_at(on_day), topics) << on_day;
  EXPECT_THAT(rows(), testing::Not(testing::Contains("2 create again"))) << "made anew since";
  prune(36);
  for (const int on_day : {36, 45}) {
    EXPECT_EQ(topics_at(on_day),
              on_day == 36 ? std::vector<std::string>{"again"} : std::vector<std::string>{});
  }
  prune(60);
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_P(TopicLogStoreTest, TakesTheOldestFirstAndNoMoreThanAsked) {
  for (int number = 0; number < 5; ++number) {
    log("t", "create", number);
    log("t", "deleted", number);
  }
  EXPECT_EQ(prune(20, 3), 3U);
  EXPECT_EQ(rows().front(), "4 deleted t");
  EXPECT_THAT(topics_at(20), IsEmpty()) << "none comes back in a log that is given up in part";
  EXPECT_EQ(prune(20, 100), 7U);
  EXPECT_THAT(rows(), IsEmpty());
}

TEST_P(TopicLogStoreTest, NeverTakesItsHorizonBack) {
  log("t", "create", 1);
  prune(20);
  prune(10);
  EXPECT_EQ(test::must(engine_->topic_log().pruned_before()), day(20));
}

TEST_P(TopicLogStoreTest, TakesNothingWhereTheLoopIsAnothers) {
  log("", "hit", 1);
  const LoopFence other{fence_.loop, fence_.fence + 1};
  EXPECT_EQ(reason_of(engine_->topic_log().prune(other, day(20), 10)), kLoopLost);
  EXPECT_EQ(rows().size(), 1U);
  EXPECT_EQ(test::must(engine_->topic_log().pruned_before()), std::nullopt);
}

TEST_P(TopicLogStoreTest, KeepsTheAuditAsLong) {
  const auto binding = test::make_binding("s", "w");
  const auto deploy = test::make_deploy(*binding, "v1", {}, day(0));
  test::Diff diff(engine_->store(), binding, {test::make_node("a")}, day(0));
  diff.view().reserve();
  diff.change().deploy = deploy;
  const SentinelRecord sentinel = test::make_sentinel(deploy, 0.5);
  diff.change().sentinel = sentinel;
  ASSERT_TRUE(succeeded(diff.commit()));
  for (const int on_day : {1, 30}) {
    WeightChange change;
    change.request.sentinel = sentinel.id;
    change.request.weight = on_day == 1 ? 0.25 : 0.75;
    change.actor = "me";
    change.at = day(on_day);
    ASSERT_TRUE(succeeded(engine_->traffic().set_weight(change)));
  }
  const auto audit = [&] {
    std::vector<std::pair<RowId, Instant>> found;
    for (const auto& [seq, row] : test::must(engine_->traffic().audit(0, 100))) {
      found.emplace_back(seq, row.at);
    }
    return found;
  };
  const auto before = audit();
  ASSERT_GE(before.size(), 2U);
  EXPECT_GE(prune(20), 1U);
  EXPECT_THAT(audit(), ElementsAre(before.back()));
}

TEST_P(TopicLogStoreTest, IsGivenUpHourlyByTheLoopThatHasTheConfiguredDays) {
  log("t", "create", 0);
  log("t", "deleted", 0);
  LogPruneExecutor executor({engine_->topic_log(), clock_}, Days(30));
  EXPECT_EQ(test::must(executor.run_once(fence_)), 0U);
  EXPECT_EQ(rows().size(), 2U);
  clock_.sleep_for(Days(31));
  EXPECT_EQ(test::must(executor.run_once(fence_)), 2U);
  log("u", "id_conflict", 0);
  EXPECT_EQ(test::must(executor.run_once(fence_)), 0U) << "within the hour";
  clock_.sleep_for(kPruneLogEvery);
  EXPECT_EQ(test::must(executor.run_once(fence_)), 1U);
}

INSTANTIATE_TEST_SUITE_P(Adapters, TopicLogStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
