// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/event_relay.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "dagmanager/limits.h"
#include "server/system_clock.h"
#include "tests/hand_clock.h"

namespace weir::dagmanager {
namespace {

/// An outbox of which only the counts are known.
class CountedBus final : public ControlBus {
 public:
  void commit(std::size_t events) {
    const base::MutexLock lock(mutex_);
    waiting_ += events;
  }
  void fail(int times) {
    const base::MutexLock lock(mutex_);
    failures_ = times;
  }
  std::size_t kept() {
    const base::MutexLock lock(mutex_);
    return published_.size();
  }
  int calls() {
    const base::MutexLock lock(mutex_);
    return calls_;
  }

  Result<std::vector<PendingEvent>> pending(std::size_t /*limit*/) override { return {{}}; }
  Result<OutboxBacklog> backlog() override { return OutboxBacklog{}; }
  Result<std::size_t> publish(std::size_t limit, Instant now) override {
    const base::MutexLock lock(mutex_);
    ++calls_;
    if (failures_ > 0) {
      --failures_;
      return base::unavailable("graph_unavailable", "no store");
    }
    const std::size_t some = std::min(limit, waiting_);
    waiting_ -= some;
    published_.insert(published_.end(), some, now);
    return some;
  }
  Result<std::vector<PendingEvent>> unsent(std::int64_t /*after*/, std::size_t /*limit*/) override {
    return std::vector<PendingEvent>();
  }
  Result<void> acknowledge(const LoopFence& /*fence*/, std::span<const std::int64_t> /*numbers*/,
                           Instant /*now*/) override {
    return {};
  }
  Result<PrunedEvents> prune(Instant before, std::size_t limit) override {
    const base::MutexLock lock(mutex_);
    PrunedEvents pruned;
    for (; !published_.empty() && published_.front() < before && pruned.removed < limit;
         ++pruned.removed) {
      published_.pop_front();
    }
    if (!published_.empty()) pruned.oldest = published_.front();
    return pruned;
  }

 private:
  base::Mutex mutex_;
  std::size_t waiting_ WEIR_GUARDED_BY(mutex_) = 0;
  std::deque<Instant> published_ WEIR_GUARDED_BY(mutex_);
  int failures_ WEIR_GUARDED_BY(mutex_) = 0;
  int calls_ WEIR_GUARDED_BY(mutex_) = 0;
};

constexpr Duration kDay = std::chrono::hours(24);

TEST(EventRelay, PublishesAllThatWaitsInPages) {
  weir::test::HandClock clock;
  CountedBus bus;
  EventRelay relay({bus, clock, server::log(), kDay});
  bus.commit(2 * kRelayPage + 7);
  EXPECT_EQ(*relay.run_once(), 2 * kRelayPage + 7);
  EXPECT_EQ(bus.calls(), 3);
  EXPECT_EQ(*relay.run_once(), 0U);
}

TEST(EventRelay, ForgetsEventsOnceTheirTimeIsOverAndWakesForThat) {
  weir::test::HandClock clock;
  CountedBus bus;
  EventRelay relay({bus, clock, server::log(), kDay});
  ASSERT_TRUE(relay.run_once().ok());
  EXPECT_FALSE(relay.next_prune().has_value()) << "nothing is kept";
  bus.commit(kRelayPage + 5);
  ASSERT_TRUE(relay.run_once().ok());
  ASSERT_EQ(relay.next_prune(), clock.monotonic() + kDay);
  clock.sleep_for(std::chrono::hours(1));
  bus.commit(3);
  ASSERT_TRUE(relay.run_once().ok());
  clock.sleep_for(std::chrono::hours(23));
  ASSERT_TRUE(relay.run_once().ok());
  EXPECT_EQ(bus.kept(), kRelayPage + 8) << "a day old, not older";
  EXPECT_EQ(relay.next_prune(), clock.monotonic() + kPruneEvery);
  clock.sleep_for(kPruneEvery);
  ASSERT_TRUE(relay.run_once().ok());
  EXPECT_EQ(bus.kept(), 3U);
  EXPECT_EQ(relay.next_prune(), clock.monotonic() + std::chrono::hours(1) - kPruneEvery);
}

TEST(EventRelay, SleepsUntilItIsNudged) {
  server::SystemClock clock;
  CountedBus bus;
  EventRelay relay({bus, clock, server::log(), kDay});
  bus.commit(1);  // left by whoever was before
  relay.start();
  for (int look = 0; look < 3'000 && bus.kept() < 1; ++look) {
    clock.sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_EQ(bus.kept(), 1U);
  bus.commit(1);
  const int before = bus.calls();
  clock.sleep_for(std::chrono::milliseconds(200));
  EXPECT_EQ(bus.calls(), before) << "it looked for work unasked";
  relay.nudge();
  for (int look = 0; look < 3'000 && bus.kept() < 2; ++look) {
    clock.sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(bus.kept(), 2U);
  relay.stop();
}

TEST(EventRelay, TriesAgainByItselfWhereTheStoreDoesNotAnswer) {
  server::SystemClock clock;
  CountedBus bus;
  bus.fail(3);
  bus.commit(1);
  EventRelay relay({bus, clock, server::log(), kDay});
  relay.start();
  for (int look = 0; look < 3'000 && bus.kept() < 1; ++look) {
    clock.sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(bus.kept(), 1U);
  EXPECT_EQ(bus.calls(), 4);
}

}  // namespace
}  // namespace weir::dagmanager
