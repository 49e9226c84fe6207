// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/diff_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "base/text.h"
#include "dagmanager/core/limits.h"
#include "tests/unit/dagmanager/test_graphs.h"

namespace weir::dagmanager {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;

const DiffFields kLive = test_fields("s1", "w1", "live");

PlannerPolicy policy_of(CrossContextPolicy cross_context, bool namespaces) {
  PlannerPolicy policy;
  policy.cross_context = cross_context;
  policy.namespaces = namespaces;
  return policy;
}

TEST(DiffPlanner, MakesAnUnknownNodeNew) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a"}, {.name = "b", .type = "RawPrice", .inputs = {"a"}}});
  const DiffPlan plan = graph.planned(*dag, kLive);
  ASSERT_THAT(plan.nodes, SizeIs(2));
  EXPECT_EQ(plan.count(Decision::New), 2U);
  EXPECT_TRUE(plan.needs_topics());
  EXPECT_FALSE(plan.needs_marks());
  const std::string digest = dag->nodes[0].node_id.text().substr(7, 8);
  EXPECT_EQ(plan.nodes[0].topic.text(), "w1.live.btc_Indicator_" + digest + "_v1");
  EXPECT_EQ(plan.nodes[0].type, graph::TopicType::Indicator);
  EXPECT_EQ(plan.nodes[1].type, graph::TopicType::Raw);
  EXPECT_EQ(plan.nodes[0].node_row, 0);
  EXPECT_EQ(plan.nodes[0].queue_row, 0);
}

TEST(DiffPlanner, AsksForNoMoreReplicasThanThereAreBrokers) {
  PlannerPolicy policy;
  policy.shapes = {graph::TopicShape{.replication = 3}, graph::TopicShape{.replication = 2},
                   graph::TopicShape{.replication = 1}};
  EXPECT_TRUE(cap_replication(policy, 3).empty());
  const auto warnings = cap_replication(policy, 2);
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_EQ(warnings[0],
            "topics of type raw get 2 replicas instead of 3: there are no more brokers");
  EXPECT_EQ(policy.shapes[0].replication, 2);
  EXPECT_EQ(cap_replication(policy, 1).size(), 2U);
  EXPECT_EQ(policy.shapes[2].replication, 1);
}

TEST(DiffPlanner, ReusesNodeWhoseInputsAreUnchanged) {
  TestGraph graph;
  const auto dag = test_dag({{.name = "a"}, {.name = "b", .inputs = {"a"}}});
  const DiffPlan first = graph.commit(*dag, kLive);
  const DiffPlan again = graph.planned(*dag, kLive);
  EXPECT_EQ(again.count(Decision::Reuse), 2U);
  EXPECT_FALSE(again.needs_topics());
  EXPECT_FALSE(again.needs_marks());
  for (std::size_t i = 0; i < 2; ++i) EXPECT_EQ(again.nodes[i].topic, first.nodes[i].topic);
}

TEST(DiffPlanner, ReusesAcrossStrategiesAndVersionsOfOneContext) {
  TestGraph graph;
  const std::vector<TestNode> nodes = {{.name = "a"}};
  const DiffPlan first = graph.commit(*test_dag(nodes, R"("version":"v1")"), kLive);
  const DiffPlan other =
      graph.planned(*test_dag(nodes, R"("version":"v2")"), test_fields("s2", "w1", "live"));
  EXPECT_EQ(other.nodes[0].decision, Decision::Reuse);
  EXPECT_EQ(other.nodes[0].topic, first.nodes[0].topic);
}

TEST(DiffPlanner, MakesTheDownstreamOfAChangedNodeNew) {
  TestGraph graph;
  const std::vector<TestNode> nodes = {
      {.name = "a"}, {.name = "b", .inputs = {"a"}}, {.name = "c"}};
  graph.commit(*test_dag(nodes), kLive);
  std::vector<TestNode> edited = nodes;
  edited[0].period = 9;
  const DiffPlan plan = graph.planned(*test_dag(edited), kLive);
  EXPECT_EQ(plan.nodes[0].decision, Decision::New);
  EXPECT_EQ(plan.nodes[1].decision, Decision::New);
  EXPECT_EQ(plan.nodes[2].decision, Decision::Reuse);
}

