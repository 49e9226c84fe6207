// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_marks.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

namespace weir::dispatcher {
namespace {

const std::vector<std::string> kQueues = {"tasks.a"};

ReadyMarks::Mark mark(int seconds, const std::string& queue = kQueues.front()) {
  return {.build = {}, .queue = queue, .place = {.rank = Instant(std::chrono::seconds(seconds))}};
}

TEST(ReadyMarks, TellsOnlyOfTheQueuesThatAreAsked) {
  ReadyMarks marks;
  marks.set(mark(1, "tasks.b"));
  EXPECT_TRUE(marks.use(kQueues).empty());
  marks.set(mark(2));
  const auto found = marks.use(kQueues);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found.front().place, mark(2).place);
}

TEST(ReadyMarks, GoBackToATaskThatIsQueuedBeforeThemAndNotOnToOneBehind) {
  ReadyMarks marks;
  marks.lower(mark(1));
  EXPECT_TRUE(marks.use(kQueues).empty()) << "where nothing is marked every search begins anew";
  marks.set(mark(5));
  marks.lower(mark(7));
  EXPECT_EQ(marks.use(kQueues).front().place, mark(5).place);
  marks.lower(mark(3));
  EXPECT_EQ(marks.use(kQueues).front().place, mark(3).place);
}

TEST(ReadyMarks, LetOneSearchInSoManyBeginAnewAndKeepTheirPlaceForTheOthers) {
  ReadyMarks marks;
  marks.set(mark(1));
  std::size_t anew = 0;
  for (std::size_t search = 0; search < 3 * kMarkedSearchesMax; ++search) {
    if (marks.use(kQueues).empty()) ++anew;
  }
  EXPECT_EQ(anew, 3U);
}

TEST(ReadyMarks, AreForgottenWhole) {
  ReadyMarks marks;
  marks.set(mark(1));
  marks.forget();
  EXPECT_TRUE(marks.use(kQueues).empty());
}

TEST(ReadyMarks, TryForOneBuildAloneAgainAfterAWhile) {
  ReadyMarks marks;
  EXPECT_TRUE(marks.may_be_alone());
  marks.not_alone();
  for (std::size_t search = 0; search < kNotAloneSearches; ++search) {
    EXPECT_FALSE(marks.may_be_alone());
    marks.use(kQueues);
  }
  EXPECT_TRUE(marks.may_be_alone());
}

}  // namespace
}  // namespace weir::dispatcher
