// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/monitors/alert_store.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

#include "dagmanager/core/monitors/alert_catalog.h"
#include "dagmanager/ports/loops/memory_loop_leases.h"
#include "dagmanager/ports/loops/postgres_loop_leases.h"
#include "dagmanager/ports/monitors/limits.h"
#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "dagmanager/ports/monitors/postgres_alert_store.h"
#include "drivers/postgres/pipeline.h"
#include "tests/conformance/postgres_engine.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

namespace weir::dagmanager {
namespace {

using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Instant at(int seconds) {
  return Instant(std::chrono::hours(450'000)) + std::chrono::seconds(seconds);
}

class AlertEngine {
 public:
  virtual ~AlertEngine() = default;
  virtual LoopLeases& loops() = 0;
  virtual AlertStore& store() = 0;
};

class MemoryAlerts final : public AlertEngine {
 public:
  LoopLeases& loops() override { return loops_; }
  AlertStore& store() override { return store_; }

 private:
  test::HandClock clock_;
  MemoryLoopLeases loops_{clock_};
  MemoryAlertStore store_{loops_};
};

class PostgresAlerts final : public AlertEngine {
 public:
  LoopLeases& loops() override { return loops_; }
  AlertStore& store() override { return store_; }

 private:
  test::PostgresGraph graph_;
  std::unique_ptr<test::PostgresInstance> instance_ = graph_.instance();
  PostgresLoopLeases loops_{instance_->pool()};
  PostgresAlertStore store_{instance_->pool()};
};

Condition condition_of(const std::string& subject, int second) {
  Condition condition = make_condition(kQueueLagHigh, subject, "behind by 5 s", at(second));
  condition.topic = subject;
  condition.node = "blake3:ab";
  return condition;
}

Alert alert_of(const std::string& id, const std::string& subject, int second) {
  return {.id = id + "0000000-0000-4000-8000-000000000000",
          .key = {std::string(kQueueLagHigh), subject},
          .detail = "behind by 5 s",
          .topic = subject,
          .node = "blake3:ab",
          .opened_at = at(second),
          .notices = {{.target = AlertTarget::Slack,
                       .kind = NoticeKind::Trigger,
                       .made_at = at(second),
                       .due = at(second)}}};
}

class AlertStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  AlertStoreTest() {
    if (GetParam() == test::Adapter::Memory) {
      engine_ = std::make_unique<MemoryAlerts>();
    } else {
      engine_ = std::make_unique<PostgresAlerts>();
    }
    const std::vector<LoopClaim> claims = {{kHealthLoop}};
    fence_ = {kHealthLoop, test::must(engine_->loops().renew("me", claims)).front().fence};
  }
  AlertBook read() { return test::must(engine_->store().read()); }
  void write(const AlertChange& change, int second = 0) {
    ASSERT_TRUE(succeeded(engine_->store().write(fence_, change, at(second))));
  }
  void raise(const std::vector<Condition>& conditions) {
    ASSERT_TRUE(succeeded(engine_->store().raise(conditions)));
  }

  std::unique_ptr<AlertEngine> engine_;
  LoopFence fence_;
};

TEST_P(AlertStoreTest, KeepsAConditionOnceAndMovesItsEndAheadOnly) {
  raise({condition_of("b", 1), condition_of("a", 2)});
  EXPECT_THAT(read().conditions, ElementsAre(condition_of("a", 2), condition_of("b", 1)));
  raise({condition_of("b", 9)});
  EXPECT_THAT(read().conditions, ElementsAre(condition_of("a", 2), condition_of("b", 9)));
  Condition shorter = condition_of("b", 10);
  shorter.until = at(0);
  raise({shorter});
  EXPECT_EQ(read().conditions[1].until, condition_of("b", 9).until) << "another sees it for longer";
}

TEST_P(AlertStoreTest, GivesBackWholeAlertsAsTheyWereWritten) {
  Alert first = alert_of("b", "x", 1);
  Alert second = alert_of("a", "y", 2);
  write({.put = {first, second}, .gone = {}});
  EXPECT_THAT(read().alerts, ElementsAre(first, second)) << "in the order they were opened";
  first.resolved_at = at(5);
  first.notices[0].state = NoticeState::Sent;
  first.notices[0].attempts = 3;
  first.notices[0].done_at = at(4);
  first.notices[0].error = "answered 503";
  first.notices.push_back({.target = AlertTarget::Slack,
                           .kind = NoticeKind::Resolve,
                           .state = NoticeState::Dead,
                           .made_at = at(5),
                           .due = at(6)});
  write({.put = {first}, .gone = {}});
  EXPECT_THAT(read().alerts, ElementsAre(first, second));
  first.notices.pop_back();
  first.resolved_at.reset();
  write({.put = {first}, .gone = {}});
  EXPECT_THAT(read().alerts, ElementsAre(first, second)) << "what was withdrawn is gone";
}

TEST_P(AlertStoreTest, ASettledAlertIsReadNoMore) {
  Alert alert = alert_of("a", "x", 1);
  alert.resolved_at = at(2);
  alert.settled = true;
  write({.put = {alert}, .gone = {}});
  EXPECT_THAT(read().alerts, IsEmpty());
  write({.put = {}, .gone = {}}, 100 * 24 * 3600);
  EXPECT_THAT(read().alerts, IsEmpty());
}

TEST_P(AlertStoreTest, AConditionThatIsSaidAgainMeanwhileIsNotTakenAway) {
  raise({condition_of("a", 1), condition_of("b", 1)});
  const std::vector<Condition> seen = read().conditions;
  raise({condition_of("a", 2)});
  write({.put = {}, .gone = seen});
  EXPECT_THAT(read().conditions, ElementsAre(condition_of("a", 2)));
}

TEST_P(AlertStoreTest, WritesNothingForOneWhoLostTheLoop) {
  raise({condition_of("a", 1)});
  const AlertChange change{.put = {alert_of("a", "a", 1)}, .gone = {condition_of("a", 1)}};
  EXPECT_EQ(reason_of(engine_->store().write({kHealthLoop, fence_.fence + 1}, change, at(1))),
            "loop_lost");
  ASSERT_TRUE(succeeded(engine_->loops().give_back("me")));
  EXPECT_EQ(reason_of(engine_->store().write(fence_, change, at(1))), "loop_lost");
  EXPECT_THAT(read().conditions, SizeIs(1));
  EXPECT_THAT(read().alerts, IsEmpty());
}

TEST_P(AlertStoreTest, KeepsAsManyConditionsAsThereIsRoomFor) {
  std::vector<Condition> many;
  for (std::size_t i = 0; i < kConditionsMax; ++i) {
    many.push_back(condition_of("t" + std::to_string(i), 1));
  }
  raise(many);
  raise({condition_of("one more", 1), condition_of("t7", 30)});
  const AlertBook book = read();
  EXPECT_EQ(book.conditions.size(), kConditionsMax);
  EXPECT_THAT(book.conditions, testing::Contains(condition_of("t7", 30)));
}

INSTANTIATE_TEST_SUITE_P(Adapters, AlertStoreTest, test::all_adapters(), test::adapter_name);

TEST(PostgresAlertStoreTest, AConditionOfATransactionComesWithItsCommit) {
  const test::PostgresGraph graph;
  const auto instance = graph.instance();
  PostgresAlertStore store(instance->pool());
  for (const bool commits : {false, true}) {
    const auto lease = test::must(instance->pool().acquire(std::chrono::seconds(5)));
    postgres::Pipeline pipeline(*lease);
    pipeline.begin();
    add_condition(pipeline, make_condition(kTopicRecreated, "raw.eod", "made anew", at(1)));
    if (commits) pipeline.commit();
    ASSERT_TRUE(succeeded(pipeline.run()));
    if (!commits) {
      ASSERT_TRUE(succeeded(lease->rollback()));
    }
    EXPECT_EQ(test::must(store.read()).conditions.size(), commits ? 1U : 0U);
  }
}

}  // namespace
}  // namespace weir::dagmanager
