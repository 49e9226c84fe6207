// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "dagmanager/event_relay.h"
#include "server/log.h"
#include "tests/conformance/graph_cases.h"
#include "tests/conformance/postgres_engine.h"

namespace weir::dagmanager {
namespace {

using test::at;
using test::Diff;
using test::make_binding;
using test::make_node;
using test::PostgresInstance;
using test::succeeded;

constexpr std::size_t kAllOfThem = 100'000;

/// Looks until it is so, at most half a minute.
template <class Condition>
void eventually(const Condition& condition) {
  for (int look = 0; look < 3'000 && !condition(); ++look) {
    test::real_clock().sleep_for(std::chrono::milliseconds(10));
  }
  ASSERT_TRUE(condition());
}

class PostgresEventsTest : public testing::Test {
 protected:
  void commit(PostgresInstance& instance, const std::string& name) {
    ASSERT_TRUE(succeeded(Diff(instance.store(), binding_, {make_node(name)}).run()));
  }
  std::int64_t newest(PostgresInstance& instance) {
    const auto page = instance.events().read("graph", 0, 1);
    EXPECT_TRUE(succeeded(page));
    return page.ok() ? page->newest : -1;
  }

  test::PostgresGraph graph_;
  std::shared_ptr<const BindingContext> binding_ = make_binding("s1", "w1");
};

TEST_F(PostgresEventsTest, SeveralInstancesGiveEachEventOneNumber) {
  constexpr int kPublishers = 4;
  constexpr int kDiffs = 60;
  std::vector<std::unique_ptr<PostgresInstance>> instances;
  for (int i = 0; i < kPublishers; ++i) instances.push_back(graph_.instance());
  std::atomic<bool> done = false;
  std::vector<std::thread> publishers;
  std::atomic<std::size_t> published = 0;
  for (auto& instance : instances) {
    publishers.emplace_back([&] {
      while (true) {
        const bool last = done;
        const auto some = instance->bus().publish(3, at(1));
        ASSERT_TRUE(succeeded(some));
        published += *some;
        if (last && *some == 0) return;
      }
    });
  }
  const auto writer = graph_.instance();
  for (int i = 0; i < kDiffs; ++i) commit(*writer, "a" + std::to_string(i));
  done = true;
  for (std::thread& publisher : publishers) publisher.join();
  EXPECT_EQ(published, static_cast<std::size_t>(kDiffs));
  const auto page = writer->events().read("graph", 0, kAllOfThem);
  ASSERT_TRUE(succeeded(page));
  ASSERT_EQ(page->events.size(), static_cast<std::size_t>(kDiffs));
  for (int i = 0; i < kDiffs; ++i) {
    EXPECT_EQ(page->events[static_cast<std::size_t>(i)].number, i + 1);
  }
  // In the order of the commits.
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.outbox WHERE number <> key_seq"),
            0);
}

TEST_F(PostgresEventsTest, AnInstancePublishesWhatAnotherCommittedAndItsReadersAreTold) {
  const auto writer = graph_.instance();  // has no relay: it was killed after its commit
  const auto other = graph_.instance();
  std::atomic<int> told = 0;
  EventRelay relay({other->bus(), test::real_clock(), server::log(), std::chrono::hours(24)});
  relay.start();
  other->bell().start({.written = [&] { relay.nudge(); }, .published = [&] { ++told; }});
  commit(*writer, "a");
  eventually([&] { return newest(*other) == 1; });
  eventually([&] { return told >= 2; });  // at the start, and for this one
  other->bell().stop();
  relay.stop();
}

TEST_F(PostgresEventsTest, ABellWhoseSessionIsEndedHearsOfWhatCameMeanwhile) {
  const auto instance = graph_.instance();
  EventRelay relay({instance->bus(), test::real_clock(), server::log(), std::chrono::hours(24)});
  relay.start();
  instance->bell().start({.written = [&] { relay.nudge(); }, .published = [] {}});
  const auto writer = graph_.instance();
  for (int i = 1; i <= 3; ++i) {
    commit(*writer, "a" + std::to_string(i));
    graph_.kill_sessions();
    eventually([&] { return newest(*instance) == i; });
  }
  instance->bell().stop();
  relay.stop();
}

TEST_F(PostgresEventsTest, APageHasAsMuchAsIsGoodForTheReaderAndOneEventAtLeast) {
  const auto instance = graph_.instance();
  for (int i = 0; i < 3; ++i) commit(*instance, "a" + std::to_string(i));
  ASSERT_TRUE(succeeded(instance->bus().publish(kAllOfThem, at(1))));
  // Each as large as a whole page.
  graph_.script("UPDATE weir_dagmanager.outbox SET queue_ids = decode(repeat('01', 70000), 'hex')");
  for (std::int64_t after = 0; after < 3; ++after) {
    const auto page = instance->events().read("graph", after, kAllOfThem);
    ASSERT_TRUE(succeeded(page));
    ASSERT_EQ(page->events.size(), 1U);
    EXPECT_EQ(page->events.front().number, after + 1);
    EXPECT_EQ(page->newest, 3);
  }
}

}  // namespace
}  // namespace weir::dagmanager
