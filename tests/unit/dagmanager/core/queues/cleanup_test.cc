// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/queues/cleanup.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

CleanupRow row(const std::string& key, const std::string& strategy, const std::string& version,
               const std::string& world = "w") {
  return {.key = key,
          .strategy = graph::StrategyId(strategy),
          .world = graph::WorldId(world),
          .version = graph::VersionLabel(version),
          .sentinel_due = true};
}

TEST(DecideCleanup, TakesTheStrategyOrItsSentinelBeforeALabel) {
  const std::vector<CleanupRow> rows = {row("1", "s", "v1"), row("2", "s", "v2"),
                                        row("3", "v1", "v9"), row("4", "t-sentinel", "v4")};
  EXPECT_THAT(*decide_cleanup(rows, "s"), ElementsAre("1", "2"));
  EXPECT_THAT(*decide_cleanup(rows, "s-sentinel"), ElementsAre("1", "2"));
  EXPECT_THAT(*decide_cleanup(rows, "v1"), ElementsAre("3")) << "a strategy of that name";
  EXPECT_THAT(*decide_cleanup(rows, "t-sentinel"), ElementsAre("4"));
  EXPECT_THAT(*decide_cleanup(rows, "v2"), ElementsAre("2"));
  EXPECT_THAT(*decide_cleanup(rows, "nobody"), IsEmpty());
}

TEST(DecideCleanup, NamesAllThatBearALabel) {
  const std::vector<CleanupRow> rows = {row("1", "s", "v1"), row("2", "t", "v1"),
                                        row("3", "s", "v1", "other")};
  const auto refused = decide_cleanup(rows, "v1");
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason(), "ambiguous_sentinel");
  EXPECT_EQ(refused.error().code(), Code::FailedPrecondition);
  EXPECT_THAT(refused.error().message(),
              HasSubstr("s-sentinel in world other, s-sentinel in world w, t-sentinel in world w"));
}

TEST(DecideCleanup, PassesOverWhatIsEndedAndWhatBearsNoSentinel) {
  std::vector<CleanupRow> rows = {row("1", "s", "v1"), row("2", "t", "v1")};
  rows[1].sentinel_due = false;
  EXPECT_THAT(*decide_cleanup(rows, "v1"), ElementsAre("1"));
  rows[0].ended = true;
  EXPECT_THAT(*decide_cleanup(rows, "v1"), IsEmpty());
  EXPECT_THAT(*decide_cleanup(rows, "s"), IsEmpty());
}

}  // namespace
}  // namespace weir::dagmanager
