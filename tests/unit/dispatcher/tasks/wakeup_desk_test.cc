// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/wakeup_desk.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <semaphore>
#include <string>
#include <utility>
#include <vector>

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
    auto received = take(queues, max);
    if (while_received) std::exchange(while_received, nullptr)();
    return received;
  }
  std::vector<ReceivedWakeup> take(std::span<const QueueName> queues, std::size_t max) {
    const base::MutexLock lock(mutex_);
    ++asked_;
    std::vector<ReceivedWakeup> received;
    for (auto at = messages_.begin(); at != messages_.end() && received.size() < max;) {
      if (std::ranges::find(queues, at->queue) == queues.end()) {
        ++at;
        continue;
      }
      const std::string number = std::to_string(++last_);
      given_[number] = *at;
      received.push_back({at->queue, number, "r", at->task_id});
      at = messages_.erase(at);
    }
    return received;
  }
  Result<void> release(std::span<const WakeupReceipt> receipts) override {
    const base::MutexLock lock(mutex_);
    for (const WakeupReceipt& receipt : receipts) {
      const auto found = given_.find(receipt.message_id);
      if (found == given_.end()) continue;
      messages_.push_back(found->second);
      given_.erase(found);
    }
    return {};
  }
  Result<std::size_t> acknowledge(std::span<const WakeupReceipt> receipts) override {
    return receipts.size();
  }

  /// Called once, while the next received messages are with whoever asked for them.
  std::function<void()> while_received;

  int asked() const {
    const base::MutexLock lock(mutex_);
    return asked_;
  }
  std::size_t waiting() const {
    const base::MutexLock lock(mutex_);
    return messages_.size();
  }

 private:
  mutable base::Mutex mutex_;
  int asked_ WEIR_GUARDED_BY(mutex_) = 0;
  std::vector<WakeupMessage> messages_ WEIR_GUARDED_BY(mutex_);
  std::map<std::string, WakeupMessage> given_ WEIR_GUARDED_BY(mutex_);
  int last_ WEIR_GUARDED_BY(mutex_) = 0;
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
    last_ = TaskId(base::uuid_v7(clock_.now(), random_));
    const WakeupMessage message{queue, last_};
    ASSERT_TRUE(queue_.publish({&message, 1}).ok());
  }
  /// So many messages of kQueue as a hand-over gives them.
  std::vector<ReceivedWakeup> handed(int count) {
    std::vector<ReceivedWakeup> messages;
    for (int at = 0; at < count; ++at) {
      messages.push_back(
          {kQueue, std::to_string(at), "r", TaskId(base::uuid_v7(clock_.now(), random_))});
    }
    return messages;
  }

  /// So many wake-ups of kQueue as a transaction leaves them.
  std::vector<RungTask> rung(int count) {
    std::vector<RungTask> tasks;
    for (int at = 0; at < count; ++at) {
      tasks.push_back({OutboxId(base::uuid_v7(clock_.now(), random_)),
                       {kQueue, TaskId(base::uuid_v7(clock_.now(), random_))}});
    }
    return tasks;
  }
  static WakeupReceipt receipt_of(const RungTask& task) {
    return {std::string(kToldMessage), task.outbox_id.text()};
  }

  server::SystemClock clock_;
  server::SystemRandom random_;
  TaskId last_{};
  TestQueue queue_;
  std::counting_semaphore<> relay_due_{0};
  WakeupDesk desk_{queue_, clock_, [this] { relay_due_.release(); }};
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

TEST_F(WakeupDeskTest, GivesWhatIsHandedOutToTheFirstThatWaitsForIt) {
  Waiter other;
  Waiter first;
  Waiter second;
  ASSERT_TRUE(desk_.wait(request(kOther, std::chrono::hours(1)), other.answer()));
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), first.answer()));
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), second.answer()));
  const std::vector<QueueRoom> rooms = desk_.rooms();
  ASSERT_EQ(rooms.size(), 2u);
  EXPECT_EQ(std::ranges::find(rooms, kQueue, &QueueRoom::queue)->room, 8u);
  desk_.deliver(handed(5));
  EXPECT_EQ(first.answered.get(), 4u);
  EXPECT_EQ(second.answered.get(), 1u);
  EXPECT_TRUE(other.waits());
}

TEST_F(WakeupDeskTest, GivesBackWhatNobodyWaitsForAnyMore) {
  put(kQueue);
  auto received = queue_.receive(std::array{kQueue}, 1);
  ASSERT_EQ(received->size(), 1u);
  desk_.deliver(*std::move(received));
  EXPECT_EQ(queue_.waiting(), 1u);
}

TEST_F(WakeupDeskTest, TellsWhoWaitsAtOnceAndKeepsTheRelayAwayUntilItIsAcknowledged) {
  Waiter first;
  Waiter second;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), first.answer()));
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), second.answer()));
  const std::vector<RungTask> tasks = rung(5);
  desk_.tell(tasks);
  EXPECT_EQ(first.answered.get(), 4u);
  EXPECT_EQ(second.answered.get(), 1u);
  EXPECT_EQ(desk_.told().size(), 5u);
  EXPECT_FALSE(relay_due_.try_acquire());
  const std::array receipts = {receipt_of(tasks[0]), WakeupReceipt{"7", "r"}};
  EXPECT_EQ(*desk_.acknowledge(receipts), 2u);
  relay_due_.acquire();
  const auto told = desk_.told();
  EXPECT_EQ(told.size(), 4u);
  EXPECT_EQ(std::ranges::find(told, tasks[0].outbox_id), told.end());
}

