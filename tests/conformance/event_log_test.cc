// SPDX-License-Identifier: Apache-2.0
#include "server/events/event_log.h"

#include <gmock/gmock.h>

#include <chrono>
#include <condition_variable>
#include <limits>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "dagmanager/ports/control_bus.h"
#include "dagmanager/ports/loops/loop_leases.h"
#include "tests/conformance/graph_cases.h"

namespace weir::dagmanager {
namespace {

using nlohmann::json;
using server::EventPage;
using server::StreamEvent;
using test::at;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_sentinel;
using test::succeeded;

constexpr std::size_t kEnough = 1000;

/// Counts what a bell rings.
class Rings {
 public:
  EventBell::Calls calls() {
    return {.written = [this] { add(written_); }, .published = [this] { add(published_); }};
  }
  /// Waits until both were rung at least so often.
  bool wait_for(int written, int published) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(30),
                             [&] { return written_ >= written && published_ >= published; });
  }
  std::pair<int, int> counts() {
    const std::scoped_lock lock(mutex_);
    return {written_, published_};
  }

 private:
  void add(int& count) {
    const std::scoped_lock lock(mutex_);
    ++count;
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  int written_ = 0;
  int published_ = 0;
};

class DagEventLogTest : public testing::TestWithParam<test::Adapter> {
 protected:
  DagEventLogTest()
      : engine_(test::make_graph_engine(GetParam())),
        store_(engine_->store()),
        bus_(engine_->bus()),
        log_(engine_->events()) {}

  EventPage read(std::int64_t after, std::size_t limit = kEnough) {
    auto page = log_.read("graph", after, limit);
    EXPECT_TRUE(succeeded(page));
    return page.ok() ? *std::move(page) : EventPage();
  }
  std::size_t publish(int second, std::size_t limit = kEnough) {
    const auto published = bus_.publish(limit, at(second));
    EXPECT_TRUE(succeeded(published));
    return published.ok() ? *published : 0;
  }
  PrunedEvents prune(int before, std::size_t limit = kEnough) {
    const auto pruned = bus_.prune(at(before), limit);
    EXPECT_TRUE(succeeded(pruned));
    return pruned.ok() ? *pruned : PrunedEvents();
  }
  /// One event each.
  void commit_nodes(int from, int to) {
    for (int i = from; i < to; ++i) {
      ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a" + std::to_string(i))}).run()));
    }
  }

