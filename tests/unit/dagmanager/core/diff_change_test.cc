// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/diff_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "tests/unit/dagmanager/test_graphs.h"

namespace weir::dagmanager {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const DiffFields kLive = test_fields("s1", "w1", "live");
constexpr Instant kNow(std::chrono::hours(1000));

/// One diff up to its change, with every topic made as it was wanted unless `seen` says otherwise.
class ChangeOf {
 public:
  ChangeOf(const TestGraph& graph, std::shared_ptr<const graph::Dag> dag,
           const DiffFields& fields = kLive, bool prod = false)
      : dag_(std::move(dag)),
        scope_(graph.scope(*dag_, fields)),
        plan_(graph.planned(*dag_, fields)),
        intents_(make_intents(*dag_, plan_, scope_, policy, "diff-1", kNow)),
        topics_(wanted(), prod) {
    for (std::size_t i = 0; i < intents_.intents.size(); ++i) {
      reservation_.outcomes.push_back({static_cast<RowId>(1000 + i), false});
    }
    for (std::size_t i = 0; i < intents_.new_nodes; ++i) {
      reservation_.node_rows.push_back(static_cast<RowId>(2000 + i));
    }
  }

  /// Answers the machine's create and look calls; topics of `others` were there before.
  void provision(const std::vector<TopicSeen>& others = {}) {
    std::vector<TopicSeen> there = others;
    while (true) {
      const ProvisionStep step = topics_.next();
      if (step.kind == ProvisionStep::Kind::Create) {
        std::vector<CreateAnswer> answers;
        for (const std::size_t topic : step.topics) {
          const WantedTopic& asked = topics_.topics()[topic];
          const bool known =
              std::ranges::find(there, asked.topic, &TopicSeen::topic) != there.end();
          answers.push_back(known ? CreateAnswer::AlreadyExists : CreateAnswer::Created);
          if (!known) there.push_back({asked.topic, asked.shape});
        }
        topics_.created(answers);
      } else if (step.kind == ProvisionStep::Kind::Look) {
        topics_.looked(there);
      } else if (step.kind == ProvisionStep::Kind::Rename) {
        topics_.renamed(step.topics[0], graph::TopicName("renamed"), false);
      } else {
        ASSERT_EQ(step.kind, ProvisionStep::Kind::Done);
        break;
      }
    }
    adopt_topics(plan_, topics_);
  }

  /// Made when the topics are there, or before and then made to follow them: it is the same.
  GraphChange change() const {
    GraphChange change = make_change(input(&topics_));
    take_reservation(change, plan_, reservation_, intents_.nodes);
    return change;
  }
  GraphChange change_made_before_topics() const {
    GraphChange change = make_change(input(nullptr));
    take_reservation(change, plan_, reservation_, intents_.nodes);
    return change;
  }
  GraphChange change_that_followed() const {
    GraphChange change = change_made_before_topics();
    follow_topics(change, input(&topics_), reservation_);
    return change;
  }
  bool as_wanted() const { return topics_.as_wanted(); }

  const DiffPlan& plan() const { return plan_; }
  const IntentBatch& intents() const { return intents_; }

  PlannerPolicy policy;
  InheritedTtl ttl;

 private:
  ChangeInput input(const TopicProvisioner* topics) const {
    return {.dag = dag_.get(),
            .scope = &scope_,
            .plan = &plan_,
            .base = 7,
            .topics = topics,
            .policy = &policy,
            .inherited_ttl = &ttl,
            .diff_id = "diff-1",
            .node_set = "set",
            .actor = "someone",
            .request_hash = {},
            .answer_hash = {},
            .deploy_known = false,
            .now = kNow};
  }

  std::vector<WantedTopic> wanted() const {
    std::vector<WantedTopic> topics;
    for (const TopicIntent& intent : intents_.intents) {
      topics.push_back({intent.topic, intent.shape, false});
    }
    return topics;
  }

