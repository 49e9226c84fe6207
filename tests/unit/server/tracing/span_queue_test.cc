// SPDX-License-Identifier: Apache-2.0
#include "server/tracing/span_queue.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/hand_clock.h"

namespace weir::server {
namespace {

class SpanQueueTest : public testing::Test {
 protected:
  void put(int count) {
    for (int i = 0; i < count; ++i) queue_.put({.context = {}, .name = std::to_string(next_++)});
  }

  weir::test::HandClock clock_;
  std::size_t dropped_ = 0;
  SpanQueue queue_{{.waiting_max = 8, .batch_max = 3, .wait_max = std::chrono::seconds(5)},
                   clock_,
                   [this](std::size_t count) { dropped_ += count; }};
  int next_ = 0;
};

TEST_F(SpanQueueTest, IsDueWhenABatchIsFullOrTheFirstHasWaited) {
  EXPECT_FALSE(queue_.due_at());
  put(1);
  const Duration first = clock_.monotonic();
  clock_.sleep_for(std::chrono::seconds(1));
  put(1);
  EXPECT_EQ(queue_.due_at(), first + std::chrono::seconds(5));
  put(1);
  EXPECT_LE(*queue_.due_at(), clock_.monotonic());
}

TEST_F(SpanQueueTest, SaysOnceThatTheFirstCameAndOnceThatABatchIsFull) {
  int told = 0;
  queue_.on_due([&told] { ++told; });
  put(2);
  EXPECT_EQ(told, 1);
  put(1);
  EXPECT_EQ(told, 2);
  put(1);
  EXPECT_EQ(told, 2);
}

TEST_F(SpanQueueTest, GivesBatchesInTheOrderInWhichSpansEnded) {
  put(4);
  const auto first = queue_.take();
  ASSERT_EQ(first.size(), 3U);
  EXPECT_EQ(first[0].name, "0");
  EXPECT_EQ(first[2].name, "2");
  queue_.release(0);
  EXPECT_EQ(queue_.due_at(), clock_.monotonic() + std::chrono::seconds(5));
  EXPECT_EQ(queue_.take()[0].name, "3");
}

TEST_F(SpanQueueTest, DropsAndCountsWhatFindsNoRoom) {
  put(8);
  EXPECT_EQ(dropped_, 0U);
  put(2);
  EXPECT_EQ(dropped_, 2U);
  EXPECT_EQ(queue_.take().size(), 3U);
  put(1);
  EXPECT_EQ(dropped_, 3U) << "a batch on its way takes its room";
  queue_.release(1);
  EXPECT_EQ(dropped_, 4U) << "what a collector refused is lost too";
  put(3);
  EXPECT_EQ(dropped_, 4U);
}

TEST_F(SpanQueueTest, LosesNothingThatManyThreadsPut) {
  SpanQueue queue({}, clock_, [](std::size_t) { FAIL() << "there is room"; });
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&queue] {
      for (int i = 0; i < 250; ++i) queue.put({.context = {}, .name = "x"});
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::size_t taken = 0;
  while (queue.due_at()) {
    taken += queue.take().size();
    queue.release(0);
  }
  EXPECT_EQ(taken, 1000U);
}

}  // namespace
}  // namespace weir::server