  std::unique_ptr<test::GraphEngine> engine_;
  GraphStore& store_;
  ControlBus& bus_;
  server::EventLog& log_;
  std::shared_ptr<const BindingContext> binding_ = make_binding("s1", "w1");
};

std::vector<std::int64_t> numbers_of(const EventPage& page) {
  std::vector<std::int64_t> numbers;
  for (const StreamEvent& event : page.events) numbers.push_back(event.number);
  return numbers;
}

TEST_P(DagEventLogTest, IsEmptyAtFirst) {
  const EventPage page = read(0);
  EXPECT_EQ(page.newest, 0);
  EXPECT_EQ(page.oldest, 1);
  EXPECT_TRUE(page.events.empty());
  EXPECT_EQ(publish(1), 0U);
  EXPECT_EQ(prune(1).removed, 0U);
  EXPECT_FALSE(prune(1).oldest.has_value());
}

TEST_P(DagEventLogTest, ShowsNothingThatWasNotPublished) {
  commit_nodes(0, 2);
  EXPECT_TRUE(read(0).events.empty());
  EXPECT_EQ(read(0).newest, 0);
  EXPECT_EQ(bus_.backlog()->pending, 2U);
  EXPECT_EQ(publish(1), 2U);
  EXPECT_EQ(read(0).newest, 2);
  EXPECT_EQ(bus_.backlog()->pending, 0U);
  EXPECT_TRUE(bus_.pending(kEnough)->empty());
}

TEST_P(DagEventLogTest, WhereABusIsANumberWaitsForItsAcknowledgement) {
  ControlBus& bus = engine_->sending_bus();
  const LoopFence fence = test::hold_loop(engine_->loops(), "relay");
  commit_nodes(0, 4);
  EXPECT_EQ(bus.backlog()->pending, 4U);
  ASSERT_EQ(test::must(bus.publish(kEnough, at(1))), 4U);
  EXPECT_EQ(test::must(bus.publish(kEnough, at(2))), 0U) << "their numbers are theirs";
  EXPECT_EQ(bus.backlog()->pending, 4U);
  const auto unsent = test::must(bus.unsent(0, kEnough));
  ASSERT_EQ(unsent.size(), 4U);
  const auto told = read(0).events;
  ASSERT_EQ(told.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(unsent[i].number, told[i].number);
    EXPECT_EQ(unsent[i].event.envelope, told[i].envelope);
  }
  EXPECT_EQ(test::must(bus.unsent(2, 1)).front().number, 3);

  const std::vector<std::int64_t> done = {1, 3};
  ASSERT_TRUE(succeeded(bus.acknowledge(fence, done, at(3))));
  ASSERT_TRUE(succeeded(bus.acknowledge(fence, done, at(4)))) << "again";
  EXPECT_EQ(bus.backlog()->pending, 2U);
  const auto left = test::must(bus.unsent(0, kEnough));
  ASSERT_EQ(left.size(), 2U);
  EXPECT_EQ(left[0].id, unsent[1].id);
  EXPECT_EQ(left[1].number, 4);

  EXPECT_EQ(test::must(bus.prune(at(100), kEnough)).removed, 1U) << "up to the first that waits";
  const std::vector<std::int64_t> rest = {2, 4};
  ASSERT_TRUE(succeeded(bus.acknowledge(fence, rest, at(5))));
  EXPECT_EQ(bus.backlog()->pending, 0U);
  EXPECT_EQ(test::must(bus.prune(at(100), kEnough)).removed, 3U);
}

TEST_P(DagEventLogTest, OnlyTheHolderOfTheLoopAcknowledges) {
  ControlBus& bus = engine_->sending_bus();
  LoopFence fence = test::hold_loop(engine_->loops(), "relay");
  commit_nodes(0, 1);
  ASSERT_EQ(test::must(bus.publish(kEnough, at(1))), 1U);
  ++fence.fence;
  const std::vector<std::int64_t> done = {1};
  EXPECT_EQ(test::reason_of(bus.acknowledge(fence, done, at(2))), kLoopLost);
  EXPECT_EQ(bus.backlog()->pending, 1U);
}

TEST_P(DagEventLogTest, NumbersWhatWaitsInOrderAndWithoutAGap) {
  commit_nodes(0, 5);
  const auto waiting = bus_.pending(kEnough);
  ASSERT_TRUE(succeeded(waiting));
  EXPECT_EQ(publish(1, 2), 2U);
  EXPECT_EQ(publish(2, 2), 2U);
  commit_nodes(5, 7);
  EXPECT_EQ(publish(3), 3U);
  const EventPage page = read(0);
  EXPECT_THAT(numbers_of(page), testing::ElementsAre(1, 2, 3, 4, 5, 6, 7));
  for (std::size_t i = 0; i < waiting->size(); ++i) {
    EXPECT_EQ(page.events[i].envelope, (*waiting)[i].event.envelope) << i;
  }
}

TEST_P(DagEventLogTest, GivesTheSameEventUnderTheSameNumberEachTime) {
  commit_nodes(0, 6);
  publish(1);
  const EventPage all = read(0);
  EXPECT_THAT(numbers_of(read(2, 3)), testing::ElementsAre(3, 4, 5));
  EXPECT_THAT(numbers_of(read(5, 3)), testing::ElementsAre(6));
  EXPECT_TRUE(read(6).events.empty());
  EXPECT_TRUE(read(std::numeric_limits<std::int64_t>::max()).events.empty());
  const EventPage some = read(2, 3);
  for (std::size_t i = 0; i < some.events.size(); ++i) {
    EXPECT_EQ(some.events[i].envelope, all.events[i + 2].envelope);
  }
}

TEST_P(DagEventLogTest, SaysWhatAnEventIsAndWhichWorldItIsAbout) {
  commit_nodes(0, 1);
  Diff diff(store_, make_binding("s1", "w2"), {}, at(60));
  diff.view().change().deploy = make_deploy(*make_binding("s1", "w2"), "v1", {}, at(60));
  diff.change().sentinel = make_sentinel(*diff.change().deploy, 0.5);
  ASSERT_TRUE(succeeded(diff.commit()));
  publish(1);
  const EventPage page = read(0);
  ASSERT_EQ(page.events.size(), 2U);
  EXPECT_EQ(page.events[0].type, "queue_updated");
  EXPECT_EQ(page.events[0].world, "w1");
  EXPECT_EQ(page.events[1].type, "sentinel_weight_updated");
  EXPECT_EQ(page.events[1].world, "w2");
  for (const StreamEvent& event : page.events) {
    EXPECT_EQ(json::parse(event.envelope)["type"], event.type);
    EXPECT_EQ(event.envelope.find('\n'), std::string::npos);
  }
}

TEST_P(DagEventLogTest, ForgetsWhatIsPastItsTimeAndNothingThatWaits) {
  commit_nodes(0, 2);
  publish(10);
  commit_nodes(2, 4);
  publish(20);
  commit_nodes(4, 5);
  EXPECT_EQ(prune(10).removed, 0U);
  EXPECT_EQ(prune(10).oldest, at(10));
  const PrunedEvents pruned = prune(20);
  EXPECT_EQ(pruned.removed, 2U);
  EXPECT_EQ(pruned.oldest, at(20));
  EXPECT_EQ(read(0).oldest, 3);
  EXPECT_EQ(read(0).newest, 4);
  EXPECT_THAT(numbers_of(read(0)), testing::ElementsAre(3, 4));
  EXPECT_EQ(prune(1000, 1).removed, 1U);
  EXPECT_EQ(prune(1000, 1).removed, 1U);
  EXPECT_EQ(prune(1000).removed, 0U);
  EXPECT_EQ(read(0).oldest, 5);
  EXPECT_EQ(read(0).newest, 4);
  EXPECT_EQ(publish(30), 1U);
  EXPECT_THAT(numbers_of(read(0)), testing::ElementsAre(5));
}

TEST_P(DagEventLogTest, RingsForWhatIsCommittedAndForWhatIsPublished) {
  Rings rings;
  EventBell& bell = engine_->bell();
  bell.start(rings.calls());
  ASSERT_TRUE(rings.wait_for(1, 1));  // for what came before
  commit_nodes(0, 1);
  ASSERT_TRUE(rings.wait_for(2, 1));
  publish(1);
  ASSERT_TRUE(rings.wait_for(2, 2));
  bell.stop();
  const auto last = rings.counts();
  commit_nodes(1, 2);
  publish(1);
  EXPECT_EQ(rings.counts(), last);
}

INSTANTIATE_TEST_SUITE_P(Adapters, DagEventLogTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
