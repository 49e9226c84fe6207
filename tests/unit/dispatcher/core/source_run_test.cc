// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/source_run.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

#include "dispatcher/core/limits.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

constexpr Duration kMinute = std::chrono::minutes(1);

/// Due at every whole multiple of the span since the epoch, and counting how often it is asked.
struct Every {
  Duration span;
  int* asked = nullptr;

  std::optional<Instant> operator()(Instant after) const {
    if (asked != nullptr) ++*asked;
    return Instant(span * (after.time_since_epoch() / span + 1));
  }
};

SourceRecord due_at(Instant instant) {
  SourceRecord source;
  source.build_id = build_id();
  source.next_fire_at = instant;
  return source;
}

TEST(Cron, FiresWhenItsInstantComes) {
  const Every minutes{kMinute};
  EXPECT_FALSE(decide_cron(due_at(kNow), open_build(), minutes, kNow - Duration(1)).due);
  const CronFiring firing = decide_cron(due_at(kNow), open_build(), minutes, kNow);
  EXPECT_EQ(firing.due, kNow);
  EXPECT_TRUE(firing.skipped.empty());
  EXPECT_EQ(firing.source.last_fire_at, kNow);
  EXPECT_EQ(firing.source.next_fire_at, kNow + kMinute);
}

TEST(Cron, FiresOnlyTheLatestMissedInstant) {
  const Every minutes{kMinute};
  const CronFiring firing =
      decide_cron(due_at(kNow), open_build(), minutes, kNow + 3 * kMinute + 20 * kSecond);
  EXPECT_EQ(firing.due, kNow + 3 * kMinute);
  const std::vector<Instant> skipped = {kNow, kNow + kMinute, kNow + 2 * kMinute};
  EXPECT_EQ(firing.skipped, skipped);
  EXPECT_FALSE(firing.skipped_more);
  EXPECT_EQ(firing.source.next_fire_at, kNow + 4 * kMinute);
}

TEST(Cron, CatchesUpWithAYearInFewSteps) {
  int asked = 0;
  const Every minutes{kMinute, &asked};
  const Instant later = kNow + std::chrono::hours(24 * 365) + 30 * kSecond;
  const CronFiring firing = decide_cron(due_at(kNow), open_build(), minutes, later);
  EXPECT_EQ(firing.due, kNow + std::chrono::hours(24 * 365));
  EXPECT_EQ(firing.skipped.size(), kSkippedNamedMax);
  EXPECT_TRUE(firing.skipped_more);
  EXPECT_LT(asked, 200);
}

TEST(Cron, EndsWithItsSchedule) {
  const NextDue once = [](Instant after) {
    return after < kNow ? std::optional(kNow) : std::nullopt;
  };
  const CronFiring firing = decide_cron(due_at(kNow), open_build(), once, kNow + kMinute);
  EXPECT_EQ(firing.due, kNow);
  EXPECT_FALSE(firing.source.next_fire_at);
  EXPECT_FALSE(decide_cron(firing.source, open_build(), once, kNow + kMinute).due);
}

TEST(Cron, RestsWhileDisabledOrItsBuildIsNotOpen) {
  const Every minutes{kMinute};
  SourceRecord disabled = due_at(kNow);
  disabled.enabled = false;
  EXPECT_FALSE(decide_cron(disabled, open_build(), minutes, kNow).due);
  EXPECT_EQ(decide_cron(disabled, open_build(), minutes, kNow).source, disabled);
  EXPECT_FALSE(decide_cron(due_at(kNow), stopped_build(), minutes, kNow).due);
}

TEST(Cron, FiresWhilePausedForItsRunsAreHeld) {
  BuildFacts paused = open_build();
  paused.paused = true;
  EXPECT_EQ(decide_cron(due_at(kNow), paused, Every{kMinute}, kNow).due, kNow);
}

TEST(Cron, StartsWithTheNextInstant) {
  EXPECT_EQ(start_cron({}, Every{kMinute}, kNow).next_fire_at, kNow + kMinute);
}

TEST(AlwaysOn, RunsWhileItsBuildIsOpen) {
  BuildFacts building = open_build();
  building.dispatch = Dispatch::Building;
  SourceRecord source;
  EXPECT_TRUE(always_on_due(source, open_build(), false));
  EXPECT_FALSE(always_on_due(source, stopped_build(), true));
  EXPECT_FALSE(always_on_due(source, building, false));
  EXPECT_TRUE(always_on_due(source, building, true));
  EXPECT_EQ(run_class(building), TaskClass::Backfill);
  EXPECT_EQ(run_class(open_build()), TaskClass::Live);
  source.enabled = false;
  EXPECT_FALSE(always_on_due(source, open_build(), false));
}

TEST(AlwaysOn, IsAnotherRunAfterARestart) {
  const SourceRecord source;
  const SourceRecord restarted = restart_always_on(source);
  EXPECT_EQ(restarted.run_epoch, source.run_epoch + 1);
  EXPECT_NE(always_on_run_id(build_id(), restarted.run_epoch),
            always_on_run_id(build_id(), source.run_epoch));
}

}  // namespace
}  // namespace weir::dispatcher
