// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/compaction/compaction_store.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "dagmanager/compaction/compactor.h"
#include "dagmanager/compaction/limits.h"
#include "dagmanager/compaction/retirement_watch.h"
#include "graph/dag_meta.h"
#include "tests/conformance/graph_cases.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

// Sentinels and nodes that leave the graph, by way of the Compactor and of the store alone.
namespace weir::dagmanager {
namespace {

using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_sentinel;
using test::must;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

constexpr Duration days(int count) { return std::chrono::hours(24 * count); }

/// Objects in memory; it may be told to fail, or to give back other bytes.
class Shelf final : public ArchiveStore {
 public:
  Result<std::unique_ptr<ArchiveWriter>> begin(const std::string& name) override {
    if (away) return base::unavailable("archive_unavailable", "it is away");
    return std::unique_ptr<ArchiveWriter>(std::make_unique<Writer>(objects[name]));
  }
  Result<void> read(const std::string& name,
                    const std::function<Result<void>(std::string_view)>& take) override {
    if (away) return base::unavailable("archive_unavailable", "it is away");
    const auto object = objects.find(name);
    if (object == objects.end()) return base::not_found("archive_missing", name);
    return take(garbles ? object->second + "?" : object->second);
  }

  Result<void> ping() override { return {}; }

  std::map<std::string, std::string> objects;
  bool away = false;
  bool garbles = false;

 private:
  class Writer final : public ArchiveWriter {
   public:
    explicit Writer(std::string& object) : object_(object) {}
    Result<void> append(std::string_view bytes) override {
      held_ += bytes;
      return {};
    }
    Result<void> finish() override {
      object_ = held_;
      return {};
    }

   private:
    std::string& object_;
    std::string held_;
  };
};

class CompactionStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  CompactionStoreTest() {
    const auto fences =
        must(engine_->loops().seize("me", std::array<std::string, 2>{"gc", "reconciler"}));
    fence_ = {fences.at(0), fences.at(1)};
  }

  GraphStore& store() { return engine_->store(); }

  /// Nodes, each of which depends on those named; the first are known before the others.
  static NodeRecord node(const std::string& name, const std::vector<std::string>& inputs = {}) {
    NodeRecord made = make_node(name);
    made.parts.dependencies.clear();
    for (const std::string& input : inputs) made.parts.dependencies.push_back("id-" + input);
    return made;
  }

  std::unique_ptr<Diff> prepare(const std::string& strategy, const std::vector<NodeRecord>& nodes,
                                bool with_sentinel = true) {
    return prepare_on(store(), strategy, nodes, with_sentinel);
  }
  std::unique_ptr<Diff> prepare_on(GraphStore& on, const std::string& strategy,
                                   const std::vector<NodeRecord>& nodes, bool with_sentinel) {
    const auto binding = make_binding(strategy, "w");
    auto diff = std::make_unique<Diff>(on, binding, nodes, clock_.now());
    diff->view().reserve();
    std::vector<DeployNode> bound;
    for (const NodeRecord& one : nodes) bound.push_back({row_of(one, *diff), one.name, true});
    diff->change().deploy = make_deploy(*binding, "v1", bound, clock_.now());
    diff->change().deploy->sentinel_due = with_sentinel;
    if (with_sentinel) {
      diff->change().sentinel = make_sentinel(*diff->change().deploy, std::nullopt);
    }
    return diff;
  }
  void deploy(const std::string& strategy, const std::vector<NodeRecord>& nodes,
              bool with_sentinel = true) {
    ASSERT_TRUE(succeeded(prepare(strategy, nodes, with_sentinel)->commit()));
  }
  RowId row_of(const NodeRecord& node, Diff& diff) {
    for (const NodeRecord& added : diff.change().nodes) {
      if (added.id == node.id) return added.row;
    }
    return must(store().read(nullptr)).index().node(node.id).row();
  }