  std::shared_ptr<const graph::Dag> dag_;
  DiffScope scope_;
  DiffPlan plan_;
  IntentBatch intents_;
  TopicProvisioner topics_;
  Reservation reservation_;
};

TEST(MakeIntents, NamesEveryTopicThatIsNeededAndCountsNewNodes) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a"}}), kLive);
  graph.commit(*test_dag({{.name = "b"}}), test_fields("s1", "w2", "live"));
  const ChangeOf made(graph,
                      test_dag({{.name = "a"}, {.name = "b"}, {.name = "c", .type = "Raw"}}));
  const IntentBatch& batch = made.intents();
  EXPECT_EQ(batch.diff_id, "diff-1");
  EXPECT_EQ(batch.new_nodes, 1U) << "b is known, in another world";
  ASSERT_THAT(batch.intents, SizeIs(2));
  EXPECT_EQ(batch.intents[0].topic, made.plan().nodes[1].topic);
  EXPECT_EQ(batch.intents[1].node, made.plan().nodes[2].id);
  EXPECT_EQ(batch.intents[1].binding_key, made.plan().nodes[2].binding_key);
  EXPECT_EQ(batch.intents[1].shape.partitions, 3) << "a raw topic";
  EXPECT_TRUE(batch.intents[1].gives_up.empty());
}

TEST(MakeChange, PromotesIntentsAndAddsNodesInOrder) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a"}}), kLive);
  graph.commit(*test_dag({{.name = "b"}}), test_fields("s1", "w2", "live"));
  ChangeOf made(
      graph, test_dag({{.name = "a"}, {.name = "b"}, {.name = "c"}}, R"("meta":{"owner":"desk"})"));
  made.provision();
  const GraphChange change = made.change();
  EXPECT_EQ(change.base, 7);
  EXPECT_TRUE(change.touches_graph());
  EXPECT_THAT(change.dag_nodes, SizeIs(3));
  ASSERT_THAT(change.nodes, SizeIs(1));
  EXPECT_EQ(change.nodes[0].row, 2000);
  EXPECT_EQ(change.nodes[0].name, "c");
  EXPECT_EQ(change.nodes[0].owner, "desk");
  EXPECT_EQ(change.nodes[0].created_at, kNow);
  ASSERT_THAT(change.queues, SizeIs(2));
  EXPECT_EQ(change.queues[0].queue, 1000);
  EXPECT_EQ(change.queues[0].node, made.plan().nodes[1].node_row);
  EXPECT_EQ(change.queues[1].queue, 1001);
  EXPECT_EQ(change.queues[1].node, 2000);
  EXPECT_EQ(change.queues[1].schema_hash, "schema-1");
  ASSERT_TRUE(change.deploy.has_value());
  EXPECT_THAT(change.deploy->nodes,
              ElementsAre(DeployNode{made.plan().nodes[0].node_row, "a", false},
                          DeployNode{made.plan().nodes[1].node_row, "b", false},
                          DeployNode{2000, "c", true}));
  EXPECT_EQ(change.deploy->key.strategy.text(), "s1");
  EXPECT_EQ(change.deploy->key.node_set, "set");
}

TEST(MakeChange, GivesAQueueItsTypesRetentionAndAlert) {
  const TestGraph graph;
  ChangeOf made(graph, test_dag({{.name = "a", .type = "Raw", .interval = 3600},
                                 {.name = "b", .type = "Order"},
                                 {.name = "c", .interval = 1}}));
  made.policy.lag_alert_seconds[static_cast<std::size_t>(graph::TopicType::TradeExec)] = 7;
  made.provision();
  const GraphChange change = made.change();
  constexpr std::int64_t kDay = 86'400'000;
  EXPECT_EQ(change.queues[0].ttl_ms, 7 * kDay);
  EXPECT_EQ(change.queues[1].ttl_ms, 90 * kDay);
  EXPECT_EQ(change.queues[2].ttl_ms, 30 * kDay);
  EXPECT_EQ(change.queues[0].lag_alert_seconds, 5 * 3600);
  EXPECT_EQ(change.queues[1].lag_alert_seconds, 7);
  EXPECT_EQ(change.queues[2].lag_alert_seconds, 60);
}

TEST(MakeChange, InheritsTheTtlOfTheNodeOfTheSameNameAndType) {
  const TestGraph graph;
  ChangeOf made(graph, test_dag({{.name = "a"}, {.name = "b"}}));
  made.ttl = {{{"a", "Indicator"}, 11}, {{"b", "Raw"}, 12}};
  made.provision();
  const GraphChange change = made.change();
  EXPECT_EQ(change.queues[0].ttl_ms, 11);
  EXPECT_NE(change.queues[1].ttl_ms, 12) << "that was another type";
}

