// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/wakeup_desk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <future>
#include <memory>

#include "base/mutex.h"
#include "server/system_clock.h"

namespace weir::dispatcher {
namespace {

const QueueName kQueue{QueueRuntime::EcsPlatform, QueueLevel::Normal};
const QueueName kOther{QueueRuntime::Sink, QueueLevel::Normal};

/// Messages of a queue each, handed out once.
class TestQueue final : public WakeupQueue {
 public:
  Result<void> publish(std::span<const WakeupMessage> messages) override {
    const base::MutexLock lock(mutex_);
    for (const WakeupMessage& message : messages) messages_.push_back(message);
    return {};
  }
  Result<std::vector<ReceivedWakeup>> receive(std::span<const QueueName> queues,
                                              std::size_t max) override {
    const base::MutexLock lock(mutex_);
    std::vector<ReceivedWakeup> received;
    for (auto at = messages_.begin(); at != messages_.end() && received.size() < max;) {
      if (std::ranges::find(queues, at->queue) == queues.end()) {
        ++at;
        continue;
      }
      received.push_back({at->queue, "m", "r", at->task_id});
      at = messages_.erase(at);
    }
    return received;
  }
  Result<std::size_t> acknowledge(std::span<const WakeupReceipt> receipts) override {
    return receipts.size();
  }

 private:
  base::Mutex mutex_;
  std::vector<WakeupMessage> messages_ WEIR_GUARDED_BY(mutex_);
};

WakeupRequest request(QueueName queue, Duration wait) {
  WakeupRequest wanted;
  wanted.worker_id = "w";
  wanted.queues = {queue};
  wanted.max = 4;
  wanted.wait = wait;
  return wanted;
}

/// The number of messages that an answer brings.
struct Waiter {
  std::shared_ptr<std::promise<std::size_t>> promise =
      std::make_shared<std::promise<std::size_t>>();
  std::future<std::size_t> answered = promise->get_future();

  WakeupDesk::Answer answer() {
    return [promise = promise](Result<std::vector<ReceivedWakeup>> messages) {
      promise->set_value(messages.ok() ? messages->size() : 99);
    };
  }
  bool waits() const {
    return answered.wait_for(std::chrono::seconds(0)) == std::future_status::timeout;
  }
};

class WakeupDeskTest : public testing::Test {
 protected:
  void SetUp() override { desk_.start(); }
  void put(QueueName queue) {
    const WakeupMessage message{queue, TaskId(base::uuid_v7(clock_.now(), random_))};
    ASSERT_TRUE(queue_.publish({&message, 1}).ok());
  }

  server::SystemClock clock_;
  server::SystemRandom random_;
  TestQueue queue_;
  WakeupDesk desk_{queue_, clock_};
};

TEST_F(WakeupDeskTest, AnswersAtOnceWhereThereIsAMessage) {
  put(kQueue);
  Waiter waiter;
  EXPECT_FALSE(desk_.wait(request(kQueue, std::chrono::hours(1)), waiter.answer()));
  EXPECT_EQ(waiter.answered.get(), 1u);
}

TEST_F(WakeupDeskTest, ParksUntilItIsRungAndServesItsOwnQueuesOnly) {
  Waiter first;
  Waiter second;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), first.answer()));
  ASSERT_TRUE(desk_.wait(request(kOther, std::chrono::hours(1)), second.answer()));
  put(kOther);
  desk_.ring();
  EXPECT_EQ(second.answered.get(), 1u);
  EXPECT_TRUE(first.waits());
  EXPECT_EQ(desk_.parked(), 1u);
  put(kQueue);
  desk_.ring();
  EXPECT_EQ(first.answered.get(), 1u);
}

TEST_F(WakeupDeskTest, AnswersWithNothingWhenTheWaitIsOver) {
  Waiter waiter;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::milliseconds(5)), waiter.answer()));
  EXPECT_EQ(waiter.answered.get(), 0u);
  EXPECT_EQ(desk_.parked(), 0u);
}

TEST_F(WakeupDeskTest, LetsGoOfAParkedRequestOnce) {
  Waiter waiter;
  const auto ticket = desk_.wait(request(kQueue, std::chrono::hours(1)), waiter.answer());
  ASSERT_TRUE(ticket);
  desk_.give_up(*ticket);
  EXPECT_EQ(waiter.answered.get(), 0u);
  desk_.give_up(*ticket);
  EXPECT_EQ(desk_.parked(), 0u);
}

TEST_F(WakeupDeskTest, AnswersEveryoneWhenItStops) {
  Waiter waiter;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), waiter.answer()));
  desk_.stop();
  EXPECT_EQ(waiter.answered.get(), 0u);
  Waiter late;
  EXPECT_FALSE(desk_.wait(request(kQueue, std::chrono::hours(1)), late.answer()));
  EXPECT_EQ(late.answered.get(), 0u);
}

}  // namespace
}  // namespace weir::dispatcher
