// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/core/outbox_row.h"

#include <gtest/gtest.h>

#include "dispatcher/core/limits.h"
#include "tests/unit/dispatcher/core/task_rows.h"

namespace weir::dispatcher {
namespace {

OutboxRecord pending() {
  OutboxRecord row;
  row.available_at = kNow;
  return row;
}

OutboxRecord taken() { return *take_outbox_row(pending(), true, kNow); }

OutboxFailure failure_of(const OutboxRecord& row) {
  return {.locked_until = *row.locked_until, .error = "refused", .draw = kMiddleDraw};
}

TEST(OutboxRow, IsTakenWhenItIsDue) {
  EXPECT_FALSE(take_outbox_row(pending(), true, kNow - Duration(1)));
  const OutboxRecord row = taken();
  EXPECT_EQ(row.state, OutboxState::Sending);
  EXPECT_EQ(row.attempts, 1);
  EXPECT_EQ(row.locked_until, kNow + 30 * kSecond);
}

TEST(OutboxRow, IsTakenAgainWhenItsRelayDied) {
  EXPECT_FALSE(take_outbox_row(taken(), true, kNow + 29 * kSecond));
  const auto again = take_outbox_row(taken(), true, kNow + 30 * kSecond);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->attempts, 2);
}

TEST(OutboxRow, WaitsForTheHeadOfItsKey) {
  OutboxRecord row = pending();
  EXPECT_TRUE(outbox_ready(row, false, kNow));  // without a key there is no order
  row.order_key = "demo";
  EXPECT_FALSE(outbox_ready(row, false, kNow));
  EXPECT_TRUE(outbox_ready(row, true, kNow));
}

TEST(OutboxRow, IsSentOnceAndStaysSent) {
  const auto sent = outbox_row_sent(taken(), kNow + kSecond);
  ASSERT_TRUE(sent);
  EXPECT_EQ(sent->state, OutboxState::Sent);
  EXPECT_EQ(sent->sent_at, kNow + kSecond);
  EXPECT_FALSE(sent->locked_until);
  EXPECT_FALSE(outbox_row_sent(*sent, kNow + 2 * kSecond));
  EXPECT_FALSE(outbox_row_failed(*sent, failure_of(taken()), kNow));
  EXPECT_FALSE(take_outbox_row(*sent, true, kNow + 100 * kSecond));
}

TEST(OutboxRow, WaitsLongerAfterEachFailureAndDiesAfterTwenty) {
  OutboxRecord row = pending();
  Instant now = kNow;
  for (int tried = 1; tried <= kOutboxAttemptsMax; ++tried) {
    row = *take_outbox_row(row, true, now);
    row = *outbox_row_failed(row, failure_of(row), now);
    if (tried == kOutboxAttemptsMax) break;
    const Duration wait = row.available_at - now;
    EXPECT_EQ(row.state, OutboxState::Pending);
    EXPECT_EQ(wait, tried <= 9 ? kSecond * (1 << (tried - 1)) : 300 * kSecond);
    now = row.available_at;
  }
  EXPECT_EQ(row.state, OutboxState::Dead);
  EXPECT_EQ(row.last_error, "refused");
  EXPECT_FALSE(take_outbox_row(row, true, now + 1000 * kSecond));
}

TEST(OutboxRow, DiesWhenEveryRelayDiedWithIt) {
  OutboxRecord row = taken();
  row.attempts = kOutboxAttemptsMax;
  EXPECT_EQ(take_outbox_row(row, true, kNow + 30 * kSecond)->state, OutboxState::Dead);
}

TEST(OutboxRow, HearsNoFailureOfARelayThatLostIt) {
  const OutboxRecord first = taken();
  const OutboxRecord second = *take_outbox_row(first, true, kNow + 40 * kSecond);
  EXPECT_FALSE(outbox_row_failed(second, failure_of(first), kNow + 41 * kSecond));
  // But what was sent was sent.
  EXPECT_TRUE(outbox_row_sent(second, kNow + 41 * kSecond));
}

}  // namespace
}  // namespace weir::dispatcher
