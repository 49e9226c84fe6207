// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/completion.h"

#include <gmock/gmock.h>

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "dagmanager/core/monitors/limits.h"

namespace weir::dagmanager {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::int64_t kMinute = 60;

QueueSilence silence(RowId queue, std::int64_t size, Duration lasted) {
  return {.queue = queue, .size = size, .lasted = lasted};
}

/// A holder of the loop and a store that takes what it plans, in time that passes by hand.
class CompletionWorld : public testing::Test {
 protected:
  /// A look after so long.
  CompletionPlan look(Duration since) {
    std::vector<QueueLook> looks;
    for (const auto& [row, one] : queues_) looks.push_back(one);
    CompletionPlan plan = book_.judge(looks, since);
    if (takes_) take(plan);
    return plan;
  }
  CompletionPlan look_often(int times, Duration since = seconds(10)) {
    CompletionPlan plan;
    for (int i = 0; i < times; ++i) plan = look(since);
    return plan;
  }
  void hold(RowId row, std::optional<std::int64_t> size, std::int64_t interval = 1) {
    QueueLook& one = queues_[row];
    one.queue = row;
    one.interval = interval;
    one.size = size;
  }
  /// The next holder, which knows what is noted.
  void change_holder() {
    std::vector<QueueSilence> noted;
    for (const auto& [row, one] : noted_) noted.push_back(one);
    book_ = SilenceBook(noted);
  }
  void take(const CompletionPlan& plan) {
    for (const QueueSilence& one : plan.completed) {
      queues_[one.queue].completed = true;
      noted_[one.queue] = one;
    }
    for (const RowId row : plan.resumed) {
      queues_[row].completed = false;
      noted_.erase(row);
    }
    for (const QueueSilence& one : plan.noted) noted_[one.queue] = one;
    for (const RowId row : plan.forgotten) noted_.erase(row);
  }

