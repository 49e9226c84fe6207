// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/compaction/retirement.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "dagmanager/core/compaction/sentinel_export.h"

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::size_t kKept = 10;
constexpr Duration kDay = std::chrono::hours(24);
const Instant kNow = Instant(1000 * kDay);

DeployStanding deploy(const std::string& strategy, Instant seen, bool ended = false) {
  return {.key = strategy + "-key",
          .strategy = graph::StrategyId(strategy),
          .world = graph::WorldId("w"),
          .safe_mode = false,
          .live = false,
          .was_live = false,
          .ended = ended,
          .last_seen = seen,
          .order = 1,
          .version = graph::VersionLabel("v1"),
          .has_sentinel = true};
}

SentinelKey key(const std::string& strategy) {
  return {graph::WorldId("w"), graph::SentinelId(strategy + "-sentinel"),
          graph::VersionLabel("v1")};
}

TEST(Retirement, IsNotedOnceAndTakenBack) {
  const std::vector<DeployStanding> deploys{deploy("held", kNow - 3 * kDay),
                                            deploy("ended", kNow - 3 * kDay, true)};
  auto marks = plan_retirement(
      deploys, std::vector<SentinelLife>{{key("held"), kNow - kDay}, {key("ended"), std::nullopt}},
      kKept, kNow);
  EXPECT_THAT(marks.retired, ElementsAre(key("ended")));
  EXPECT_THAT(marks.waiting, ElementsAre(key("held")));
  marks = plan_retirement(
      deploys, std::vector<SentinelLife>{{key("held"), std::nullopt}, {key("ended"), kNow - kDay}},
      kKept, kNow);
  EXPECT_TRUE(marks.empty());
}

TEST(Retirement, IsDueOnceBothBoundsAreBehindIt) {
  const std::vector<DeployStanding> deploys{deploy("a", kNow - 400 * kDay, true)};
  const auto due = [&](Instant retired, Instant before) {
    return due_sentinels(deploys, std::vector<SentinelLife>{{key("a"), retired}},
                         {.deploys_kept = kKept, .before = before, .wait = 210 * kDay}, kNow);
  };
  EXPECT_THAT(due(kNow - 210 * kDay, kNow), ElementsAre(key("a")));
  EXPECT_THAT(due(kNow - 210 * kDay + Duration(1), kNow), IsEmpty());
  EXPECT_THAT(due(kNow - 300 * kDay, kNow - 300 * kDay), IsEmpty()) << "before, not at";
  EXPECT_THAT(due(kNow - 300 * kDay, kNow - 299 * kDay), ElementsAre(key("a")));
}

TEST(Retirement, IsNotDueWhileADeployIsHeldOrWasSeenSince) {
  const std::vector<SentinelLife> lives{{key("a"), kNow - 300 * kDay}};
  const RetirementRules rules{.deploys_kept = kKept, .before = kNow, .wait = 210 * kDay};
  EXPECT_THAT(due_sentinels(std::vector{deploy("a", kNow - 400 * kDay)}, lives, rules, kNow),
              IsEmpty());
  EXPECT_THAT(due_sentinels(std::vector{deploy("a", kNow - 20 * kDay, true)}, lives, rules, kNow),
              IsEmpty());
  DeployStanding live = deploy("a", kNow - 400 * kDay, true);
  live.live = true;
  EXPECT_THAT(due_sentinels(std::vector{live}, lives, rules, kNow), IsEmpty());
}

TEST(Retirement, LeavesNodesToDeploysThatAreHeldOrUnderASentinel) {
  DeployStanding plain = deploy("plain", kNow - 400 * kDay, true);
  plain.has_sentinel = false;
  const std::vector<DeployStanding> deploys{deploy("held", kNow - 400 * kDay),
                                            deploy("ended", kNow - 400 * kDay, true), plain};
  EXPECT_THAT(keeping_deploys(deploys, {}, kKept, kNow), ElementsAre(true, true, false));
  EXPECT_THAT(keeping_deploys(deploys, {key("held"), key("ended")}, kKept, kNow),
              ElementsAre(true, false, false));
}

TEST(SentinelExportTest, NamesItsFileApartFromAllOthers) {
  SentinelRecord sentinel;
  sentinel.id = graph::SentinelId("a/b-sentinel");
  sentinel.version = graph::VersionLabel("v1.2");
  sentinel.created_at = Instant(Duration(7));
  EXPECT_EQ(export_name(sentinel), "sentinels/=none/a%2Fb-sentinel/v1.2");
  EXPECT_EQ(later_export_name(sentinel), "sentinels/=none/a%2Fb-sentinel/v1.2.7");
  sentinel.world = graph::WorldId("=none");
  EXPECT_EQ(export_name(sentinel), "sentinels/%3Dnone/a%2Fb-sentinel/v1.2");
  sentinel.world = graph::WorldId("..");
  EXPECT_EQ(export_name(sentinel), "sentinels/%2E./a%2Fb-sentinel/v1.2");
}

}  // namespace
}  // namespace weir::dagmanager
