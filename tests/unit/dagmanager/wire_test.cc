// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/wire.h"

#include <gmock/gmock.h>
#include <grpcpp/support/slice.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <map>
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

grpc::ByteBuffer buffer_of(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return {&slice, 1};
}

wire::DiffChunk parse(const grpc::ByteBuffer& bytes) {
  std::vector<grpc::Slice> slices;
  EXPECT_TRUE(bytes.Dump(&slices).ok());
  std::string text;
  for (const grpc::Slice& slice : slices) {
    text.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  wire::DiffChunk chunk;
  EXPECT_TRUE(chunk.ParseFromString(text));
  return chunk;
}

std::vector<wire::DiffChunk> chunks_of(const DiffAnswer& answer, std::uint32_t first = 1) {
  std::vector<wire::DiffChunk> chunks;
  for (const grpc::ByteBuffer& bytes : make_chunks(answer, first)) {
    EXPECT_LE(bytes.Length(), kChunkBytesMax);
    chunks.push_back(parse(bytes));
  }
  return chunks;
}

std::vector<TestNode> many(std::size_t count) {
  std::vector<TestNode> nodes;
  for (std::size_t i = 0; i < count; ++i) nodes.push_back({.name = "n" + std::to_string(i)});
  return nodes;
}

struct Answered {
  std::shared_ptr<const graph::Dag> dag;
  DiffAnswer answer;
};

Answered answer_of(const TestGraph& graph, const std::vector<TestNode>& nodes,
                   bool with_decisions = false) {
  Answered made;
  made.dag = test_dag(nodes);
  made.answer = make_answer(*made.dag, graph.scope(*made.dag, kLive),
                            graph.planned(*made.dag, kLive, {}, {.plan_only = with_decisions}),
                            true, with_decisions);
  return made;
}

TEST(WireRequest, IsReadOffItsBytes) {
  wire::DiffRequest request;
  request.set_strategy_id("s");
  request.set_dag_json(std::string(100'000, 'x'));
  request.set_resume_after_chunk(3);
  const auto read = parse_diff_request(buffer_of(request.SerializeAsString()));
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->SerializeAsString(), request.SerializeAsString());
  EXPECT_TRUE(parse_diff_request(buffer_of("")).ok()) << "all fields absent";
}

TEST(WireRequest, IsRefusedWhereItIsNone) {
  for (const char* bytes : {"\x0a\x7f", "\xff\xff\xff", "\x0a\x02\xc3\x28"}) {
    const auto read = parse_diff_request(buffer_of(bytes));
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().code(), Code::InvalidArgument);
    EXPECT_EQ(read.error().reason(), "dag_shape");
  }
}

TEST(WireRequest, IsMarkedByItsSevenFields) {
  using Edit = std::function<void(wire::DiffRequest&)>;
  const std::vector<Edit> edits = {[](auto& request) { request.set_strategy_id("x"); },
                                   [](auto& request) { request.set_dag_json("x"); },
                                   [](auto& request) { request.set_world_id("x"); },
                                   [](auto& request) { request.set_execution_domain("x"); },
                                   [](auto& request) { request.set_as_of("x"); },
                                   [](auto& request) { request.set_partition("x"); },
                                   [](auto& request) { request.set_dataset_fingerprint("x"); }};
  std::set<base::Digest> hashes = {hash_request({})};
  for (const Edit& edit : edits) {
    wire::DiffRequest request;
    edit(request);
    EXPECT_TRUE(hashes.insert(hash_request(request)).second);
  }
  wire::DiffRequest resumed;
  resumed.set_plan_only(true);
  resumed.set_resume_after_chunk(1);
  resumed.set_resume_answer("a");
  EXPECT_EQ(hash_request(resumed), hash_request({}));
}

TEST(WireRequest, HashesAreThoseThatOthersMake) {
  wire::DiffRequest request;
  request.set_strategy_id("s");
  request.set_dag_json("{}");
  request.set_world_id("w");
  request.set_execution_domain("live");
  request.set_as_of("2026");
  request.set_partition("p");
  request.set_dataset_fingerprint("lake:1");
  EXPECT_EQ(base::to_hex(hash_request(request)),
            "44fad00f2fb438da78cdff7b667cc62ef4b1dea62a652ea88cb64bacfa97de59");
  EXPECT_EQ(base::to_hex(hash_refusal(base::invalid_argument("cycle", "a is part of itself"))),
            "6d56bec8882971c2ecab55443e8202c31676c49d59445c1c3d71024e3cea2a51");
}

TEST(WireChunks, CarryEveryEntryOnceAndTheHeadEveryTime) {
  const TestGraph graph;
  for (const std::size_t count : {0U, 1U, 100U, 101U, 250U}) {
    const Answered made = answer_of(graph, many(count));
    const auto chunks = chunks_of(made.answer);
    EXPECT_EQ(chunks.size(), std::max<std::size_t>(1, (count + 99) / 100));
    EXPECT_EQ(chunk_count(made.answer), chunks.size());
    std::map<std::string, std::string> merged;
    std::uint32_t index = 0;
    for (const wire::DiffChunk& chunk : chunks) {
      EXPECT_LE(chunk.queue_map_size(), 100);
      for (const auto& [key, topic] : chunk.queue_map())
        EXPECT_TRUE(merged.emplace(key, topic).second);
      EXPECT_EQ(chunk.sentinel_id(), "s1-sentinel");
      EXPECT_EQ(chunk.version(), "v1");
      EXPECT_TRUE(chunk.has_crc32());
      EXPECT_EQ(chunk.crc32(), made.dag->crc32);
      EXPECT_EQ(chunk.chunk_index(), ++index);
      EXPECT_EQ(chunk.chunk_count(), chunks.size());
      EXPECT_EQ(chunk.answer(), made.answer.answer_id());
      EXPECT_THAT(chunk.decisions(), IsEmpty());
    }
    EXPECT_EQ(merged.size(), count);
    for (const AnswerEntry& entry : made.answer.entries) {
      EXPECT_EQ(merged.at(entry.key), entry.topic.text());
    }
  }
}

TEST(WireChunks, SendAChecksumOfNothingToo) {
  const TestGraph graph;
  const auto chunks = chunks_of(answer_of(graph, {}).answer);
  ASSERT_THAT(chunks, SizeIs(1));
  EXPECT_TRUE(chunks[0].has_crc32());
  EXPECT_EQ(chunks[0].crc32(), 0U);
}

TEST(WireChunks, GoOnAfterAnyChunk) {
  const TestGraph graph;
  const Answered made = answer_of(graph, many(350));
  const auto whole = chunks_of(made.answer);
  ASSERT_THAT(whole, SizeIs(4));
  for (std::uint32_t first = 1; first <= 5; ++first) {
    const auto rest = chunks_of(made.answer, first);
    ASSERT_EQ(rest.size(), 5 - first);
    for (std::size_t i = 0; i < rest.size(); ++i) {
      EXPECT_EQ(rest[i].chunk_index(), first + i);
      EXPECT_EQ(rest[i].queue_map_size(), whole[first - 1 + i].queue_map_size());
    }
  }
}

TEST(WireChunks, HaveABufferInstructionBesideItsEntry) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a", .schema = "h1"}}), kLive);
  const Answered made =
      answer_of(graph, {{.name = "a", .tags = {"x", "y"}, .schema = "h2"}, {.name = "b"}});
  const auto chunks = chunks_of(made.answer);
  ASSERT_THAT(chunks, SizeIs(1));
  ASSERT_EQ(chunks[0].buffer_nodes_size(), 1);
  const wire::BufferInstruction& instruction = chunks[0].buffer_nodes(0);
  EXPECT_EQ(instruction.node_id(), made.dag->nodes[0].node_id.text());
  EXPECT_EQ(instruction.node_type(), "Indicator");
  EXPECT_EQ(instruction.code_hash(), "code");
  EXPECT_EQ(instruction.schema_hash(), "h2");
  EXPECT_EQ(instruction.interval(), 60);
  EXPECT_EQ(instruction.period(), 5);
  EXPECT_EQ(instruction.lag(), 5);
  EXPECT_THAT(instruction.tags(), ElementsAre("x", "y"));
  EXPECT_EQ(instruction.schema_compat_id(), "compat");
  EXPECT_EQ(chunks[0].queue_map_size(), 2);
}

