// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/graph_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kId = "blake3:" + std::string(64, 'c');

Instant instant_at(std::int64_t microseconds) { return Instant(Duration(microseconds)); }

NodeRecord full_node() {
  NodeRecord node;
  node.row = 7;
  node.id = graph::NodeId(kId);
  node.parts = {.node_type = "TagQueryNode",
                .interval = -60,
                .period = 24,
                .params_canon = R"({"a":1})",
                .dependencies = {kId, "an-id-of-its-own", kId},
                .schema_compat_id = "compat",
                .code_hash = std::string(64, 'd')};
  node.fingerprint.fill(9);
  node.schema_hash = "schema";
  node.name = "name";
  node.owner = "owner";
  node.tags = {"b", "", "a", "b"};
  node.query = graph::TagQuerySpec{.tags = {"t"}, .match_all = true, .interval = -1};
  node.global = true;
  node.artifacts = {{"path", "sha256:00", -3, "torch", "f32"}, {}};
  node.created_at = instant_at(-17);
  return node;
}

std::shared_ptr<const BindingContext> context(const std::string& world, bool safe = false) {
  graph::ComputeContext where;
  where.world_id = world;
  where.safe_mode = safe;
  return std::make_shared<const BindingContext>(where, graph::Namespace("w.live"),
                                                graph::StrategyId("s"));
}

QueueRecord full_queue(RowId row) {
  QueueRecord queue;
  queue.row = row;
  queue.topic = graph::TopicName("w.Topic_" + std::to_string(row));
  queue.type = graph::TopicType::TradeExec;
  queue.shape = {12, 3, -1, "compact,delete"};
  queue.state = QueueState::Active;
  queue.node = 7;
  queue.binding_key = graph::BindingKey(kId + "|s");
  queue.compute_key = graph::ComputeKey(kId);
  queue.binding = context("w");
  queue.schema_hash = "schema";
  queue.pending_schema_hash = "next";
  queue.buffering_since = instant_at(5);
  queue.created_at = instant_at(6);
  queue.ttl_ms = 7;
  queue.lag_alert_seconds = 8;
  queue.completed = true;
  return queue;
}

void expect_equal(const QueueRecord& got, const QueueRecord& wanted) {
  EXPECT_EQ(got.row, wanted.row);
  EXPECT_EQ(got.topic, wanted.topic);
  EXPECT_EQ(got.type, wanted.type);
  EXPECT_EQ(got.shape, wanted.shape);
  EXPECT_EQ(got.state, wanted.state);
  EXPECT_EQ(got.node, wanted.node);
  EXPECT_EQ(got.binding_key, wanted.binding_key);
  EXPECT_EQ(got.compute_key, wanted.compute_key);
  EXPECT_EQ(*got.binding, *wanted.binding);
  EXPECT_EQ(got.schema_hash, wanted.schema_hash);
  EXPECT_EQ(got.pending_schema_hash, wanted.pending_schema_hash);
  EXPECT_EQ(got.buffering_since, wanted.buffering_since);
  EXPECT_EQ(got.created_at, wanted.created_at);
  EXPECT_EQ(got.ttl_ms, wanted.ttl_ms);
  EXPECT_EQ(got.lag_alert_seconds, wanted.lag_alert_seconds);
  EXPECT_EQ(got.completed, wanted.completed);
}

TEST(GraphRecords, GiveBackEveryFieldOfANode) {
  GraphRecords records;
  const NodeView node = records.node(records.add_node(full_node()));
  EXPECT_EQ(node.record(), full_node());
  EXPECT_EQ(node.row(), 7);
  EXPECT_EQ(node.id().text(), kId);
  EXPECT_EQ(node.fingerprint(), full_node().fingerprint);
  EXPECT_EQ(node.interval(), -60);
  EXPECT_EQ(node.node_type(), "TagQueryNode");
  EXPECT_TRUE(node.global());
  EXPECT_THAT(node.tags(), ElementsAre("b", "", "a", "b"));
  EXPECT_EQ(node.query(), full_node().query);
  const NodeView empty = records.node(records.add_node(NodeRecord{}));
  EXPECT_EQ(empty.record(), NodeRecord{});
  EXPECT_EQ(empty.query(), std::nullopt);
}

TEST(GraphRecords, GiveBackEveryFieldOfAQueue) {
  GraphRecords records;
  const Slot slot = records.add_queue(full_queue(2));
  expect_equal(records.queue(slot).record(), full_queue(2));
  QueueRecord other = full_queue(2);
  other.compute_key = graph::ComputeKey(other.binding_key.text());
  other.buffering_since.reset();
  other.pending_schema_hash.clear();
  other.state = QueueState::Intent;
  other.binding = context("elsewhere", true);
  records.replace_queue(slot, other);
  expect_equal(records.queue(slot).record(), other);
  EXPECT_EQ(records.queue(slot).topic_key().text(), "w_topic_2");
}

TEST(GraphRecords, AQueueThatIsDroppedLeavesItsMemoryToTheNext) {
  GraphRecords records;
  const Slot first = records.add_queue(full_queue(2));
  const char* place = records.queue(first).topic().data();
  records.drop_queue(first);
  EXPECT_EQ(records.queue(first), nullptr);
  const Slot second = records.add_queue(full_queue(3));
  EXPECT_NE(second, first);
  EXPECT_EQ(records.queue(second).topic().data(), place);
}

TEST(GraphRecords, ContextsThatSayTheSameAreKeptOnce) {
  GraphRecords records;
  QueueRecord queue = full_queue(2);
  const BindingContext* kept = &records.queue(records.add_queue(queue)).binding();
  queue.binding = context("other");
  EXPECT_NE(&records.queue(records.add_queue(queue)).binding(), kept);
  queue.binding = context("w");
  EXPECT_EQ(&records.queue(records.add_queue(queue)).binding(), kept);
}

TEST(GraphRecords, QueuesOfANodeStayInOrderWhicheverLeaves) {
  for (Slot leaving = 0; leaving < 3; ++leaving) {
    GraphRecords records;
    const Slot node = records.add_node(full_node());
    EXPECT_THAT(records.queues_of(node), IsEmpty());
    for (RowId row = 1; row <= 3; ++row) {
      records.append_to_node(node, records.add_queue(full_queue(row)));
    }
    EXPECT_THAT(records.queues_of(node), ElementsAre(1, 2, 3));
    records.replace_queue(1, full_queue(2));
    EXPECT_THAT(records.queues_of(node), ElementsAre(1, 2, 3)) << "replaced in its place";
    records.take_from_node(node, leaving);
    records.take_from_node(node, leaving);
    std::vector<RowId> left = {1, 2, 3};
    left.erase(left.begin() + leaving);
    EXPECT_EQ(records.queues_of(node), left);
    records.append_to_node(node, records.add_queue(full_queue(4)));
    left.push_back(4);
    EXPECT_EQ(records.queues_of(node), left);
  }
}

}  // namespace
}  // namespace weir::dagmanager
