// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/postgres_graph_store.h"

#include <gmock/gmock.h>

#include <thread>

#include "dagmanager/ports/limits.h"
#include "dagmanager/ports/postgres_schema.h"
#include "tests/conformance/graph_cases.h"
#include "tests/conformance/postgres_engine.h"
#include "tests/integration/postgres/cutting_proxy.h"

/// What only a store has that several instances share, and that can be lost and found again.
namespace weir::dagmanager {
namespace {

using test::at;
using test::describe;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_intent;
using test::make_node;
using test::make_query_node;
using test::make_sentinel;
using test::reason_of;
using test::succeeded;
using test::write_side_by_side;

class PostgresGraphStoreTest : public testing::Test {
 protected:
  PostgresGraphStoreTest() : one_(graph_.instance()), other_(graph_.instance()) {}

  /// What an instance that begins now reads.
  std::string fresh_copy() { return describe(graph_.instance()->store()); }
  std::size_t connects(test::PostgresInstance& instance) {
    return static_cast<std::size_t>(instance.pool().counts().connects);
  }
  Result<Committed> add(test::PostgresInstance& instance, const std::string& name) {
    return Diff(instance.store(), binding_, {make_node(name)}).run();
  }

  test::PostgresGraph graph_;
  std::unique_ptr<test::PostgresInstance> one_;
  std::unique_ptr<test::PostgresInstance> other_;
  std::shared_ptr<const BindingContext> binding_ = make_binding("s1", "w1");
};

TEST_F(PostgresGraphStoreTest, ShowsEachInstanceWhatTheOtherCommitted) {
  for (int i = 0; i < 10; ++i) {
    auto& writer = i % 2 == 0 ? *one_ : *other_;
    auto& reader = i % 2 == 0 ? *other_ : *one_;
    const auto binding = make_binding("s1", i % 3 == 0 ? "w1" : "w2");
    NodeRecord node = make_node("n" + std::to_string(i));
    node.artifacts = {{"path", "sha256:" + std::to_string(i), i, "f", "d"}};
    ASSERT_TRUE(succeeded(Diff(writer.store(), binding, {make_node("shared"), node}).run()));
    EXPECT_EQ(describe(reader.store()), describe(writer.store()));
  }
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(PostgresGraphStoreTest, ShowsMarksOfAnotherInstance) {
  ASSERT_TRUE(succeeded(add(*one_, "a")));
  ASSERT_TRUE(succeeded(other_->store().read(nullptr)));
  Diff diff(one_->store(), binding_, {make_node("a")});
  RowId row = 0;
  {
    const auto view = one_->store().read(nullptr);
    ASSERT_TRUE(succeeded(view));
    row = view->index().queue_by_binding(graph::BindingKey("id-a@w1|own")).row();
  }
  diff.view().change().marks.push_back({row, "schema-2", at(3)});
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(describe(other_->store()), describe(one_->store()));
  EXPECT_THAT(describe(other_->store()), testing::HasSubstr("pending=schema-2"));
}

TEST_F(PostgresGraphStoreTest, FindsIntentsOfOthersWhenItBegins) {
  ASSERT_TRUE(succeeded(add(*one_, "known")));
  Diff diff(one_->store(), make_binding("s1", "w2"), {make_node("known"), make_node("new")});
  diff.view().reserve();
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_THAT(fresh_copy(), testing::HasSubstr("intent node=id-known"));
  EXPECT_THAT(fresh_copy(), testing::HasSubstr("intent node=-"));
}

TEST_F(PostgresGraphStoreTest, JoinsAnIntentThatAnotherInstanceLeft) {
  ASSERT_TRUE(succeeded(other_->store().read(nullptr)));
  Diff crashed(one_->store(), binding_, {make_node("a")});
  crashed.view().reserve();
  Diff repeated(other_->store(), binding_, {make_node("a"), make_node("b")}, at(9));
  repeated.view().reserve();
  EXPECT_TRUE(repeated.reservation().outcomes.at(0).joined);
  EXPECT_EQ(repeated.reservation().outcomes.at(0).queue,
            crashed.reservation().outcomes.at(0).queue);
  EXPECT_FALSE(repeated.reservation().outcomes.at(1).joined);
  EXPECT_TRUE(succeeded(repeated.commit()));
  EXPECT_EQ(reason_of(crashed.commit()), "graph_moved");
  EXPECT_EQ(describe(one_->store()), describe(other_->store()));
}

TEST_F(PostgresGraphStoreTest, LearnsWhoHoldsTheNameItWasRefused) {
  ASSERT_TRUE(succeeded(other_->store().read(nullptr)));
  const TopicIntent first = make_intent(make_node("a"), *binding_, "the.topic");
  ASSERT_TRUE(succeeded(one_->store().reserve(
      {.diff_id = "1", .binding = binding_, .intents = {first}, .new_nodes = 0, .at = at(0)})));
  const auto refused =
      other_->store().reserve({.diff_id = "2",
                               .binding = binding_,
                               .intents = {make_intent(make_node("b"), *binding_, "the_topic")},
                               .new_nodes = 2,
                               .at = at(0)});
  ASSERT_TRUE(succeeded(refused));
  EXPECT_EQ(refused->outcomes.at(0).queue, 0);
  EXPECT_EQ(refused->node_rows.size(), 2U);
  const auto view = other_->store().read(nullptr);
  ASSERT_TRUE(succeeded(view));
  const QueueView holder = view->index().queue_by_topic(graph::TopicKey("the_topic"));
  ASSERT_NE(holder, nullptr);
  EXPECT_EQ(holder.record().binding_key, first.binding_key);
}

TEST_F(PostgresGraphStoreTest, RefusesANodeThatAnotherInstanceAddedFirst) {
  Diff slow(one_->store(), binding_, {make_node("a")});
  slow.view().reserve();
  ASSERT_TRUE(succeeded(Diff(other_->store(), make_binding("s2", "w2"), {make_node("a")}).run()));
  EXPECT_EQ(reason_of(slow.commit()), "graph_moved");
  EXPECT_EQ(describe(one_->store()), describe(other_->store()));
}

TEST_F(PostgresGraphStoreTest, DecidesEventsOnWhatOthersCommittedMeanwhile) {
  Diff slow(one_->store(), binding_, {make_node("late")});
  slow.view().reserve();
  ASSERT_TRUE(succeeded(Diff(other_->store(), binding_, {make_query_node("q", "btc")}).run()));
  ASSERT_TRUE(succeeded(add(*other_, "early")));
  ASSERT_TRUE(succeeded(slow.commit()));
  const auto events = describe(one_->bus());
  EXPECT_THAT(events.back(), testing::HasSubstr("w1.id-late"));
  EXPECT_EQ(events, describe(other_->bus()));
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  const auto told = std::ranges::count_if(events, [](const std::string& event) {
    return event.contains("w1.id-early") && event.contains("w1.id-late") &&
           event.contains(R"("tags":["btc"])");
  });
  EXPECT_EQ(told, 1);
}

TEST_F(PostgresGraphStoreTest, ReadsEverythingAgainAfterALargeForeignChange) {
  ASSERT_TRUE(succeeded(add(*one_, "a")));
  ASSERT_TRUE(succeeded(other_->store().read(nullptr)));
  std::vector<NodeRecord> nodes;
  for (std::size_t i = 0; i < kDeltaRowsMax / 2 + 10; ++i) {
    nodes.push_back(make_node("n" + std::to_string(i)));
  }
  ASSERT_TRUE(succeeded(Diff(one_->store(), binding_, nodes).run()));
  EXPECT_EQ(describe(other_->store()), describe(one_->store()));
}

TEST_F(PostgresGraphStoreTest, ReadsEverythingAgainWhenTheDatabaseIsOfAnotherHistory) {
  ASSERT_TRUE(succeeded(add(*one_, "kept")));
  ASSERT_TRUE(succeeded(other_->store().read(nullptr)));
  ASSERT_TRUE(succeeded(add(*one_, "lost")));
  ASSERT_TRUE(succeeded(one_->store().read(nullptr)));
  // As after a failover that lost the last commit: the rows are gone, the epoch is an old one.
  graph_.script(
      "DELETE FROM weir_dagmanager.compute_node WHERE node_id = 'id-lost';"
      "DELETE FROM weir_dagmanager.queue WHERE topic = 'w1.id-lost';"
      "DELETE FROM weir_dagmanager.graph_change WHERE epoch = 2;"
      "UPDATE weir_dagmanager.graph_epoch SET epoch = 1,"
      " stamp = (SELECT stamp FROM weir_dagmanager.graph_change WHERE epoch = 1)");
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_THAT(describe(one_->store()), testing::Not(testing::HasSubstr("id-lost")));
  // Another instance has come as far again, on another way.
  ASSERT_TRUE(succeeded(add(*other_, "instead")));
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(PostgresGraphStoreTest, NoticesAnotherHistoryOfTheSameLength) {
  ASSERT_TRUE(succeeded(add(*one_, "a")));
  ASSERT_TRUE(succeeded(one_->store().read(nullptr)));
  graph_.script(
      "UPDATE weir_dagmanager.compute_node SET name = 'restored';"
      "UPDATE weir_dagmanager.graph_change SET stamp = stamp + 1;"
      "UPDATE weir_dagmanager.graph_epoch SET stamp = stamp + 1");
  EXPECT_THAT(describe(one_->store()), testing::HasSubstr("name=restored"));
  EXPECT_TRUE(succeeded(add(*one_, "b")));
}

TEST_F(PostgresGraphStoreTest, ReadsAKnownGraphInOneRoundTrip) {
  ASSERT_TRUE(succeeded(add(*one_, "a")));
  const DeployKey key = make_deploy(*binding_, "v1", {}, at(0)).key;
  ASSERT_TRUE(succeeded(one_->store().read(&key)));
  const auto rounds = [&] {
    const auto lease = one_->pool().acquire(std::chrono::seconds(1));
    EXPECT_TRUE(succeeded(lease));
    return (*lease)->round_trips();
  };
  const std::uint64_t before = rounds();
  ASSERT_TRUE(succeeded(one_->store().read(&key)));
  EXPECT_EQ(rounds() - before, 1U);
}

TEST_F(PostgresGraphStoreTest, ReservesInOneRoundTripAndCommitsInTwo) {
  ASSERT_TRUE(succeeded(add(*one_, "a")));
  const auto rounds = [&] {
    const auto lease = one_->pool().acquire(std::chrono::seconds(1));
    EXPECT_TRUE(succeeded(lease));
    return (*lease)->round_trips();
  };
  Diff diff(one_->store(), binding_, {make_node("b"), make_node("c")});
  diff.view();
  std::uint64_t before = rounds();
  diff.reserve();
  EXPECT_EQ(rounds() - before, 1U);
  before = rounds();
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(rounds() - before, 2U);
  EXPECT_EQ(one_->pool().counts().connects, 1U);
}

TEST_F(PostgresGraphStoreTest, PromotesIntentsWithoutTouchingAnIndex) {
  std::vector<NodeRecord> nodes;
  for (int i = 0; i < 500; ++i) nodes.push_back(make_node(std::to_string(i)));
  Diff diff(one_->store(), binding_, nodes);
  diff.view().reserve();
  ASSERT_TRUE(succeeded(diff.commit()));
  one_.reset();  // Its sessions report what they did when they end.
  other_.reset();
  graph_.kill_sessions();
  EXPECT_EQ(graph_.number("SELECT n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'queue'"),
            500);
}

TEST_F(PostgresGraphStoreTest, HealsWhenItsSessionsAreKilled) {
  ASSERT_TRUE(succeeded(add(*one_, "a")));
  graph_.kill_sessions();
  EXPECT_TRUE(succeeded(one_->store().ping()));
  graph_.kill_sessions();
  ASSERT_TRUE(succeeded(add(*one_, "b")));
  graph_.kill_sessions();
  Diff diff(one_->store(), binding_, {make_node("c")});
  diff.view();
  graph_.kill_sessions();
  diff.reserve();
  graph_.kill_sessions();
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_GE(connects(*one_), 5U);
}

TEST_F(PostgresGraphStoreTest, SaysUnavailableWhereNoServerAnswers) {
  const auto nowhere = graph_.instance("postgresql://weir@/weir?host=/nonexistent");
  EXPECT_EQ(reason_of(nowhere->store().ping()), "graph_unavailable");
  EXPECT_EQ(reason_of(nowhere->store().read(nullptr)), "graph_unavailable");
  EXPECT_EQ(reason_of(nowhere->store().commit({})), "graph_unavailable");
  EXPECT_EQ(reason_of(nowhere->store().topic_log(0, 1)), "graph_unavailable");
  EXPECT_EQ(reason_of(nowhere->bus().pending(1)), "graph_unavailable");
  IntentBatch batch;
  batch.binding = binding_;
  EXPECT_EQ(reason_of(nowhere->store().reserve(batch)), "graph_unavailable");
}

TEST_F(PostgresGraphStoreTest, GivesUpAWaitForALockThatNobodyReleases) {
  ASSERT_TRUE(succeeded(add(*one_, "a")));
  Diff diff(one_->store(), binding_, {make_node("b")});
  diff.view().reserve();
  const auto blocker = graph_.database().connect();
  ASSERT_TRUE(succeeded(blocker->begin()));
  ASSERT_TRUE(succeeded(
      blocker->execute(std::string("SELECT 1 FROM weir_dagmanager.graph_epoch FOR UPDATE"))));
  EXPECT_EQ(reason_of(diff.commit()), "graph_unavailable");
  ASSERT_TRUE(succeeded(blocker->rollback()));
  EXPECT_TRUE(succeeded(diff.commit()));
}

/// Loses the reply to the n-th exchange from now on, through a proxy.
class LostReplyTest : public PostgresGraphStoreTest {
 protected:
  LostReplyTest() : proxy_(graph_.database().dsn()), far_(graph_.instance(proxy_.dsn())) {}

  postgres::CuttingProxy proxy_;
  std::unique_ptr<test::PostgresInstance> far_;
};

TEST_F(LostReplyTest, SaysThatTheOutcomeOfAReservationIsUnknown) {
  Diff diff(far_->store(), binding_, {make_node("a")});
  diff.view();
  proxy_.lose_next_reply();
  const auto reserved = far_->store().reserve({.diff_id = "d",
                                               .binding = binding_,
                                               .intents = {make_intent(make_node("a"), *binding_)},
                                               .new_nodes = 1,
                                               .at = at(0)});
  EXPECT_EQ(reason_of(reserved), "commit_unknown");
  EXPECT_THAT(fresh_copy(), testing::HasSubstr("queue w1.id-a"));
  Diff again(one_->store(), binding_, {make_node("a")});
  again.view().reserve();
  EXPECT_TRUE(again.reservation().outcomes.at(0).joined);
  EXPECT_TRUE(succeeded(again.commit()));
}

TEST_F(LostReplyTest, LosesNothingWhenTheFirstExchangeOfACommitIsLost) {
  Diff diff(far_->store(), binding_, {make_node("a")});
  diff.view().reserve();
  const std::string before = fresh_copy();
  proxy_.lose_next_reply();
  EXPECT_EQ(reason_of(diff.commit()), "graph_unavailable");
  EXPECT_EQ(fresh_copy(), before);
}

TEST_F(LostReplyTest, FindsTheCommitWhoseReplyWasLost) {
  Diff diff(far_->store(), binding_, {make_node("a")});
  diff.view().change().deploy = make_deploy(*binding_, "v1", {}, at(3));
  proxy_.lose_next_reply();  // One exchange: a deploy alone.
  EXPECT_EQ(reason_of(diff.commit()), "commit_unknown");
  const auto stored = one_->store().newest_deploy(graph::StrategyId("s1"), std::nullopt);
  ASSERT_TRUE(succeeded(stored));
  EXPECT_TRUE(stored->has_value());
}

/// Arms the proxy when it is asked for a number: a commit does so between its two exchanges.
class ArmingRandom final : public Random {
 public:
  explicit ArmingRandom(postgres::CuttingProxy& proxy) : proxy_(proxy) {}
  std::uint64_t next() override {
    if (armed) proxy_.lose_next_reply();
    return random_.next();
  }
  bool armed = false;

 private:
  postgres::CuttingProxy& proxy_;
  base::SeededRandom random_{1};
};

TEST_F(LostReplyTest, SaysThatTheOutcomeOfAChangeIsUnknownAndSeesItAfterwards) {
  ArmingRandom random(proxy_);
  PostgresGraphStore store(far_->pool(), random);
  Diff diff(store, binding_, {make_node("a")});
  diff.view().reserve();
  random.armed = true;
  EXPECT_EQ(reason_of(diff.commit()), "commit_unknown");
  EXPECT_THAT(describe(one_->store()), testing::HasSubstr("node id-a"));
  EXPECT_EQ(describe(one_->bus()).size(), 1U);
  EXPECT_EQ(reason_of(Diff(one_->store(), binding_, {make_node("a")}).run()), "ok");
}

TEST_F(PostgresGraphStoreTest, SaysThatTheOutcomeIsUnknownOfACommitThatNeverWas) {
  graph_.script(
      "CREATE FUNCTION end_session() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS"
      " 'BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NULL; END';"
      "CREATE CONSTRAINT TRIGGER kill AFTER UPDATE ON weir_dagmanager.graph_epoch"
      " DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION end_session()");
  Diff diff(one_->store(), binding_, {make_node("a")});
  diff.view().reserve();
  EXPECT_EQ(reason_of(diff.commit()), "commit_unknown");
  graph_.script("DROP TRIGGER kill ON weir_dagmanager.graph_epoch");
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_THAT(fresh_copy(), testing::Not(testing::HasSubstr("node id-a type")));
  EXPECT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(describe(one_->store()), fresh_copy());
}

TEST_F(PostgresGraphStoreTest, KeepsOneOrderUnderManyWriters) {
  constexpr int kWriters = 6;
  constexpr int kDiffs = 15;
  write_side_by_side(one_->store(), other_->store(), kWriters, kDiffs);
  EXPECT_EQ(describe(one_->store()), describe(other_->store()));
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.compute_node"),
            kWriters * kDiffs + kDiffs);
  EXPECT_EQ(graph_.number("SELECT epoch FROM weir_dagmanager.graph_epoch"), kWriters * kDiffs);
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.outbox"),
            graph_.number("SELECT event_seq FROM weir_dagmanager.graph_epoch"));
}

TEST_F(PostgresGraphStoreTest, LeavesRowsOfANewerBuildAlone) {
  ASSERT_TRUE(succeeded(add(*one_, "a")));
  graph_.script("UPDATE weir_dagmanager.queue SET state = 'collecting'");
  const auto view = graph_.instance();
  EXPECT_THAT(describe(view->store()), testing::Not(testing::HasSubstr("queue ")));
  // Its name and its binding stay its own.
  const auto same =
      view->store().reserve({.diff_id = "d",
                             .binding = binding_,
                             .intents = {make_intent(make_node("b"), *binding_, "w1.id-a")},
                             .new_nodes = 0,
                             .at = at(0)});
  ASSERT_TRUE(succeeded(same));
  EXPECT_EQ(same->outcomes.at(0).queue, 0);
  const auto bound =
      view->store().reserve({.diff_id = "d",
                             .binding = binding_,
                             .intents = {make_intent(make_node("a"), *binding_, "another")},
                             .new_nodes = 0,
                             .at = at(0)});
  EXPECT_EQ(reason_of(bound), "graph_moved");
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.queue WHERE state = 'collecting'"),
            1);
}

TEST_F(PostgresGraphStoreTest, RefusesAnArtifactOfAnotherSize) {
  NodeRecord first = make_node("a");
  first.artifacts = {{"p", "sha256:1", 10, "onnx", "f32"}};
  ASSERT_TRUE(succeeded(Diff(one_->store(), binding_, {first}).run()));
  NodeRecord same = make_node("b");
  same.artifacts = {{"other path", "sha256:1", 10, "torch", "f16"}};
  ASSERT_TRUE(succeeded(Diff(one_->store(), binding_, {same}).run()));
  NodeRecord odd = make_node("c");
  odd.artifacts = {{"p", "sha256:1", 11, "onnx", "f32"}};
  const auto refused = Diff(one_->store(), binding_, {odd}).run();
  EXPECT_EQ(reason_of(refused), "artifact_invalid");
  EXPECT_EQ(describe(one_->store()), fresh_copy());
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.artifact"), 1);
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.used_by"), 2);
}

TEST_F(PostgresGraphStoreTest, ShowsWhatASentinelHas) {
  for (int i = 0; i < 2; ++i) {
    Diff diff(one_->store(), binding_, {make_node("a"), make_node("b" + std::to_string(i))});
    diff.view().reserve();
    std::vector<DeployNode> nodes;
    for (const NodeRecord& node : diff.change().nodes) nodes.push_back({node.row, node.name, true});
    diff.change().deploy = make_deploy(*binding_, "v1", nodes, at(i));
    diff.change().deploy->key.node_set += std::to_string(i);
    diff.change().sentinel = make_sentinel(*diff.change().deploy, std::nullopt);
    ASSERT_TRUE(succeeded(diff.commit()));
  }
  EXPECT_EQ(graph_.number("SELECT count(DISTINCT node_seq) FROM weir_dagmanager.sentinel_has"
                          " WHERE sentinel_id = 's1-sentinel' AND version = 'v1'"),
            3);
  EXPECT_EQ(graph_.number("SELECT count(*) FROM weir_dagmanager.sentinel"), 1);
}

}  // namespace
}  // namespace weir::dagmanager