TEST(DiffPlanner, BuffersAReusedNodeWhoseSchemaHashMoved) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "a", .schema = "h1"}}), kLive);
  const auto moved = test_dag({{.name = "a", .schema = "h2"}});
  const DiffPlan plan = graph.commit(*moved, kLive, {}, Instant(Duration(5)));
  EXPECT_EQ(plan.nodes[0].decision, Decision::Buffer);
  EXPECT_TRUE(plan.nodes[0].mark_due);
  EXPECT_TRUE(plan.nodes[0].mark_begins);
  EXPECT_THAT(plan.nodes[0].reason, HasSubstr("h1"));
  EXPECT_THAT(plan.nodes[0].reason, HasSubstr("h2"));

  const DiffPlan again = graph.planned(*moved, kLive);
  EXPECT_EQ(again.nodes[0].decision, Decision::Buffer);
  EXPECT_FALSE(again.needs_marks()) << "the mark is there already";

  const DiffPlan third = graph.planned(*test_dag({{.name = "a", .schema = "h3"}}), kLive);
  EXPECT_TRUE(third.nodes[0].mark_due);
  EXPECT_FALSE(third.nodes[0].mark_begins) << "the first mark stays";

  const DiffPlan back = graph.planned(*test_dag({{.name = "a", .schema = "h1"}}), kLive);
  EXPECT_EQ(back.nodes[0].decision, Decision::Reuse);
}

TEST(DiffPlanner, BindsAKnownNodeInAnotherNamespaceUnderItsOwnName) {
  TestGraph graph;
  const auto dag = test_dag({{.name = "a"}});
  const DiffPlan first = graph.commit(*dag, kLive, policy_of(CrossContextPolicy::Block, true));
  const DiffPlan other = graph.planned(*dag, test_fields("s1", "w2", "live"),
                                       policy_of(CrossContextPolicy::Block, true));
  EXPECT_EQ(other.nodes[0].decision, Decision::Bind);
  EXPECT_EQ(other.nodes[0].candidate, 0U);
  EXPECT_EQ(other.nodes[0].topic.text(), "w2" + first.nodes[0].topic.text().substr(2));
  EXPECT_TRUE(other.violations.empty());
}

TEST(DiffPlanner, IsolatesAnotherContextOfOneNamespaceByALongerName) {
  TestGraph graph;
  const auto dag = test_dag({{.name = "a"}});
  graph.commit(*dag, test_fields("s1", "w1", "backtest", "2025-01-01"));
  const DiffPlan other = graph.planned(*dag, test_fields("s1", "w1", "backtest", "2025-02-02"));
  EXPECT_EQ(other.nodes[0].decision, Decision::Bind);
  EXPECT_EQ(other.nodes[0].candidate, 1U);
  EXPECT_THAT(other.nodes[0].topic.text(),
              HasSubstr(dag->nodes[0].node_id.text().substr(7, 10) + "_v1"));
  EXPECT_THAT(other.nodes[0].reason, HasSubstr("as_of=2025-01-01"));
  EXPECT_TRUE(other.violations.empty());
}

TEST(DiffPlanner, RefusesAnotherContextOfOneNamespaceUnderBlock) {
  TestGraph graph;
  const PlannerPolicy block = policy_of(CrossContextPolicy::Block, true);
  const auto dag = test_dag({{.name = "a"}, {.name = "b"}});
  graph.commit(*dag, test_fields("s1", "w1", "backtest", "1"), block);
  std::vector<CrossContextViolation> violations;
  const auto refused = graph.plan(*dag, test_fields("s1", "w1", "backtest", "2"), block,
                                  {.violations = &violations});
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::FailedPrecondition);
  EXPECT_EQ(refused.error().reason(), "cross_context");
  EXPECT_THAT(refused.error().message(), HasSubstr(dag->nodes[0].node_id.text()));
  EXPECT_THAT(refused.error().message(),
              HasSubstr("world=w1 domain=backtest as_of=2 partition=<unset> dataset=<unset>"));
  EXPECT_THAT(refused.error().message(), HasSubstr("as_of=1"));
  ASSERT_THAT(violations, SizeIs(2));
  EXPECT_EQ(violations[1].node, dag->nodes[1].node_id);
  EXPECT_EQ(violations[1].wanted.as_of, "2");
  EXPECT_EQ(violations[1].existing.as_of, "1");
}

