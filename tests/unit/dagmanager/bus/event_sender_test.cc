// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/bus/event_sender.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::string reason_of(const Result<std::size_t>& result) {
  return result.ok() ? "ok" : std::string(result.error().reason());
}

/// An outbox in a list.
class ListBus final : public ControlBus {
 public:
  void add(const std::string& key, std::size_t size = 10) {
    const auto number = static_cast<std::int64_t>(events_.size()) + 1;
    events_.push_back({.id = std::to_string(number),
                       .key_seq = number,
                       .created_at = {},
                       .event = {"queue", key, std::string(size, 'x')},
                       .number = number});
  }
  Result<std::vector<PendingEvent>> unsent(std::int64_t after, std::size_t /*limit*/) override {
    std::vector<PendingEvent> found;
    for (const PendingEvent& event : events_) {
      if (event.number > after && !done_.contains(event.number) && found.size() < page_) {
        found.push_back(event);
      }
    }
    return found;
  }
  Result<void> acknowledge(const LoopFence& fence, std::span<const std::int64_t> numbers,
                           Instant /*now*/) override {
    if (fence.fence != 1) return loop_lost(fence);
    done_.insert(numbers.begin(), numbers.end());
    return {};
  }
  Result<std::vector<PendingEvent>> pending(std::size_t /*limit*/) override { return unused(); }
  Result<OutboxBacklog> backlog() override { return unused(); }
  Result<std::size_t> publish(std::size_t /*limit*/, Instant /*now*/) override { return unused(); }
  Result<PrunedEvents> prune(Instant /*before*/, std::size_t /*limit*/) override {
    return unused();
  }

  std::vector<PendingEvent> events_;
  std::set<std::int64_t> done_;
  std::size_t page_ = 100;

 private:
  static Error unused() { return base::internal("not asked for here"); }
};

/// Gives outcomes in the reverse of the order of sending, as far as it may.
class BackwardWire final : public EventWire {
 public:
  Result<void> prepare() override { return {}; }
  Result<void> send(std::int64_t number, const ControlEvent& event) override {
    EXPECT_TRUE(under_way_keys_.insert(event.key).second) << "two of a key at once";
    under_way_.emplace_back(number, event.key);
    most_ = std::max(most_, under_way_.size());
    return {};
  }
  std::vector<SendOutcome> outcomes(Duration /*wait*/) override {
    const auto [number, key] = under_way_.back();
    under_way_.pop_back();
    under_way_keys_.erase(key);
    if (is_down_ || refused_.contains(number)) {
      const Code code = is_down_ ? Code::DeadlineExceeded : Code::Internal;
      return {{number, Error(code, "kafka_error", "no")}};
    }
    sent_[key].push_back(number);
    return {{number, {}}};
  }
  Result<void> ping() override { return {}; }

  bool is_down_ = false;
  std::set<std::int64_t> refused_;
  std::map<std::string, std::vector<std::int64_t>> sent_;
  std::size_t most_ = 0;

 private:
  std::deque<std::pair<std::int64_t, std::string>> under_way_;
  std::set<std::string> under_way_keys_;
};

class EventSenderTest : public testing::Test {
 protected:
  std::int64_t numbers_done() const { return static_cast<std::int64_t>(bus_.done_.size()); }

  test::HandClock clock_;
  server::Breaker breaker_{"bus", clock_};
  ListBus bus_;
  BackwardWire wire_;
  bool holds_ = true;
  int oversize_ = 0;
  EventSender sender_{{.bus = bus_,
                       .wire = wire_,
                       .breaker = breaker_,
                       .clock = clock_,
                       .log = server::log(),
                       .holds = [this](const LoopFence&) { return holds_; },
                       .oversize = [this] { ++oversize_; }}};
  const LoopFence fence_{.loop = "relay", .fence = 1};
};

TEST_F(EventSenderTest, SendsEachKeyInOrderAndKeysSideBySide) {
  for (int i = 0; i < 30; ++i) bus_.add("k" + std::to_string(i % 3));
  bus_.page_ = 7;
  EXPECT_EQ(test::must(sender_.run_once(fence_)), 30U);
  for (const auto& [key, numbers] : wire_.sent_) {
    EXPECT_EQ(numbers.size(), 10U);
    EXPECT_TRUE(std::ranges::is_sorted(numbers)) << key;
  }
  EXPECT_EQ(wire_.most_, 3U);
  EXPECT_EQ(numbers_done(), 30);
}

TEST_F(EventSenderTest, WhatCannotBeSentHoldsUpItsOwnKeyOnlyInLaterPagesToo) {
  for (int i = 0; i < 12; ++i) bus_.add(i % 2 == 0 ? "a" : "b");
  wire_.refused_ = {3};
  bus_.page_ = 5;
  EXPECT_FALSE(sender_.run_once(fence_).ok());
  EXPECT_THAT(wire_.sent_["a"], ElementsAre(1));
  EXPECT_THAT(wire_.sent_["b"], ElementsAre(2, 4, 6, 8, 10, 12));
  EXPECT_EQ(breaker_.state(), server::BreakerState::Closed);
  wire_.refused_.clear();
  EXPECT_EQ(test::must(sender_.run_once(fence_)), 5U);
  EXPECT_THAT(wire_.sent_["a"], ElementsAre(1, 3, 5, 7, 9, 11));
}

TEST_F(EventSenderTest, ABusThatIsAwayOpensItsBreakerAndLosesNothing) {
  for (int i = 0; i < 20; ++i) bus_.add("k" + std::to_string(i));
  wire_.is_down_ = true;
  bus_.page_ = 10;
  EXPECT_FALSE(sender_.run_once(fence_).ok());
  EXPECT_EQ(breaker_.state(), server::BreakerState::Open);
  EXPECT_EQ(reason_of(sender_.run_once(fence_)), "breaker_open");
  EXPECT_EQ(numbers_done(), 0);
  wire_.is_down_ = false;
  breaker_.succeeded();
  EXPECT_EQ(test::must(sender_.run_once(fence_)), 20U);
}

TEST_F(EventSenderTest, WhatIsTooLargeIsPassedOverAndCounted) {
  bus_.add("a");
  bus_.add("a", kEnvelopeBytesMax + 1);
  bus_.add("a", kEnvelopeBytesMax);
  EXPECT_EQ(test::must(sender_.run_once(fence_)), 2U);
  EXPECT_THAT(wire_.sent_["a"], ElementsAre(1, 3));
  EXPECT_EQ(oversize_, 1);
  EXPECT_EQ(numbers_done(), 3);
}

TEST_F(EventSenderTest, WhoHoldsTheLoopNoMoreSendsAndRecordsNothing) {
  bus_.add("a");
  holds_ = false;
  EXPECT_EQ(test::must(sender_.run_once(fence_)), 0U);
  EXPECT_THAT(wire_.sent_, IsEmpty());
  holds_ = true;
  EXPECT_EQ(reason_of(sender_.run_once({.loop = "relay", .fence = 2})), kLoopLost);
  EXPECT_EQ(numbers_done(), 0);
}

}  // namespace
}  // namespace weir::dagmanager
