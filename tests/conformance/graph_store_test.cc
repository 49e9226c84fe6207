// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/graph_store.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/conformance/graph_cases.h"

namespace weir::dagmanager {
namespace {

using test::at;
using test::describe;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_intent;
using test::make_node;
using test::make_sentinel;
using test::reason_of;
using test::succeeded;

class GraphStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  GraphStoreTest() : engine_(test::make_graph_engine(GetParam())), store_(engine_->store()) {}

  Epoch epoch() {
    const auto view = store_.read(nullptr);
    EXPECT_TRUE(succeeded(view));
    return view.ok() ? view->epoch() : -1;
  }
  /// A copy of the queue of a topic; row 0 if there is none.
  QueueRecord queue(const std::string& topic) {
    const auto view = store_.read(nullptr);
    EXPECT_TRUE(succeeded(view));
    if (!view.ok()) return {};
    const QueueView found = view->index().queue_by_topic(graph::topic_key(graph::TopicName(topic)));
    return found ? found.record() : QueueRecord{};
  }
  RowId node_row(const std::string& name) {
    const auto view = store_.read(nullptr);
    EXPECT_TRUE(succeeded(view));
    const NodeView node = view->index().node(graph::NodeId("id-" + name));
    return node ? node.row() : 0;
  }
  IntentOutcome reserve_one(const TopicIntent& intent) {
    const auto reserved = store_.reserve(
        {.diff_id = "d", .binding = binding_, .intents = {intent}, .new_nodes = 0, .at = at(0)});
    EXPECT_TRUE(succeeded(reserved));
    return reserved.ok() ? reserved->outcomes.at(0) : IntentOutcome{};
  }

  std::unique_ptr<test::GraphEngine> engine_;
  GraphStore& store_;
  std::shared_ptr<const BindingContext> binding_ = make_binding("s1", "w1");
};

TEST_P(GraphStoreTest, BeginsEmptyAtEpochZero) {
  EXPECT_TRUE(succeeded(store_.ping()));
  const auto view = store_.read(nullptr);
  ASSERT_TRUE(succeeded(view));
  EXPECT_EQ(view->epoch(), 0);
  EXPECT_EQ(view->index().node_count(), 0U);
  EXPECT_FALSE(view->deploy());
  EXPECT_TRUE(succeeded(store_.topic_log(0, 10)));
}

TEST_P(GraphStoreTest, GivesBackEveryFieldOfNodeAndQueue) {
  NodeRecord node = make_node("n");
  node.query = graph::TagQuerySpec{
      .tags = {"a", "b"}, .match_all = true, .has_interval = true, .interval = 300};
  node.global = true;
  node.artifacts = {{"p1", "sha256:01", 17, "onnx", "f32"}, {"p2", "sha256:02", 1, "", ""}};
  Diff diff(store_, binding_, {node}, at(5));
  ASSERT_TRUE(succeeded(diff.run()));

  const auto view = store_.read(nullptr);
  ASSERT_TRUE(succeeded(view));
  const NodeView stored = view->index().node(node.id);
  ASSERT_NE(stored, nullptr);
  node.row = stored.row();
  EXPECT_TRUE(stored.record() == node);
  EXPECT_EQ(view->index().node(node.row), stored);
  const QueueView bound = view->index().queue_by_binding(graph::BindingKey("id-n@w1|own"));
  ASSERT_NE(bound, nullptr);
  const QueueRecord queue = bound.record();
  EXPECT_EQ(queue.topic.text(), "w1.id-n");
  EXPECT_EQ(queue.type, graph::TopicType::Raw);
  EXPECT_EQ(queue.shape, diff.change().queues.at(0).shape);
  EXPECT_EQ(queue.state, QueueState::Active);
  EXPECT_EQ(queue.node, node.row);
  EXPECT_EQ(queue.compute_key.text(), "id-n@w1");
  EXPECT_EQ(*queue.binding, *binding_);
  EXPECT_EQ(queue.schema_hash, "schema-n");
  EXPECT_EQ(queue.pending_schema_hash, "");
  EXPECT_FALSE(queue.buffering_since);
  EXPECT_EQ(queue.created_at, at(5));
  EXPECT_EQ(queue.ttl_ms, 7'200'000);
  EXPECT_EQ(queue.lag_alert_seconds, 300);
  EXPECT_THAT(view->index().queues_of(node.row), testing::ElementsAre(queue.row));
}

TEST_P(GraphStoreTest, KeepsAQueryWithoutAnIntervalApartFromOneAtZero) {
  NodeRecord none = make_node("none");
  none.query = graph::TagQuerySpec{.tags = {"a"}};
  NodeRecord zero = make_node("zero");
  zero.query = graph::TagQuerySpec{.tags = {}, .has_interval = true, .interval = 0};
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {none, zero}).run()));
  const auto view = store_.read(nullptr);
  ASSERT_TRUE(succeeded(view));
  EXPECT_EQ(view->index().node(none.id).query(), none.query);
  EXPECT_EQ(view->index().node(zero.id).query(), zero.query);
}