TEST(DiffPlanner, ShowsARefusalAsADecisionUnderPlanOnly) {
  TestGraph graph;
  const PlannerPolicy block = policy_of(CrossContextPolicy::Block, true);
  graph.commit(*test_dag({{.name = "a"}}), test_fields("s1", "w1", "backtest", "1"), block);
  std::vector<CrossContextViolation> violations;
  const DiffPlan plan = graph.planned(*test_dag({{.name = "a"}, {.name = "b"}}),
                                      test_fields("s1", "w1", "backtest", "2"), block,
                                      {.plan_only = true, .violations = &violations});
  EXPECT_EQ(plan.nodes[0].decision, Decision::Refused);
  EXPECT_TRUE(plan.nodes[0].topic.empty());
  EXPECT_FALSE(plan.nodes[0].needs_topic());
  EXPECT_EQ(plan.nodes[1].decision, Decision::New);
  EXPECT_THAT(plan.violations, SizeIs(1));
  EXPECT_TRUE(violations.empty()) << "nothing is counted under plan_only";
}

// Contract section 3.6: every pair of contexts, strategies, policies and namespace settings,
// against the rules written down a second time.
struct Case {
  DiffFields fields;
  graph::ComputeContext context;
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const char* strategy : {"s1", "s2"}) {
    for (const char* world : {"", "w1", "w2"}) {
      for (const char* domain :
           {"", "default", "live", "shadow", "backtest", "paper", "nonsense"}) {
        for (const char* as_of : {"", "2025"}) {
          for (const char* partition : {"", "p"}) {
            Case made{.fields = test_fields(strategy, world, domain, as_of, partition),
                      .context = {}};
            made.context = graph::evaluate_context(made.fields.context);
            cases.push_back(std::move(made));
          }
        }
      }
    }
  }
  return cases;
}

struct Expected {
  bool reuse = false;
  bool refused = false;
  unsigned candidate = 0;
};

Expected expect_second(const Case& first, const Case& second, const PlannerPolicy& policy,
                       const graph::NodeId& id) {
  const auto ck = [&](const Case& a) { return graph::compute_key(id, a.context); };
  const bool same_key = ck(first) == ck(second);
  const bool same_strategy = first.fields.strategy == second.fields.strategy;
  const bool both_safe = first.context.safe_mode && second.context.safe_mode;
  const bool both_open = !first.context.safe_mode && !second.context.safe_mode;
  if (same_key && (both_open || (both_safe && same_strategy))) return {.reuse = true};
  const auto prefix = [&](const Case& a) {
    if (!policy.namespaces || a.context.world_id.empty()) return std::string();
    return a.context.world_id + "." + a.context.execution_domain;
  };
  const bool dry = first.context.execution_domain == "dryrun";
  const bool same_name =
      prefix(first) == prefix(second) && dry == (second.context.execution_domain == "dryrun");
  if (!same_name) return {};
  if (same_key || policy.cross_context == CrossContextPolicy::Isolate) return {.candidate = 1};
  return {.refused = true};
}

