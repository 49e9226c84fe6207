// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/guarded_topic_admin.h"

#include <gtest/gtest.h>

#include <memory>

#include "dagmanager/ports/faulty_topic_admin.h"
#include "dagmanager/ports/memory_topic_admin.h"
#include "tests/conformance/engines.h"
#include "tests/hand_clock.h"

namespace weir::dagmanager {
namespace {

using test::reason_of;

/// Topics whose calls are lost, or refused, or neither.
class Moody final : public TopicAdmin {
 public:
  Result<std::vector<CreateAnswer>> create(std::span<const TopicSpec>) override {
    return answer(std::vector<CreateAnswer>());
  }
  Result<std::vector<TopicSeen>> look(std::span<const graph::TopicName>) override {
    return answer(std::vector<TopicSeen>());
  }
  Result<std::vector<TopicSeen>> list() override { return answer(std::vector<TopicSeen>()); }
  Result<std::vector<std::optional<std::int64_t>>> sizes(
      std::span<const graph::TopicName>) override {
    return answer(std::vector<std::optional<std::int64_t>>());
  }
  Result<std::vector<bool>> remove(std::span<const graph::TopicName>) override {
    return answer(std::vector<bool>());
  }
  Result<int> broker_count() override { return answer(1); }
  Result<void> ping() override {
    ++calls;
    if (fault) return *fault;
    return {};
  }

  std::optional<Error> fault;
  int calls = 0;

 private:
  template <class Value>
  Result<Value> answer(Value value) {
    ++calls;
    if (fault) return *fault;
    return value;
  }
};

class GuardedTopicAdminTest : public testing::Test {
 protected:
  GuardedTopicAdminTest() {
    auto inner = std::make_unique<Moody>();
    inner_ = inner.get();
    guarded_ = std::make_unique<GuardedTopicAdmin>(std::move(inner), breaker_);
  }

  test::HandClock clock_;
  server::Breaker breaker_{"broker", clock_};
  Moody* inner_;
  std::unique_ptr<GuardedTopicAdmin> guarded_;
};

TEST_F(GuardedTopicAdminTest, AsksNoMoreAfterThreeFailuresAndAgainAfterAHealthyPing) {
  inner_->fault = base::unavailable("broker_unavailable", "the request was lost");
  EXPECT_EQ(reason_of(guarded_->list()), "broker_unavailable");
  inner_->fault = Error(Code::DeadlineExceeded, "broker_unavailable", "no answer");
  EXPECT_EQ(reason_of(guarded_->broker_count()), "broker_unavailable");
  EXPECT_EQ(reason_of(guarded_->create({})), "broker_unavailable");
  EXPECT_EQ(inner_->calls, 3);
  EXPECT_EQ(reason_of(guarded_->create({})), "broker_unavailable");
  EXPECT_EQ(reason_of(guarded_->look({})), "broker_unavailable");
  EXPECT_EQ(reason_of(guarded_->list()), "broker_unavailable");
  EXPECT_EQ(reason_of(guarded_->sizes({})), "broker_unavailable");
  EXPECT_EQ(reason_of(guarded_->remove({})), "broker_unavailable");
  EXPECT_EQ(reason_of(guarded_->broker_count()), "broker_unavailable");
  EXPECT_EQ(reason_of(guarded_->admits()), "broker_unavailable");
  EXPECT_EQ(inner_->calls, 3) << "none of them went out";
  inner_->fault.reset();
  EXPECT_EQ(reason_of(guarded_->ping()), "ok");
  EXPECT_EQ(reason_of(guarded_->admits()), "ok");
  EXPECT_EQ(reason_of(guarded_->create({})), "ok");
}

TEST_F(GuardedTopicAdminTest, ARefusalOfContentIsNoFailure) {
  inner_->fault = base::invalid_argument("name_illegal", "no such name");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(reason_of(guarded_->list()), "name_illegal");
  EXPECT_EQ(inner_->calls, 10);
  EXPECT_EQ(breaker_.state(), server::BreakerState::Closed);
}

}  // namespace
}  // namespace weir::dagmanager