TEST_P(GraphStoreTest, RaisesTheEpochByOneForEachChange) {
  const auto first = Diff(store_, binding_, {make_node("a"), make_node("b")}).run();
  ASSERT_TRUE(succeeded(first));
  EXPECT_EQ(first->epoch, 1);
  const auto second = Diff(store_, binding_, {make_node("c")}).run();
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(second->epoch, 2);
  EXPECT_EQ(epoch(), 2);
}

TEST_P(GraphStoreTest, ShowsAnIntentAtTheEpochItWasReservedIn) {
  Diff diff(store_, binding_, {make_node("a")});
  diff.view().reserve();
  EXPECT_EQ(epoch(), 0);
  const QueueRecord intent = queue("w1.id-a");
  EXPECT_EQ(intent.row, diff.reservation().outcomes.at(0).queue);
  EXPECT_EQ(intent.state, QueueState::Intent);
  EXPECT_EQ(intent.node, 0);
  EXPECT_EQ(intent.binding_key.text(), "id-a@w1|own");
  EXPECT_EQ(intent.shape, diff.batch().intents.at(0).shape);
}

TEST_P(GraphStoreTest, KnowsTheNodeOfAnIntentWhoseNodeIsStored) {
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a")}).run()));
  Diff(store_, make_binding("s1", "w2"), {make_node("a")}).view().reserve();
  const QueueRecord intent = queue("w2.id-a");
  EXPECT_EQ(intent.state, QueueState::Intent);
  EXPECT_EQ(intent.node, node_row("a"));
}

TEST_P(GraphStoreTest, DrawsRowNumbersThatAreNeverUsedTwice) {
  std::vector<RowId> nodes;
  std::vector<RowId> queues;
  for (int i = 0; i < 5; ++i) {
    Diff diff(store_, binding_, {make_node("a" + std::to_string(i)), make_node("b")});
    diff.view().reserve();
    nodes.insert(nodes.end(), diff.reservation().node_rows.begin(),
                 diff.reservation().node_rows.end());
    queues.push_back(diff.reservation().outcomes.at(0).queue);
  }
  std::ranges::sort(nodes);
  EXPECT_EQ(nodes.size(), 10U);
  EXPECT_EQ(std::ranges::adjacent_find(nodes), nodes.end());
  EXPECT_GT(nodes.front(), 0);
  EXPECT_EQ(std::ranges::adjacent_find(queues, std::ranges::greater_equal{}), queues.end());
}

TEST_P(GraphStoreTest, JoinsTheIntentOfAnEarlierTry) {
  Diff crashed(store_, binding_, {make_node("a")});
  crashed.view().reserve();
  Diff repeated(store_, binding_, {make_node("a"), make_node("b")});
  repeated.view().reserve();
  const auto& outcomes = repeated.reservation().outcomes;
  ASSERT_EQ(outcomes.size(), 2U);
  EXPECT_TRUE(outcomes[0].joined);
  EXPECT_EQ(outcomes[0].queue, crashed.reservation().outcomes.at(0).queue);
  EXPECT_FALSE(outcomes[1].joined);
  EXPECT_NE(outcomes[1].queue, 0);
  EXPECT_TRUE(succeeded(repeated.commit()));
  EXPECT_EQ(queue("w1.id-a").state, QueueState::Active);
}

TEST_P(GraphStoreTest, LetsOneOfTwoThatJoinedCommit) {
  Diff one(store_, binding_, {make_node("a")});
  Diff other(store_, binding_, {make_node("a")});
  one.view();
  other.view();
  one.reserve();
  other.reserve();
  EXPECT_TRUE(succeeded(one.commit()));
  EXPECT_EQ(reason_of(other.commit()), "graph_moved");
  EXPECT_EQ(epoch(), 1);
}