TEST(DiffPlanner, NeverSharesATopicBetweenBindingsWhateverContextPolicyAndNamespace) {
  const std::vector<Case> cases = all_cases();
  const auto dag = test_dag({{.name = "a"}});
  const graph::NodeId id = dag->nodes[0].node_id;
  std::size_t reused = 0;
  std::size_t refused = 0;
  std::size_t isolated = 0;
  for (const CrossContextPolicy cross : {CrossContextPolicy::Isolate, CrossContextPolicy::Block}) {
    for (const bool namespaces : {true, false}) {
      const PlannerPolicy policy = policy_of(cross, namespaces);
      for (const Case& first : cases) {
        TestGraph graph;
        const DiffPlan held = graph.commit(*dag, first.fields, policy);
        for (const Case& second : cases) {
          const Expected expected = expect_second(first, second, policy, id);
          const auto plan = graph.plan(*dag, second.fields, policy);
          SCOPED_TRACE(describe_context(first.context) + " then " +
                       describe_context(second.context));
          ASSERT_EQ(plan.ok(), !expected.refused);
          if (expected.refused) {
            ++refused;
            ASSERT_EQ(plan.error().reason(), "cross_context");
            continue;
          }
          const PlannedNode& node = plan->nodes.front();
          ASSERT_EQ(node.decision, expected.reuse ? Decision::Reuse : Decision::Bind);
          ASSERT_EQ(node.topic == held.nodes.front().topic, expected.reuse);
          ASSERT_EQ(node.candidate, expected.candidate);
          reused += expected.reuse ? 1 : 0;
          isolated += expected.candidate;
        }
      }
    }
  }
  EXPECT_GT(reused, 100U);
  EXPECT_GT(refused, 100U);
  EXPECT_GT(isolated, 100U);
}

TEST(DiffPlanner, SharesNothingAcrossStrategiesInSafeModeAndFindsItsOwnAgain) {
  TestGraph graph;
  const auto dag = test_dag({{.name = "a"}});
  const DiffFields one = test_fields("s1", "w1", "backtest");
  const DiffFields two = test_fields("s2", "w1", "backtest");
  const DiffPlan first = graph.commit(*dag, one);
  const DiffPlan second = graph.commit(*dag, two);
  EXPECT_NE(first.nodes[0].topic, second.nodes[0].topic);
  EXPECT_EQ(first.nodes[0].compute_key, second.nodes[0].compute_key);
  EXPECT_EQ(graph.planned(*dag, one).nodes[0].topic, first.nodes[0].topic);
  EXPECT_EQ(graph.planned(*dag, two).nodes[0].topic, second.nodes[0].topic);
  EXPECT_THAT(first.warnings, testing::Contains(HasSubstr("missing_as_of")));
}

TEST(DiffPlanner, TakesOverAnIntentThatAnEarlierTryLeft) {
  TestGraph graph;
  const auto dag = test_dag({{.name = "a"}});
  const DiffPlan left = graph.leave_intents(*dag, kLive);
  const DiffPlan again = graph.planned(*test_dag({{.name = "a"}}, R"("version":"v9")"), kLive);
  EXPECT_EQ(again.nodes[0].decision, Decision::New);
  EXPECT_EQ(again.nodes[0].queue_row, 0);
  EXPECT_EQ(again.nodes[0].topic, left.nodes[0].topic) << "whatever the version is by now";
}

TEST(DiffPlanner, GrowsTheHashWhereIdsBeginAlike) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a", .id = "blake3:aaaaaaaa11bb"},
                             {.name = "b", .id = "blake3:aaaaaaaa22bb"},
                             {.name = "c", .id = "blake3:aaaaaaaa22cc"}});
  const DiffPlan plan = graph.planned(*dag, kLive);
  EXPECT_EQ(plan.nodes[0].topic.text(), "w1.live.btc_Indicator_aaaaaaaa_v1");
  EXPECT_EQ(plan.nodes[1].topic.text(), "w1.live.btc_Indicator_aaaaaaaa22_v1");
  EXPECT_EQ(plan.nodes[2].topic.text(), "w1.live.btc_Indicator_aaaaaaaa22cc_v1");
}

TEST(DiffPlanner, CountsOnWithASuffixPastTheWholeHash) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a", .id = "abc"}, {.name = "b", .id = "ABC"}});
  const DiffPlan plan = graph.planned(*dag, kLive);
  EXPECT_EQ(plan.nodes[0].topic.text(), "w1.live.btc_Indicator_abc_v1");
  EXPECT_EQ(plan.nodes[1].topic.text(), "w1.live.btc_Indicator_ABC_v1_v2")
      << "a broker confuses names that differ by case only";
}

