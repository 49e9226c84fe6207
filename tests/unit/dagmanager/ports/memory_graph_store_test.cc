// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_graph_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "dagmanager/ports/limits.h"
#include "dagmanager/ports/memory_snapshot.h"

namespace weir::dagmanager {
namespace {

using ::testing::SizeIs;

constexpr Instant kNow(std::chrono::hours(1));

std::shared_ptr<const BindingContext> binding(const std::string& world) {
  graph::ComputeContext context;
  context.world_id = world;
  context.execution_domain = "live";
  return std::make_shared<const BindingContext>(context, graph::Namespace(world + ".live"),
                                                graph::StrategyId("s"));
}

/// What the conformance suite of the port leaves to the memory store: its file, its window of
/// remembered epochs, its event retention, and threads.
class MemoryGraphStoreTest : public ::testing::Test {
 protected:
  MemoryGraphStoreTest()
      : folder_(std::filesystem::temp_directory_path() /
                ("weir-store-" + std::to_string(::getpid()) + "-" +
                 ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(folder_);
    options_.path = (folder_ / "graph").string();
  }
  ~MemoryGraphStoreTest() override { std::filesystem::remove_all(folder_); }

  std::unique_ptr<MemoryGraphStore> open() {
    auto store = MemoryGraphStore::open(options_, random_);
    EXPECT_TRUE(store.ok()) << store.error().describe();
    return *std::move(store);
  }

  /// Adds a node with a queue, on the view of epoch `base`.
  static Result<Committed> add(GraphStore& store, const std::string& name, Epoch base,
                               Instant at = kNow, const std::vector<std::string>& others = {}) {
    IntentBatch batch{
        .diff_id = "d", .binding = binding("w"), .intents = {}, .new_nodes = 1, .at = at};
    batch.intents.push_back({.topic = graph::TopicName("w.live." + name),
                             .type = graph::TopicType::Indicator,
                             .shape = {},
                             .node = graph::NodeId(name),
                             .binding_key = graph::BindingKey("key-" + name),
                             .compute_key = graph::ComputeKey("key-" + name),
                             .gives_up = {}});
    WEIR_TRY(const Reservation reservation, store.reserve(batch));
    GraphChange change;
    change.base = base;
    change.binding = batch.binding;
    change.at = at;
    change.dag_nodes = others;
    change.dag_nodes.push_back(name);
    NodeRecord node;
    node.row = reservation.node_rows.front();
    node.id = graph::NodeId(name);
    node.tags = {"tag"};
    node.parts.interval = 60;
    change.nodes.push_back(node);
    QueuePromotion promotion;
    promotion.queue = reservation.outcomes.front().queue;
    promotion.node = node.row;
    change.queues.push_back(promotion);
    return store.commit(change);
  }

  static Epoch epoch(GraphStore& store) { return store.read(nullptr)->epoch(); }

  std::filesystem::path folder_;
  MemoryStoreOptions options_;
  base::SeededRandom random_{1};
};

TEST_F(MemoryGraphStoreTest, FindsEverythingThereAfterARestart) {
  {
    const auto store = open();
    ASSERT_TRUE(add(*store, "a", 0).ok());
    ASSERT_TRUE(add(*store, "b", 1).ok());
  }
  const auto store = open();
  const auto view = store->read(nullptr);
  EXPECT_EQ(view->epoch(), 2);
  EXPECT_EQ(view->index().node_count(), 2U);
  EXPECT_EQ(view->index().queue_count(), 2U);
  EXPECT_NE(view->index().queue_by_topic(graph::TopicKey("w_live_b")), nullptr);
  EXPECT_EQ(store->backlog().pending, 0U) << "they have their numbers";
}

TEST_F(MemoryGraphStoreTest, FindsAnIntentThereAfterACrash) {
  IntentBatch batch{
      .diff_id = "d", .binding = binding("w"), .intents = {}, .new_nodes = 0, .at = kNow};
  batch.intents.push_back({.topic = graph::TopicName("t"),
                           .type = graph::TopicType::Raw,
                           .shape = {},
                           .node = graph::NodeId("n"),
                           .binding_key = graph::BindingKey("k"),
                           .compute_key = graph::ComputeKey("k"),
                           .gives_up = {}});
  RowId row = 0;
  {
    const auto store = open();
    row = store->reserve(batch)->outcomes.front().queue;
  }
  const auto store = open();
  const auto again = store->reserve(batch);
  EXPECT_EQ(again->outcomes.front().queue, row);
  EXPECT_TRUE(again->outcomes.front().joined);
}

TEST_F(MemoryGraphStoreTest, StopsTheStartAtADamagedFile) {
  {
    ASSERT_TRUE(add(*open(), "a", 0).ok());
  }
  std::filesystem::resize_file(options_.path, std::filesystem::file_size(options_.path) - 1);
  const auto store = MemoryGraphStore::open(options_, random_);
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().reason(), "snapshot_damaged");
}

TEST_F(MemoryGraphStoreTest, KeepsOthersFromItsFile) {
  {
    const auto store = open();
    const auto second = MemoryGraphStore::open(options_, random_);
    ASSERT_FALSE(second.ok());
    EXPECT_EQ(second.error().reason(), "snapshot_in_use");
  }
  EXPECT_TRUE(MemoryGraphStore::open(options_, random_).ok());
}

TEST_F(MemoryGraphStoreTest, WritesNothingWithoutAPath) {
  options_.path.clear();
  ASSERT_TRUE(add(*open(), "a", 0).ok());
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(MemoryGraphStoreTest, AnswersNothingThatItsFileDoesNotHold) {
  auto store = open();
  ASSERT_TRUE(add(*store, "a", 0).ok());
  std::filesystem::create_directories(options_.path + ".new");  // nothing can be written now
  const auto failed = add(*store, "b", 1);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().reason(), "graph_unavailable");
  EXPECT_EQ(store->ping().error().reason(), "graph_unavailable");
  EXPECT_EQ(store->read(nullptr).error().reason(), "graph_unavailable");

  std::filesystem::remove(options_.path + ".new");
  EXPECT_TRUE(store->read(nullptr).ok()) << "written with the next read";
  EXPECT_TRUE(store->ping().ok());
  EXPECT_TRUE(add(*store, "b", 1).ok());
  store.reset();
  EXPECT_EQ(epoch(*open()), 2);
}

TEST_F(MemoryGraphStoreTest, DecidesAnewWhenTheBaseIsOlderThanItRemembers) {
  options_.path.clear();
  const auto store = open();
  for (std::size_t i = 0; i <= kTouchedEpochsMax; ++i) {
    ASSERT_TRUE(add(*store, "n" + std::to_string(i), static_cast<Epoch>(i)).ok());
  }
  EXPECT_TRUE(add(*store, "young", 1).ok());
  const auto old = add(*store, "old", 0);
  ASSERT_FALSE(old.ok());
  EXPECT_EQ(old.error().reason(), "graph_moved");
}

TEST_F(MemoryGraphStoreTest, TrustsNoBaseFromBeforeARestart) {
  {
    ASSERT_TRUE(add(*open(), "a", 0).ok());
  }
  const auto store = open();
  EXPECT_EQ(add(*store, "b", 0).error().reason(), "graph_moved");
  EXPECT_TRUE(add(*store, "b", 1).ok());
}

TEST_F(MemoryGraphStoreTest, GivesEventsTheSameNumbersAfterARestart) {
  {
    const auto store = open();
    MemoryControlBus bus(*store, "queue");
    ASSERT_TRUE(add(*store, "a", 0, kNow).ok());
    ASSERT_EQ(*bus.publish(10, kNow), 1U);
    ASSERT_TRUE(add(*store, "b", 1, kNow).ok());  // nobody published it
  }
  const auto store = open();
  MemoryControlBus bus(*store, "queue");
  MemoryEventLog log(*store, "queue");
  const auto page = log.read("graph", 1, 10);
  EXPECT_EQ(page->newest, 2);
  ASSERT_THAT(page->events, SizeIs(1));
  EXPECT_EQ(page->events.front().number, 2);
  EXPECT_THAT(page->events.front().envelope, testing::HasSubstr("w.live.b"));
  ASSERT_TRUE(add(*store, "c", 2, kNow).ok());
  EXPECT_EQ(*bus.publish(10, kNow + std::chrono::hours(30)), 1U);
  EXPECT_EQ(log.read("graph", 2, 10)->events.front().number, 3);
  // Kept as long as if it had been published at the start.
  EXPECT_EQ(bus.prune(kNow + std::chrono::hours(30), 10)->removed, 0U);
  EXPECT_EQ(bus.prune(kNow + std::chrono::hours(31), 10)->removed, 3U);
}

TEST_F(MemoryGraphStoreTest, KeepsTheAuditOverARestart) {
  const WeightChange change{.request = {.sentinel = graph::SentinelId("s-sentinel"), .weight = 0.5},
                            .actor = "somebody",
                            .at = kNow};
  const auto deploy = [&](MemoryGraphStore& store) {
    SentinelRecord sentinel;
    sentinel.id = graph::SentinelId("s-sentinel");
    sentinel.world = graph::WorldId("w");
    sentinel.version = graph::VersionLabel("v1");
    GraphChange stored;
    stored.at = kNow;
    stored.sentinel = sentinel;
    ASSERT_TRUE(store.commit(stored).ok());
  };
  {
    const auto store = open();
    deploy(*store);
    ASSERT_TRUE(store->set_weight(change).ok());
  }
  const auto store = open();
  ASSERT_EQ(store->read_audit(0, 10).size(), 1U);
  EXPECT_EQ(store->read_audit(0, 10).front().second.to, 0.5);
  EXPECT_FALSE(store->set_weight(change)->changed);
}

TEST_F(MemoryGraphStoreTest, ServesReadersAndWritersAtOnce) {
  options_.path.clear();
  const auto store = open();
  std::atomic<bool> done = false;
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      Epoch last = 0;
      while (!done) {
        const auto view = store->read(nullptr);
        ASSERT_GE(view->epoch(), last);
        last = view->epoch();
        ASSERT_EQ(view->index().queue_count(), static_cast<std::size_t>(last));
      }
    });
  }
  std::vector<std::thread> writers;
  for (int writer = 0; writer < 2; ++writer) {
    writers.emplace_back([&, writer] {
      for (int i = 0; i < 50; ++i) {
        const std::string name = std::to_string(writer) + "-" + std::to_string(i);
        ASSERT_TRUE(add(*store, name, epoch(*store)).ok());
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  done = true;
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(epoch(*store), 100);
}

}  // namespace
}  // namespace weir::dagmanager