TEST_P(GraphStoreTest, RefusesANameThatAnotherBindingHolds) {
  const NodeRecord node = make_node("a");
  EXPECT_NE(reserve_one(make_intent(node, *binding_, "t.One")).queue, 0);
  const BindingContext other = *make_binding("s2", "w2");
  for (const char* confusing : {"t.One", "t_One", "T.oNE"}) {
    const IntentOutcome taken = reserve_one(make_intent(node, other, confusing));
    EXPECT_EQ(taken.queue, 0) << confusing;
    EXPECT_FALSE(taken.joined) << confusing;
  }
}

TEST_P(GraphStoreTest, ReservesWhatIsFreeBesideWhatIsTaken) {
  reserve_one(make_intent(make_node("x"), *binding_, "w1.id-b"));
  Diff diff(store_, binding_, {make_node("a"), make_node("b"), make_node("c")});
  diff.view().reserve();
  const auto& outcomes = diff.reservation().outcomes;
  EXPECT_NE(outcomes.at(0).queue, 0);
  EXPECT_EQ(outcomes.at(1).queue, 0);
  EXPECT_NE(outcomes.at(2).queue, 0);
  EXPECT_EQ(queue("w1.id-c").state, QueueState::Intent);
}

TEST_P(GraphStoreTest, KeepsTheNameOfABindingThatDoesNotGiveItUp) {
  const NodeRecord node = make_node("a");
  const RowId first = reserve_one(make_intent(node, *binding_, "first")).queue;
  EXPECT_EQ(reserve_one(make_intent(node, *binding_, "second")).queue, 0);
  EXPECT_EQ(queue("first").row, first);
  EXPECT_EQ(queue("second").row, 0);
}

TEST_P(GraphStoreTest, FreesTheNameThatABindingGivesUp) {
  const NodeRecord node = make_node("a");
  const RowId first = reserve_one(make_intent(node, *binding_, "first")).queue;
  TopicIntent second = make_intent(node, *binding_, "second");
  second.gives_up = graph::TopicName("first");
  const IntentOutcome got = reserve_one(second);
  EXPECT_NE(got.queue, 0);
  EXPECT_NE(got.queue, first);
  EXPECT_FALSE(got.joined);
  EXPECT_EQ(queue("first").row, 0);
  EXPECT_EQ(queue("second").row, got.queue);
  const TopicIntent other = make_intent(make_node("b"), *binding_, "first");
  EXPECT_NE(reserve_one(other).queue, 0);
}

TEST_P(GraphStoreTest, RefusesTheCommitOfAnIntentThatWasGivenUp) {
  Diff diff(store_, binding_, {make_node("a")});
  diff.view().reserve();
  TopicIntent renamed = make_intent(make_node("a"), *binding_, "other");
  renamed.gives_up = graph::TopicName("w1.id-a");
  reserve_one(renamed);
  EXPECT_EQ(reason_of(diff.commit()), "graph_moved");
  EXPECT_EQ(node_row("a"), 0);
}

TEST_P(GraphStoreTest, DecidesAnewWhereABindingHasAQueueOfAnotherNameByNow) {
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a")}).run()));
  const std::string before = describe(store_);
  const auto reserved = store_.reserve({.diff_id = "d",
                                        .binding = binding_,
                                        .intents = {make_intent(make_node("b"), *binding_),
                                                    make_intent(make_node("a"), *binding_, "new")},
                                        .new_nodes = 1,
                                        .at = at(0)});
  EXPECT_EQ(reason_of(reserved), "graph_moved");
  EXPECT_EQ(describe(store_), before);
}

TEST_P(GraphStoreTest, RefusesAChangeWhoseNodeWasChangedMeanwhile) {
  Diff slow(store_, binding_, {make_node("a"), make_node("b")});
  slow.view().reserve();
  ASSERT_TRUE(succeeded(Diff(store_, make_binding("s2", "w2"), {make_node("b")}).run()));
  const std::string before = describe(store_);
  EXPECT_EQ(reason_of(slow.commit()), "graph_moved");
  EXPECT_EQ(describe(store_), before);
  slow.view().reserve();
  EXPECT_TRUE(succeeded(slow.commit()));
}

TEST_P(GraphStoreTest, AcceptsAChangeBesideForeignOnesElsewhere) {
  Diff slow(store_, binding_, {make_node("a")});
  slow.view().reserve();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("x" + std::to_string(i))}).run()));
  }
  const auto committed = slow.commit();
  ASSERT_TRUE(succeeded(committed));
  EXPECT_EQ(committed->epoch, 4);
}