  std::map<RowId, QueueLook> queues_;
  std::map<RowId, QueueSilence> noted_;
  SilenceBook book_{{}};
  bool takes_ = true;
};

TEST(CompletionAfter, IsTwoIntervalsAndTenSecondsAtLeast) {
  EXPECT_EQ(completion_after(0), seconds(10));
  EXPECT_EQ(completion_after(-7), seconds(10));
  EXPECT_EQ(completion_after(5), seconds(10));
  EXPECT_EQ(completion_after(6), seconds(12));
  EXPECT_EQ(completion_after(86'400), std::chrono::hours(48));
  EXPECT_GT(completion_after(std::numeric_limits<std::int64_t>::max()), std::chrono::hours(1));
}

TEST_F(CompletionWorld, CompletesWhatHasBeenSilentForTwoIntervals) {
  hold(1, 5, 10);
  EXPECT_TRUE(look(seconds(0)).empty()) << "seen for the first time";
  EXPECT_TRUE(look(seconds(19)).empty());
  const CompletionPlan plan = look(seconds(1));
  EXPECT_THAT(plan.completed, ElementsAre(silence(1, 5, seconds(20))));
  EXPECT_EQ(plan.completed_in_all, 1U);
  EXPECT_TRUE(look(seconds(10)).empty()) << "once";
  EXPECT_EQ(look(seconds(10)).completed_in_all, 1U);
}

TEST_F(CompletionWorld, BeginsAnewWithEachMessage) {
  hold(1, 5, 10);
  look(seconds(0));
  look(seconds(19));
  hold(1, 6, 10);
  EXPECT_TRUE(look(seconds(10)).empty());
  EXPECT_TRUE(look(seconds(19)).empty());
  EXPECT_THAT(look(seconds(1)).completed, ElementsAre(silence(1, 6, seconds(20))));
}

TEST_F(CompletionWorld, DoesNotCompleteWhatNobodyHasWrittenTo) {
  hold(1, 0);
  EXPECT_TRUE(look_often(100).empty());
  hold(1, 1);
  EXPECT_TRUE(look(seconds(10)).empty()) << "it grew just now";
  EXPECT_THAT(look(seconds(10)).completed, ElementsAre(silence(1, 1, seconds(10))));
}

TEST_F(CompletionWorld, IsCompletedNoMoreOnceItGrows) {
  hold(1, 5);
  look_often(2);
  hold(1, 6);
  const CompletionPlan plan = look(seconds(10));
  EXPECT_THAT(plan.resumed, ElementsAre(1));
  EXPECT_EQ(plan.completed_in_all, 0U);
  EXPECT_THAT(noted_, IsEmpty());
  EXPECT_THAT(look(seconds(10)).completed, ElementsAre(silence(1, 6, seconds(10))));
}

TEST_F(CompletionWorld, TakesWhatFallsForNoGrowthAndMeasuresFromThereOn) {
  hold(1, 5);
  look_often(2);
  hold(1, 0);
  EXPECT_THAT(look(seconds(10)).noted, ElementsAre(silence(1, 0, seconds(20))));
  change_holder();
  EXPECT_TRUE(look(seconds(0)).empty());
  hold(1, 1);
  EXPECT_THAT(look(seconds(10)).resumed, ElementsAre(1)) << "less than it once held, but more";
}

TEST_F(CompletionWorld, CountsNoTimeInWhichNobodyLooked) {
  hold(1, 5);
  look(seconds(0));
  EXPECT_TRUE(look(kSilenceLookGap + seconds(1)).empty());
  EXPECT_THAT(look(kSilenceLookGap).completed, ElementsAre(silence(1, 5, kSilenceLookGap)));
}

TEST_F(CompletionWorld, JudgesNothingByATopicOfWhichNobodySaidAnything) {
  hold(1, 5);
  look(seconds(0));
  hold(1, std::nullopt);
  EXPECT_TRUE(look_often(5).empty());
  hold(1, 5);
  EXPECT_THAT(look(seconds(10)).completed, ElementsAre(silence(1, 5, seconds(10))));
  hold(1, std::nullopt);
  EXPECT_TRUE(look(seconds(10)).empty());
  EXPECT_EQ(look(seconds(10)).completed_in_all, 1U);
}

TEST_F(CompletionWorld, IsToldByANewHolderOnlyWhatIsNew) {
  hold(1, 5);
  hold(2, 7);
  look_often(2);
  change_holder();
  EXPECT_TRUE(look(seconds(0)).empty());
  EXPECT_TRUE(look_often(3).empty());
  change_holder();
  hold(2, 8);
  EXPECT_THAT(look(seconds(0)).resumed, ElementsAre(2)) << "it grew between two holders";
}

TEST_F(CompletionWorld, NotesALongSilenceSoThatTheNextHolderGoesOn) {
  hold(1, 5, kMinute);
  look(seconds(0));
  EXPECT_TRUE(look_often(5).empty()) << "less than an interval is no silence yet";
  EXPECT_THAT(look(seconds(10)).noted, ElementsAre(silence(1, 5, seconds(60))));
  EXPECT_TRUE(look(seconds(10)).empty()) << "one now and then is enough";
  EXPECT_THAT(look(seconds(10)).noted, ElementsAre(silence(1, 5, seconds(80))));
  change_holder();
  EXPECT_TRUE(look(seconds(0)).empty());
  EXPECT_TRUE(look(seconds(10)).empty());
  look_often(2);
  EXPECT_THAT(look(seconds(10)).completed, ElementsAre(silence(1, 5, seconds(120))));
}

TEST_F(CompletionWorld, ForgetsANoteOfWhatGrowsAndOfWhatIsNoMore) {
  hold(1, 5, kMinute);
  hold(2, 5, kMinute);
  look(seconds(0));
  look_often(6);
  ASSERT_EQ(noted_.size(), 2U);
  hold(1, 6, kMinute);
  queues_.erase(2);
  EXPECT_THAT(look(seconds(10)).forgotten, ElementsAre(1, 2));
  EXPECT_TRUE(look(seconds(10)).empty());
}

TEST_F(CompletionWorld, DoesNotNoteWhatCompletesSoon) {
  hold(1, 5, 30);
  look(seconds(0));
  EXPECT_TRUE(look_often(5).empty());
  EXPECT_FALSE(look(seconds(10)).completed.empty());
}

TEST_F(CompletionWorld, PlansAgainWhatWasNotWritten) {
  hold(1, 5);
  hold(2, 5);
  look(seconds(0));
  takes_ = false;
  EXPECT_EQ(look(seconds(10)).completed.size(), 2U);
  takes_ = true;
  EXPECT_EQ(look(seconds(10)).completed.size(), 2U);
  takes_ = false;
  hold(1, 6);
  EXPECT_THAT(look(seconds(5)).resumed, ElementsAre(1));
  EXPECT_THAT(look(seconds(5)).resumed, ElementsAre(1));
  takes_ = true;
  hold(2, 6);
  EXPECT_THAT(look(seconds(5)).resumed, ElementsAre(2)) << "1 has been silent long enough again";
}

}  // namespace
}  // namespace weir::dagmanager
