// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/diff_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "dagmanager/core/limits.h"
#include "tests/unit/dagmanager/test_graphs.h"

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const DiffFields kLive = test_fields("s1", "w1", "live");

/// A graph with an answer to it.
struct Answered {
  std::shared_ptr<const graph::Dag> dag;
  DiffPlan plan;
  DiffAnswer answer;
};

Answered answer_of(const std::vector<TestNode>& nodes, const TestGraph& graph = {},
                   const DiffFields& fields = kLive, std::string_view root = "") {
  Answered made;
  made.dag = test_dag(nodes, root);
  made.plan = graph.planned(*made.dag, fields);
  made.answer = make_answer(*made.dag, graph.scope(*made.dag, fields), made.plan, true, false);
  return made;
}

std::vector<TestNode> many(std::size_t count) {
  std::vector<TestNode> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back({.name = "n" + std::to_string(i)});
  return nodes;
}

TEST(DiffAnswer, HasAnEntryForEveryNodeInSubmissionOrder) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "b"}}), kLive);
  const Answered made = answer_of({{.name = "a"}, {.name = "b"}, {.name = "c"}}, graph);
  ASSERT_THAT(made.answer.entries, SizeIs(3));
  for (std::size_t i = 0; i < 3; ++i) {
    const graph::DagNode& node = made.dag->nodes[i];
    EXPECT_EQ(made.answer.entries[i].node, &node);
    EXPECT_EQ(made.answer.entries[i].topic, made.plan.nodes[i].topic);
    EXPECT_EQ(made.answer.entries[i].key,
              node.node_id.text() + ":60:0#ck=" + made.plan.nodes[i].compute_key.text());
  }
  EXPECT_EQ(made.answer.sentinel.text(), "s1-sentinel");
  EXPECT_EQ(made.answer.version.text(), "v1");
  EXPECT_EQ(made.answer.crc32, made.dag->crc32);
}

TEST(DiffAnswer, LeavesTheComputeKeyOutWhereItIsSwitchedOff) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a", .more = R"("bucket":7)"}});
  const DiffAnswer answer =
      make_answer(*dag, graph.scope(*dag, kLive), graph.planned(*dag, kLive), false, false);
  EXPECT_EQ(answer.entries[0].key, dag->nodes[0].node_id.text() + ":60:7");
}

TEST(DiffAnswer, CallsAReHashedNodeByTheIdItsSenderKnows) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a", .id = "x"}}), kLive);
  const Answered made = answer_of({{.name = "other", .id = "x"}}, graph);
  EXPECT_NE(made.plan.nodes[0].id.text(), "x");
  EXPECT_THAT(made.answer.entries[0].key, testing::StartsWith("x:60:0#ck="));
}

TEST(DiffAnswer, TellsDecisionsOnlyWhereTheyAreAskedFor) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "b"}, {.name = "c", .schema = "h1"}}), kLive);
  const auto dag = test_dag({{.name = "a"}, {.name = "b"}, {.name = "c", .schema = "h2"}});
  const DiffPlan plan = graph.planned(*dag, kLive);
  const DiffAnswer answer = make_answer(*dag, graph.scope(*dag, kLive), plan, true, true);
  ASSERT_THAT(answer.decisions, SizeIs(3));
  EXPECT_EQ(answer.decisions[0].decision, "new");
  EXPECT_EQ(answer.decisions[1].decision, "reuse");
  EXPECT_EQ(answer.decisions[2].decision, "buffer");
  EXPECT_EQ(answer.decisions[2].reason, plan.nodes[2].reason);
  EXPECT_EQ(answer.decisions[0].compute_key, plan.nodes[0].compute_key);
  EXPECT_EQ(answer.hash, make_answer(*dag, graph.scope(*dag, kLive), plan, true, false).hash);
  EXPECT_THAT(answer_of({{.name = "a"}}).answer.decisions, IsEmpty());
}