TEST(WireChunks, TellDecisionsAndLeaveRefusedNodesOutOfTheMap) {
  TestGraph graph;
  const Answered made = answer_of(graph, many(150), true);
  DiffAnswer answer = made.answer;
  answer.decisions[3].decision = "refused";
  answer.entries[3].topic = {};
  const auto chunks = chunks_of(answer);
  ASSERT_THAT(chunks, SizeIs(2));
  EXPECT_EQ(chunks[0].decisions_size(), 100);
  EXPECT_EQ(chunks[0].queue_map_size(), 99);
  EXPECT_EQ(chunks[1].decisions_size(), 50);
  EXPECT_EQ(chunks[0].decisions(0).decision(), "new");
  EXPECT_EQ(chunks[0].decisions(0).topic(), answer.entries[0].topic.text());
  EXPECT_EQ(chunks[0].decisions(3).decision(), "refused");
  EXPECT_FALSE(chunks[0].decisions(0).compute_key().empty());
}

TEST(WireChunks, TellWarningsOnceAndStayBelowAMebibyteWithTheLongest) {
  const TestGraph graph;
  std::vector<TestNode> nodes;
  std::vector<std::string> tags(1000, std::string(1020, 't'));
  for (std::size_t i = 0; i < tags.size(); ++i) tags[i] += std::to_string(1000 + i).substr(0, 4);
  TestGraph known;
  for (int i = 0; i < 3; ++i) {
    nodes.push_back({.name = "n" + std::to_string(i), .type = "Indicator", .tags = tags});
  }
  const PlannerPolicy policy;
  std::vector<TestNode> plain = nodes;
  for (TestNode& node : plain) node.tags = {"t"};
  known.commit(*test_dag(plain), kLive);
  for (TestNode& node : nodes) node.schema = "other";
  Answered made = answer_of(known, nodes);
  made.answer.warnings.assign(kWarningsMax, std::string(kWarningBytesMax, 'w'));
  const auto chunks = chunks_of(made.answer);
  ASSERT_THAT(chunks, SizeIs(4)) << "the warnings, then one huge instruction each";
  EXPECT_EQ(chunks[0].warnings_size(), static_cast<int>(kWarningsMax));
  for (std::size_t i = 1; i < 4; ++i) {
    EXPECT_EQ(chunks[i].warnings_size(), 0);
    EXPECT_EQ(chunks[i].buffer_nodes_size(), 1);
  }
}

