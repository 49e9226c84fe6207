// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/queues/recompute.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>

#include "dagmanager/core/graph_change.h"

namespace weir::dagmanager {
namespace {

Instant at(int second) { return Instant(std::chrono::seconds(second)); }

QueueRecord buffering() {
  QueueRecord queue;
  queue.topic = graph::TopicName("w.live.raw_topic");
  queue.type = graph::TopicType::Raw;
  queue.state = QueueState::Active;
  queue.schema_hash = "old";
  queue.pending_schema_hash = "new";
  queue.buffering_since = at(10);
  return queue;
}

TEST(Recompute, IsDueOnlyForActiveQueuesThatAreStrictlyOlder) {
  const RecomputeOrder order{.before = at(10), .limit = 1};
  QueueRecord queue = buffering();
  EXPECT_FALSE(recompute_is_due(queue, order)) << "as old as that";
  queue.buffering_since = at(9);
  EXPECT_TRUE(recompute_is_due(queue, order));
  for (const QueueState state : {QueueState::Intent, QueueState::Leaving}) {
    queue.state = state;
    EXPECT_FALSE(recompute_is_due(queue, order));
  }
  queue.state = QueueState::Active;
  queue.buffering_since.reset();
  EXPECT_FALSE(recompute_is_due(queue, order)) << "not marked";
}

TEST(Recompute, FollowsTheAnnouncedSchemaAndClearsTheMark) {
  const QueueRecord queue = recomputing(buffering());
  EXPECT_TRUE(queue.recompute_due);
  EXPECT_EQ(queue.schema_hash, "new");
  EXPECT_EQ(queue.pending_schema_hash, "");
  EXPECT_FALSE(queue.buffering_since);
}

TEST(Recompute, KeepsTheSchemaWhereNoneWasAnnounced) {
  QueueRecord queue = buffering();
  queue.pending_schema_hash.clear();
  EXPECT_EQ(recomputing(queue).schema_hash, "old");
}

TEST(Recompute, StandsUntilAMarkBeginsAnew) {
  QueueRecord queue = recomputing(buffering());
  EXPECT_TRUE(
      marked(queue, {.queue = 1, .pending_schema_hash = "x", .since = std::nullopt}).recompute_due);
  EXPECT_FALSE(
      marked(queue, {.queue = 1, .pending_schema_hash = "x", .since = at(20)}).recompute_due);
}

TEST(Recompute, TellsWhoseQueueItIs) {
  QueueRecord queue = buffering();
  graph::ComputeContext context;
  context.world_id = "w";
  context.execution_domain = "live";
  queue.binding = std::make_shared<const BindingContext>(context, graph::Namespace("w.live"),
                                                         graph::StrategyId("s"));
  const LifecycleUpdate told = recompute_told(queue, 60);
  EXPECT_EQ(told.queue, queue.topic);
  EXPECT_EQ(told.action, "recompute");
  EXPECT_EQ(told.tag, "raw");
  EXPECT_EQ(told.interval, 60);
  EXPECT_EQ(told.scope, (QueryScope{"w", "live"}));
}

}  // namespace
}  // namespace weir::dagmanager
