// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/core/queue_life.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace weir::dagmanager {
namespace {

using std::chrono::hours;
using testing::ElementsAre;

constexpr hours kDay{24};

Instant on_day(int day) { return Instant(hours(24 * (10'000 + day))); }

DeployStanding deploy(const char* strategy, int last_seen, const char* world = "w") {
  return {.key = std::string(strategy) + std::to_string(last_seen),
          .strategy = graph::StrategyId(strategy),
          .world = graph::WorldId(world),
          .last_seen = on_day(last_seen)};
}

TEST(HeldDeploys, AreTheLastSeenOfEachStrategyInEachWorld) {
  const std::vector<DeployStanding> deploys = {deploy("a", 1), deploy("a", 3), deploy("b", 1),
                                               deploy("a", 2), deploy("a", 1, "other")};
  EXPECT_THAT(held_deploys(deploys, 2, on_day(100)), ElementsAre(false, true, true, true, true));
  EXPECT_THAT(held_deploys(deploys, 1, on_day(100)), ElementsAre(false, true, true, false, true));
  EXPECT_TRUE(held_deploys({}, 10, on_day(1)).empty());
}

TEST(HeldDeploys, OfOneMomentAreThoseThatWereStoredLast) {
  std::vector<DeployStanding> deploys = {deploy("a", 1), deploy("a", 1), deploy("a", 1)};
  deploys[0].order = 5;
  deploys[1].order = 9;
  deploys[2].order = 7;
  EXPECT_THAT(held_deploys(deploys, 2, on_day(9)), ElementsAre(false, true, true));
}

TEST(HeldDeploys, AreTheLiveOnesWhateverElse) {
  std::vector<DeployStanding> deploys = {deploy("a", 1), deploy("a", 2), deploy("dryrun", 1)};
  deploys[0].live = true;
  deploys[0].ended = true;
  deploys[2].live = true;
  EXPECT_THAT(held_deploys(deploys, 1, on_day(400)), ElementsAre(true, true, true));
}

TEST(HeldDeploys, AreNotThoseThatWereEndedNorDoTheseTakeAPlace) {
  std::vector<DeployStanding> deploys = {deploy("a", 1), deploy("a", 2), deploy("a", 3)};
  deploys[2].ended = true;
  EXPECT_THAT(held_deploys(deploys, 2, on_day(100)), ElementsAre(true, true, false));
  EXPECT_THAT(held_deploys(deploys, 1, on_day(3)), ElementsAre(false, true, false))
      << "ended just now";
}

TEST(HeldDeploys, OfDryRunsAndInSafeModeLastAWeek) {
  std::vector<DeployStanding> deploys = {deploy("dryrun", 1), deploy("a", 1), deploy("a", 0)};
  deploys[1].safe_mode = true;
  const Instant week = on_day(8);
  EXPECT_THAT(held_deploys(deploys, 10, week - Duration(1)), ElementsAre(true, true, true));
  EXPECT_THAT(held_deploys(deploys, 10, week), ElementsAre(false, false, true));
  EXPECT_THAT(held_deploys(deploys, 1, week), ElementsAre(false, false, true))
      << "a trial takes no place among the others";
}

TEST(HeldDeploys, AreThoseSeenWithinTwoHoursForTheyMayBeRepeatedUnseen) {
  std::vector<DeployStanding> deploys = {deploy("a", 1), deploy("a", 1)};
  deploys[1].last_seen += std::chrono::minutes(30);
  const Instant seen = deploys[0].last_seen;
  EXPECT_THAT(held_deploys(deploys, 1, seen + hours(2) - Duration(1)), ElementsAre(true, true));
  EXPECT_THAT(held_deploys(deploys, 1, seen + hours(2)), ElementsAre(false, true));
}

class QueueReferencesTest : public testing::Test {
 protected:
  static std::shared_ptr<const BindingContext> context(const char* world, const char* strategy,
                                                       bool safe = false) {
    graph::ComputeContext where;
    where.world_id = world;
    where.execution_domain = safe ? "backtest" : "live";
    where.safe_mode = safe;
    return std::make_shared<const BindingContext>(where, graph::Namespace(world),
                                                  graph::StrategyId(strategy));
  }
  void add_node(RowId row) {
    NodeRecord node;
    node.row = row;
    node.id = graph::NodeId("node" + std::to_string(row));
    index_.add_node(node);
  }
  void add_queue(RowId row, RowId node, const std::shared_ptr<const BindingContext>& binding,
                 QueueState state = QueueState::Active) {
    QueueRecord queue;
    queue.row = row;
    queue.node = node;
    queue.state = state;
    queue.topic = graph::TopicName("topic" + std::to_string(row));
    queue.compute_key =
        graph::compute_key(graph::NodeId("node" + std::to_string(node)), binding->context);
    queue.binding_key = graph::binding_key(queue.compute_key, binding->context, binding->strategy);
    queue.binding = binding;
    index_.put_queue(queue);
  }
  static DeployBindings bindings(const BindingContext& binding, std::vector<RowId> nodes) {
    return {"key", binding.strategy, binding.context, std::move(nodes)};
  }

  GraphIndex index_;
};

TEST_F(QueueReferencesTest, FollowsBindingKeysAcrossStrategiesButNotAcrossWorlds) {
  const auto w1 = context("w1", "a");
  const auto w2 = context("w2", "a");
  for (const RowId node : {1, 2, 3}) add_node(node);
  add_queue(11, 1, w1);
  add_queue(12, 1, w2);
  add_queue(13, 2, w1);
  add_queue(14, 3, w1, QueueState::Intent);
  QueueReferences references;
  references.add(index_, bindings(*context("w1", "another"), {1}), true, false);
  EXPECT_TRUE(references.held(11)) << "made for a, bound by another too";
  EXPECT_FALSE(references.held(12));
  EXPECT_THAT(references.orphans(index_, active_queues(index_)), ElementsAre(12, 13))
      << "an intent is no orphan";
  references.add(index_, bindings(*w2, {1, 2}), true, false);
  EXPECT_THAT(references.orphans(index_, active_queues(index_)), ElementsAre(13));
}

TEST_F(QueueReferencesTest, IgnoresADatasetThatDecidesNothing) {
  const auto w1 = context("w1", "a");
  add_node(1);
  add_queue(11, 1, w1);
  DeployBindings other = bindings(*w1, {1});
  other.context.dataset_fingerprint = "another";
  QueueReferences references;
  references.add(index_, other, true, false);
  EXPECT_TRUE(references.held(11));
}

TEST_F(QueueReferencesTest, KeepsStrategiesApartInSafeMode) {
  const auto a = context("w", "a", true);
  const auto b = context("w", "b", true);
  add_node(1);
  add_queue(11, 1, a);
  add_queue(12, 1, b);
  QueueReferences references;
  references.add(index_, bindings(*a, {1}), true, false);
  EXPECT_THAT(references.orphans(index_, active_queues(index_)), ElementsAre(12));
}

TEST_F(QueueReferencesTest, AgreesWithTheKeysThemselves) {
  std::vector<std::shared_ptr<const BindingContext>> contexts;
  for (const char* world : {"w1", "w2", ""}) {
    for (const char* strategy : {"a", "b"}) {
      contexts.push_back(context(world, strategy, false));
      contexts.push_back(context(world, strategy, true));
    }
  }
  add_node(1);
  RowId row = 10;
  for (const auto& queue : contexts) {
    if (!index_.queue_by_binding(
            graph::binding_key(graph::compute_key(graph::NodeId("node1"), queue->context),
                               queue->context, queue->strategy))) {
      add_queue(++row, 1, queue);
    }
  }
  for (const auto& where : contexts) {
    QueueReferences references;
    references.add(index_, bindings(*where, {1}), true, true);
    const auto key = graph::binding_key(graph::compute_key(graph::NodeId("node1"), where->context),
                                        where->context, where->strategy);
    const RowId bound = index_.queue_by_binding(key).row();
    for (RowId queue = 11; queue <= row; ++queue) {
      EXPECT_EQ(references.held(queue), queue == bound);
      EXPECT_EQ(references.was_live(queue), queue == bound);
    }
  }
}

TEST_F(QueueReferencesTest, RemembersWhoWasLiveWithoutHoldingIt) {
  const auto w1 = context("w1", "a");
  add_node(1);
  add_queue(11, 1, w1);
  QueueReferences references;
  references.add(index_, bindings(*w1, {1}), false, true);
  EXPECT_FALSE(references.held(11));
  EXPECT_TRUE(references.was_live(11));
  EXPECT_THAT(references.orphans(index_, active_queues(index_)), ElementsAre(11));
}

TEST(OrphanTag, IsTheTypeOrSentinelForTheHistoryOfALiveVersion) {
  EXPECT_EQ(orphan_tag(graph::TopicType::Raw, false), "raw");
  EXPECT_EQ(orphan_tag(graph::TopicType::Raw, true), "sentinel");
  EXPECT_EQ(orphan_tag(graph::TopicType::Indicator, true), "sentinel");
  EXPECT_EQ(orphan_tag(graph::TopicType::TradeExec, true), "trade_exec");
}

TEST(MarkOrphans, NotesNewOnesAndForgetsThoseThatAreBoundAgain) {
  const std::vector<OrphanRecord> known = {{2, "raw", on_day(1), 5, on_day(1)},
                                           {4, "raw", on_day(1), 5, on_day(1)},
                                           {9, "raw", on_day(1), 5, on_day(1)}};
  const std::vector<OrphanSeen> seen = {{1, "raw", 3}, {4, "raw", 5}, {7, "indicator", {}}};
  const OrphanMarks marks = mark_orphans(known, seen, on_day(2));
  EXPECT_THAT(marks.put, ElementsAre(OrphanRecord{1, "raw", on_day(2), 3, on_day(2)},
                                     OrphanRecord{7, "indicator", on_day(2), {}, on_day(2)}));
  EXPECT_THAT(marks.no_more, ElementsAre(2, 9));
  EXPECT_TRUE(mark_orphans({}, {}, on_day(2)).empty());
}

TEST(MarkOrphans, TakesAnyChangeOfSizeForGrowthAndKeepsSinceWhen) {
  const std::vector<OrphanRecord> known = {{1, "raw", on_day(1), 5, on_day(2)},
                                           {2, "raw", on_day(1), 5, on_day(2)},
                                           {3, "raw", on_day(1), {}, on_day(1)},
                                           {4, "raw", on_day(1), 5, on_day(2)},
                                           {5, "raw", on_day(1), 5, on_day(2)}};
  const std::vector<OrphanSeen> seen = {
      {1, "raw", 6}, {2, "raw", 4}, {3, "raw", 7}, {4, "raw", {}}, {5, "sentinel", 5}};
  EXPECT_THAT(mark_orphans(known, seen, on_day(9)).put,
              ElementsAre(OrphanRecord{1, "raw", on_day(1), 6, on_day(9)},
                          OrphanRecord{2, "raw", on_day(1), 4, on_day(9)},
                          OrphanRecord{3, "raw", on_day(1), 7, on_day(1)},
                          OrphanRecord{5, "sentinel", on_day(1), 5, on_day(2)}));
}

TEST(JudgeOrphan, WaitsForTtlAndGraceOfEachTag) {
  const struct {
    const char* tag;
    int ttl_days;
    int due;
    GcAction action;
  } cases[] = {{"raw", 7, 8, GcAction::Drop},
               {"raw", 20, 21, GcAction::Drop},
               {"indicator", 30, 33, GcAction::Drop},
               {"sentinel", 30, 210, GcAction::Archive},
               {"sentinel", 365, 395, GcAction::Archive}};
  for (const auto& one : cases) {
    const OrphanStanding orphan{.tag = one.tag,
                                .ttl_ms = std::int64_t{86'400'000} * one.ttl_days,
                                .since = on_day(0),
                                .grown_at = on_day(-50)};
    const GcPolicies policies = default_gc_policies();
    EXPECT_EQ(judge_orphan(orphan, policies, on_day(one.due) - Duration(1)),
              (GcVerdict{GcAction::Skip, GcReason::WithinGrace}))
        << one.tag;
    EXPECT_EQ(judge_orphan(orphan, policies, on_day(one.due)),
              (GcVerdict{one.action, GcReason::Eligible}))
        << one.tag;
  }
}

TEST(JudgeOrphan, KeepsWhatSomebodyStillWritesToFor400Days) {
  OrphanStanding orphan{
      .tag = "raw", .ttl_ms = 7 * 86'400'000, .since = on_day(0), .grown_at = on_day(0)};
  for (int day = 0; day <= 400; ++day) {
    orphan.grown_at = on_day(day) - hours(1);
    EXPECT_EQ(judge_orphan(orphan, default_gc_policies(), on_day(day)).reason,
              GcReason::WithinGrace);
  }
  EXPECT_EQ(judge_orphan(orphan, default_gc_policies(), on_day(408)).reason, GcReason::Eligible);
}

TEST(JudgeOrphan, NeverTakesATagWithoutAPolicyNorOneThatIsKept) {
  OrphanStanding orphan{.tag = "trade_exec", .ttl_ms = 0, .since = on_day(0), .grown_at = {}};
  GcPolicies policies = default_gc_policies();
  EXPECT_EQ(judge_orphan(orphan, policies, on_day(9'000)),
            (GcVerdict{GcAction::Skip, GcReason::UnknownPolicy}));
  policies["trade_exec"] = {.ttl = 90 * kDay, .grace = kDay, .action = GcAction::Archive};
  EXPECT_EQ(judge_orphan(orphan, policies, on_day(91)),
            (GcVerdict{GcAction::Archive, GcReason::Eligible}));
  policies["trade_exec"].action = GcAction::Skip;
  EXPECT_EQ(judge_orphan(orphan, policies, on_day(91)).reason, GcReason::UnknownPolicy);
}

TEST(JudgeOrphan, GoesByTheConfiguredTtlWhereThereIsOne) {
  const OrphanStanding orphan{
      .tag = "sentinel", .ttl_ms = 86'400'000'000, .since = on_day(0), .grown_at = {}};
  GcPolicies policies = default_gc_policies();
  policies["sentinel"].ttl = kDay;
  EXPECT_EQ(judge_orphan(orphan, policies, on_day(31)).reason, GcReason::Eligible);
  EXPECT_EQ(judge_orphan(orphan, policies, on_day(30)).reason, GcReason::WithinGrace);
}

TEST(GcWords, AreThoseOfTheReport) {
  EXPECT_EQ(gc_action_text(GcAction::Drop), "drop");
  EXPECT_EQ(gc_action_text(GcAction::Archive), "archive");
  EXPECT_EQ(gc_action_text(GcAction::Skip), "skip");
  EXPECT_EQ(gc_reason_text(GcReason::Eligible), "eligible");
  EXPECT_EQ(gc_reason_text(GcReason::WithinGrace), "within_grace");
  EXPECT_EQ(gc_reason_text(GcReason::UnknownPolicy), "unknown_policy");
  EXPECT_EQ(gc_reason_text(GcReason::ArchiveFailed), "archive_failed");
  EXPECT_EQ(gc_reason_text(GcReason::Referenced), "referenced");
}

}  // namespace
}  // namespace weir::dagmanager
