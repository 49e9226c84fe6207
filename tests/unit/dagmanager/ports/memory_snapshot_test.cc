// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_snapshot.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "base/blake3.h"

namespace weir::dagmanager {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view kMagic = "weir graph snapshot 1\n";

Instant at(int second) { return Instant(std::chrono::seconds(second)); }

NodeRecord sample_node() {
  NodeRecord node;
  node.row = 1;
  node.id = graph::NodeId("blake3:aa");
  node.parts = {.node_type = "TagQueryNode",
                .interval = 60,
                .period = -3,
                .params_canon = "{\"ü\":1}",
                .dependencies = {"x", "x"},
                .schema_compat_id = "compat",
                .code_hash = "code"};
  node.fingerprint.fill(7);
  node.schema_hash = "schema";
  node.name = std::string("a\0b", 3);
  node.owner = "desk";
  node.tags = {"a", ""};
  node.query =
      graph::TagQuerySpec{.tags = {"q"}, .match_all = true, .has_interval = true, .interval = 300};
  node.global = true;
  node.artifacts = {
      {.path = "p", .checksum = "sha256:00", .size = 1LL << 40, .framework = "f", .dtype = "d"}};
  node.created_at = at(5);
  return node;
}

QueueRecord sample_queue() {
  graph::ComputeContext context;
  context.world_id = "w1";
  context.execution_domain = "backtest";
  context.as_of = "2025";
  context.partition = "p";
  context.dataset_fingerprint = "lake";
  context.safe_mode = true;
  context.downgrade = graph::DowngradeReason::MissingAsOf;
  QueueRecord queue;
  queue.row = 2;
  queue.topic = graph::TopicName("w1.backtest.topic");
  queue.type = graph::TopicType::TradeExec;
  queue.shape = {.partitions = 3, .replication = 2, .retention_ms = -1, .cleanup = "compact"};
  queue.state = QueueState::Active;
  queue.node = 1;
  queue.binding_key = graph::BindingKey("bk");
  queue.compute_key = graph::ComputeKey("ck");
  queue.binding = std::make_shared<const BindingContext>(context, graph::Namespace("w1.backtest"),
                                                         graph::StrategyId("s"));
  queue.schema_hash = "schema";
  queue.pending_schema_hash = "next";
  queue.buffering_since = at(9);
  queue.created_at = at(8);
  queue.ttl_ms = 77;
  queue.lag_alert_seconds = 60;
  return queue;
}

/// A graph with one of everything.
MemoryGraph sample_graph() {
  MemoryGraph graph;
  graph.index.add_node(sample_node());
  graph.index.put_queue(sample_queue());
  QueueRecord intent = sample_queue();
  intent.row = 3;
  intent.topic = graph::TopicName("intent");
  intent.binding_key = graph::BindingKey("intent");
  intent.state = QueueState::Intent;
  intent.node = 0;
  intent.buffering_since.reset();
  graph.index.put_queue(intent);
  graph.epoch = 12;
  graph.last_row = 3;
  graph.last_event = 9;
  DeployRecord deploy;
  deploy.key = {graph::StrategyId("s"), sample_queue().binding->context, graph::VersionLabel("v1"),
                "set"};
  deploy.nodes = {{1, "name", true}};
  deploy.sentinel_due = true;
  deploy.request_hash.fill(1);
  deploy.answer_hash.fill(2);
  deploy.first_seen = at(1);
  deploy.last_seen = at(2);
  deploy.ended_at = at(3);
  graph.deploys.add(deploy.key.text(), deploy);
  graph.sentinels = {{.id = graph::SentinelId("s-sentinel"),
                      .world = graph::WorldId("w1"),
                      .version = graph::VersionLabel("v1"),
                      .commit_hash = "c",
                      .release_tag = "r",
                      .traffic_weight = 0.1,
                      .deploy_key = "k",
                      .created_at = at(4)},
                     {.id = graph::SentinelId("t"),
                      .world = {},
                      .version = {},
                      .commit_hash = "",
                      .release_tag = "",
                      .traffic_weight = std::nullopt,
                      .deploy_key = "",
                      .created_at = at(5)}};
  graph.log.add({.topic = graph::TopicName("t"),
                 .action = "create",
                 .type = graph::TopicType::Raw,
                 .shape = {},
                 .node_id = "n",
                 .binding_key = "b",
                 .actor = "a",
                 .cause = "c",
                 .result = "ok",
                 .at = at(6)});
  OutboxRow queues;
  queues.id = "id-1";
  queues.key_seq = 1;
  queues.revision = 4;
  queues.created_at = at(7);
  queues.queues = QueueUpdate{{{"a", "b"}, 60, true, {"w1", "backtest"}}, {2, 3}};
  OutboxRow weight;
  weight.id = "id-2";
  weight.weight =
      WeightUpdate{graph::SentinelId("s"), graph::VersionLabel("v"), graph::WorldId("w"), 0.3};
  graph.outbox.add(queues);
  graph.outbox.add(weight);
  graph.revisions = {{"key", 4}};
  return graph;
}

/// The bytes with a checksum that fits them.
std::string with_checksum(std::string content) {
  const base::Digest digest = base::blake3(content);
  content.append(reinterpret_cast<const char*>(digest.data()), digest.size());
  return content;
}
std::string content_of(const std::string& snapshot) {
  return snapshot.substr(0, snapshot.size() - sizeof(base::Digest));
}

class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("weir-snapshot-" + std::to_string(::getpid()) + "-" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name())) {
    std::filesystem::create_directories(path_);
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}
std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