TEST(MakeChange, LogsHowEachTopicCameToBe) {
  const TestGraph graph;
  ChangeOf made(graph, test_dag({{.name = "a"}, {.name = "b"}, {.name = "c"}}));
  const auto shape = graph::default_topic_shapes()[1];
  graph::TopicShape other = shape;
  other.partitions = 9;
  made.provision({{made.plan().nodes[1].topic, shape}, {made.plan().nodes[2].topic, other}});
  const GraphChange change = made.change();
  ASSERT_THAT(change.log, SizeIs(3));
  EXPECT_EQ(change.log[0].action, "create");
  EXPECT_EQ(change.log[1].action, "adopt");
  EXPECT_EQ(change.log[2].action, "mismatch");
  EXPECT_EQ(change.log[2].shape, other) << "as it is";
  EXPECT_EQ(change.queues[2].shape, other);
  EXPECT_EQ(change.log[0].topic, made.plan().nodes[0].topic);
  EXPECT_EQ(change.log[0].actor, "someone");
  EXPECT_EQ(change.log[0].cause, "diff:diff-1");
  EXPECT_EQ(change.log[0].at, kNow);
  EXPECT_THAT(made.plan().warnings, testing::Contains(testing::HasSubstr("adopted as it is")));
}

TEST(MakeChange, IsTheSameBeforeTopicsThatComeAsWanted) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a"}}), kLive);
  ChangeOf made(graph, test_dag({{.name = "a"}, {.name = "b"}, {.name = "c"}}));
  const GraphChange before = made.change_made_before_topics();
  made.provision();
  EXPECT_TRUE(made.as_wanted());
  const GraphChange after = made.change();
  EXPECT_THAT(after.queues, SizeIs(2));
  EXPECT_EQ(before.queues, after.queues);
  EXPECT_EQ(before.log, after.log);
  EXPECT_EQ(before.nodes, after.nodes);
  EXPECT_EQ(before.deploy, after.deploy);
}

TEST(MakeChange, FollowsTopicsThatCameOtherwise) {
  const TestGraph graph;
  ChangeOf made(graph, test_dag({{.name = "a"}, {.name = "b"}, {.name = "c"}}), kLive, true);
  const auto shape = graph::default_topic_shapes()[1];
  graph::TopicShape other = shape;
  other.partitions = 9;
  made.provision({{made.plan().nodes[1].topic, shape}, {made.plan().nodes[2].topic, other}});
  EXPECT_FALSE(made.as_wanted());
  const GraphChange followed = made.change_that_followed();
  const GraphChange after = made.change();
  EXPECT_THAT(after.log, SizeIs(4));
  EXPECT_EQ(followed.queues, after.queues);
  EXPECT_EQ(followed.log, after.log);
  EXPECT_EQ(followed.nodes, after.nodes);
  EXPECT_EQ(followed.deploy, after.deploy);
}

TEST(MakeChange, LogsWhatItLeftAloneInProd) {
  const TestGraph graph;
  ChangeOf made(graph, test_dag({{.name = "a"}}), kLive, true);
  graph::TopicShape other = graph::default_topic_shapes()[1];
  other.retention_ms = 1;
  const graph::TopicName foreign = made.plan().nodes[0].topic;
  made.provision({{foreign, other}});
  const GraphChange change = made.change();
  ASSERT_THAT(change.log, SizeIs(2));
  EXPECT_EQ(change.log[0].topic, foreign);
  EXPECT_EQ(change.log[0].action, "mismatch");
  EXPECT_EQ(change.log[0].shape, other);
  EXPECT_EQ(change.log[1].topic.text(), "renamed");
  EXPECT_EQ(change.log[1].action, "create");
  EXPECT_EQ(made.plan().nodes[0].topic.text(), "renamed");
}

TEST(MakeChange, LogsAnIdConflictOnce) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a", .id = "x"}}), kLive);
  const auto conflicting = test_dag({{.name = "other", .id = "x"}});
  ChangeOf made(graph, conflicting);
  made.provision();
  const GraphChange change = made.change();
  ASSERT_THAT(change.log, SizeIs(2));
  EXPECT_EQ(change.log[1].action, "id_conflict");
  EXPECT_EQ(change.log[1].result, "stated x");
  EXPECT_EQ(change.log[1].node_id, made.plan().nodes[0].id.text());
  EXPECT_EQ(change.nodes[0].id, made.plan().nodes[0].id);
  graph.commit(*conflicting, kLive);
  ChangeOf again(graph, conflicting);
  EXPECT_THAT(again.change().log, IsEmpty());
}