TEST(DiffPlanner, PassesOverNamesThatTheStoreRefused) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a", .id = "aaaaaaaabbcc"}});
  TakenTopics taken = {"w1_live_btc_indicator_aaaaaaaa_v1"};
  const DiffPlan plan = graph.planned(*dag, kLive, {}, {.taken = &taken});
  EXPECT_EQ(plan.nodes[0].topic.text(), "w1.live.btc_Indicator_aaaaaaaabb_v1");
}

TEST(DiffPlanner, RefusesWhenEveryNameIsTaken) {
  TestGraph graph;
  for (unsigned i = 0; i < kNameCandidatesMax; ++i) {
    graph.occupy(graph::topic_name({.asset = "btc",
                                    .node_type = "Indicator",
                                    .node_id = "abc",
                                    .version = "v1",
                                    .dry_run = false,
                                    .name_space = "w1.live"},
                                   i));
  }
  const auto plan = graph.plan(*test_dag({{.name = "z"}, {.name = "a", .id = "abc"}}), kLive);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().reason(), "name_illegal");
  ASSERT_THAT(plan.error().faults(), SizeIs(1));
  EXPECT_EQ(plan.error().faults()[0].path, "/nodes/1");
}

TEST(DiffPlanner, TellsEveryImpossibleNameWithItsPointer) {
  const TestGraph graph;
  const std::string endless(300, 'x');
  const auto plan = graph.plan(
      *test_dag({{.name = "a", .type = endless}, {.name = "b"}, {.name = "c", .type = endless}}),
      kLive);
  ASSERT_FALSE(plan.ok());
  EXPECT_EQ(plan.error().code(), Code::InvalidArgument);
  EXPECT_EQ(plan.error().reason(), "name_illegal");
  ASSERT_THAT(plan.error().faults(), SizeIs(2));
  EXPECT_EQ(plan.error().faults()[0].path, "/nodes/0");
  EXPECT_EQ(plan.error().faults()[1].path, "/nodes/2");
}

TEST(DiffPlanner, NamesATrueConflictByTheCollisionRule) {
  TestGraph graph;
  const auto first = test_dag({{.name = "a", .code = "c1", .id = "shared"}});
  const auto other = test_dag({{.name = "a", .code = "c2", .id = "shared"}});
  graph.commit(*first, kLive);
  const DiffPlan plan = graph.commit(*other, kLive);
  const PlannedNode& node = plan.nodes[0];
  EXPECT_TRUE(node.id_conflict);
  EXPECT_EQ(node.decision, Decision::New);
  EXPECT_EQ(node.id, other->nodes[0].computed_id) << "that was free";
  EXPECT_THAT(plan.warnings, testing::Contains(HasSubstr("id_conflict /nodes/0")));

  const DiffPlan again = graph.planned(*other, kLive);
  EXPECT_EQ(again.nodes[0].id, node.id);
  EXPECT_EQ(again.nodes[0].decision, Decision::Reuse);
  EXPECT_EQ(graph.planned(*first, kLive).nodes[0].id.text(), "shared");
}

