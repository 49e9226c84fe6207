// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/timed_topic_admin.h"

#include <gmock/gmock.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/monitors/guarded_topic_admin.h"
#include "server/breaker.h"
#include "tests/hand_clock.h"

namespace weir::dagmanager {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// Topics whose calls take a millisecond more each time, and may fail.
class Slow final : public TopicAdmin {
 public:
  explicit Slow(Clock& clock) : clock_(clock) {}

  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec>) override {
    return take(std::vector<CreateAnswer>());
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName>) override {
    return take(std::vector<TopicSeen>());
  }
  Result<std::vector<TopicSeen>> list() override { return take(std::vector<TopicSeen>()); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName>) override {
    return take(std::vector<std::optional<std::int64_t>>());
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName>) override {
    return take(std::vector<bool>());
  }
  Result<int> broker_count() override { return take(3); }
  Result<void> ping() override {
    WEIR_CHECK(take(0));
    return {};
  }

  bool away = false;

 private:
  template <class Value>
  Result<Value> take(Value value) {
    clock_.sleep_for(++cost_);
    if (away) return base::unavailable("broker_unavailable", "nobody answers");
    return value;
  }

  Clock& clock_;
  milliseconds cost_{0};
};

class TimedTopicAdminTest : public testing::Test, public TopicCallObserver {
 protected:
  TimedTopicAdminTest() {
    auto slow = std::make_unique<Slow>(clock_);
    slow_ = slow.get();
    timed_ = std::make_unique<TimedTopicAdmin>(
        std::make_unique<GuardedTopicAdmin>(std::move(slow), breaker_), clock_, *this);
  }

  void topics_called(std::string_view call, Duration took) override {
    told_.emplace_back(call, std::chrono::duration_cast<milliseconds>(took));
  }

  test::HandClock clock_;
  server::Breaker breaker_{"broker", clock_};
  Slow* slow_ = nullptr;
  std::unique_ptr<TimedTopicAdmin> timed_;
  std::vector<std::pair<std::string, milliseconds>> told_;
};

TEST_F(TimedTopicAdminTest, TellsOfEachCallByNameHowLongItTook) {
  EXPECT_TRUE(timed_->create({}).ok());
  EXPECT_TRUE(timed_->look({}).ok());
  EXPECT_TRUE(timed_->list().ok());
  EXPECT_TRUE(timed_->sizes({}).ok());
  EXPECT_TRUE(timed_->remove({}).ok());
  EXPECT_EQ(*timed_->broker_count(), 3);
  EXPECT_TRUE(timed_->ping().ok());
  EXPECT_THAT(told_,
              ElementsAre(Pair("create", milliseconds(1)), Pair("look", milliseconds(2)),
                          Pair("list", milliseconds(3)), Pair("sizes", milliseconds(4)),
                          Pair("remove", milliseconds(5)), Pair("broker_count", milliseconds(6)),
                          Pair("ping", milliseconds(7))));
}

TEST_F(TimedTopicAdminTest, TellsOfCallsThatFailAndOfTheProbeButNotOfWhatTheBreakerRefuses) {
  slow_->away = true;
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(timed_->look({}).ok());
  EXPECT_FALSE(timed_->admits().ok());
  EXPECT_EQ(std::exchange(told_, {}).size(), 3U);
  EXPECT_FALSE(timed_->look({}).ok());
  EXPECT_THAT(told_, IsEmpty());
  EXPECT_FALSE(timed_->ping().ok());
  EXPECT_THAT(told_, ElementsAre(Pair("ping", milliseconds(4))));
}

}  // namespace
}  // namespace weir::dagmanager
