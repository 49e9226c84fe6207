// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/monitors/completion_change.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

/// Nodes 1, 2 … of one tag, each with a queue: 11, 12 …
class PlanCompletion : public testing::Test {
 protected:
  PlanCompletion() {
    for (RowId row = 1; row <= 3; ++row) {
      NodeRecord node;
      node.row = row;
      node.id = graph::NodeId("node-" + std::to_string(row));
      node.tags = {"t"};
      node.parts.interval = 60;
      index_.add_node(node);
      put(row, QueueState::Active);
    }
  }
  void put(RowId node, QueueState state, bool completed = false) {
    QueueRecord queue;
    queue.row = 10 + node;
    queue.topic = graph::TopicName("topic-" + std::to_string(node));
    queue.binding_key = graph::BindingKey(queue.topic.text());
    queue.state = state;
    queue.node = node;
    queue.completed = completed;
    queue.binding = std::make_shared<const BindingContext>(
        graph::ComputeContext(), graph::Namespace(), graph::StrategyId("s"));
    index_.put_queue(queue);
  }
  CompletionOutcome plan(std::vector<RowId> completed, std::vector<RowId> resumed = {}) {
    CompletionChange change;
    for (const RowId row : completed) change.completed.push_back({.queue = row, .size = 1});
    change.resumed = std::move(resumed);
    return plan_completion(index_, change);
  }

  GraphIndex index_;
};

TEST_F(PlanCompletion, TellsOneSetOfAllThatChangesInIt) {
  put(3, QueueState::Active, true);
  const CompletionOutcome outcome = plan({12, 11}, {13});
  EXPECT_THAT(outcome.queues(), ElementsAre(11, 12, 13));
  EXPECT_THAT(outcome.nodes, ElementsAre(1, 2, 3));
  ASSERT_EQ(outcome.updates.size(), 1U);
  EXPECT_THAT(outcome.updates[0].query.tags, ElementsAre("t"));
  EXPECT_EQ(outcome.updates[0].query.interval, 60);
  EXPECT_THAT(outcome.updates[0].queues, ElementsAre(13));
}

TEST_F(PlanCompletion, TellsASetOfWhichNothingIsLeft) {
  const CompletionOutcome outcome = plan({11, 12, 13});
  ASSERT_EQ(outcome.updates.size(), 1U);
  EXPECT_THAT(outcome.updates[0].queues, IsEmpty());
}

TEST_F(PlanCompletion, LeavesAloneWhatIsSoAlreadyOrIsNoQueue) {
  put(1, QueueState::Active, true);
  put(2, QueueState::Leaving);
  const CompletionOutcome outcome = plan({11, 12, 99}, {13, 98});
  EXPECT_TRUE(outcome.empty());
  EXPECT_THAT(outcome.nodes, IsEmpty());
  EXPECT_THAT(outcome.updates, IsEmpty());
}

}  // namespace
}  // namespace weir::dagmanager