TEST(DiffPlanner, GivesNodesInConflictIdsThatNobodyElseInTheGraphHas) {
  TestGraph graph;
  graph.commit(*test_dag({{.name = "old", .id = "x"}, {.name = "older", .id = "y"}}), kLive);
  const TestNode twin{.name = "twin"};
  const std::string own = test_dag({twin})->nodes[0].node_id.text();
  // Two nodes of one content under two ids that are both taken, and a third that states the id
  // which that content would get.
  TestNode first = twin;
  first.id = "x";
  TestNode second = twin;
  second.id = "y";
  const auto dag = test_dag({first, second, {.name = "thief", .id = own}});
  const DiffPlan plan = graph.commit(*dag, kLive);
  std::set<std::string> ids;
  std::set<std::string> topics;
  for (const PlannedNode& node : plan.nodes) {
    ids.insert(node.id.text());
    topics.insert(node.topic.text());
  }
  EXPECT_EQ(ids.size(), 3U);
  EXPECT_EQ(topics.size(), 3U);
  EXPECT_EQ(plan.nodes[0].id.text().size(), 7U + 128U) << "re-hashed by the collision rule";
  const DiffPlan again = graph.planned(*dag, kLive);
  EXPECT_EQ(again.count(Decision::Reuse), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(again.nodes[i].topic, plan.nodes[i].topic);
}

TEST(DiffPlanner, JudgesIdentityAsConfigured) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a", .id = "wrong"}});
  PlannerPolicy policy;
  policy.identity_check = IdentityCheck::Off;
  EXPECT_TRUE(graph.planned(*dag, kLive, policy).warnings.empty());
  policy.identity_check = IdentityCheck::Warn;
  EXPECT_THAT(graph.planned(*dag, kLive, policy).warnings,
              testing::Contains(HasSubstr("E_NODE_ID_MISMATCH /nodes/0")));
  policy.identity_check = IdentityCheck::Reject;
  const auto refused = graph.plan(*dag, kLive, policy);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code(), Code::InvalidArgument);
  EXPECT_EQ(refused.error().reason(), "E_NODE_ID_MISMATCH");
  ASSERT_THAT(refused.error().faults(), SizeIs(1));
  EXPECT_EQ(refused.error().faults()[0].path, "/nodes/0");
}

TEST(DiffPlanner, BoundsItsWarnings) {
  const TestGraph graph;
  std::vector<TestNode> nodes;
  for (int i = 0; i < 150; ++i) {
    nodes.push_back({.name = "n" + std::to_string(i), .id = "wrong-" + std::to_string(i)});
  }
  const DiffPlan plan = graph.planned(*test_dag(nodes), kLive);
  EXPECT_THAT(plan.warnings, SizeIs(kWarningsMax + 1));
  EXPECT_EQ(plan.warnings.back(), "more warnings are left out");
}

TEST(DiffScope, ClosesOverTheNamespaceAsTheClientWill) {
  const TestGraph graph;
  const auto plain = test_dag({{.name = "a"}});
  const auto space = [&](const graph::Dag& dag, const DiffFields& fields) {
    return graph.scope(dag, fields).binding->name_space.text();
  };
  EXPECT_EQ(space(*plain, kLive), "w1.live");
  EXPECT_EQ(space(*plain, test_fields("s", "W 1", "prod")), "w-1.live");
  EXPECT_EQ(space(*plain, test_fields("s", "w1", "paper")), "w1.backtest") << "downgraded";
  EXPECT_EQ(space(*plain, test_fields("s", "", "live")), "");
  EXPECT_EQ(space(*test_dag({{.name = "a"}}, R"("meta":{"topic_namespace":"Desk.Paper"})"), kLive),
            "desk.paper");
  EXPECT_EQ(
      space(*test_dag({{.name = "a"}}, R"("meta":{"world":"m1"})"), test_fields("s", "", "live")),
      "m1.live");
  EXPECT_EQ(space(*test_dag({{.name = "a"}}, R"("compute_context":{"world_id":"c1"})"),
                  test_fields("s", "", "live")),
            "c1.live");
  PlannerPolicy off;
  off.namespaces = false;
  EXPECT_EQ(graph.scope(*plain, kLive, off).binding->name_space.text(), "");
}

TEST(DiffScope, RefusesANamespaceNoBrokerCanHave) {
  const auto dag = test_dag({{.name = "a"}});
  const auto scope = make_scope(*dag, test_fields("s", "welt-ü", "live"), {});
  ASSERT_FALSE(scope.ok());
  EXPECT_EQ(scope.error().reason(), "name_illegal");
  PlannerPolicy off;
  off.namespaces = false;
  EXPECT_TRUE(make_scope(*dag, test_fields("s", "welt-ü", "live"), off).ok());
}

TEST(DiffScope, AddsTheSentinelSuffixOnce) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a"}});
  EXPECT_EQ(graph.scope(*dag, test_fields("s", "", "live")).sentinel.text(), "s-sentinel");
  EXPECT_EQ(graph.scope(*dag, test_fields("s-sentinel", "", "live")).sentinel.text(), "s-sentinel");
}