TEST(MemorySnapshot, CarriesWhichQueuesAreToBeComputedInFull) {
  MemoryGraph graph;
  graph.index.add_node(sample_node());
  QueueRecord due = sample_queue();
  due.recompute_due = true;
  graph.index.put_queue(due);
  QueueRecord other = sample_queue();
  other.row = 3;
  other.topic = graph::TopicName("w1.backtest.other");
  other.binding_key = graph::BindingKey("other");
  graph.index.put_queue(other);
  const auto read = decode_snapshot(encode_snapshot(graph));
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_TRUE(read->index.queue(2).record().recompute_due);
  EXPECT_FALSE(read->index.queue(3).record().recompute_due);
}

TEST(MemorySnapshot, CarriesWhichQueuesAreCompletedAndSilent) {
  MemoryGraph graph;
  graph.index.add_node(sample_node());
  QueueRecord completed = sample_queue();
  completed.completed = true;
  graph.index.put_queue(completed);
  graph.silences[2] = {.queue = 2, .size = 7, .lasted = std::chrono::milliseconds(10'001)};
  const auto read = decode_snapshot(encode_snapshot(graph));
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_TRUE(read->index.queue(2).record().completed);
  EXPECT_FALSE(read->index.queue(2).record().recompute_due);
  EXPECT_EQ(read->silences, graph.silences);
}

TEST(MemorySnapshot, GivesBackWhatOperatorsDid) {
  MemoryGraph graph = sample_graph();
  const std::size_t without = encode_snapshot(graph).size();
  EXPECT_EQ(decode_snapshot(encode_snapshot(graph))->hits_open, 0U);
  give_weight(graph.sentinels[0], 0);
  graph.sentinels[0].retired_at = at(7);
  DeployRecord& deploy = *graph.deploys.find(graph.deploys.order().front());
  deploy.taken_back_at = at(8);
  deploy.baseline = "former";
  deploy.buckets = {"7"};
  graph.audit = {{.at = at(9), .actor = "a", .action = "set_weight", .from = 0.1, .to = 0},
                 {.at = at(9), .actor = "a", .action = "rollback", .subject = "k", .note = "n"}};
  graph.hits = {{.id = "h1",
                 .state = HitState::Acked,
                 .what = {graph::NodeId("n"), "w1", "w2"},
                 .seen = 3,
                 .first_seen = at(1),
                 .last_seen = at(2),
                 .acked_by = "a",
                 .note = "mended"},
                {.id = "h2",
                 .state = HitState::Open,
                 .what = {graph::NodeId("m"), "w1", "w2"},
                 .seen = 1,
                 .first_seen = at(3),
                 .last_seen = at(3),
                 .acked_by = "",
                 .note = ""}};
  graph.hits_open = 1;
  const std::string bytes = encode_snapshot(graph);
  EXPECT_GT(bytes.size(), without);
  const auto again = decode_snapshot(bytes);
  ASSERT_TRUE(again.ok()) << again.error().describe();
  EXPECT_EQ(again->sentinels, graph.sentinels);
  const std::string key = graph.deploys.order().front();
  EXPECT_EQ(again->deploys.whole(key), graph.deploys.whole(key));
  EXPECT_EQ(again->audit, graph.audit);
  EXPECT_EQ(again->hits, graph.hits);
  EXPECT_EQ(again->hits_open, 1U);
}

TEST(MemorySnapshot, RefusesAPartThatItDoesNotKnow) {
  MemoryGraph graph = sample_graph();
  graph.hits = {{.id = "h",
                 .state = HitState::Open,
                 .what = {},
                 .seen = 1,
                 .first_seen = at(1),
                 .last_seen = at(1),
                 .acked_by = "",
                 .note = ""}};
  std::string content = content_of(encode_snapshot(graph));
  const std::size_t name = content.rfind("hits");
  ASSERT_NE(name, std::string::npos);
  content.replace(name, 4, "what");
  const auto refused = decode_snapshot(with_checksum(content));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().reason(), "snapshot_damaged");
}

TEST(MemorySnapshot, GivesBackTheWholeGraph) {
  const std::string bytes = encode_snapshot(sample_graph());
  const auto graph = decode_snapshot(bytes);
  ASSERT_TRUE(graph.ok()) << graph.error().describe();
  EXPECT_EQ(graph->index.node(RowId{1}).record(), sample_node());
  const QueueRecord queue = graph->index.queue(2).record();
  const QueueRecord expected = sample_queue();
  EXPECT_EQ(queue.topic, expected.topic);
  EXPECT_EQ(queue.type, expected.type);
  EXPECT_EQ(queue.shape, expected.shape);
  EXPECT_EQ(queue.state, expected.state);
  EXPECT_EQ(*queue.binding, *expected.binding);
  EXPECT_EQ(queue.pending_schema_hash, "next");
  EXPECT_EQ(queue.buffering_since, at(9));
  EXPECT_EQ(queue.ttl_ms, 77);
  EXPECT_EQ(graph->index.queue(3).state(), QueueState::Intent);
  EXPECT_EQ(graph->index.queue(3).record().buffering_since, std::nullopt);
  EXPECT_EQ(graph->epoch, 12);
  EXPECT_EQ(graph->last_row, 3);
  EXPECT_EQ(graph->last_event, 9);
  ASSERT_EQ(graph->deploys.order(), sample_graph().deploys.order());
  const std::string& key = graph->deploys.order().front();
  EXPECT_EQ(graph->deploys.find(key)->ended_at, at(3));
  EXPECT_EQ(graph->deploys.whole(key).nodes, sample_graph().deploys.whole(key).nodes);
  EXPECT_EQ(graph->sentinels, sample_graph().sentinels);
  ASSERT_EQ(graph->log.size(), 1U);
  EXPECT_EQ(graph->log.row(0), sample_graph().log.row(0));
  ASSERT_EQ(graph->outbox.size(), 2U);
  EXPECT_EQ(graph->outbox.row(0).queues->query, sample_graph().outbox.row(0).queues->query);
  EXPECT_EQ(graph->outbox.row(1).weight->weight, 0.3);
  EXPECT_EQ(graph->revisions.at("key"), 4);
  EXPECT_EQ(encode_snapshot(*graph), bytes) << "what the fields above left out too";
}

TEST(MemorySnapshot, GivesBackAnEmptyGraph) {
  const auto graph = decode_snapshot(encode_snapshot(MemoryGraph{}));
  ASSERT_TRUE(graph.ok());
  EXPECT_EQ(graph->index.node_count(), 0U);
  EXPECT_EQ(graph->epoch, 0);
}

TEST(MemorySnapshot, GivesBackOrphans) {
  MemoryGraph graph;
  graph.orphans[4] = {.queue = 4, .tag = "raw", .since = at(1), .size = 7, .grown_at = at(2)};
  graph.orphans[9] = {.queue = 9, .tag = "sentinel", .since = at(3), .grown_at = at(3)};
  const auto read = decode_snapshot(encode_snapshot(graph));
  ASSERT_TRUE(read.ok()) << read.error().describe();
  EXPECT_EQ(read->orphans, graph.orphans);
}

TEST(MemorySnapshot, FindsDamageAtEveryByte) {
  const std::string sound = encode_snapshot(sample_graph());
  for (std::size_t i = 0; i < sound.size(); ++i) {
    std::string bytes = sound;
    bytes[i] = static_cast<char>(bytes[i] ^ 0x10);
    const auto graph = decode_snapshot(bytes);
    ASSERT_FALSE(graph.ok()) << "byte " << i;
    ASSERT_THAT(graph.error().reason(), testing::AnyOf("snapshot_damaged", "snapshot_version"))
        << "byte " << i;
  }
}

TEST(MemorySnapshot, FindsThatItWasCutShortAnywhere) {
  const std::string sound = encode_snapshot(sample_graph());
  for (std::size_t size = 0; size < sound.size(); ++size) {
    const auto graph = decode_snapshot(sound.substr(0, size));
    ASSERT_FALSE(graph.ok()) << size << " bytes";
    ASSERT_EQ(graph.error().code(), Code::DataLoss);
    ASSERT_EQ(graph.error().reason(), "snapshot_damaged");
  }
  EXPECT_FALSE(decode_snapshot(sound + "x").ok());
}

TEST(MemorySnapshot, TrustsNoContentThoughItsChecksumHolds) {
  const std::string sound = content_of(encode_snapshot(sample_graph()));
  for (std::size_t size = kMagic.size(); size < sound.size(); ++size) {
    const auto graph = decode_snapshot(with_checksum(sound.substr(0, size)));
    ASSERT_FALSE(graph.ok()) << size << " bytes";
    ASSERT_EQ(graph.error().reason(), "snapshot_damaged");
  }
  for (std::size_t i = kMagic.size(); i < sound.size(); ++i) {
    for (const char other : {'\0', '\x01', '\x7f', '\xff'}) {
      std::string bytes = sound;
      bytes[i] = other;
      const auto graph = decode_snapshot(with_checksum(bytes));  // whatever it says, no crash
      ASSERT_TRUE(graph.ok() || graph.error().reason() == "snapshot_damaged");
    }
  }
}

TEST(MemorySnapshot, NamesANewerVersion) {
  std::string bytes = content_of(encode_snapshot(sample_graph()));
  bytes.replace(bytes.find("1\n"), 1, "2");
  const auto graph = decode_snapshot(with_checksum(bytes));
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(graph.error().reason(), "snapshot_version");
}

TEST(MemorySnapshot, BeginsEmptyOnlyWhereThereIsNoFile) {
  const Folder folder;
  const auto none = load_snapshot(folder.file("none"));
  ASSERT_TRUE(none.ok());
  EXPECT_EQ(none->epoch, 0);
  write_file(folder.file("empty"), "");
  EXPECT_EQ(load_snapshot(folder.file("empty")).error().reason(), "snapshot_damaged");
  write_file(folder.file("other"), "something else");
  const auto other = load_snapshot(folder.file("other"));
  ASSERT_FALSE(other.ok());
  EXPECT_THAT(other.error().message(), HasSubstr(folder.file("other")));
  EXPECT_EQ(load_snapshot(folder.file("")).error().reason(), "snapshot_damaged") << "a folder";
  EXPECT_EQ(load_snapshot(folder.file("other/child")).error().reason(), "graph_unavailable")
      << "nothing is known of it";
}

TEST(MemorySnapshot, ReplacesTheFileAsAWhole) {
  const Folder folder;
  const std::string path = folder.file("graph");
  ASSERT_TRUE(save_snapshot(path, MemoryGraph{}).ok());
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  write_file(path + ".new", "what a crash left");
  ASSERT_TRUE(save_snapshot(path, sample_graph()).ok());
  EXPECT_EQ(read_file(path), encode_snapshot(sample_graph()));
  EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(MemorySnapshot, LeavesTheOldFileWhereTheNewOneCannotBeWritten) {
  const Folder folder;
  const std::string path = folder.file("graph");
  ASSERT_TRUE(save_snapshot(path, sample_graph()).ok());
  std::filesystem::create_directories(path + ".new");  // in the way of the temporary file
  const auto saved = save_snapshot(path, MemoryGraph{});
  ASSERT_FALSE(saved.ok());
  EXPECT_EQ(saved.error().code(), Code::Unavailable);
  EXPECT_EQ(saved.error().reason(), "graph_unavailable");
  EXPECT_EQ(read_file(path), encode_snapshot(sample_graph()));
  EXPECT_FALSE(save_snapshot(folder.file("no/such/folder"), MemoryGraph{}).ok());
}

}  // namespace
}  // namespace weir::dagmanager
