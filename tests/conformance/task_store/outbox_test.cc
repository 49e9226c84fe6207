// SPDX-License-Identifier: Apache-2.0
// The outbox (contract section 5.4) and what it publishes (3.5.2).
#include <algorithm>
#include <nlohmann/json.hpp>

#include "dispatcher/core/limits.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class Outboxes : public TaskStoreSuite {
 protected:
  Outbox& outbox() { return engine().outbox(); }
  std::vector<OutboxRecord> take(std::size_t limit = 100) {
    auto taken = outbox().take(limit);
    EXPECT_TRUE(taken.ok()) << taken.error().describe();
    return taken.ok() ? *std::move(taken) : std::vector<OutboxRecord>{};
  }
  void settle(const OutboxRecord& row, const std::string& error = {}) {
    const OutboxSettled settled{.outbox_id = row.outbox_id,
                                .locked_until = row.locked_until.value_or(Instant{}),
                                .error = error,
                                .draw = 0};
    ASSERT_TRUE(outbox().settle(std::span(&settled, 1)).ok());
  }
  OutboxRecord stored(const OutboxRecord& row) { return tables().outbox.at(row.outbox_id); }
  /// A control event of a DAG; `number` rises with each.
  void put_event(const std::string& dag, int number) {
    OutboxRecord row;
    row.outbox_id = id_named<OutboxId>(dag + std::to_string(number));
    row.kind = OutboxKind::ControlEvent;
    row.topic = "deploy_changed";
    row.order_key = dag;
    row.payload = R"({"org_id":")" + org().text() + R"(","dag":")" + dag + R"(","number":)" +
                  std::to_string(number) + "}";
    row.available_at = now();
    row.created_at = now() + milliseconds(number);
    engine().put_outbox(row);
  }
};

TEST_P(Outboxes, B8HandOutWhatIsReadyUntilItIsSent) {
  run_source(1);
  const auto taken = take();
  ASSERT_EQ(taken.size(), 4U) << "relay, ordered, single, buffer";
  for (const OutboxRecord& row : taken) {
    EXPECT_EQ(row.kind, OutboxKind::TaskWakeup);
    EXPECT_EQ(row.state, OutboxState::Sending);
    EXPECT_EQ(row.attempts, 1);
    EXPECT_EQ(row.locked_until, now() + kOutboxLock);
    EXPECT_EQ(row.payload.find("{\"task_id\":"), 0U) << row.payload;
    EXPECT_EQ(row.payload.size(), std::string(R"({"task_id":""})").size() + 36)
        << "and nothing else";
  }
  EXPECT_TRUE(take().empty()) << "they are being sent";
  settle(taken[0]);
  EXPECT_EQ(stored(taken[0]).state, OutboxState::Sent);
  EXPECT_EQ(stored(taken[0]).sent_at, now());
}

TEST_P(Outboxes, TakeAgainWhatARelayLeftBehind) {
  run_source(1);
  const auto first = take(1);
  ASSERT_EQ(first.size(), 1U);
  advance(kOutboxLock);
  const auto again = take();
  const auto same = std::ranges::find(again, first[0].outbox_id, &OutboxRecord::outbox_id);
  ASSERT_NE(same, again.end());
  EXPECT_EQ(same->attempts, 2);
  settle(first[0], "too late");
  EXPECT_EQ(stored(first[0]).state, OutboxState::Sending) << "its relay lost it";
  settle(first[0]);
  EXPECT_EQ(stored(first[0]).state, OutboxState::Sent) << "what was sent was sent";
}

TEST_P(Outboxes, WaitAfterAFailureAndGiveUpAtLast) {
  run_source(1);
  OutboxRecord row = take(1).front();
  settle(row, "refused");
  const OutboxRecord failed = stored(row);
  EXPECT_EQ(failed.state, OutboxState::Pending);
  EXPECT_EQ(failed.last_error, "refused");
  EXPECT_EQ(failed.available_at, now() + milliseconds(500));
  for (int tries = 2; tries <= kOutboxAttemptsMax; ++tries) {
    advance(minutes(8));
    const auto taken = take();
    const auto same = std::ranges::find(taken, row.outbox_id, &OutboxRecord::outbox_id);
    ASSERT_NE(same, taken.end()) << tries;
    settle(*same, "refused");
    for (const OutboxRecord& other : taken) {
      if (other.outbox_id != row.outbox_id) settle(other);
    }
  }
  EXPECT_EQ(stored(row).state, OutboxState::Dead);
  advance(minutes(8));
  EXPECT_TRUE(take().empty());
}

TEST_P(Outboxes, HandWakeupsOverToTheQueue) {
  run_source(1);
  const auto handed = outbox().hand_over(3);
  ASSERT_TRUE(handed.ok());
  EXPECT_EQ(*handed, 3U);
  EXPECT_EQ(*outbox().hand_over(100), 1U);
  EXPECT_EQ(*outbox().hand_over(100), 0U);
  const std::vector<QueueName> queues = {kEcsHigh, kEcsNormal, kInlineNormal};
  const auto received = engine().queue().receive(queues, 16);
  ASSERT_TRUE(received.ok());
  std::vector<TaskId> rung;
  for (const ReceivedWakeup& message : *received) rung.push_back(message.task_id);
  std::vector<TaskId> tasks;
  for (const auto* job : {"relay", "ordered", "single", "buffer"}) {
    tasks.push_back(queued_task(job));
  }
  EXPECT_THAT(rung, testing::UnorderedElementsAreArray(tasks));
  EXPECT_TRUE(take().empty());
}