TEST_F(WakeupDeskTest, LeavesToTheRelayWhatNobodyWaitsFor) {
  desk_.tell(rung(1));
  EXPECT_TRUE(desk_.told().empty());
  Waiter other;
  ASSERT_TRUE(desk_.wait(request(kOther, std::chrono::hours(1)), other.answer()));
  desk_.tell(rung(1));
  EXPECT_TRUE(desk_.told().empty());
  EXPECT_TRUE(other.waits());
}

TEST_F(WakeupDeskTest, LeavesToTheRelayWhatTheToldWorkerDoesNotRun) {
  Waiter waiter;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), waiter.answer()));
  const std::vector<RungTask> tasks = rung(1);
  desk_.tell(tasks);
  ASSERT_EQ(waiter.answered.get(), 1u);
  desk_.pass_on("w", std::array{tasks[0].wakeup.task_id});
  relay_due_.acquire();
  EXPECT_TRUE(desk_.told().empty());
}

TEST_F(WakeupDeskTest, LeavesToTheRelayWhatIsNotAcknowledgedInTime) {
  Waiter waiter;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), waiter.answer()));
  desk_.tell(rung(1));
  ASSERT_EQ(waiter.answered.get(), 1u);
  relay_due_.acquire();
  EXPECT_TRUE(desk_.told().empty());
}

TEST_F(WakeupDeskTest, DoesNotAskAgainForAQueueThatWasEmptyBeforeItIsRung) {
  Waiter first;
  Waiter second;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), first.answer()));
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), second.answer()));
  EXPECT_EQ(queue_.asked(), 1);
  put(kQueue);
  desk_.ring();
  EXPECT_EQ(first.answered.get(), 1u);
}

TEST_F(WakeupDeskTest, PassesOnWhatAWorkerDoesNotRun) {
  put(kQueue);
  Waiter unable;
  Waiter able;
  ASSERT_FALSE(desk_.wait(request(kQueue, std::chrono::hours(1)), unable.answer()));
  ASSERT_EQ(unable.answered.get(), 1u);
  auto wanted = request(kQueue, std::chrono::hours(1));
  wanted.worker_id = "able";
  ASSERT_TRUE(desk_.wait(wanted, able.answer()));
  Waiter again;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), again.answer()));
  desk_.pass_on("w", std::array{last_});
  EXPECT_EQ(able.answered.get(), 1u);
  EXPECT_TRUE(again.waits());
}

TEST_F(WakeupDeskTest, GivesAWorkerNoWakeUpOfWhatItDoesNotRun) {
  put(kQueue);
  desk_.pass_on("w", std::array{last_});
  Waiter unable;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), unable.answer()));
  EXPECT_EQ(queue_.waiting(), 1u);
  auto wanted = request(kQueue, std::chrono::hours(1));
  wanted.worker_id = "able";
  Waiter able;
  EXPECT_FALSE(desk_.wait(wanted, able.answer()));
  EXPECT_EQ(able.answered.get(), 1u);
}

TEST_F(WakeupDeskTest, PassesOverAPileOfUnsuitedOnesWithinOneRing) {
  std::vector<TaskId> pile;
  for (int at = 0; at < 500; ++at) {
    put(kQueue);
    pile.push_back(last_);
  }
  desk_.pass_on("w", pile);
  Waiter unable;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), unable.answer()));
  EXPECT_EQ(queue_.waiting(), 500u);
  put(kQueue);
  const int before = queue_.asked();
  desk_.ring();
  EXPECT_EQ(unable.answered.get(), 1u);
  EXPECT_EQ(queue_.asked() - before, 3) << "4, 256, the rest";
  EXPECT_EQ(queue_.waiting(), 500u);
}

TEST_F(WakeupDeskTest, PassesOverNoMoreThanItsBoundAtOnceAndComesToTheRestByTheNextRing) {
  std::vector<TaskId> pile;
  for (std::size_t at = 0; at < kUnsuitedPassed + 600; ++at) {
    put(kQueue);
    pile.push_back(last_);
  }
  desk_.pass_on("w", pile);
  put(kQueue);
  Waiter unable;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), unable.answer()));
  EXPECT_TRUE(unable.waits());
  desk_.ring();
  EXPECT_EQ(unable.answered.get(), 1u);
  EXPECT_EQ(queue_.waiting(), pile.size());
}