TEST_P(GraphStoreTest, RefusesAMarkOnANodeThatWasChangedMeanwhile) {
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a")}).run()));
  Diff slow(store_, binding_, {make_node("a")});
  slow.view();
  slow.change().marks.push_back({queue("w1.id-a").row, "schema-2", at(7)});
  ASSERT_TRUE(succeeded(Diff(store_, make_binding("s1", "w2"), {make_node("a")}).run()));
  EXPECT_EQ(reason_of(slow.commit()), "graph_moved");
  EXPECT_FALSE(queue("w1.id-a").buffering_since);
}

TEST_P(GraphStoreTest, KeepsTheFirstMarkAndTheLastAnnouncedHash) {
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a")}).run()));
  const RowId row = queue("w1.id-a").row;
  const auto mark = [&](const char* hash, std::optional<Instant> since) {
    Diff diff(store_, binding_, {make_node("a")});
    diff.view().change().marks.push_back({row, hash, since});
    EXPECT_TRUE(succeeded(diff.commit()));
  };
  mark("schema-2", at(7));
  EXPECT_EQ(queue("w1.id-a").buffering_since, at(7));
  EXPECT_EQ(queue("w1.id-a").pending_schema_hash, "schema-2");
  mark("schema-3", std::nullopt);
  mark("schema-4", at(9));
  const QueueRecord marked = queue("w1.id-a");
  EXPECT_EQ(marked.row, row);
  EXPECT_EQ(marked.buffering_since, at(7));
  EXPECT_EQ(marked.pending_schema_hash, "schema-4");
  EXPECT_EQ(marked.schema_hash, "schema-a");
  EXPECT_EQ(epoch(), 4);
}

TEST_P(GraphStoreTest, GivesBackEveryFieldOfADeploy) {
  Diff diff(store_, binding_, {make_node("a"), make_node("b")});
  diff.view().reserve();
  const auto& nodes = diff.change().nodes;
  diff.change().deploy = make_deploy(
      *binding_, "v1", {{nodes[0].row, "the a", true}, {nodes[1].row, "", false}}, at(3));
  ASSERT_TRUE(succeeded(diff.commit()));

  const auto stored = store_.newest_deploy(graph::StrategyId("s1"), graph::WorldId("w1"));
  ASSERT_TRUE(succeeded(stored));
  ASSERT_TRUE(stored->has_value());
  const auto view = store_.read(&diff.change().deploy->key);
  ASSERT_TRUE(succeeded(view));
  EXPECT_EQ(describe(**stored, view->index()), describe(*diff.change().deploy, view->index()));
  EXPECT_EQ((**stored).nodes, diff.change().deploy->nodes);
  ASSERT_TRUE(view->deploy());
  EXPECT_EQ(view->deploy()->last_seen, at(3));
  EXPECT_FALSE(view->deploy()->ended);
  EXPECT_TRUE(view->deploy()->sentinel_due);
}

TEST_P(GraphStoreTest, MovesLastSeenOfAKnownDeployWithoutAnEpoch) {
  Diff diff(store_, binding_, {make_node("a")});
  diff.view().reserve();
  diff.change().deploy = make_deploy(*binding_, "v1", {{1, "n", true}}, at(3));
  diff.change().deploy->sentinel_due = false;
  diff.change().deploy->ended_at = at(4);
  ASSERT_TRUE(succeeded(diff.commit()));
  const DeployKey key = diff.change().deploy->key;
  {
    const auto view = store_.read(&key);
    ASSERT_TRUE(succeeded(view));
    EXPECT_TRUE(view->deploy()->ended);
    EXPECT_FALSE(view->deploy()->sentinel_due);
  }
  Diff again(store_, binding_, {make_node("a")});
  again.view().change().deploy = make_deploy(*binding_, "v1", {{1, "n", false}}, at(50));
  again.change().deploy_known = true;
  const auto committed = again.commit();
  ASSERT_TRUE(succeeded(committed));
  EXPECT_EQ(committed->epoch, 1);
  EXPECT_EQ(committed->events, 0U);
  const auto view = store_.read(&key);
  ASSERT_TRUE(succeeded(view));
  EXPECT_EQ(view->epoch(), 1);
  EXPECT_EQ(view->deploy()->last_seen, at(50));
  EXPECT_FALSE(view->deploy()->ended);
  EXPECT_TRUE(view->deploy()->sentinel_due);
}