TEST(MakeChange, MarksABufferedQueueAndLetsTheFirstMarkStand) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a", .schema = "h1"}}), kLive);
  const auto second = test_dag({{.name = "a", .schema = "h2"}});
  const GraphChange first_mark = ChangeOf(graph, second).change();
  ASSERT_THAT(first_mark.marks, SizeIs(1));
  EXPECT_EQ(first_mark.marks[0].pending_schema_hash, "h2");
  EXPECT_EQ(first_mark.marks[0].since, kNow);
  EXPECT_TRUE(first_mark.touches_graph());
  EXPECT_THAT(first_mark.queues, IsEmpty());

  graph.commit(*second, kLive, {}, kNow);
  EXPECT_THAT(ChangeOf(graph, second).change().marks, IsEmpty());
  const GraphChange moved = ChangeOf(graph, test_dag({{.name = "a", .schema = "h3"}})).change();
  ASSERT_THAT(moved.marks, SizeIs(1));
  EXPECT_EQ(moved.marks[0].pending_schema_hash, "h3");
  EXPECT_EQ(moved.marks[0].since, std::nullopt);
}

TEST(MakeChange, TouchesNoGraphWhereAllIsReused) {
  TestGraph graph;
  const auto dag = test_dag({{.name = "a"}});
  graph.commit(*dag, kLive);
  const GraphChange change = ChangeOf(graph, dag).change();
  EXPECT_FALSE(change.touches_graph());
  EXPECT_TRUE(change.deploy.has_value());
}

const std::string kSentinelNode =
    R"({"node_type":"VersionSentinel","node_id":"s1-sentinel","version":"v7",)"
    R"("traffic_weight":0.25,)"
    R"("commit_hash":"abc","release_tag":"r1"})";

std::shared_ptr<const graph::Dag> with_sentinel(const std::string& sentinel) {
  std::string document = test_document({{.name = "a"}});
  return read_test_dag(
      document.replace(document.find(R"("nodes":[)"), 9, R"("nodes":[)" + sentinel + ","));
}

TEST(MakeChange, StoresTheSentinelThatIsAskedFor) {
  const TestGraph graph;
  ChangeOf made(graph, with_sentinel(kSentinelNode));
  made.provision();
  const GraphChange change = made.change();
  ASSERT_TRUE(change.sentinel.has_value());
  EXPECT_TRUE(change.deploy->sentinel_due);
  EXPECT_EQ(change.sentinel->id.text(), "s1-sentinel");
  EXPECT_EQ(change.sentinel->world.text(), "w1");
  EXPECT_EQ(change.sentinel->version.text(), "v7");
  EXPECT_EQ(change.sentinel->commit_hash, "abc");
  EXPECT_EQ(change.sentinel->release_tag, "r1");
  EXPECT_EQ(change.sentinel->traffic_weight, 0.25);
  EXPECT_EQ(change.sentinel->deploy_key, change.deploy->key.text());
  EXPECT_THAT(change.deploy->nodes, SizeIs(1)) << "the sentinel is no compute node";
}

TEST(MakeChange, NamesTheGraphWhereNoCommitIsGiven) {
  const TestGraph graph;
  const auto dag = with_sentinel(R"({"node_type":"VersionSentinel","node_id":"s1-sentinel"})");
  ChangeOf made(graph, dag);
  made.provision();
  EXPECT_EQ(made.change().sentinel->commit_hash, "dag:" + base::to_hex(dag->json_hash));
  EXPECT_EQ(made.change().sentinel->traffic_weight, std::nullopt);
}

TEST(MakeChange, StoresNoSentinelUnaskedOrInSafeMode) {
  const TestGraph graph;
  ChangeOf unasked(graph, test_dag({{.name = "a"}}));
  unasked.provision();
  EXPECT_FALSE(unasked.change().sentinel.has_value());
  EXPECT_FALSE(unasked.change().deploy->sentinel_due);
  ChangeOf safe(graph, with_sentinel(kSentinelNode), test_fields("s1", "w1", "dryrun"));
  safe.provision();
  EXPECT_FALSE(safe.change().sentinel.has_value());
  EXPECT_FALSE(safe.change().deploy->sentinel_due);
}

}  // namespace
}  // namespace weir::dagmanager
