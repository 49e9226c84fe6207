// SPDX-License-Identifier: Apache-2.0
// The queue of wake-ups (contract section 1.1).
#include <algorithm>

#include "dispatcher/ports/task_limits.h"
#include "tests/conformance/task_store/task_fixture.h"

namespace weir::dispatcher {
namespace {

class WakeupQueues : public TaskStoreSuite {
 protected:
  void publish(const QueueName& queue, std::string_view task) {
    const WakeupMessage message{queue, id_named<TaskId>(task)};
    ASSERT_TRUE(engine().queue().publish(std::span(&message, 1)).ok());
  }
  std::vector<ReceivedWakeup> receive(std::vector<QueueName> queues, std::size_t max = 8) {
    auto received = engine().queue().receive(queues, max);
    EXPECT_TRUE(received.ok());
    return received.ok() ? *std::move(received) : std::vector<ReceivedWakeup>{};
  }
  std::size_t acknowledge(const ReceivedWakeup& message) {
    const WakeupReceipt receipt{message.message_id, message.receipt};
    const auto removed = engine().queue().acknowledge(std::span(&receipt, 1));
    EXPECT_TRUE(removed.ok());
    return removed.ok() ? *removed : 99;
  }
};

TEST_P(WakeupQueues, HandOutAMessageAndHideIt) {
  publish(kEcsNormal, "a");
  const auto received = receive({kEcsNormal});
  ASSERT_EQ(received.size(), 1U);
  EXPECT_EQ(received[0].queue, kEcsNormal);
  EXPECT_EQ(received[0].task_id, id_named<TaskId>("a"));
  EXPECT_EQ(received[0].deliveries, 1);
  EXPECT_TRUE(receive({kEcsNormal}).empty());
  EXPECT_EQ(acknowledge(received[0]), 1U);
  advance(kWakeupVisibility);
  EXPECT_TRUE(receive({kEcsNormal}).empty());
}

TEST_P(WakeupQueues, HandOutAgainWhatNobodyAcknowledged) {
  publish(kEcsNormal, "a");
  const auto first = receive({kEcsNormal});
  advance(kWakeupVisibility - seconds(1));
  EXPECT_TRUE(receive({kEcsNormal}).empty());
  advance(seconds(1));
  const auto second = receive({kEcsNormal});
  ASSERT_EQ(second.size(), 1U);
  EXPECT_EQ(second[0].message_id, first[0].message_id);
  EXPECT_EQ(second[0].deliveries, 2);
  EXPECT_NE(second[0].receipt, first[0].receipt);
  EXPECT_EQ(acknowledge(first[0]), 0U) << "an old receipt removes nothing";
  EXPECT_EQ(acknowledge(second[0]), 1U);
  EXPECT_EQ(acknowledge(second[0]), 0U);
}

TEST_P(WakeupQueues, DropBellsThatAreAnswered) {
  run_source(1);
  ASSERT_TRUE(engine().outbox().hand_over(100).ok());
  publish(kEcsNormal, "unknown");
  const TaskId claimed = queued_task("single");
  ASSERT_TRUE(try_claim(claimed).ok());
  const std::vector<QueueName> queues = {kEcsHigh, kEcsNormal, kInlineNormal};
  const auto received = receive(queues, 16);
  EXPECT_EQ(received.size(), 4U) << "the three others and that of no task";
  EXPECT_EQ(std::ranges::find(received, claimed, &ReceivedWakeup::task_id), received.end());
  advance(kWakeupVisibility);
  for (const ReceivedWakeup& message : received) {
    if (message.task_id != id_named<TaskId>("unknown")) {
      ASSERT_TRUE(try_claim(message.task_id).ok());
    }
  }
  EXPECT_EQ(receive(queues, 16).size(), 1U);
}

TEST_P(WakeupQueues, GoByTheOrderOfTheQueuesAndThenByAge) {
  publish(kEcsNormal, "old");
  advance(seconds(1));
  publish(kEcsNormal, "new");
  publish(kEcsHigh, "urgent");
  publish(kInlineNormal, "elsewhere");
  const auto first = receive({kEcsHigh, kEcsNormal}, 1);
  ASSERT_EQ(first.size(), 1U);
  EXPECT_EQ(first[0].task_id, id_named<TaskId>("urgent"));
  const auto rest = receive({kEcsHigh, kEcsNormal});
  ASSERT_EQ(rest.size(), 2U);
  EXPECT_EQ(rest[0].task_id, id_named<TaskId>("old"));
  EXPECT_EQ(rest[1].task_id, id_named<TaskId>("new"));
}

TEST_P(WakeupQueues, GiveUpWhatWasHandedOutTooOften) {
  publish(kEcsNormal, "a");
  for (int delivery = 1; delivery <= kWakeupDeliveriesMax; ++delivery) {
    ASSERT_EQ(receive({kEcsNormal}).size(), 1U) << delivery;
    advance(kWakeupVisibility);
  }
  EXPECT_TRUE(receive({kEcsNormal}).empty());
  const TaskTables all = tables();
  EXPECT_TRUE(all.messages.empty());
  ASSERT_EQ(all.dead_messages.size(), 1U);
  EXPECT_EQ(all.dead_messages.begin()->second.task_id, id_named<TaskId>("a"));
}

TEST_P(WakeupQueues, TakeMessagesByTheHundredAndDoubledOnes) {
  std::vector<WakeupMessage> messages;
  for (int at = 0; at < 250; ++at) {
    messages.push_back({kEcsNormal, id_named<TaskId>(std::to_string(at))});
    messages.push_back(messages.back());
  }
  ASSERT_TRUE(engine().queue().publish(messages).ok());
  EXPECT_EQ(receive({kEcsNormal}, 256).size(), 256U);
  EXPECT_EQ(receive({kEcsNormal}, 256).size(), 244U);
}

TEST_P(WakeupQueues, IgnoreReceiptsThatWereNeverTheirs) {
  publish(kEcsNormal, "a");
  const std::vector<WakeupReceipt> receipts = {
      {"1", ""}, {"x", "y"}, {"", ""}, {"99999999999999999999", "y"}};
  const auto removed = engine().queue().acknowledge(receipts);
  ASSERT_TRUE(removed.ok());
  EXPECT_EQ(*removed, 0U);
  EXPECT_EQ(receive({kEcsNormal}).size(), 1U);
}

WEIR_TASK_ENGINES(WakeupQueues);

}  // namespace
}  // namespace weir::dispatcher