TEST(DiffAnswer, IsNamedByAllThatAClientKeeps) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a", .schema = "h1"}}), kLive);
  const TestNode buffered{.name = "a", .schema = "h2"};
  const std::string base = answer_of({buffered}, graph).answer.answer_id();
  EXPECT_EQ(base.size(), 32U);
  EXPECT_EQ(base, answer_of({buffered}, graph).answer.answer_id()) << "the same again";

  std::set<std::string> ids = {base};
  const auto differs = [&](const std::vector<TestNode>& nodes, const DiffFields& fields,
                           std::string_view root = "") {
    EXPECT_TRUE(ids.insert(answer_of(nodes, graph, fields, root).answer.answer_id()).second);
  };
  differs({{.name = "a", .schema = "h1"}}, kLive);  // reused, not buffered
  differs({{.name = "a", .schema = "h3"}}, kLive);
  differs({{.name = "a", .tags = {"eth"}, .schema = "h2"}}, kLive);
  differs({buffered, {.name = "b"}}, kLive);
  differs({{.name = "b"}, buffered}, kLive);
  differs({buffered}, test_fields("s2", "w1", "live"));
  differs({buffered}, test_fields("s1", "w2", "live"));
  differs({buffered}, kLive, R"("version":"v2")");
  differs({}, kLive);
}

TEST(DiffAnswer, IsNotNamedByItsWarnings) {
  Answered made = answer_of({{.name = "a"}});
  made.plan.warnings.emplace_back("only a warning");
  const TestGraph graph;
  const DiffAnswer again =
      make_answer(*made.dag, graph.scope(*made.dag, kLive), made.plan, true, false);
  EXPECT_EQ(again.hash, made.answer.hash);
}

TEST(CutChunks, GivesAnEmptyAnswerOneChunk) {
  const auto chunks = cut_chunks(answer_of({}).answer);
  ASSERT_THAT(chunks, SizeIs(1));
  EXPECT_EQ(chunks[0].first, 0U);
  EXPECT_EQ(chunks[0].last, 0U);
}

TEST(CutChunks, TakesAHundredEntriesAChunk) {
  for (const std::size_t count : {1U, 99U, 100U, 101U, 200U, 250U}) {
    const auto chunks = cut_chunks(answer_of(many(count)).answer);
    EXPECT_EQ(chunks.size(), (count + 99) / 100);
    std::size_t next = 0;
    for (const ChunkRange& chunk : chunks) {
      EXPECT_EQ(chunk.first, next);
      EXPECT_GT(chunk.last, chunk.first);
      EXPECT_LE(chunk.last - chunk.first, kChunkEntriesMax);
      next = chunk.last;
    }
    EXPECT_EQ(next, count);
  }
}

/// An answer of `count` entries with `bytes` of tags each, all buffered.
Answered heavy(std::size_t count, std::size_t bytes) {
  Answered made;
  auto dag = std::make_shared<graph::Dag>(*test_dag(many(count)));
  for (graph::DagNode& node : dag->nodes) {
    node.tags.clear();
    for (std::size_t left = bytes; left > 0; left -= std::min<std::size_t>(left, 1000)) {
      node.tags.emplace_back(std::min<std::size_t>(left, 1000), 't');
    }
  }
  for (const graph::DagNode& node : dag->nodes) {
    made.answer.entries.push_back({.key = node.node_id.text(),
                                   .topic = graph::TopicName("topic"),
                                   .node = &node,
                                   .buffer = true});
  }
  made.dag = dag;
  return made;
}

TEST(CutChunks, KeepsChunksBelowAMebibyte) {
  const Answered made = heavy(30, 200'000);
  for (const ChunkRange& chunk : cut_chunks(made.answer)) {
    EXPECT_LE(chunk.last - chunk.first, 5U);
    EXPECT_GE(chunk.last - chunk.first, 1U);
  }
}

TEST(CutChunks, GivesWarningsAChunkOfTheirOwnBesideAHugeEntry) {
  Answered made = heavy(2, 1'000'000);
  for (std::size_t i = 0; i < kWarningsMax; ++i) {
    made.answer.warnings.emplace_back(kWarningBytesMax, 'w');
  }
  const auto chunks = cut_chunks(made.answer);
  ASSERT_THAT(chunks, SizeIs(3));
  EXPECT_EQ(chunks[0].last, 0U);
  EXPECT_EQ(chunks[1].last, 1U);
  EXPECT_EQ(chunks[2].last, 2U);
}

TEST(CutChunks, CutsTheSameAnswerInTheSamePlaces) {
  const std::vector<TestNode> nodes = many(250);
  const auto first = cut_chunks(answer_of(nodes).answer);
  const auto second = cut_chunks(answer_of(nodes).answer);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].first, second[i].first);
    EXPECT_EQ(first[i].last, second[i].last);
  }
}

}  // namespace
}  // namespace weir::dagmanager
