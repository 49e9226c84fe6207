// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/monitors/watchers.h"

#include <gmock/gmock.h>

#include <atomic>
#include <string>

#include "dagmanager/core/monitors/alert_catalog.h"
#include "server/system_clock.h"
#include "tests/hand_clock.h"
#include "tests/unit/dagmanager/monitors/recording_receiver.h"

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

/// A store beside a graph that may be away.
class AwayStore final : public AlertStore {
 public:
  explicit AwayStore(AlertStore& inner) : inner_(inner) {}
  Result<void> raise(std::span<const Condition> conditions) override {
    if (away) return base::unavailable("graph_unavailable", "no store");
    return inner_.raise(conditions);
  }
  Result<AlertBook> read() override { return inner_.read(); }
  Result<void> write(const LoopFence& fence, const AlertChange& change, Instant now) override {
    return inner_.write(fence, change, now);
  }

  std::atomic<bool> away = false;

 private:
  AlertStore& inner_;
};

class HealthWatchTest : public testing::Test {
 protected:
  std::vector<std::string> raised() {
    std::vector<std::string> keys;
    for (const Condition& one : weir::test::must(alerts_.read()).conditions) {
      keys.push_back(dedup_key(one.key));
    }
    return keys;
  }
  std::vector<std::string> raised_of_its_own() {
    std::vector<std::string> keys;
    for (const Condition& one : weir::test::must(own_.read()).conditions) {
      keys.push_back(dedup_key(one.key));
    }
    return keys;
  }
  static void open(server::Breaker& breaker) {
    for (int i = 0; i < 3; ++i) breaker.failed();
  }

  weir::test::HandClock clock_;
  MemoryLoopLeases loops_{clock_};
  MemoryAlertStore alerts_{loops_};
  MemoryAlertStore own_{loops_};
  AwayStore shared_{alerts_};
  server::Breaker graph_{"graph", clock_};
  server::Breaker broker_{"broker", clock_};
  DiffFigures figures_;
  HealthWatch watch_{{.shared = shared_,
                      .own = own_,
                      .graph = &graph_,
                      .broker = &broker_,
                      .figures = [this] { return figures_; },
                      .clock = clock_,
                      .instance = "i1"}};
};

TEST_F(HealthWatchTest, SaysNothingWhileAllIsWell) {
  figures_ = {.diffs = 100, .ack_timeouts = 0, .p95_milliseconds = 199};
  ASSERT_TRUE(watch_.look().ok());
  EXPECT_THAT(raised(), IsEmpty());
  EXPECT_THAT(raised_of_its_own(), IsEmpty());
}

TEST_F(HealthWatchTest, KeepsWhatIsAboutTheGraphStoreOutOfIt) {
  open(graph_);
  shared_.away = true;
  ASSERT_TRUE(watch_.look().ok());
  EXPECT_THAT(raised_of_its_own(), ElementsAre("weir:GraphLeaderDown:graph"));
  EXPECT_THAT(raised(), IsEmpty());
}

TEST_F(HealthWatchTest, SaysThatTheTopicEngineIsAwayForAsLongAsItIs) {
  open(broker_);
  ASSERT_TRUE(watch_.look().ok());
  const Instant until = weir::test::must(alerts_.read()).conditions[0].until;
  EXPECT_THAT(raised(), ElementsAre("weir:BrokerSessionLost:broker"));
  clock_.sleep_for(std::chrono::seconds(5));
  ASSERT_TRUE(watch_.look().ok());
  EXPECT_EQ(weir::test::must(alerts_.read()).conditions[0].until, until + std::chrono::seconds(5));
  broker_.succeeded();
  clock_.sleep_for(std::chrono::seconds(5));
  ASSERT_TRUE(watch_.look().ok());
  EXPECT_EQ(weir::test::must(alerts_.read()).conditions[0].until, until + std::chrono::seconds(5));
}

TEST_F(HealthWatchTest, SaysOnceOfEachTimeoutAlsoWhenTheStoreIsAwayMeanwhile) {
  figures_.ack_timeouts = 2;
  shared_.away = true;
  EXPECT_EQ(watch_.look().error().reason(), "graph_unavailable");
  shared_.away = false;
  ASSERT_TRUE(watch_.look().ok());
  const auto conditions = weir::test::must(alerts_.read()).conditions;
  ASSERT_THAT(conditions, SizeIs(1));
  EXPECT_EQ(dedup_key(conditions[0].key), "weir:DiffStreamStalled:i1");
  clock_.sleep_for(std::chrono::seconds(5));
  ASSERT_TRUE(watch_.look().ok());
  EXPECT_EQ(weir::test::must(alerts_.read()).conditions[0].until, conditions[0].until);
}

TEST_F(HealthWatchTest, SaysThatDiffsAreSlowOnlyWhileThereAreDiffs) {
  figures_ = {.diffs = 1, .ack_timeouts = 0, .p95_milliseconds = 201};
  ASSERT_TRUE(watch_.look().ok());
  const auto conditions = weir::test::must(alerts_.read()).conditions;
  ASSERT_THAT(conditions, SizeIs(1));
  EXPECT_THAT(conditions[0].detail, HasSubstr("201 ms"));
  clock_.sleep_for(std::chrono::seconds(5));
  ASSERT_TRUE(watch_.look().ok());
  EXPECT_EQ(weir::test::must(alerts_.read()).conditions[0].until, conditions[0].until);
}

class Counted final : public NoticeObserver, public LoopObserver {
 public:
  void notice_sent(AlertTarget /*target*/, bool /*sent*/) override {
    ++sent;
    sent.notify_all();
  }
  void loop_ran(const std::string& /*loop*/, Instant /*at*/) override {}
  void loop_failed(const std::string& /*loop*/) override {}

  std::atomic<int> sent = 0;
};

TEST(WatchersTest, TellsOfTheGraphStoreFromMemoryAndOfAllElseFromTheStore) {
  server::SystemClock clock;
  server::SystemRandom random;
  test::RecordingReceiver pager;
  test::RecordingReceiver chat;
  MemoryLoopLeases rows(clock);
  MemoryAlertStore alerts(rows);
  LoopKeeper keeper({rows, clock, server::log(), "i1"});
  server::Breaker graph("graph", clock);
  server::Breaker broker("broker", clock);
  Counted counted;
  const auto watchers = weir::test::must(Watchers::create(
      {.alerts = alerts,
       .keeper = keeper,
       .loops = counted,
       .notices = counted,
       .clock = clock,
       .random = random,
       .log = server::log(),
       .instance = "i1",
       .routes = {{.target = AlertTarget::Pagerduty, .url = server::Secret(pager.url())},
                  {.target = AlertTarget::Slack, .url = server::Secret(chat.url())}},
       .graph = &graph,
       .broker = &broker,
       .figures = [] { return DiffFigures{}; }}));
  EXPECT_EQ(watchers->breakers().size(), 2U);
  for (int i = 0; i < 3; ++i) {
    graph.failed();
    broker.failed();
  }
  watchers->start();
  keeper.start();
  for (int now = counted.sent; now < 2; now = counted.sent) {
    counted.sent.wait(now);
  }
  watchers->stop();
  keeper.stop();
  ASSERT_THAT(pager.taken(), SizeIs(1));
  EXPECT_THAT(pager.taken()[0].body, HasSubstr("weir:GraphLeaderDown:graph"));
  ASSERT_THAT(chat.taken(), SizeIs(1));
  EXPECT_THAT(chat.taken()[0].body, HasSubstr("Kafka session lost"));
}

}  // namespace
}  // namespace weir::dagmanager
