// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph/dag_meta.h"
#include "tests/conformance/graph_cases.h"
#include "tests/hand_clock.h"
#include "tests/must.h"

// What QueueLifeStore does at the end of queues, and what it keeps diffs from doing.
namespace weir::dagmanager {
namespace {

using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_query_node;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class QueueEndTest : public testing::TestWithParam<test::Adapter> {
 protected:
  GraphStore& store() { return engine_->store(); }
  QueueLifeStore& life() { return engine_->life(); }

  /// A diff of these nodes, read and reserved, with its deploy.
  std::unique_ptr<Diff> prepare(const std::string& strategy, std::vector<NodeRecord> nodes,
                                GraphStore& on) {
    const auto binding = make_binding(strategy, "w");
    auto diff = std::make_unique<Diff>(on, binding, nodes, clock_.now());
    diff->view().reserve();
    std::vector<DeployNode> bound;
    for (const NodeRecord& node : nodes) bound.push_back({row_of(node, *diff), "a node", false});
    diff->change().deploy = make_deploy(*binding, "v1", bound, clock_.now());
    return diff;
  }
  void deploy(const std::string& strategy, const std::vector<NodeRecord>& nodes) {
    ASSERT_TRUE(succeeded(prepare(strategy, nodes, store())->commit()));
  }
  RowId row_of(const NodeRecord& node, Diff& diff) {
    for (const NodeRecord& added : diff.change().nodes) {
      if (added.id == node.id) return added.row;
    }
    return test::must(store().read(nullptr)).index().node(node.id).row();
  }
  RowId queue_of(const std::string& name) {
    const auto view = test::must(store().read(nullptr));
    for (const RowId row : view.index().queues_of(view.index().node(make_node(name).id).row())) {
      if (view.index().queue(row).is_active()) return row;
    }
    return 0;
  }
  std::string topic_of(RowId row) {
    return std::string(test::must(store().read(nullptr)).index().queue(row).topic());
  }
  Collection collection(const std::vector<RowId>& queues, GcAction action = GcAction::Drop) {
    Collection batch{.queues = {},
                     .held = {},
                     .deploys_kept = 10,
                     .actor = "loop:gc",
                     .cause = "run-1",
                     .at = clock_.now()};
    for (const RowId queue : queues) {
      const bool archived = action == GcAction::Archive;
      batch.queues.push_back({.queue = queue,
                              .action = action,
                              .tag = archived ? "sentinel" : "raw",
                              .archive_key = archived ? "the-archive" : ""});
    }
    return batch;
  }
  Forgetting forgetting(const std::vector<RowId>& queues) {
    return {.queues = queues, .actor = "loop:gc", .cause = "run-1", .at = clock_.now()};
  }
  /// All deploys there are hold nothing any more.
  void let_go(const std::string& strategy) {
    ASSERT_TRUE(succeeded(life().end_deploys({.id = strategy, .actor = "me", .at = clock_.now()})));
    clock_.sleep_for(std::chrono::hours(24));
  }
  std::vector<std::string> log_actions() {
    std::vector<std::string> actions;
    for (const auto& [seq, row] : test::must(store().topic_log(0, 1000))) {
      actions.push_back(row.action + " " + row.topic.text() + " " + row.actor + " " + row.result);
    }
    return actions;
  }
  std::vector<nlohmann::json> envelopes() {
    std::vector<nlohmann::json> found;
    for (const PendingEvent& event : test::must(engine_->bus().pending(1000))) {
      found.push_back(nlohmann::json::parse(event.event.envelope));
    }
    return found;
  }
  void tell_all() { ASSERT_TRUE(succeeded(engine_->bus().publish(1000, clock_.now()))); }

  weir::test::HandClock clock_{Duration::zero(), test::at(0)};
  std::unique_ptr<test::GraphEngine> engine_ = test::make_graph_engine(GetParam(), &clock_);
  LoopFence fence_ = test::hold_loop(engine_->loops(), "gc");
};

TEST_P(QueueEndTest, RemovesTheBindingTellsItAndKeepsTheName) {
  deploy("a", {make_node("x"), make_node("y"), make_query_node("q", "btc")});
  let_go("a");
  tell_all();
  const RowId gone = queue_of("x");
  const RowId stays = queue_of("y");
  const std::string topic = topic_of(gone);
  const std::string other = topic_of(stays);
  const Epoch before = test::must(store().read(nullptr)).epoch();
  EXPECT_THAT(test::must(life().collect(fence_, collection({gone}))), ElementsAre(gone));
  {
    const auto view = test::must(engine_->other_instance().read(nullptr));
    EXPECT_EQ(view.epoch(), before + 1);
    EXPECT_EQ(view.index().queue_count(), 2U);
    const NodeRecord node = make_node("x");
    EXPECT_TRUE(view.index().node(node.id)) << "the node stays";
    EXPECT_FALSE(view.index().queue_by_binding(
        test::make_intent(node, *make_binding("a", "w"), "").binding_key));
    EXPECT_TRUE(view.index().queue(stays).is_active());
  }
  const auto told = envelopes();
  ASSERT_FALSE(told.empty());
  EXPECT_EQ(told[0]["type"], "queue_lifecycle") << "before the sets that it leaves";
  EXPECT_EQ(told[0]["data"]["queue"], topic);
  EXPECT_EQ(told[0]["data"]["action"], "drop");
  EXPECT_EQ(told[0]["data"]["reason"], "eligible");
  EXPECT_EQ(told[0]["data"]["tag"], "raw");
  EXPECT_EQ(told[0]["data"]["interval"], 60);
  EXPECT_FALSE(told[0]["data"].contains("archive_status"));
  EXPECT_TRUE(told[0]["data"]["etag"].get<std::string>().ends_with(":1"));
  bool asked = false;
  for (std::size_t i = 1; i < told.size(); ++i) {
    EXPECT_EQ(told[i]["type"], "queue_updated");
    EXPECT_EQ(told[i]["data"]["world_id"], "w");
    for (const auto& queue : told[i]["data"]["queues"]) EXPECT_NE(queue["queue"], topic);
    if (told[i]["data"]["tags"] != nlohmann::json({"btc"})) continue;
    asked = true;
    ASSERT_THAT(told[i]["data"]["queues"], SizeIs(1));
    EXPECT_EQ(told[i]["data"]["queues"][0]["queue"], other);
  }
  EXPECT_TRUE(asked) << "what the query node asks";
  EXPECT_THAT(log_actions(), ElementsAre("delete_started " + topic + " loop:gc eligible"));
  EXPECT_THAT(test::must(life().leaving(fence_)),
              ElementsAre(LeavingQueue{gone, graph::TopicName(topic)}));
  EXPECT_THAT(test::must(life().collect(fence_, collection({gone}))), IsEmpty()) << "only once";
}

TEST_P(QueueEndTest, HoldsTheNameUntilItIsForgottenAndLetsTheNodeBindAgain) {
  deploy("a", {make_node("x")});
  let_go("a");
  const RowId gone = queue_of("x");
  const std::string topic = topic_of(gone);
  test::must(life().collect(fence_, collection({gone})));
  const auto binding = make_binding("b", "w");
  const IntentBatch batch{.diff_id = "d",
                          .binding = binding,
                          .intents = {test::make_intent(make_node("x"), *binding, topic)},
                          .new_nodes = 0,
                          .at = clock_.now()};
  const auto refused = test::must(engine_->other_instance().reserve(batch));
  EXPECT_EQ(refused.outcomes.front().queue, 0);
  EXPECT_TRUE(refused.outcomes.front().leaving);
  IntentBatch next = batch;
  next.intents.front().topic = graph::TopicName(topic + "_v2");
  EXPECT_NE(test::must(store().reserve(next)).outcomes.front().queue, 0)
      << "the binding is free at once, under another name";
  const Forgetting done{.queues = {gone}, .actor = "loop:gc", .cause = "run-1", .at = clock_.now()};
  ASSERT_TRUE(succeeded(life().forget(fence_, done)));
  ASSERT_TRUE(succeeded(life().forget(fence_, done))) << "once more";
  EXPECT_THAT(test::must(life().leaving(fence_)), IsEmpty());
  EXPECT_THAT(log_actions(), ElementsAre("delete_started " + topic + " loop:gc eligible",
                                         "deleted " + topic + " loop:gc "));
  const auto rows = test::must(store().topic_log(0, 1000));
  EXPECT_EQ(rows[0].second.binding_key, rows[1].second.binding_key);
  EXPECT_EQ(rows[1].second.node_id, make_node("x").id.text());
  EXPECT_EQ(rows[0].second.shape, rows[1].second.shape);
  IntentBatch again = batch;
  again.intents.front().binding_key = graph::BindingKey("another");
  again.intents.front().topic = graph::TopicName(topic);
  EXPECT_NE(test::must(engine_->other_instance().reserve(again)).outcomes.front().queue, 0)
      << "the name is free";
}

TEST_P(QueueEndTest, BindsANodeAgainAfterItsQueueWasCollected) {
  deploy("a", {make_node("x"), make_node("y")});
  let_go("a");
  const RowId gone = queue_of("x");
  test::must(life().collect(fence_, collection({gone})));
  ASSERT_TRUE(succeeded(life().forget(fence_, forgetting({gone}))));
  deploy("b", {make_node("x"), make_node("y")});
  const RowId bound = queue_of("x");
  EXPECT_NE(bound, 0);
  EXPECT_NE(bound, gone);
  EXPECT_EQ(test::describe(store()), test::describe(engine_->other_instance()));
}

TEST_P(QueueEndTest, NamesAForgottenQueueInWhatWasToldOfIt) {
  deploy("a", {make_node("x"), make_node("y")});
  const auto before = envelopes();
  let_go("a");
  const RowId gone = queue_of("x");
  test::must(life().collect(fence_, collection({gone})));
  ASSERT_TRUE(succeeded(life().forget(fence_, forgetting({gone}))));
  const auto after = envelopes();
  ASSERT_GT(after.size(), before.size());
  for (std::size_t i = 0; i < before.size(); ++i) EXPECT_EQ(before[i], after[i]);
  tell_all();
  const auto page = test::must(engine_->events().read("", 0, 1000));
  ASSERT_EQ(page.events.size(), after.size());
  for (std::size_t i = 0; i < after.size(); ++i) {
    EXPECT_EQ(nlohmann::json::parse(page.events[i].envelope), after[i]);
    if (page.events[i].type == "queue_lifecycle") {
      EXPECT_EQ(page.events[i].world, "w");
    }
  }
  ASSERT_TRUE(succeeded(engine_->bus().prune(clock_.now() + std::chrono::hours(1), 1000)));
  EXPECT_THAT(test::must(engine_->events().read("", 0, 1000)).events, IsEmpty());
}

TEST_P(QueueEndTest, CountsTheEndsOfOneNameAndSaysWhereTheContentIs) {
  for (int time = 1; time <= 2; ++time) {
    deploy("a" + std::to_string(time), {make_node("x")});
    let_go("a" + std::to_string(time));
    tell_all();
    const RowId gone = queue_of("x");
    const std::string topic = topic_of(gone);
    test::must(life().collect(fence_, collection({gone}, GcAction::Archive)));
    const auto told = envelopes();
    ASSERT_FALSE(told.empty());
    EXPECT_EQ(told[0]["data"]["etag"], "ql:" + topic + ":archive:eligible:" + std::to_string(time));
    EXPECT_EQ(told[0]["data"]["archive_status"], "archived");
    EXPECT_EQ(told[0]["data"]["tag"], "sentinel");
    ASSERT_TRUE(succeeded(life().forget(fence_, forgetting({gone}))));
    const auto actions = log_actions();
    EXPECT_THAT(actions, testing::Contains("archive " + topic + " loop:gc the-archive"));
  }
}

TEST_P(QueueEndTest, LeavesWhatADeployHoldsByNow) {
  deploy("a", {make_node("x"), make_node("y")});
  let_go("a");
  const RowId x = queue_of("x");
  const RowId y = queue_of("y");
  deploy("b", {make_node("x")});
  EXPECT_THAT(test::must(life().collect(fence_, collection({x, y}))), ElementsAre(y));
  EXPECT_EQ(queue_of("x"), x);
  // One that the batch says binds none of them is not looked at again.
  Collection sure = collection({x});
  for (const DeployStanding& one : test::must(life().deploys())) sure.held.push_back(one.key);
  EXPECT_THAT(test::must(life().collect(fence_, sure)), ElementsAre(x));
}

/// Somebody was answered with the queue after the batch was chosen, and was let go of at once.
TEST_P(QueueEndTest, LeavesWhatWasHandedOutMeanwhileThoughItIsEndedAgain) {
  deploy("a", {make_node("x"), make_node("y")});
  let_go("a");
  const RowId x = queue_of("x");
  const RowId y = queue_of("y");
  Collection batch = collection({x, y});
  deploy("b", {make_node("x")});
  ASSERT_TRUE(succeeded(life().end_deploys({.id = "b", .actor = "me", .at = clock_.now()})));
  EXPECT_THAT(test::must(life().collect(fence_, batch)), ElementsAre(y));
  // One that knew of that has seen that its time began anew.
  batch.ended = lately_ended(test::must(life().deploys()), clock_.now());
  EXPECT_THAT(batch.ended, SizeIs(1));
  EXPECT_THAT(test::must(life().collect(fence_, batch)), ElementsAre(x));
}

TEST_P(QueueEndTest, LeavesWhatALiveVersionHoldsThoughItsDeployWasEnded) {
  const auto binding = make_binding("s", "w");
  auto diff = prepare("s", {make_node("x")}, store());
  diff->change().deploy->sentinel_due = true;
  diff->change().sentinel = test::make_sentinel(*diff->change().deploy, 0.5);
  diff->change().sentinel->id = graph::sentinel_id(binding->strategy);
  ASSERT_TRUE(succeeded(diff->commit()));
  let_go("s");
  EXPECT_THAT(test::must(life().collect(fence_, collection({queue_of("x")}))), IsEmpty());
}

TEST_P(QueueEndTest, ADeployThatWasDecidedBeforeARemovalIsDecidedAnew) {
  deploy("a", {make_node("x"), make_node("y")});
  let_go("a");
  // Read before, written after: one that only refers to the queues, one that adds a node beside
  // them, one that gives its sentinel a weight.
  auto refers = prepare("b", {make_node("x")}, engine_->other_instance());
  auto adds = prepare("c", {make_node("x"), make_node("z")}, engine_->other_instance());
  auto weighs = prepare("d", {make_node("x")}, engine_->other_instance());
  weighs->change().deploy->sentinel_due = true;
  weighs->change().sentinel = test::make_sentinel(*weighs->change().deploy, 0.5);
  const RowId gone = queue_of("x");
  EXPECT_THAT(test::must(life().collect(fence_, collection({gone}))), ElementsAre(gone));
  EXPECT_EQ(reason_of(refers->commit()), "graph_moved");
  EXPECT_EQ(reason_of(adds->commit()), "graph_moved");
  EXPECT_EQ(reason_of(weighs->commit()), "graph_moved");
  EXPECT_EQ(test::must(life().deploys()).size(), 1U) << "nothing was written";
  EXPECT_EQ(test::must(store().newest_sentinel(weighs->change().sentinel->id, graph::WorldId("w"))),
            std::nullopt);
  // Who reads now finds the node without a queue.
  deploy("b", {make_node("y")});
}

TEST_P(QueueEndTest, AVersionWhoseQueuesAreGoneGetsNoTraffic) {
  auto diff = prepare("s", {make_node("x"), make_node("y")}, store());
  diff->change().deploy->sentinel_due = true;
  diff->change().sentinel = test::make_sentinel(*diff->change().deploy, std::nullopt);
  diff->change().sentinel->id = graph::SentinelId("s-sentinel");
  ASSERT_TRUE(succeeded(diff->commit()));
  const auto weigh = [&](double weight) {
    return engine_->traffic().set_weight({.request = {.sentinel = graph::SentinelId("s-sentinel"),
                                                      .version = {},
                                                      .world = graph::WorldId("w"),
                                                      .weight = weight},
                                          .actor = "me",
                                          .at = clock_.now()});
  };
  ASSERT_TRUE(succeeded(weigh(0.5)));
  ASSERT_TRUE(succeeded(weigh(0)));
  let_go("s");
  const RowId gone = queue_of("x");
  test::must(life().collect(fence_, collection({gone})));
  EXPECT_EQ(reason_of(weigh(0.5)), "queues_collected");
  ASSERT_TRUE(succeeded(weigh(0)));
  ASSERT_TRUE(succeeded(life().forget(fence_, forgetting({gone}))));
  deploy("t", {make_node("x")});
  ASSERT_TRUE(succeeded(weigh(0.5))) << "bound again, by whomever";
}

TEST_P(QueueEndTest, DoesNothingForOneWhoLostTheLoop) {
  deploy("a", {make_node("x")});
  let_go("a");
  const RowId queue = queue_of("x");
  const LoopFence lost{"gc", fence_.fence + 1};
  EXPECT_EQ(reason_of(life().collect(lost, collection({queue}))), "loop_lost");
  EXPECT_EQ(reason_of(life().leaving(lost)), "loop_lost");
  EXPECT_EQ(queue_of("x"), queue);
  test::must(life().collect(fence_, collection({queue})));
  EXPECT_EQ(reason_of(life().forget(lost, forgetting({queue}))), "loop_lost");
  EXPECT_THAT(test::must(life().leaving(fence_)), SizeIs(1));
}

TEST_P(QueueEndTest, DropsTheMarkWithTheQueue) {
  deploy("a", {make_node("x")});
  let_go("a");
  const RowId queue = queue_of("x");
  const OrphanRecord mark{
      .queue = queue, .tag = "raw", .since = clock_.now(), .grown_at = clock_.now()};
  ASSERT_TRUE(succeeded(life().mark(fence_, {{mark}, {}})));
  test::must(life().collect(fence_, collection({queue})));
  EXPECT_THAT(test::must(life().orphans()), IsEmpty());
}

TEST_P(QueueEndTest, EndsTheDeploysThatAnIdMeans) {
  const auto due = [&](const std::string& strategy, const std::string& version) {
    auto diff = prepare(strategy, {make_node("x")}, store());
    diff->change().deploy->key.version = graph::VersionLabel(version);
    diff->change().deploy->sentinel_due = true;
    ASSERT_TRUE(succeeded(diff->commit()));
  };
  due("a", "v1");
  due("a", "v2");
  due("b", "v2");
  due("c", "v3");
  const auto end = [&](const std::string& id) {
    return life().end_deploys({.id = id, .actor = "ann", .at = clock_.now()});
  };
  const auto ended = [&] {
    std::size_t count = 0;
    for (const DeployStanding& one : test::must(life().deploys())) count += one.ended ? 1 : 0;
    return count;
  };
  EXPECT_EQ(reason_of(end("v2")), "ambiguous_sentinel");
  const Error fault = end("v2").error();
  EXPECT_THAT(fault.message(), testing::HasSubstr("a-sentinel in world w"));
  EXPECT_THAT(fault.message(), testing::HasSubstr("b-sentinel in world w"));
  EXPECT_EQ(ended(), 0U);
  EXPECT_EQ(test::must(end("nobody")), 0U) << "no fault";
  EXPECT_EQ(test::must(end("v3")), 1U);
  EXPECT_EQ(test::must(end("v3")), 0U) << "once";
  EXPECT_EQ(test::must(end("a-sentinel")), 2U);
  EXPECT_EQ(test::must(end("b")), 1U);
  EXPECT_EQ(ended(), 4U);
  const auto audit = test::must(engine_->traffic().audit(0, 100));
  ASSERT_THAT(audit, SizeIs(5));
  EXPECT_EQ(audit[1].second.action, "cleanup");
  EXPECT_EQ(audit[1].second.actor, "ann");
  EXPECT_EQ(audit[1].second.subject, "v3");
  EXPECT_EQ(audit[1].second.note, "1 deploy ended");
  due("b", "v2");
  EXPECT_EQ(ended(), 3U) << "a new submission revives it";
}

INSTANTIATE_TEST_SUITE_P(Adapters, QueueEndTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