TEST(WireNodeRecord, ShowsANodeWithItsActiveBindings) {
  TestGraph graph;
  const auto dag = test_dag({{.name = "a"}});
  graph.commit(*dag, kLive);
  graph.commit(*dag, test_fields("s1", "w2", "live"));
  graph.leave_intents(*dag, test_fields("s1", "w3", "live"));
  graph.commit(*test_dag({{.name = "a", .schema = "h2"}}), kLive, {},
               Instant(std::chrono::seconds(3)));
  const NodeRecord node = graph.index().node(dag->nodes[0].node_id).record();
  const wire::NodeRecord record = make_node_record(node, graph.index(), "shown");
  EXPECT_EQ(record.node_id(), dag->nodes[0].node_id.text());
  EXPECT_EQ(record.name(), "shown");
  EXPECT_EQ(record.interval(), 60);
  EXPECT_EQ(record.params_canon(), dag->nodes[0].parts.params_canon);
  EXPECT_EQ(record.schema_hash(), "schema-1");
  ASSERT_EQ(record.bindings_size(), 2) << "an intent is none";
  EXPECT_EQ(record.bindings(0).world_id(), "w1");
  EXPECT_EQ(record.bindings(0).execution_domain(), "live");
  EXPECT_EQ(record.bindings(0).buffering_since_ms(), 3000);
  EXPECT_EQ(record.bindings(1).world_id(), "w2");
  EXPECT_EQ(record.bindings(1).buffering_since_ms(), 0);
}

}  // namespace
}  // namespace weir::dagmanager
