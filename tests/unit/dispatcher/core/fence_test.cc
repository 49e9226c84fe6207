// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/fence.h"

#include <gtest/gtest.h>

#include <array>
#include <optional>

#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

using Code = RefusalCode;

constexpr std::array kCalls = {
    FencedCall::Heartbeat,  FencedCall::Complete,      FencedCall::Events,   FencedCall::Publish,
    FencedCall::Deliveries, FencedCall::Invalidations, FencedCall::ReadState};

/// The code of the refusal; nothing if the call passes.
std::optional<Code> refused(const TaskView& view, const Fence& fence, FencedCall call,
                            const BuildFacts& build = open_build()) {
  const auto refusal = check_fence(view, build, fence, call);
  return refusal ? std::optional(refusal->code) : std::nullopt;
}

bool creates_data(FencedCall call) {
  return call != FencedCall::Heartbeat && call != FencedCall::Complete &&
         call != FencedCall::ReadState;
}

TEST(Fence, PassesEveryCallOfTheHolderOfARunningTask) {
  for (const FencedCall call : kCalls) {
    EXPECT_EQ(refused(running(), fence_of(running()), call), std::nullopt);
    // Expiry alone does not fence.
    EXPECT_EQ(refused(lapsed(), fence_of(lapsed()), call), std::nullopt);
  }
}

TEST(Fence, KnowsNoTaskThatIsNotThere) {
  TaskView nothing;
  nothing.presence = Presence::Unknown;
  for (const FencedCall call : kCalls) {
    EXPECT_EQ(refused(nothing, {1, token(1)}, call), Code::TaskNotFound);
  }
}

TEST(Fence, AnswersTaskFinishedFromHistory) {
  TaskView archived = completed();
  archived.presence = Presence::Archived;
  for (const FencedCall call : kCalls) {
    const auto refusal = check_fence(archived, open_build(), fence_of(archived), call);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, Code::TaskFinished);
    EXPECT_EQ(refusal->state, TaskState::Completed);
  }
}

TEST(Fence, RefusesAnOlderAttempt) {
  for (const TaskView& view : {running(2), queued(2), late(2), completed(2)}) {
    for (const FencedCall call : kCalls) {
      EXPECT_EQ(refused(view, {1, token(1)}, call), Code::StaleAttempt);
    }
  }
}

TEST(Fence, RefusesTheTokenOfAnOlderAttemptUnderTheNewNumber) {
  TaskView view = running(2);
  view.earlier = running(1).attempt;
  EXPECT_EQ(refused(view, {2, token(1)}, FencedCall::Events), Code::StaleAttempt);
  TaskView unclaimed = queued(2);
  unclaimed.earlier = running(1).attempt;
  EXPECT_EQ(refused(unclaimed, {2, token(1)}, FencedCall::Events), Code::StaleAttempt);
}

TEST(Fence, RefusesAWrongToken) {
  for (const TaskView& view : {running(), late(), completed(), failed(1)}) {
    for (const FencedCall call : kCalls) {
      EXPECT_EQ(refused(view, {1, token(9)}, call), Code::LeaseMismatch);
    }
  }
  EXPECT_EQ(refused(queued(), {1, token(9)}, FencedCall::Complete), Code::LeaseMismatch);
  EXPECT_EQ(refused(running(), {2, token(1)}, FencedCall::Complete), Code::LeaseMismatch);
}

TEST(Fence, LetsEventsPublishAndCompletePassLate) {
  const TaskView view = late();
  EXPECT_EQ(refused(view, fence_of(view), FencedCall::Events), std::nullopt);
  EXPECT_EQ(refused(view, fence_of(view), FencedCall::Publish), std::nullopt);
  EXPECT_EQ(refused(view, fence_of(view), FencedCall::Complete), std::nullopt);
  for (const FencedCall call : {FencedCall::Heartbeat, FencedCall::Deliveries,
                                FencedCall::Invalidations, FencedCall::ReadState}) {
    EXPECT_EQ(refused(view, fence_of(view), call), Code::LeaseExpired);
  }
}

TEST(Fence, GivesNothingBackToAnAttemptThatTimedOut) {
  TaskView view = late();
  view.attempt->outcome = Outcome::Timeout;
  const auto refusal = check_fence(view, open_build(), fence_of(view), FencedCall::Events);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, Code::TaskCanceled);
  EXPECT_EQ(refusal->cancel_reason, CancelReason::Timeout);
  EXPECT_EQ(refused(view, fence_of(view), FencedCall::Complete), std::nullopt);
}

TEST(Fence, RefusesWhatIsOver) {
  for (const TaskView& view :
       {waiting(), completed(), failed(1), canceled(CancelReason::Rollback)}) {
    for (const FencedCall call : kCalls) {
      const auto refusal = check_fence(view, open_build(), fence_of(view), call);
      ASSERT_TRUE(refusal);
      EXPECT_EQ(refusal->code, Code::TaskFinished);
      EXPECT_EQ(refusal->state, view.task.life.state);
      EXPECT_EQ(refusal->cancel_reason, view.task.life.cancel_reason);
    }
  }
}

TEST(Fence, AnswersTaskFinishedForWhatWasCanceledBeforeItRan) {
  TaskView view = canceled(CancelReason::User);
  view.attempt.reset();
  EXPECT_EQ(refused(view, {1, token(1)}, FencedCall::Events), Code::TaskFinished);
}

TEST(Fence, LetsACanceledTaskCreateNoData) {
  for (const CancelReason reason : {CancelReason::User, CancelReason::Timeout,
                                    CancelReason::Rollback, CancelReason::DagRemoved}) {
    const TaskView view = canceling(reason);
    for (const FencedCall call : kCalls) {
      const auto refusal = check_fence(view, open_build(), fence_of(view), call);
      EXPECT_EQ(refusal.has_value(), creates_data(call));
      if (!refusal) continue;
      EXPECT_EQ(refusal->code, Code::TaskCanceled);
      EXPECT_EQ(refusal->cancel_reason, reason);
    }
  }
}

TEST(Fence, TreatsAStoppedBuildAsACancelRequest) {
  const BuildFacts stopped = stopped_build(CancelReason::Rollback);
  for (const TaskView& view : {running(), late()}) {
    const auto refusal = check_fence(view, stopped, fence_of(view), FencedCall::Events);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->code, Code::TaskCanceled);
    EXPECT_EQ(refusal->cancel_reason, CancelReason::Rollback);
    EXPECT_EQ(refused(view, fence_of(view), FencedCall::Complete, stopped), std::nullopt);
  }
}

TEST(Fence, LetsSinksAndChecksOutliveTheirBuild) {
  for (const TaskKind kind : {TaskKind::Sink, TaskKind::Check}) {
    TaskView view = running();
    view.task.kind = kind;
    EXPECT_EQ(refused(view, fence_of(view), FencedCall::Events, stopped_build()), std::nullopt);
  }
}

}  // namespace
}  // namespace weir::dispatcher