TEST_F(WakeupDeskTest, WhoFoundNothingWhileOthersPassedOverItsMessagesIsServed) {
  put(kQueue);
  desk_.pass_on("w", std::array{last_});
  auto wanted = request(kQueue, std::chrono::hours(1));
  wanted.worker_id = "able";
  Waiter able;
  queue_.while_received = [&] { ASSERT_TRUE(desk_.wait(wanted, able.answer())); };
  Waiter unable;
  ASSERT_TRUE(desk_.wait(request(kQueue, std::chrono::hours(1)), unable.answer()));
  EXPECT_EQ(able.answered.get(), 1u);
  EXPECT_TRUE(unable.waits());
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

/// The tasks that a claim which waits is answered with, and how often it is.
struct Claimer {
  std::shared_ptr<std::promise<Result<ClaimAnswer>>> promise =
      std::make_shared<std::promise<Result<ClaimAnswer>>>();
  std::future<Result<ClaimAnswer>> answered = promise->get_future();

  WakeupDesk::Claimed claimed() {
    return
        [promise = promise](Result<ClaimAnswer> answer) { promise->set_value(std::move(answer)); };
  }
};

WakeupRequest claiming(QueueName queue, Duration wait) {
  WakeupRequest wanted = request(queue, wait);
  wanted.claim = ClaimRequest{.worker_id = "w"};
  return wanted;
}

constexpr Duration kLong = std::chrono::hours(1);

TEST_F(WakeupDeskTest, LetsTransactionsTakeThoseWhoClaimInTheOrderTheyCame) {
  Waiter told;
  EXPECT_FALSE(desk_.any());
  desk_.wait(request(kQueue, kLong), told.answer());
  EXPECT_FALSE(desk_.any()) << "it does not claim";
  std::vector<Waiter> waiters(2);
  std::vector<Claimer> claimers(2);
  for (std::size_t at = 0; at < 2; ++at) {
    desk_.wait(claiming(kQueue, kLong), waiters[at].answer(), claimers[at].claimed());
  }
  EXPECT_TRUE(desk_.any());
  EXPECT_FALSE(desk_.take(kOther));
  const auto first = desk_.take(kQueue);
  const auto second = desk_.take(kQueue);
  ASSERT_TRUE(first && second);
  EXPECT_LT(first->ticket, second->ticket);
  EXPECT_EQ(first->max, 4U);
  EXPECT_EQ(first->claim.worker_id, "w");
  EXPECT_FALSE(desk_.take(kQueue));
  EXPECT_FALSE(desk_.any());
  desk_.give_back(second->ticket);
  desk_.give_back(first->ticket);
  EXPECT_EQ(desk_.take(kQueue)->ticket, first->ticket) << "where it stood";
  ClaimAnswer answer;
  answer.more = true;
  desk_.answer(first->ticket, std::move(answer));
  EXPECT_TRUE(claimers[0].answered.get()->more);
  EXPECT_TRUE(waiters[0].waits());
  EXPECT_TRUE(waiters[1].waits());
}

TEST_F(WakeupDeskTest, GivesAClaimThatCameBackWhatCameMeanwhile) {
  Waiter waiter;
  Claimer claimer;
  desk_.wait(claiming(kQueue, kLong), waiter.answer(), claimer.claimed());
  const auto taken = desk_.take(kQueue);
  ASSERT_TRUE(taken);
  put(kQueue);
  desk_.ring();
  EXPECT_TRUE(waiter.waits());
  desk_.give_back(taken->ticket);
  EXPECT_EQ(waiter.answered.get(), 1U);
}

TEST_F(WakeupDeskTest, AnswersAClaimWhoseCallerHurriesOnceItIsBack) {
  Waiter waiter;
  Claimer claimer;
  const auto ticket = desk_.wait(claiming(kQueue, kLong), waiter.answer(), claimer.claimed());
  ASSERT_TRUE(desk_.take(kQueue));
  desk_.give_up(*ticket);
  EXPECT_TRUE(waiter.waits()) << "a transaction has it";
  desk_.give_back(*ticket);
  EXPECT_EQ(waiter.answered.get(), 0U);
}

TEST_F(WakeupDeskTest, AnswersAClaimWhoseTimeIsOverOnceItIsBack) {
  Waiter waiter;
  Claimer claimer;
  const auto ticket = desk_.wait(claiming(kQueue, std::chrono::milliseconds(1)), waiter.answer(),
                                 claimer.claimed());
  if (const auto taken = desk_.take(kQueue)) desk_.give_back(*ticket);
  EXPECT_EQ(waiter.answered.get(), 0U);
}

TEST_F(WakeupDeskTest, LetsGoOfAClaimThatComesBackAfterTheEnd) {
  Waiter back;
  Waiter answered;
  std::vector<Claimer> claimers(2);
  desk_.wait(claiming(kQueue, kLong), back.answer(), claimers[0].claimed());
  desk_.wait(claiming(kQueue, kLong), answered.answer(), claimers[1].claimed());
  const auto first = desk_.take(kQueue);
  const auto second = desk_.take(kQueue);
  ASSERT_TRUE(first && second);
  desk_.stop();
  desk_.give_back(first->ticket);
  EXPECT_EQ(back.answered.get(), 0U);
  desk_.answer(second->ticket, base::unavailable("commit_unknown", ""));
  EXPECT_FALSE(claimers[1].answered.get().ok());
  EXPECT_FALSE(desk_.any());
}

}  // namespace
}  // namespace weir::dispatcher
