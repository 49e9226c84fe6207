// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/compaction/spare_nodes.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

NodeRecord node(RowId row, const std::vector<RowId>& inputs = {}) {
  NodeRecord made;
  made.row = row;
  made.id = graph::NodeId("n" + std::to_string(row));
  for (const RowId input : inputs) made.parts.dependencies.push_back("n" + std::to_string(input));
  return made;
}

void bind(GraphIndex& index, RowId queue, RowId to, QueueState state) {
  QueueRecord record;
  record.row = queue;
  record.node = to;
  record.state = state;
  record.topic = graph::TopicName("t" + std::to_string(queue));
  record.binding_key = graph::BindingKey("b" + std::to_string(queue));
  record.binding = std::make_shared<const BindingContext>(graph::ComputeContext(),
                                                          graph::Namespace(), graph::StrategyId());
  index.put_queue(record);
}

TEST(SpareNodes, GoAfterWhatDependsOnThem) {
  GraphIndex index;
  index.add_node(node(1));
  index.add_node(node(2, {1}));
  index.add_node(node(3, {1, 2, 2}));
  index.add_node(node(4));
  EXPECT_THAT(removable_nodes(index, {}), ElementsAre(4, 3, 2, 1));
}

TEST(SpareNodes, StayWithAllTheyDependOnWhereSomethingNeedsThem) {
  GraphIndex index;
  index.add_node(node(1));
  index.add_node(node(2, {1}));
  index.add_node(node(3, {2, 77}));
  index.add_node(node(4, {1}));
  EXPECT_THAT(removable_nodes(index, {3}), ElementsAre(4)) << "a deploy keeps it";
  bind(index, 9, 4, QueueState::Leaving);
  EXPECT_THAT(removable_nodes(index, {}), ElementsAre(3, 2)) << "whatever becomes of the queue";
  bind(index, 8, 3, QueueState::Intent);
  EXPECT_THAT(removable_nodes(index, {}), IsEmpty());
}

TEST(SpareNodes, GoInAPieceOnlyWithAllThatDependsOnThem) {
  GraphIndex index;
  index.add_node(node(1));
  index.add_node(node(2, {1}));
  index.add_node(node(3, {2}));
  EXPECT_THAT(removable_nodes(index, {}, std::vector<RowId>{2, 1}), IsEmpty());
  EXPECT_THAT(removable_nodes(index, {}, std::vector<RowId>{3, 2, 50}), ElementsAre(3, 2));
}

TEST(SpareNodes, GoThoughTheyDependOnEachOther) {
  GraphIndex index;
  index.add_node(node(1, {2}));
  index.add_node(node(2, {1}));
  EXPECT_THAT(removable_nodes(index, {}), ElementsAre(2, 1));
}

TEST(DeploysSeenTest, TellsWhoCameSinceOrKeepsItsNodesByNow) {
  std::vector<DeployStanding> deploys(3);
  deploys[0].key = "a";
  deploys[1].key = "b";
  deploys[2].key = "c";
  DeploysSeen seen;
  seen.add(deploys[0], true);
  seen.add(deploys[1], false);
  EXPECT_THAT(seen.changed(deploys, {true, false, false}), ElementsAre("c")) << "it is new";
  EXPECT_THAT(seen.changed(deploys, {true, true, false}), ElementsAre("b", "c"));
  deploys[0].last_seen = Instant(Duration(5));
  EXPECT_THAT(seen.changed(deploys, {false, false, false}), ElementsAre("a", "c"));
}

}  // namespace
}  // namespace weir::dagmanager