TEST_P(Outboxes, HandWakeupsOutToWhoWaits) {
  run_source(1);
  const std::vector<QueueName> queues = {kEcsHigh, kEcsNormal, kInlineNormal};
  std::vector<QueueRoom> rooms;
  for (const QueueName& queue : queues) rooms.push_back({queue, 1});
  const auto handed = outbox().hand_out(100, rooms, {});
  ASSERT_TRUE(handed.ok());
  EXPECT_EQ(handed->rows, 4U);
  EXPECT_EQ(handed->messages, 4U);
  EXPECT_FALSE(handed->others);
  ASSERT_FALSE(handed->given.empty());
  EXPECT_LT(handed->given.size(), handed->rows) << "there was room for one of a queue";
  const auto received = engine().queue().receive(queues, 16);
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received->size(), handed->rows - handed->given.size());
  // Given back, a message is there at once, and the receipt is old.
  const ReceivedWakeup& given = handed->given.front();
  const WakeupReceipt receipt{given.message_id, given.receipt};
  ASSERT_TRUE(engine().queue().release({&receipt, 1}).ok());
  EXPECT_EQ(*engine().queue().acknowledge({&receipt, 1}), 0U);
  const auto again = engine().queue().receive(queues, 16);
  ASSERT_EQ(again->size(), 1U);
  EXPECT_EQ(again->front().task_id, given.task_id);
  EXPECT_EQ(again->front().deliveries, 1);
  ASSERT_TRUE(engine().queue().release({&receipt, 1}).ok());
  EXPECT_TRUE(engine().queue().receive(queues, 16)->empty());
}

TEST_P(Outboxes, PutNoMessageForATaskWhoseWakeUpIsAnsweredAlready) {
  run_source(1);
  const TaskId claimed = queued_task("single");
  ASSERT_TRUE(try_claim(claimed).ok());
  const auto handed = outbox().hand_out(100, {}, {});
  ASSERT_TRUE(handed.ok());
  EXPECT_EQ(handed->rows, 4U);
  EXPECT_EQ(handed->messages, 3U);
  const std::vector<QueueName> queues = {kEcsHigh, kEcsNormal, kInlineNormal};
  const auto received = engine().queue().receive(queues, 16);
  ASSERT_TRUE(received.ok());
  EXPECT_EQ(received->size(), 3U);
  EXPECT_EQ(std::ranges::find(*received, claimed, &ReceivedWakeup::task_id), received->end());
  EXPECT_EQ(outbox().hand_out(100, {}, {})->rows, 0U);
}

TEST_P(Outboxes, LeaveWhatIsHeldForALaterTime) {
  run_source(1);
  std::vector<OutboxId> held;
  for (const auto& [id, row] : tables().outbox) held.push_back(id);
  ASSERT_EQ(held.size(), 4U);
  held.pop_back();
  EXPECT_EQ(outbox().hand_out(100, {}, held)->messages, 1U);
  EXPECT_EQ(outbox().hand_out(100, {}, held)->rows, 0U);
  EXPECT_EQ(outbox().hand_out(100, {}, {})->messages, 3U);
}

TEST_P(Outboxes, TellThatEventsAreReadyToo) {
  put_event("one", 1);
  EXPECT_TRUE(outbox().hand_out(100, {}, {})->others);
}

TEST_P(Outboxes, PublishControlEventsInOrderUnderDenseNumbers) {
  put_event("one", 2);
  put_event("one", 1);
  put_event("two", 1);
  put_event("one", 3);
  EXPECT_TRUE(take().empty()) << "they are published here, not sent outside";
  const auto published = outbox().publish_control_events(100);
  ASSERT_TRUE(published.ok());
  EXPECT_EQ(*published, 4U);
  EXPECT_EQ(*outbox().publish_control_events(100), 0U);
  std::vector<std::int64_t> numbers;
  std::vector<int> order;
  for (const auto& [key, row] : tables().control_events) {
    EXPECT_EQ(key.first, org());
    numbers.push_back(key.second);
    EXPECT_EQ(row.type, "deploy_changed");
    const auto envelope = nlohmann::json::parse(row.envelope_json);
    if (envelope.at("dag") == "one") order.push_back(envelope.at("number").get<int>());
  }
  EXPECT_EQ(numbers, (std::vector<std::int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(order, (std::vector{1, 2, 3}));
  put_event("two", 2);
  EXPECT_EQ(*outbox().publish_control_events(100), 1U);
  EXPECT_EQ(tables().control_events.rbegin()->first.second, 5);
}

TEST_P(Outboxes, PublishNoMoreThanAskedFor) {
  for (int at = 1; at <= 5; ++at) put_event("one", at);
  EXPECT_EQ(*outbox().publish_control_events(2), 2U);
  EXPECT_EQ(*outbox().publish_control_events(2), 2U);
  EXPECT_EQ(*outbox().publish_control_events(2), 1U);
}

WEIR_TASK_ENGINES(Outboxes);

}  // namespace
}  // namespace weir::dispatcher
