// SPDX-License-Identifier: Apache-2.0
#include "worker/child/stop_signal.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <chrono>

namespace weir::worker {
namespace {

bool readable(int descriptor) {
  pollfd watched = {descriptor, POLLIN, 0};
  return poll(&watched, 1, 0) == 1;
}

const StopWish kCanceled = {StopReason::Canceled, std::chrono::seconds(30), "user"};

TEST(StopSignal, IsReadableAfterAnAskUntilItIsCleared) {
  StopSignal stop;
  const auto event = stop.watch();
  ASSERT_TRUE(event.ok());
  EXPECT_FALSE(readable(*event));
  stop.ask(kCanceled);
  EXPECT_TRUE(readable(*event));
  stop.clear();
  EXPECT_FALSE(readable(*event));
  EXPECT_EQ(stop.wish().detail, "user");
  stop.ask({StopReason::Drain, std::chrono::seconds(60)});
  EXPECT_FALSE(readable(*event)) << "a later ask with a longer grace changes nothing";
  stop.unwatch();
}

TEST(StopSignal, TellsWhoWatchesOfAnAskOfBefore) {
  StopSignal stop;
  stop.ask(kCanceled);
  const auto event = stop.watch();
  ASSERT_TRUE(event.ok());
  EXPECT_TRUE(readable(*event));
  stop.unwatch();
}

TEST(StopSignal, LeavesNothingToTheNextOneOfTheThread) {
  StopSignal first;
  ASSERT_TRUE(first.watch().ok());
  first.ask(kCanceled);
  first.unwatch();
  StopSignal second;
  const auto event = second.watch();
  ASSERT_TRUE(event.ok());
  EXPECT_FALSE(readable(*event));
  first.ask({StopReason::Canceled, std::chrono::seconds(1)});
  EXPECT_FALSE(readable(*event)) << "nobody watches the first one";
  second.unwatch();
}

}  // namespace
}  // namespace weir::worker
