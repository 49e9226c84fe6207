// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

#include "tests/unit/dispatcher/core/task_walk.h"
#include "tests/unit/dispatcher/core/walk_rules.h"

namespace weir::dispatcher {
namespace {

constexpr std::uint64_t kSeeds = 10'000;
/// The seeds are dealt out to several tests, which run side by side.
constexpr std::uint64_t kShards = 5;
/// Every transition is seen this often in a shard.
constexpr int kSeenMin = 150;
constexpr std::array<std::string_view, 16> kMarks = {"T2 claimed",
                                                     "T3 extended",
                                                     "T4 completed",
                                                     "T5 waits for retry",
                                                     "T6 failed",
                                                     "T7 retry queued",
                                                     "T8 late report",
                                                     "T9 canceled waiting",
                                                     "T10 cancel requested",
                                                     "T11 canceled running",
                                                     "T12 reopened",
                                                     "T13 retried",
                                                     "T14 released",
                                                     "bell answered",
                                                     "bell rung",
                                                     "T1 created"};

/// WEIR_TEST_SEED alone, where it is given.
bool given_seed(std::uint64_t& seed) {
  const char* const given = std::getenv("WEIR_TEST_SEED");
  if (given == nullptr || *given == '\0') return false;
  seed = std::strtoull(given, nullptr, 10);
  return true;
}

class TaskWalkShard : public testing::TestWithParam<std::uint64_t> {};

TEST_P(TaskWalkShard, HoldsItsInvariantsForEverySeed) {
  Rules rules;
  std::uint64_t only = 0;
  if (given_seed(only)) {
    EXPECT_EQ(TaskWalk(only, rules).run(), "") << "WEIR_TEST_SEED=" << only;
    return;
  }
  std::map<std::string, int> seen;
  for (std::uint64_t seed = GetParam(); seed <= kSeeds; seed += kShards) {
    TaskWalk walk(seed, rules);
    ASSERT_EQ(walk.run(), "") << "WEIR_TEST_SEED=" << seed;
    for (const auto& [mark, count] : walk.seen()) seen[mark] += count;
  }
  for (const std::string_view mark : kMarks) {
    EXPECT_GE(seen[std::string(mark)], kSeenMin) << "seen too seldom: " << mark;
  }
}

INSTANTIATE_TEST_SUITE_P(All, TaskWalkShard, testing::Range<std::uint64_t>(1, kShards + 1));

TEST(TaskWalk, IsTheSameForTheSameSeed) {
  Rules rules;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    TaskWalk first(seed, rules);
    TaskWalk second(seed, rules);
    EXPECT_EQ(first.run(), second.run());
    EXPECT_EQ(first.seen(), second.seen());
  }
}

/// The first fault that the walk finds in rules with the mistake; empty if it lives.
std::string found(Mistake mistake) {
  MistakenRules rules(mistake);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    std::string fault = TaskWalk(seed, rules).run();
    if (fault.empty()) continue;
    std::cout << "seed " << seed << ": " << fault << '\n';
    return fault;
  }
  return "";
}

TEST(TaskWalkFinds, AClaimOfWhatRuns) { EXPECT_NE(found(Mistake::ClaimsWhatRuns), ""); }
TEST(TaskWalkFinds, AClaimOfAStoppedBuild) { EXPECT_NE(found(Mistake::ClaimsOfAStoppedBuild), ""); }
TEST(TaskWalkFinds, AClaimOfAPausedBuild) { EXPECT_NE(found(Mistake::ClaimsOfAPausedBuild), ""); }
TEST(TaskWalkFinds, AClaimPastTheConcurrency) {
  EXPECT_NE(found(Mistake::ClaimsPastTheConcurrency), "");
}
TEST(TaskWalkFinds, AClaimOutOfOrder) { EXPECT_NE(found(Mistake::ClaimsOutOfOrder), ""); }
TEST(TaskWalkFinds, ATaskQueuedInSilence) { EXPECT_NE(found(Mistake::QueuesInSilence), ""); }
TEST(TaskWalkFinds, AnIgnoredToken) { EXPECT_NE(found(Mistake::IgnoresTheToken), ""); }
TEST(TaskWalkFinds, AnOldAttemptThatIsHeeded) { EXPECT_NE(found(Mistake::HeedsOldAttempts), ""); }
TEST(TaskWalkFinds, AReapedAttemptThatIsHeeded) { EXPECT_NE(found(Mistake::HeedsTheReaped), ""); }
TEST(TaskWalkFinds, AShortenedLease) { EXPECT_NE(found(Mistake::ShortensLeases), ""); }
TEST(TaskWalkFinds, ALeaseExtendedForEver) { EXPECT_NE(found(Mistake::ExtendsForEver), ""); }
TEST(TaskWalkFinds, ALeaseThatStays) { EXPECT_NE(found(Mistake::KeepsTheLease), ""); }
TEST(TaskWalkFinds, AForgottenReport) { EXPECT_NE(found(Mistake::ForgetsReports), ""); }
TEST(TaskWalkFinds, ACanceledTaskThatCompletes) {
  EXPECT_NE(found(Mistake::CompletesTheCanceled), "");
}
TEST(TaskWalkFinds, AChargedRelease) { EXPECT_NE(found(Mistake::ChargesReleases), ""); }
TEST(TaskWalkFinds, AReaperThatComesTooEarly) { EXPECT_NE(found(Mistake::ReapsTooEarly), ""); }
TEST(TaskWalkFinds, ATaskRetriedForEver) { EXPECT_NE(found(Mistake::RetriesForEver), ""); }
TEST(TaskWalkFinds, ARetryThatComesTooEarly) { EXPECT_NE(found(Mistake::RetriesTooEarly), ""); }
TEST(TaskWalkFinds, AnAttemptThatIsNotCounted) {
  EXPECT_NE(found(Mistake::DoesNotCountAttempts), "");
}
TEST(TaskWalkFinds, ARevivalOfWhatAUserCanceled) {
  EXPECT_NE(found(Mistake::RevivesTheUsersCancel), "");
}
TEST(TaskWalkFinds, ARetryOfWhatCompleted) { EXPECT_NE(found(Mistake::RetriesTheCompleted), ""); }

}  // namespace
}  // namespace weir::dispatcher
