// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/claim_gate.h"

#include <gtest/gtest.h>

#include <optional>

#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

using Reason = NotClaimedReason;

TaskView of_class(TaskClass task_class) {
  TaskView view = queued();
  view.task.life.task_class = task_class;
  return view;
}

TEST(ClaimGate, IsOpenForEveryClassOfAnOpenBuild) {
  for (const TaskClass task_class : {TaskClass::Live, TaskClass::Replay, TaskClass::Backfill,
                                     TaskClass::Recompute, TaskClass::Manual}) {
    EXPECT_EQ(closed_gate(of_class(task_class), open_build()), std::nullopt);
  }
}

TEST(ClaimGate, HoldsWhatDoesNotRebuildWhileItsBuildIsBuilt) {
  BuildFacts build = open_build();
  build.dispatch = Dispatch::Building;
  EXPECT_EQ(closed_gate(of_class(TaskClass::Live), build), Reason::Held);
  EXPECT_EQ(closed_gate(of_class(TaskClass::Replay), build), Reason::Held);
  EXPECT_EQ(closed_gate(of_class(TaskClass::Manual), build), Reason::Held);
  EXPECT_EQ(closed_gate(of_class(TaskClass::Backfill), build), std::nullopt);
  EXPECT_EQ(closed_gate(of_class(TaskClass::Recompute), build), std::nullopt);
}

TEST(ClaimGate, ClosesForAStoppedBuild) {
  EXPECT_EQ(closed_gate(of_class(TaskClass::Backfill), stopped_build()), Reason::Stopped);
}

TEST(ClaimGate, ClosesWhileTheBuildIsPaused) {
  BuildFacts build = open_build();
  build.paused = true;
  EXPECT_EQ(closed_gate(queued(), build), Reason::Paused);
}

TEST(ClaimGate, ClosesAtTheBuildsConcurrency) {
  BuildFacts build = open_build();
  build.max_concurrency = 2;
  build.running = 1;
  EXPECT_EQ(closed_gate(queued(), build), std::nullopt);
  build.running = 2;
  EXPECT_EQ(closed_gate(queued(), build), Reason::Concurrency);
}

TEST(ClaimGate, KeepsTheOrderOfOrderedOperators) {
  TaskView view = queued();
  view.order_blocked = true;
  EXPECT_EQ(closed_gate(view, open_build()), std::nullopt);
  view.task.order_seq = 7;
  EXPECT_EQ(closed_gate(view, open_build()), Reason::Order);
  view.order_blocked = false;
  EXPECT_EQ(closed_gate(view, open_build()), std::nullopt);
}

TEST(ClaimGate, IsNotThereForSinksAndChecks) {
  BuildFacts build = stopped_build();
  build.paused = true;
  build.max_concurrency = 1;
  build.running = 1;
  for (const TaskKind kind : {TaskKind::Sink, TaskKind::Check}) {
    TaskView view = queued();
    view.task.kind = kind;
    view.task.order_seq = 1;
    view.order_blocked = true;
    EXPECT_EQ(closed_gate(view, build), std::nullopt);
  }
}

TEST(ClaimGate, GivesSinksAndChecksTermsOfTheirOwn) {
  BuildFacts build = open_build();
  build.heartbeat_timeout = 7 * kSecond;
  build.timeout = 70 * kSecond;
  build.max_attempts = 5;
  EXPECT_EQ(lease_terms(TaskKind::Reactive, build).lease, 7 * kSecond);
  EXPECT_EQ(lease_terms(TaskKind::Reactive, build).timeout, 70 * kSecond);
  EXPECT_EQ(lease_terms(TaskKind::Sink, build).lease, 60 * kSecond);
  EXPECT_EQ(lease_terms(TaskKind::Check, build).timeout, 300 * kSecond);
  EXPECT_EQ(attempts_allowed(TaskKind::Reactive, build), 5);
  EXPECT_EQ(attempts_allowed(TaskKind::Sink, build), 10);
  EXPECT_EQ(attempts_allowed(TaskKind::Check, build), 3);
}

TEST(ClaimGate, LetsNoLeaseReachTenSecondsPastTheDeadline) {
  EXPECT_EQ(lease_end(kNow + 60 * kSecond, std::nullopt), kNow + 60 * kSecond);
  EXPECT_EQ(lease_end(kNow + 60 * kSecond, kNow + 55 * kSecond), kNow + 60 * kSecond);
  EXPECT_EQ(lease_end(kNow + 60 * kSecond, kNow + 5 * kSecond), kNow + 15 * kSecond);
}

TEST(EffectsAtCreation, FollowTheClass) {
  const BuildFacts open = open_build();
  EXPECT_EQ(effects_at_creation(TaskClass::Live, {}, open), Effects::Fire);
  EXPECT_EQ(effects_at_creation(TaskClass::Manual, {}, open), Effects::Fire);
  EXPECT_EQ(effects_at_creation(TaskClass::Backfill, {}, open), Effects::Suppress);
  EXPECT_EQ(effects_at_creation(TaskClass::Recompute, {}, open), Effects::Suppress);
  EXPECT_EQ(effects_at_creation(TaskClass::Recompute, Effects::Fire, open), Effects::Fire);
  EXPECT_EQ(effects_at_creation(TaskClass::Replay, {}, open), std::nullopt);
}

TEST(EffectsAtCreation, AreUndecidedWhileTheBuildIsHeldOrAnotherWorlds) {
  BuildFacts build = open_build();
  build.dispatch = Dispatch::Building;
  EXPECT_EQ(effects_at_creation(TaskClass::Live, {}, build), std::nullopt);
  build.dispatch = Dispatch::Open;
  build.live_world = false;
  EXPECT_EQ(effects_at_creation(TaskClass::Live, {}, build), std::nullopt);
  EXPECT_EQ(effects_at_creation(TaskClass::Recompute, Effects::Fire, build), Effects::Suppress);
}

TEST(EffectsAtClaim, FireOnlyForRootsHandedOverInTheLiveWorld) {
  TaskView view = queued();
  BuildFacts build = open_build();
  EXPECT_EQ(effects_at_claim(view, build), Effects::Suppress);
  view.root_in_handoff = true;
  EXPECT_EQ(effects_at_claim(view, build), Effects::Fire);
  build.live_world = false;
  EXPECT_EQ(effects_at_claim(view, build), Effects::Suppress);
}

}  // namespace
}  // namespace weir::dispatcher
