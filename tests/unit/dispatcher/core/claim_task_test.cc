// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "dispatcher/core/transitions.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

std::optional<NotClaimedReason> held_back(const Decision<ClaimReply>& decision) {
  return decision.refused ? decision.refused->reason : std::nullopt;
}

TEST(Claim, LeasesTheTaskToTheWorker) {  // T2
  const auto decision = decide(queued(), open_build(), claim_by(7), kNow);
  ASSERT_FALSE(decision.refused);
  const Change& change = decision.change;
  ASSERT_TRUE(change.life);
  EXPECT_EQ(change.life->state, TaskState::Running);
  EXPECT_EQ(change.life->started_at, kNow);
  EXPECT_EQ(change.life->deadline_at, kNow + 600 * kSecond);
  ASSERT_TRUE(change.opened);
  EXPECT_EQ(change.opened->attempt, 1);
  EXPECT_EQ(change.opened->state, AttemptState::Active);
  EXPECT_EQ(change.opened->lease_token, token(7));
  EXPECT_EQ(change.lease_change, LeaseChange::Put);
  EXPECT_EQ(change.lease->expires_at, kNow + 60 * kSecond);
  EXPECT_EQ(change.counts, (CountDelta{.queued = -1, .running = 1}));
  EXPECT_EQ(decision.reply.lease_token, token(7));
  EXPECT_EQ(decision.reply.lease_expires_at, kNow + 60 * kSecond);
  EXPECT_EQ(decision.reply.heartbeat_interval, 20 * kSecond);
  EXPECT_FALSE(decision.reply.duplicate);
}

TEST(Claim, AnswersTheWakeUp) {
  const auto decision = decide(queued(), open_build(), claim_by(7), kNow);
  EXPECT_FALSE(decision.change.life->woken_at);
  EXPECT_EQ(decision.change.meter, (MeterDelta{.outstanding = -1, .owed = false}));
  TaskView silent = queued();
  silent.task.life.woken_at.reset();
  EXPECT_EQ(decide(silent, open_build(), claim_by(7), kNow).change.meter.outstanding, 0);
}

TEST(Claim, FreezesTheScopeOnce) {
  ClaimCommand first = claim_by(1);
  first.frozen_scope.cursor_from = Cursor(std::int64_t{41});
  first.frozen_scope.pinned = {{0, DatasetVersionId(numbered(9, 1))}};
  TaskView view = queued();
  apply(view, decide(view, open_build(), first, kNow).change);
  EXPECT_EQ(view.task.life.scope.cursor_from, Cursor(std::int64_t{41}));
  EXPECT_EQ(view.task.life.scope.cursor_to, Cursor(std::int64_t{42}));
  ASSERT_EQ(view.task.life.scope.pinned.size(), 1U);

  const TaskScope frozen = view.task.life.scope;
  apply(view, decide(view, open_build(), report_of(view, Outcome::Released), kNow).change);
  ClaimCommand second = claim_by(2);
  second.frozen_scope.cursor_from = Cursor(std::int64_t{99});
  apply(view, decide(view, open_build(), second, kNow).change);
  EXPECT_EQ(view.task.life.scope, frozen);
}

TEST(Claim, WritesTheVerdictOnEffectsDown) {
  TaskView view = queued();
  view.task.life.effects.reset();
  view.task.life.task_class = TaskClass::Replay;
  auto decision = decide(view, open_build(), claim_by(1), kNow);
  EXPECT_EQ(decision.change.life->effects, Effects::Suppress);
  EXPECT_EQ(decision.change.life->task_class, TaskClass::Replay);
  view.root_in_handoff = true;
  decision = decide(view, open_build(), claim_by(1), kNow);
  EXPECT_EQ(decision.change.life->effects, Effects::Fire);
  EXPECT_EQ(decision.change.life->task_class, TaskClass::Live);
}

TEST(Claim, ReturnsTheSameLeaseToTheSameClaim) {
  const auto decision = decide(running(), open_build(), claim_by(1), kNow);
  ASSERT_FALSE(decision.refused);
  EXPECT_TRUE(decision.reply.duplicate);
  EXPECT_TRUE(decision.change.empty());
  EXPECT_EQ(decision.reply.lease_token, token(1));
  EXPECT_EQ(decision.reply.fence_no, 101);
  ClaimCommand stranger = claim_by(1);
  stranger.worker_id = "another";
  EXPECT_EQ(held_back(decide(running(), open_build(), stranger, kNow)),
            NotClaimedReason::AlreadyRunning);
  ClaimCommand nameless = claim_by(1);
  nameless.claim_id.reset();
  TaskView view = running();
  view.attempt->claim_id.reset();
  EXPECT_EQ(held_back(decide(view, open_build(), nameless, kNow)),
            NotClaimedReason::AlreadyRunning);
}

TEST(Claim, DoesTheReapersWorkFirst) {
  const auto decision = decide(lapsed(), open_build(), claim_by(9), kNow);
  EXPECT_EQ(held_back(decision), NotClaimedReason::NotDue);
  EXPECT_EQ(decision.refused->retry_after, 30 * kSecond);
  EXPECT_EQ(decision.change.transition, Transition::T5WaitsForRetry);
  EXPECT_FALSE(decision.change.opened);
}