TEST_P(GraphStoreTest, StoresADeployTwiceAsOne) {
  for (const int second : {3, 40}) {
    Diff diff(store_, binding_, {});
    diff.view().change().deploy = make_deploy(*binding_, "v1", {{1, "n", true}}, at(second));
    ASSERT_TRUE(succeeded(diff.commit()));
  }
  const auto stored = store_.newest_deploy(graph::StrategyId("s1"), std::nullopt);
  ASSERT_TRUE(succeeded(stored));
  EXPECT_EQ((**stored).first_seen, at(3));
  EXPECT_EQ((**stored).last_seen, at(40));
}

TEST_P(GraphStoreTest, TellsTheDeployThatWasStoredLast) {
  const auto store = [&](const char* world, const char* version, int second) {
    const auto binding = make_binding("s1", world);
    Diff diff(store_, binding, {});
    diff.view().change().deploy = make_deploy(*binding, version, {}, at(second));
    ASSERT_TRUE(succeeded(diff.commit()));
  };
  const auto newest = [&](std::optional<graph::WorldId> world) {
    const auto deploy = store_.newest_deploy(graph::StrategyId("s1"), world);
    EXPECT_TRUE(succeeded(deploy));
    return deploy.ok() && *deploy ? (**deploy).key.version.text() : "none";
  };
  EXPECT_EQ(newest(std::nullopt), "none");
  store("w1", "v1", 1);
  store("w1", "v2", 2);
  store("w2", "v9", 3);
  EXPECT_EQ(newest(std::nullopt), "v9");
  EXPECT_EQ(newest(graph::WorldId("w1")), "v2");
  store("w1", "v1", 4);
  EXPECT_EQ(newest(graph::WorldId("w1")), "v1");
  EXPECT_EQ(newest(std::nullopt), "v1");
  EXPECT_EQ(newest(graph::WorldId("w3")), "none");
  const auto other = store_.newest_deploy(graph::StrategyId("s2"), std::nullopt);
  ASSERT_TRUE(succeeded(other));
  EXPECT_FALSE(other->has_value());
}

TEST_P(GraphStoreTest, GivesBackEveryFieldOfASentinel) {
  Diff diff(store_, binding_, {});
  diff.view().change().deploy = make_deploy(*binding_, "v1", {}, at(3));
  diff.change().sentinel = make_sentinel(*diff.change().deploy, 0.25);
  ASSERT_TRUE(succeeded(diff.commit()));
  const auto stored =
      store_.newest_sentinel(graph::SentinelId("s1-sentinel"), graph::WorldId("w1"));
  ASSERT_TRUE(succeeded(stored));
  ASSERT_TRUE(stored->has_value());
  SentinelRecord expected = *diff.change().sentinel;
  give_weight(expected, 0.25);
  EXPECT_TRUE(**stored == expected);
  const auto other = store_.newest_sentinel(graph::SentinelId("s1-sentinel"), graph::WorldId("w2"));
  ASSERT_TRUE(succeeded(other));
  EXPECT_FALSE(other->has_value());
}

TEST_P(GraphStoreTest, KeepsWhatASentinelWasFirstStoredWith) {
  const auto store = [&](const char* version, std::optional<double> weight, int second) {
    Diff diff(store_, binding_, {});
    diff.view().change().deploy =
        make_deploy(*binding_, version, {{second, "", false}}, at(second));
    diff.change().sentinel = make_sentinel(*diff.change().deploy, weight);
    diff.change().sentinel->commit_hash += std::to_string(second);
    diff.change().sentinel->deploy_key += std::to_string(second);
    EXPECT_TRUE(succeeded(diff.commit()));
    const auto newest =
        store_.newest_sentinel(graph::SentinelId("s1-sentinel"), graph::WorldId("w1"));
    return newest.ok() && *newest ? **newest : SentinelRecord{};
  };
  store("v1", 0.5, 1);
  store("v2", std::nullopt, 2);
  const SentinelRecord again = store("v1", std::nullopt, 3);
  EXPECT_EQ(again.version.text(), "v1");
  EXPECT_EQ(again.traffic_weight, 0.5);
  EXPECT_EQ(again.commit_hash, "commit-v11");
  EXPECT_EQ(again.created_at, at(1));
  EXPECT_EQ(again.deploy_key.back(), '3');
  EXPECT_EQ(store("v1", 0.75, 4).traffic_weight, 0.75);
}