  /// The strategy's deploys are ended, and a day later their queues that nobody else holds gone.
  void retire(const std::string& strategy) {
    ASSERT_TRUE(succeeded(
        engine_->life().end_deploys({.id = strategy, .actor = "me", .at = clock_.now()})));
    clock_.sleep_for(days(1));
    Collection gone{.queues = {},
                    .held = {},
                    .deploys_kept = 10,
                    .actor = "loop:gc",
                    .cause = "run-1",
                    .at = clock_.now()};
    QueueReferences references;
    const auto deploys = must(engine_->life().deploys());
    const auto held = held_deploys(deploys, 10, clock_.now());
    auto view = std::make_unique<GraphView>(must(store().read(nullptr)));
    for (std::size_t i = 0; i < deploys.size(); ++i) {
      const std::array key{deploys[i].key};
      for (const auto& bindings : must(engine_->life().bindings(key))) {
        references.add(view->index(), bindings, held[i], false);
      }
    }
    for (const RowId queue : references.orphans(view->index(), active_queues(view->index()))) {
      gone.queues.push_back(
          {.queue = queue, .action = GcAction::Drop, .tag = "raw", .archive_key = ""});
    }
    view.reset();
    const auto rows = must(engine_->life().collect(fence_.gc, gone));
    ASSERT_TRUE(succeeded(engine_->life().forget(
        fence_.gc, {.queues = rows, .actor = "loop:gc", .cause = "run-1", .at = clock_.now()})));
  }
  void notice() {
    RetirementWatch watch({engine_->life(), engine_->compaction(), clock_}, 10);
    ASSERT_TRUE(succeeded(watch.run_once(fence_.gc)));
  }
  Compactor compactor(ArchiveStore* archive) {
    return Compactor({store(), engine_->life(), engine_->compaction(), archive, clock_, random_},
                     {.before = clock_.now(), .wait = days(210), .deploys_kept = 10}, "cli:me");
  }
  CompactionReport compact() { return must(compactor(&shelf_).run(fence_)); }