TEST(Claim, SaysWhenARetryIsDue) {
  EXPECT_EQ(decide(waiting(), open_build(), claim_by(9), kNow).refused->retry_after, 20 * kSecond);
}

TEST(Claim, OwesWhatTheGateHeldBack) {
  BuildFacts paused = open_build();
  paused.paused = true;
  const auto decision = decide(queued(), paused, claim_by(9), kNow);
  EXPECT_EQ(held_back(decision), NotClaimedReason::Paused);
  EXPECT_EQ(decision.change.transition, Transition::BellAnswered);
  EXPECT_FALSE(decision.change.life->woken_at);
  EXPECT_EQ(decision.change.meter, (MeterDelta{.outstanding = -1, .owed = true}));
  EXPECT_EQ(decision.change.counts, CountDelta{});
}

TEST(Claim, LeavesTheWakeUpToWhoKnowsTheOperator) {
  ClaimCommand command = claim_by(9);
  command.operator_supported = false;
  const auto decision = decide(queued(), open_build(), command, kNow);
  EXPECT_EQ(held_back(decision), NotClaimedReason::UnsupportedOperator);
  EXPECT_TRUE(decision.change.empty());
}

TEST(Claim, SeesTheClaimsBeforeItInItsTransaction) {
  BuildFacts build = open_build();
  build.max_concurrency = 2;
  int claimed = 0;
  for (std::uint8_t number = 1; number <= 4; ++number) {
    TaskView view = queued();
    view.task.task_id = task_id(number);
    const auto decision = decide(view, build, claim_by(number), kNow);
    apply(build, decision.change);
    claimed += decision.refused ? 0 : 1;
  }
  EXPECT_EQ(claimed, 2);
  EXPECT_EQ(build.running, 2);
}

TEST(Heartbeat, ExtendsTheLease) {  // T3
  const TaskView view = running();
  const auto decision = decide(view, open_build(), HeartbeatCommand{fence_of(view)}, kNow);
  EXPECT_EQ(decision.reply.status, TaskState::Running);
  EXPECT_EQ(decision.reply.lease_expires_at, kNow + 60 * kSecond);
  EXPECT_EQ(decision.change.lease->last_heartbeat_at, kNow);
  EXPECT_FALSE(decision.change.life);
}

TEST(Heartbeat, NeverShortensALease) {
  BuildFacts build = open_build();
  build.heartbeat_timeout = 10 * kSecond;
  const TaskView view = running();
  const auto decision = decide(view, build, HeartbeatCommand{fence_of(view)}, kNow);
  EXPECT_EQ(decision.reply.lease_expires_at, kNow + 50 * kSecond);
}

TEST(Heartbeat, StopsAtTenSecondsPastTheDeadline) {
  TaskView view = running();
  view.task.life.deadline_at = kNow + 45 * kSecond;
  const auto decision = decide(view, open_build(), HeartbeatCommand{fence_of(view)}, kNow);
  EXPECT_EQ(decision.reply.lease_expires_at, kNow + 55 * kSecond);
}

TEST(Heartbeat, GivesTheGraceOnce) {
  TaskView view = canceling(CancelReason::User);
  view.lease->expires_at = kNow + kSecond;
  auto decision = decide(view, open_build(), HeartbeatCommand{fence_of(view)}, kNow);
  EXPECT_EQ(decision.reply.status, TaskState::Canceled);
  EXPECT_EQ(decision.reply.cancel_reason, CancelReason::User);
  EXPECT_EQ(decision.reply.lease_expires_at, kNow + 30 * kSecond);
  apply(view, decision.change);
  decision = decide(view, open_build(), HeartbeatCommand{fence_of(view)}, kNow + 20 * kSecond);
  EXPECT_EQ(decision.reply.lease_expires_at, kNow + 30 * kSecond);
}

TEST(Heartbeat, FindsThatTheBuildStopped) {  // T10
  const TaskView view = running();
  const auto decision =
      decide(view, stopped_build(CancelReason::Rollback), HeartbeatCommand{fence_of(view)}, kNow);
  EXPECT_EQ(decision.change.transition, Transition::T10CancelRequested);
  EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::Rollback);
  EXPECT_EQ(decision.change.life->cancel_requested_at, kNow);
  EXPECT_EQ(decision.reply.status, TaskState::Canceled);
}

TEST(Heartbeat, FindsThatTheDeadlinePassed) {  // T10
  TaskView view = running();
  view.task.life.deadline_at = kNow - kSecond;
  const auto decision = decide(view, open_build(), HeartbeatCommand{fence_of(view)}, kNow);
  EXPECT_EQ(decision.reply.cancel_reason, CancelReason::Timeout);
  EXPECT_EQ(decision.change.life->cancel_reason, CancelReason::Timeout);
}

TEST(Heartbeat, TellsASourceToPause) {
  BuildFacts build = open_build();
  build.paused = true;
  const TaskView view = running();
  EXPECT_TRUE(decide(view, build, HeartbeatCommand{fence_of(view)}, kNow).reply.paused);
}

}  // namespace
}  // namespace weir::dispatcher
