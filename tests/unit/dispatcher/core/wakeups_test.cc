// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/wakeups.h"

#include <gtest/gtest.h>

#include "dispatcher/core/transitions.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

const QueueName kQueue{QueueRuntime::EcsPlatform, QueueLevel::Normal};

Change rung() {
  Change change;
  change.outbox.resize(1);
  change.meter.outstanding = 1;
  return change;
}

TEST(WakeupBudget, HasNoRoomInAQueueItDoesNotKnow) {
  EXPECT_FALSE(WakeupBudget().may_ring(kQueue));
}

TEST(WakeupBudget, HasRoomUpToTheBound) {
  WakeupBudget budget(10);
  budget.read(kQueue, 8, false);
  budget.note(kQueue, rung());
  EXPECT_TRUE(budget.may_ring(kQueue));
  budget.note(kQueue, rung());
  EXPECT_FALSE(budget.may_ring(kQueue));
  Change answered;
  answered.meter.outstanding = -1;
  budget.note(kQueue, answered);
  EXPECT_TRUE(budget.may_ring(kQueue));
}

TEST(WakeupBudget, WritesAPageATransactionAtMost) {
  WakeupBudget budget;
  budget.read(kQueue, 0, false);
  for (int written = 0; written < 500; ++written) {
    EXPECT_TRUE(budget.may_ring(kQueue));
    budget.note(kQueue, rung());
  }
  EXPECT_FALSE(budget.may_ring(kQueue));
}

TEST(WakeupBudget, OnlyOwesWhileWorkersPull) {
  WakeupBudget budget;
  budget.read(kQueue, 0, true);
  EXPECT_FALSE(budget.may_ring(kQueue));
}

}  // namespace
}  // namespace weir::dispatcher
