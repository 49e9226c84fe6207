// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/memory_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;

Instant time_at(int seconds) { return Instant(std::chrono::seconds(seconds)); }

TopicLogRow log_row(const std::string& topic, const std::string& cause) {
  return {.topic = graph::TopicName(topic),
          .action = "adopt",
          .type = graph::TopicType::TradeExec,
          .shape = {3, 2, -1, "compact"},
          .node_id = "blake3:" + std::string(64, 'a'),
          .binding_key = "blake3:" + std::string(64, 'b') + "|s",
          .actor = "grpc:peer",
          .cause = cause,
          .result = "ok",
          .at = time_at(-5)};
}

OutboxRow update(const std::string& id, Instant when, std::vector<RowId> queues) {
  OutboxRow row;
  row.id = id;
  row.key_seq = 7;
  row.revision = 3;
  row.created_at = when;
  row.queues = QueueUpdate{{{"a", "b"}, 60, true, {"w", "live"}}, std::move(queues)};
  return row;
}

TEST(MemoryTopicLog, GivesBackEveryRowInOrder) {
  MemoryTopicLog log;
  log.add(log_row("w.one", "diff:1"));
  log.add(log_row("w.two", "diff:2"));
  ASSERT_EQ(log.size(), 2U);
  EXPECT_EQ(log.row(0), log_row("w.one", "diff:1"));
  EXPECT_EQ(log.row(1), log_row("w.two", "diff:2"));
}

TEST(MemoryOutbox, GivesBackTheWholeEvent) {
  MemoryOutbox outbox;
  outbox.add(update("id-1", time_at(4), {5, 6, 900, RowId{1} << 40}));
  OutboxRow told;
  told.id = "id-2";
  told.weight =
      WeightUpdate{graph::SentinelId("s"), graph::VersionLabel("v"), graph::WorldId("w"), -0.25};
  outbox.add(told);
  const OutboxRow first = outbox.row(0);
  EXPECT_EQ(first.id, "id-1");
  EXPECT_EQ(first.key_seq, 7);
  EXPECT_EQ(first.revision, 3);
  EXPECT_EQ(first.created_at, time_at(4));
  EXPECT_EQ(first.queues->query, (QuerySet{{"a", "b"}, 60, true, {"w", "live"}}));
  EXPECT_THAT(first.queues->queues, ElementsAre(5, 6, 900, RowId{1} << 40));
  EXPECT_FALSE(first.weight);
  const OutboxRow second = outbox.row(1);
  EXPECT_FALSE(second.queues);
  EXPECT_EQ(second.weight->sentinel.text(), "s");
  EXPECT_EQ(second.weight->version.text(), "v");
  EXPECT_EQ(second.weight->world.text(), "w");
  EXPECT_EQ(second.weight->weight, -0.25);
}

TEST(MemoryOutbox, DropsTheOldestAndKeepsTheRest) {
  MemoryOutbox outbox;
  outbox.add(update("id-1", time_at(1), {1}));
  outbox.add(update("id-2", time_at(2), {2}));
  EXPECT_EQ(outbox.oldest(), time_at(1));
  outbox.drop_oldest();
  outbox.add(update("id-3", time_at(3), {3}));  // takes the place of the first
  ASSERT_EQ(outbox.size(), 2U);
  EXPECT_EQ(outbox.oldest(), time_at(2));
  EXPECT_THAT(outbox.row(0).queues->queues, ElementsAre(2));
  EXPECT_THAT(outbox.row(1).queues->queues, ElementsAre(3));
  outbox.drop_oldest();
  outbox.drop_oldest();
  EXPECT_TRUE(outbox.empty());
}

TEST(MemoryDeploys, KeepsNodesInTheirOrderAndTheNewestLast) {
  MemoryDeploys deploys;
  DeployRecord deploy;
  deploy.nodes = {{9, "b", true}, {2, "", false}, {7, "b", false}};
  deploy.last_seen = time_at(1);
  deploys.add("one", deploy);
  deploys.add("two", DeployRecord{});
  EXPECT_THAT(deploys.order(), ElementsAre("one", "two"));
  deploys.find("one")->last_seen = time_at(2);
  deploys.make_newest("one");
  EXPECT_THAT(deploys.order(), ElementsAre("two", "one"));
  EXPECT_EQ(deploys.whole("one").nodes, deploy.nodes);
  EXPECT_EQ(deploys.whole("one").last_seen, time_at(2));
  EXPECT_THAT(deploys.whole("two").nodes, testing::IsEmpty());
  EXPECT_EQ(deploys.find("three"), nullptr);
}

}  // namespace
}  // namespace weir::dagmanager