TEST(TakeNextName, GoesOnBehindThePresentName) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a", .id = "aaaaaaaabbccdd"}});
  const DiffScope scope = graph.scope(*dag, kLive);
  DiffPlan plan = graph.planned(*dag, kLive);
  TakenTopics taken;
  ASSERT_TRUE(take_next_name(plan.nodes[0], scope, graph.index(), taken).ok());
  EXPECT_EQ(plan.nodes[0].topic.text(), "w1.live.btc_Indicator_aaaaaaaabb_v1");
  ASSERT_TRUE(take_next_name(plan.nodes[0], scope, graph.index(), taken).ok());
  EXPECT_EQ(plan.nodes[0].topic.text(), "w1.live.btc_Indicator_aaaaaaaabbcc_v1");
  EXPECT_EQ(taken.size(), 2U);
}

TEST(TakeNextName, TakesTheNameThatItsOwnBindingHoldsByNow) {
  const auto dag = test_dag({{.name = "a", .id = "aaaaaaaabbccdd"}});
  TestGraph graph;
  const DiffScope scope = graph.scope(*dag, kLive);
  DiffPlan stale = graph.planned(*dag, kLive);
  graph.occupy(stale.nodes[0].topic);
  const DiffPlan twin = graph.leave_intents(*dag, kLive);
  ASSERT_THAT(twin.nodes[0].topic.text(), EndsWith("aaaaaaaabb_v1"));
  TakenTopics taken;
  ASSERT_TRUE(take_next_name(stale.nodes[0], scope, graph.index(), taken).ok());
  EXPECT_EQ(stale.nodes[0].topic, twin.nodes[0].topic);
}

TEST(TakeNextName, LeavesTheNameThatItHeldItself) {
  const auto dag = test_dag({{.name = "a", .id = "aaaaaaaabbccdd"}});
  TestGraph graph;
  const DiffScope scope = graph.scope(*dag, kLive);
  DiffPlan plan = graph.leave_intents(*dag, kLive);
  plan.nodes[0].reserved = plan.nodes[0].topic;
  TakenTopics taken;
  ASSERT_TRUE(take_next_name(plan.nodes[0], scope, graph.index(), taken).ok());
  EXPECT_THAT(plan.nodes[0].topic.text(), EndsWith("aaaaaaaabb_v1"));
}

TEST(TakeNextName, DecidesAnewWhereATwinTookANameThatWasGivenUp) {
  const auto dag = test_dag({{.name = "a", .id = "aaaaaaaabbccdd"}});
  TestGraph graph;
  const DiffScope scope = graph.scope(*dag, kLive);
  DiffPlan plan = graph.planned(*dag, kLive);
  TakenTopics taken;
  ASSERT_TRUE(take_next_name(plan.nodes[0], scope, graph.index(), taken).ok());
  plan.nodes[0].reserved = plan.nodes[0].topic;
  graph.leave_intents(*dag, kLive);  // the twin holds the first name
  const auto next = take_next_name(plan.nodes[0], scope, graph.index(), taken);
  ASSERT_FALSE(next.ok());
  EXPECT_EQ(next.error().reason(), "graph_moved");
}

TEST(TakeNextName, EndsWithANamedErrorWhenNoneIsLeft) {
  const TestGraph graph;
  const auto dag = test_dag({{.name = "a", .id = "abc"}});
  const DiffScope scope = graph.scope(*dag, kLive);
  DiffPlan plan = graph.planned(*dag, kLive);
  TakenTopics taken;
  unsigned names = 1;
  std::set<std::string> seen = {plan.nodes[0].topic.text()};
  while (true) {
    const auto next = take_next_name(plan.nodes[0], scope, graph.index(), taken);
    if (!next.ok()) {
      EXPECT_EQ(next.error().reason(), "name_illegal");
      EXPECT_THAT(next.error().message(), HasSubstr("/nodes/0"));
      break;
    }
    EXPECT_TRUE(seen.insert(plan.nodes[0].topic.text()).second);
    ++names;
  }
  EXPECT_EQ(names, kNameCandidatesMax);
}

}  // namespace
}  // namespace weir::dagmanager
