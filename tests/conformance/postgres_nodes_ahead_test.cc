// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_graph_nodes.h"

#include <gmock/gmock.h>

#include "dagmanager/ports/postgres_limits.h"
#include "tests/conformance/graph_cases.h"
#include "tests/conformance/postgres_engine.h"

/// The nodes of a change that are written before the change: whatever becomes of them, the change
/// is whole or not at all.
namespace weir::dagmanager {
namespace {

using test::describe;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::reason_of;
using test::succeeded;
using test::write_side_by_side;

class NodesAheadTest : public testing::Test {
 protected:
  NodesAheadTest()
      : one_(graph_.instance(IntentSync::WithTopics)),
        other_(graph_.instance(IntentSync::WithTopics)) {}

  std::string fresh_copy() { return describe(graph_.instance()->store()); }
  std::int64_t active() {
    return graph_.number("SELECT count(*) FROM weir_dagmanager.queue WHERE state = 'active'");
  }
  std::int64_t nodes() {
    return graph_.number("SELECT count(*) FROM weir_dagmanager.compute_node");
  }

  test::PostgresGraph graph_;
  std::unique_ptr<test::PostgresInstance> one_;
  std::unique_ptr<test::PostgresInstance> other_;
  std::shared_ptr<const BindingContext> binding_ = make_binding("s1", "w1");
};

TEST_F(NodesAheadTest, BecomePartOfTheirChange) {
  NodeRecord node = make_node("b");
  node.artifacts = {{"path", "sha256:1", 10, "onnx", "f32"}};
  Diff diff(one_->store(), binding_, {make_node("a"), node});
  diff.view().reserve();
  ASSERT_NE(diff.reservation().ahead, nullptr);
  EXPECT_EQ(nodes(), 0) << "nobody sees them before the commit";
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_EQ(describe(other_->store()), fresh_copy());
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.used_by"), 1);
}

TEST_F(NodesAheadTest, AreFollowedByTheRestOfTheirChange) {
  Diff diff(one_->store(), binding_, {make_node("a"), make_node("b")});
  diff.view().reserve();
  diff.change().deploy =
      make_deploy(*binding_, "v1", {{diff.change().nodes[0].row, "a", true}}, test::at(0));
  diff.write_ahead();
  EXPECT_EQ(nodes(), 0);
  EXPECT_EQ(active(), 0) << "nobody sees it before the commit";
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(active(), 2);
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.deploy"), 1);
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_EQ(describe(other_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, AreWrittenAnewWithAChangeThatBecameAnother) {
  Diff diff(one_->store(), binding_, {make_node("a"), make_node("b")});
  diff.view().reserve().write_ahead();
  diff.change().queues[1].ttl_ms = 77;
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.queue WHERE ttl_ms = 77"), 1);
  EXPECT_EQ(active(), 2);
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, LeaveNothingOfTheRestWhenTheirDiffEnds) {
  {
    Diff abandoned(one_->store(), binding_, {make_node("a")});
    abandoned.view().reserve().write_ahead();
  }
  EXPECT_EQ(active(), 0);
  ASSERT_TRUE(succeeded(Diff(other_->store(), binding_, {make_node("a")}).run()));
  EXPECT_EQ(active(), 1);
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, AreWrittenAgainWithTheRestWhenTheirSessionIsLost) {
  Diff diff(one_->store(), binding_, {make_node("a"), make_node("b")});
  diff.view().reserve().write_ahead();
  graph_.kill_sessions();
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(nodes(), 2);
  EXPECT_EQ(active(), 2);
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, AreHandedOverByAThreadOfTheirOwnWhereTheyAreMany) {
  std::vector<NodeRecord> many;
  for (std::size_t i = 0; i < 2 * kNodesOfOwnThread; ++i) {
    many.push_back(make_node("n" + std::to_string(i)));
  }
  Diff diff(one_->store(), binding_, many);
  diff.view().reserve();
  ASSERT_NE(diff.reservation().ahead, nullptr);
  ASSERT_TRUE(succeeded(diff.write_ahead().commit()));
  EXPECT_EQ(active(), std::ssize(many));
  EXPECT_EQ(describe(other_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, AreKnownToAReaderWhoComesBeforeTheMirrorIsSettled) {
  ASSERT_TRUE(succeeded(Diff(one_->store(), binding_, {make_node("a")}).run()));
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  ASSERT_TRUE(succeeded(Diff(one_->store(), binding_, {make_node("b")}).run()));
  one_->store().settle();
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, LetTheCallerWorkMeanwhile) {
  Diff diff(one_->store(), binding_, {make_node("a")});
  diff.view().reserve();
  int calls = 0;
  IntentBatch batch = diff.batch();
  batch.nodes.clear();
  ASSERT_TRUE(succeeded(one_->store().reserve(batch, [&] {
    ++calls;
    EXPECT_TRUE(succeeded(one_->store().read(nullptr)));
  })));
  EXPECT_EQ(calls, 1) << "nothing is written ahead, the caller's work is done all the same";
}

TEST_F(NodesAheadTest, LeaveNothingWhenTheirDiffEnds) {
  {
    Diff abandoned(one_->store(), binding_, {make_node("a")});
    abandoned.view().reserve();
    ASSERT_NE(abandoned.reservation().ahead, nullptr);
  }
  ASSERT_TRUE(succeeded(Diff(other_->store(), binding_, {make_node("a")}).run()));
  EXPECT_EQ(nodes(), 1);
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, AreWrittenAgainWhenTheirSessionIsLost) {
  Diff diff(one_->store(), binding_, {make_node("a"), make_node("b")});
  diff.view().reserve();
  ASSERT_NE(diff.reservation().ahead, nullptr);
  graph_.kill_sessions();
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(nodes(), 2);
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, GiveWayToThoseThatAnotherInstanceAddedFirst) {
  Diff slow(one_->store(), make_binding("s1", "w1"), {make_node("a")});
  slow.view();
  ASSERT_TRUE(succeeded(Diff(other_->store(), make_binding("s1", "w2"), {make_node("a")}).run()));
  slow.reserve();
  EXPECT_EQ(reason_of(slow.commit()), "graph_moved");
  EXPECT_EQ(nodes(), 1);
}

TEST_F(NodesAheadTest, AreNotTakenForThoseOfAnotherChange) {
  Diff diff(one_->store(), binding_, {make_node("a"), make_node("b")});
  diff.view().reserve();
  diff.change().nodes.pop_back();
  diff.change().queues.pop_back();
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(nodes(), 1);
  EXPECT_EQ(describe(other_->store()), fresh_copy());
}

TEST_F(NodesAheadTest, RefuseAnArtifactOfAnotherSize) {
  NodeRecord first = make_node("a");
  first.artifacts = {{"p", "sha256:1", 10, "onnx", "f32"}};
  ASSERT_TRUE(succeeded(Diff(one_->store(), binding_, {first}).run()));
  NodeRecord odd = make_node("b");
  odd.artifacts = {{"p", "sha256:1", 11, "onnx", "f32"}};
  EXPECT_EQ(reason_of(Diff(one_->store(), binding_, {odd}).run()), "artifact_invalid");
  EXPECT_EQ(nodes(), 1);
}

TEST_F(NodesAheadTest, KeepOneOrderUnderManyWriters) {
  constexpr int kWriters = 10;  // more than may write ahead at a time
  constexpr int kDiffs = 10;
  write_side_by_side(one_->store(), other_->store(), kWriters, kDiffs);
  EXPECT_EQ(describe(one_->store()), describe(other_->store()));
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_EQ(nodes(), kWriters * kDiffs + kDiffs);
}

}  // namespace
}  // namespace weir::dagmanager