  /// All of the graph that compaction speaks of, a record a line, as an export has them.
  std::vector<std::string> lines() {
    std::vector<std::string> found;
    const auto deploys = must(engine_->life().deploys());
    const auto sentinels = must(engine_->compaction().sentinels());
    std::vector<SentinelExport> exports;
    for (const SentinelLife& one : sentinels) {
      exports.push_back(
          *must(engine_->compaction().read_sentinel(one.key, deploys_under(deploys, one.key))));
    }
    const auto view = must(store().read(nullptr));
    view.index().for_each_node(
        [&](const NodeView& node) { found.push_back(exported_node(node.record())); });
    for (const SentinelExport& one : exports) {
      found.push_back("\"sentinel\":" + exported_sentinel(one.sentinel) + ",");
      for (const DeployRecord& deploy : one.deploys) {
        found.push_back(exported_deploy(deploy, view.index()));
      }
    }
    std::ranges::sort(found);
    return found;
  }
  /// The records of the exports, by their lines.
  std::vector<std::string> exported_lines() const {
    std::vector<std::string> found;
    for (const auto& [name, bytes] : shelf_.objects) {
      if (!name.ends_with(".json")) continue;
      for (std::size_t at = 0; at < bytes.size();) {
        const std::size_t end = bytes.find('\n', at);
        std::string line = bytes.substr(at, end - at);
        at = end + 1;
        if (line.starts_with("\"sentinel\"")) found.push_back(line);
        if (!line.starts_with("{") || line.starts_with("{\"format\"")) continue;
        if (line.ends_with("},")) {
          line.resize(line.size() - 1);
        } else {
          line.resize(line.size() - 2);  // the last of its list
        }
        found.push_back(line);
      }
    }
    return found;
  }
  std::vector<std::string> log_of(const std::string& action) {
    std::vector<std::string> results;
    for (const auto& [seq, row] : must(store().topic_log(0, 100'000))) {
      if (row.action == action) results.push_back(row.actor + " " + row.result);
    }
    return results;
  }
  bool knows(const std::string& name, GraphStore& on) {
    return bool(must(on.read(nullptr)).index().node(graph::NodeId("id-" + name)));
  }

  weir::test::HandClock clock_{Duration::zero(), test::at(0)};
  test::SharedRandom random_{7};
  std::unique_ptr<test::GraphEngine> engine_ = test::make_graph_engine(GetParam(), &clock_);
  CompactionFence fence_;
  Shelf shelf_;
};

TEST_P(CompactionStoreTest, ASentinelIsRetiredWhileNothingHoldsIt) {
  deploy("a", {node("x")});
  notice();
  EXPECT_EQ(must(engine_->compaction().sentinels()).at(0).retired_at, std::nullopt);
  retire("a");
  const Instant retired = clock_.now();
  notice();
  clock_.sleep_for(days(1));
  notice();
  EXPECT_EQ(must(engine_->compaction().sentinels()).at(0).retired_at, retired) << "the first time";
  deploy("a", {node("x")});
  EXPECT_EQ(must(engine_->compaction().sentinels()).at(0).retired_at, std::nullopt);
}

TEST_P(CompactionStoreTest, TheGraphBeforeIsTheGraphAfterAndTheExport) {
  NodeRecord model = node("y", {"x"});
  model.artifacts = {{"m.onnx", "sha256:01", 17, "onnx", "f32"}, {"w.bin", "sha256:02", 1, "", ""}};
  model.global = true;
  model.query = graph::TagQuerySpec{{"q \"uoted\""}, true, true, 300};
  deploy("a", {node("x"), model, node("shared")});
  deploy("b", {node("shared"), node("own")});
  retire("a");
  notice();
  clock_.sleep_for(days(211));
  const auto before = lines();
  const auto planned = must(compactor(&shelf_).dry_run());
  EXPECT_EQ(lines(), before) << "a dry run changes nothing";
  EXPECT_THAT(planned.nodes, UnorderedElementsAre(graph::NodeId("id-x"), graph::NodeId("id-y")));
  EXPECT_THAT(planned.archived, SizeIs(1));

  const CompactionReport report = compact();
  EXPECT_THAT(report.nodes, ElementsAre(graph::NodeId("id-y"), graph::NodeId("id-x")))
      << "what depends on another goes before it";
  EXPECT_EQ(report.artifacts, 2U);
  ASSERT_THAT(report.archived, SizeIs(1));
  EXPECT_EQ(report.archived[0].object, "sentinels/w/a-sentinel/v1.json");
  std::vector<std::string> both = lines();
  for (const std::string& line : exported_lines()) {
    if (!std::ranges::binary_search(both, line)) both.push_back(line);
    std::ranges::sort(both);
  }
  EXPECT_EQ(both, before);
  EXPECT_THAT(log_of("sentinel_archived"), SizeIs(1));
  EXPECT_THAT(log_of("nodes_removed"), ElementsAre("cli:me 2 nodes, 2 artifacts"));
  EXPECT_EQ(test::describe(engine_->other_instance()), test::describe(store()));

  const auto again = compact();
  EXPECT_THAT(again.archived, IsEmpty());
  EXPECT_THAT(again.nodes, IsEmpty());
}

TEST_P(CompactionStoreTest, AnInstanceThatKnewANodeGetsItAsNew) {
  deploy("a", {node("x")});
  ASSERT_TRUE(knows("x", engine_->other_instance()));
  const RowId old = must(store().read(nullptr)).index().node(graph::NodeId("id-x")).row();
  retire("a");
  notice();
  clock_.sleep_for(days(211));
  // A diff that was decided while the node was there.
  auto stale = std::make_unique<Diff>(engine_->other_instance(), make_binding("late", "w"),
                                      std::vector{node("x")}, clock_.now());
  stale->view();
  ASSERT_THAT(compact().nodes, SizeIs(1));
  EXPECT_FALSE(knows("x", engine_->other_instance()));
  stale->reserve();
  EXPECT_EQ(reason_of(stale->commit()), "graph_moved");
  const auto binding = make_binding("late", "w");
  Diff anew(engine_->other_instance(), binding, {node("x")}, clock_.now());
  ASSERT_TRUE(succeeded(anew.run()));
  EXPECT_THAT(anew.change().nodes, SizeIs(1)) << "it is new";
  EXPECT_GT(must(store().read(nullptr)).index().node(graph::NodeId("id-x")).row(), old);
  EXPECT_EQ(test::describe(engine_->other_instance()), test::describe(store()));
}

TEST_P(CompactionStoreTest, ARevivedDeployHoldsItsNewNodes) {
  deploy("a", {node("x")});
  retire("a");
  notice();
  clock_.sleep_for(days(211));
  ASSERT_THAT(compact().nodes, SizeIs(1));
  deploy("a", {node("x")});
  const auto deploys = must(engine_->life().deploys());
  ASSERT_THAT(deploys, SizeIs(1));
  EXPECT_FALSE(deploys[0].ended);
  const std::array key{deploys[0].key};
  const auto bindings = must(engine_->life().bindings(key));
  EXPECT_THAT(bindings.at(0).nodes,
              ElementsAre(must(store().read(nullptr)).index().node(graph::NodeId("id-x")).row()));
}

TEST_P(CompactionStoreTest, WhatIsNeededStays) {
  deploy("held", {node("held"), node("user", {"base"})});
  deploy("a", {node("base"), node("gone", {"base"})});
  deploy("plain", {node("plain")}, false);
  retire("a");
  notice();
  clock_.sleep_for(days(211));
  EXPECT_THAT(compact().nodes, ElementsAre(graph::NodeId("id-gone")))
      << "a node that stays depends on the other one";
  EXPECT_TRUE(knows("base", store()));
  retire("plain");
  EXPECT_THAT(compact().nodes, ElementsAre(graph::NodeId("id-plain")));
}

TEST_P(CompactionStoreTest, ASentinelThatMayNotGoYetStays) {
  deploy("a", {node("x")});
  retire("a");
  notice();
  clock_.sleep_for(days(209));
  EXPECT_THAT(compact().archived, IsEmpty());
  EXPECT_TRUE(knows("x", store())) << "the sentinel has it";
  clock_.sleep_for(days(2));
  deploy("a", {node("x")});
  clock_.sleep_for(days(211));
  EXPECT_THAT(compact().archived, IsEmpty()) << "one of the last ten";
  EXPECT_THAT(shelf_.objects, IsEmpty());
}

TEST_P(CompactionStoreTest, WithoutAnArchiveASentinelStays) {
  deploy("a", {node("x")});
  retire("a");
  notice();
  clock_.sleep_for(days(211));
  const auto before = lines();
  auto report = must(compactor(nullptr).run(fence_));
  ASSERT_THAT(report.failed, SizeIs(1));
  EXPECT_EQ(report.failed[0].why.reason(), "archive_failed");
  shelf_.away = true;
  EXPECT_THAT(compact().failed, SizeIs(1));
  shelf_.away = false;
  shelf_.garbles = true;
  report = compact();
  ASSERT_THAT(report.failed, SizeIs(1));
  EXPECT_EQ(report.failed[0].why.reason(), "archive_differs");
  EXPECT_EQ(lines(), before);
  shelf_.garbles = false;
  EXPECT_THAT(compact().archived, SizeIs(1));
}

TEST_P(CompactionStoreTest, ALaterSentinelOfTheSameNameWritesOverNothing) {
  for (int life = 0; life < 2; ++life) {
    deploy("a", {node("x")});
    retire("a");
    notice();
    clock_.sleep_for(days(211));
    ASSERT_THAT(compact().archived, SizeIs(1));
  }
  EXPECT_THAT(shelf_.objects, SizeIs(4));
}

TEST_P(CompactionStoreTest, ManyNodesGoInPiecesAndTheGraphIsWholeBetween) {
  std::vector<NodeRecord> chain{node("n0")};
  for (std::size_t i = 1; i < 2 * kNodesRemovedTogether + 100; ++i) {
    chain.push_back(node("n" + std::to_string(i), {"n" + std::to_string(i - 1)}));
    chain.back().artifacts = {{"p", "sha256:0a", 5, "f", "d"}};
  }
  deploy("a", chain);
  retire("a");
  notice();
  clock_.sleep_for(days(211));
  const Epoch before = must(store().read(nullptr)).epoch();
  const CompactionReport report = compact();
  EXPECT_THAT(report.nodes, SizeIs(chain.size()));
  EXPECT_EQ(report.artifacts, 1U) << "with the last node that uses it";
  EXPECT_EQ(must(store().read(nullptr)).epoch(), before + 3);
  EXPECT_EQ(must(store().read(nullptr)).index().node_count(), 0U);
  EXPECT_EQ(must(engine_->other_instance().read(nullptr)).index().node_count(), 0U);
  EXPECT_THAT(log_of("nodes_removed"), SizeIs(3));
}

TEST_P(CompactionStoreTest, WhoCameSinceThePlanKeepsItsNodes) {
  deploy("a", {node("x"), node("y")});
  retire("a");
  notice();
  clock_.sleep_for(days(211));
  ASSERT_TRUE(succeeded(compactor(&shelf_).dry_run()));
  DeploysSeen seen;
  for (const DeployStanding& one : must(engine_->life().deploys())) seen.add(one, false);
  NodeRemoval removal{.nodes = {},
                      .referring = {},
                      .seen = &seen,
                      .deploys_kept = 10,
                      .actor = "cli:me",
                      .cause = "run:1",
                      .at = clock_.now()};
  {
    const auto view = must(store().read(nullptr));
    for (const char* name : {"id-x", "id-y"}) {
      removal.nodes.push_back(view.index().node(graph::NodeId(name)).row());
    }
  }
  EXPECT_THAT(must(engine_->compaction().remove_nodes(fence_, removal)).nodes, IsEmpty())
      << "the sentinel has them, whatever was seen";
  deploy("b", {node("x")}, false);
  shelf_.objects.clear();
  ASSERT_THAT(compact().archived, SizeIs(1));
  EXPECT_TRUE(knows("x", store()));
  EXPECT_FALSE(knows("y", store()));
}

TEST_P(CompactionStoreTest, NothingIsRemovedOnceALoopIsAnothers) {
  deploy("a", {node("x")});
  retire("a");
  notice();
  clock_.sleep_for(days(211));
  const auto before = lines();
  must(engine_->loops().seize("other", std::array<std::string, 1>{"reconciler"}));
  EXPECT_EQ(reason_of(compactor(&shelf_).run(fence_)), "loop_lost");
  EXPECT_EQ(lines(), before);
}

TEST_P(CompactionStoreTest, AnArtifactIsMergedByItsChecksumAndGoesWithItsLastNode) {
  NodeRecord one = node("one");
  one.artifacts = {{"here", "sha256:0a", 5, "onnx", "f32"}};
  NodeRecord two = node("two");
  two.artifacts = {{"there", "sha256:0a", 5, "torch", "f16"}};
  deploy("a", {one});
  ASSERT_TRUE(succeeded(prepare_on(engine_->other_instance(), "b", {two}, true)->commit()));
  NodeRecord odd = node("odd");
  odd.artifacts = {{"here", "sha256:0b", 1, "", ""}, {"here", "sha256:0a", 6, "", ""}};
  const auto refused = prepare("c", {odd})->commit();
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason(), "artifact_invalid");
  ASSERT_THAT(refused.error().faults(), SizeIs(1));
  EXPECT_EQ(refused.error().faults()[0].path, "id-odd/artifacts/1/size");
  EXPECT_FALSE(knows("odd", store()));
  for (const auto& [strategy, artifacts] : {std::pair("a", 0U), std::pair("b", 1U)}) {
    retire(strategy);
    notice();
    clock_.sleep_for(days(211));
    const CompactionReport report = compact();
    EXPECT_THAT(report.nodes, SizeIs(1));
    EXPECT_EQ(report.artifacts, artifacts) << strategy;
  }
  odd.artifacts.erase(odd.artifacts.begin());
  deploy("d", {odd});
  EXPECT_TRUE(knows("odd", store())) << "the checksum is free for another size";
}

TEST_P(CompactionStoreTest, ManyStoreOneArtifactAtOnce) {
  constexpr int kWriters = 8;
  std::vector<std::thread> writers;
  std::atomic<int> stored = 0;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      NodeRecord one = node("by-" + std::to_string(i));
      one.artifacts = {{"path " + std::to_string(i), "sha256:0a", 5, "f", "d"}};
      GraphStore& on = i % 2 == 0 ? store() : engine_->other_instance();
      const auto binding = make_binding("s" + std::to_string(i), "w");
      for (int attempt = 0; attempt < 100; ++attempt) {
        const auto done = Diff(on, binding, {one}, clock_.now()).run();
        if (done.ok()) ++stored;
        if (done.ok() || done.error().reason() != "graph_moved") return;
      }
    });
  }
  for (std::thread& writer : writers) writer.join();
  EXPECT_EQ(stored, kWriters);
  EXPECT_EQ(test::describe(engine_->other_instance()), test::describe(store()));
  const CompactionReport report = compact();
  EXPECT_THAT(report.nodes, IsEmpty()) << "they are bound";
}

INSTANTIATE_TEST_SUITE_P(Adapters, CompactionStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