TEST_P(GraphStoreTest, AddsToTheTopicLogInOrder) {
  std::vector<TopicLogRow> written;
  for (int i = 0; i < 7; ++i) {
    const std::string n = std::to_string(i);
    written.push_back({.topic = graph::TopicName("topic " + n),
                       .action = "action " + n,
                       .type = graph::TopicType::TradeExec,
                       .shape = {.partitions = i,
                                 .replication = 3,
                                 .retention_ms = 1LL << 40,
                                 .cleanup = "c" + n},
                       .node_id = "node " + n,
                       .binding_key = "binding " + n,
                       .actor = "actor " + n,
                       .cause = "cause " + n,
                       .result = "result " + n,
                       .at = at(100 - i)});
  }
  for (std::size_t from : {0U, 3U, 5U}) {
    Diff diff(store_, binding_, {});
    const std::size_t to = from == 0 ? 3 : from == 3 ? 5 : 7;
    diff.view().change().log.assign(written.begin() + static_cast<std::ptrdiff_t>(from),
                                    written.begin() + static_cast<std::ptrdiff_t>(to));
    ASSERT_TRUE(succeeded(diff.commit()));
  }
  EXPECT_EQ(epoch(), 0);
  std::vector<TopicLogRow> read;
  RowId last = 0;
  while (true) {
    const auto page = store_.topic_log(last, 3);
    ASSERT_TRUE(succeeded(page));
    if (page->empty()) break;
    EXPECT_LE(page->size(), 3U);
    for (const auto& [seq, row] : *page) {
      EXPECT_GT(seq, last);
      last = seq;
      read.push_back(row);
    }
  }
  EXPECT_TRUE(read == written);
}

TEST_P(GraphStoreTest, WritesNothingOfAChangeThatIsRefused) {
  Diff slow(store_, binding_, {make_node("a")});
  slow.view().reserve();
  slow.change().deploy = make_deploy(*binding_, "v1", {{1, "", true}}, at(3));
  slow.change().sentinel = make_sentinel(*slow.change().deploy, 1.0);
  slow.change().log.resize(1);
  ASSERT_TRUE(succeeded(Diff(store_, make_binding("s2", "w2"), {make_node("a")}).run()));
  const auto events = describe(engine_->bus());
  EXPECT_EQ(reason_of(slow.commit()), "graph_moved");

  const auto deploy = store_.newest_deploy(graph::StrategyId("s1"), std::nullopt);
  ASSERT_TRUE(succeeded(deploy));
  EXPECT_FALSE(deploy->has_value());
  const auto sentinel =
      store_.newest_sentinel(graph::SentinelId("s1-sentinel"), graph::WorldId("w1"));
  ASSERT_TRUE(succeeded(sentinel));
  EXPECT_FALSE(sentinel->has_value());
  const auto log = store_.topic_log(0, 10);
  ASSERT_TRUE(succeeded(log));
  EXPECT_TRUE(log->empty());
  EXPECT_EQ(describe(engine_->bus()), events);
}

TEST_P(GraphStoreTest, HoldsTheGraphStillWhileItIsViewed) {
  ASSERT_TRUE(succeeded(Diff(store_, binding_, {make_node("a")}).run()));
  Diff beside(store_, binding_, {make_node("b")});
  beside.view().reserve();
  std::thread writer;
  {
    const auto view = store_.read(nullptr);
    ASSERT_TRUE(succeeded(view));
    writer = std::thread([&] { EXPECT_TRUE(succeeded(beside.commit())); });
    for (int i = 0; i < 1000; ++i) {
      ASSERT_EQ(view->index().node_count(), 1U);
      std::this_thread::yield();
    }
  }
  writer.join();
  EXPECT_EQ(epoch(), 2);
}

TEST_P(GraphStoreTest, TakesALargeChangeWhole) {
  std::vector<NodeRecord> nodes;
  for (int i = 0; i < 3000; ++i) nodes.push_back(make_node(std::to_string(i)));
  Diff diff(store_, binding_, nodes);
  ASSERT_TRUE(succeeded(diff.run()));
  const auto view = store_.read(nullptr);
  ASSERT_TRUE(succeeded(view));
  EXPECT_EQ(view->index().node_count(), 3000U);
  EXPECT_EQ(view->index().queue_count(), 3000U);
}

INSTANTIATE_TEST_SUITE_P(Adapters, GraphStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
