// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/rollout_store.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/conformance/graph_cases.h"

namespace weir::dagmanager {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using test::at;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_node;
using test::make_sentinel;
using test::reason_of;
using test::succeeded;
using testing::ElementsAre;

constexpr const char* kInstance = "instance-1";
constexpr const char* kId = "00000000-0000-4000-8000-00000000000";
constexpr int kJudgeEvery = 30;

const std::vector<RolloutStep> kSteps = {{0.1, seconds(60)}, {0.5, seconds(30)}, {1, {}}};

class RolloutStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  RolloutStoreTest()
      : engine_(test::make_graph_engine(GetParam())), rollouts_(engine_->rollouts()) {
    const std::array claims = {LoopClaim{"canary"}};
    const auto leases = engine_->loops().renew(kInstance, claims);
    EXPECT_TRUE(succeeded(leases));
    fence_ = {"canary", leases->front().fence};
  }

  void deploy(const std::string& strategy, const std::string& version, std::optional<double> weight,
              int second, const std::string& world = "w1") {
    const auto binding = make_binding(strategy, world);
    Diff diff(engine_->store(), binding, {make_node(version)}, at(second));
    GraphChange& change = diff.view().reserve().change();
    DeployRecord record = make_deploy(*binding, version, {}, at(second));
    record.key.node_set = "set-of-" + version;
    change.sentinel = make_sentinel(record, weight);
    change.sentinel->deploy_key = record.key.text();
    change.deploy = record;
    ASSERT_TRUE(succeeded(diff.commit()));
  }
  /// v1 live, v2 waiting, both of strategy `s`.
  void deploy_both() {
    deploy("s", "v1", 0.75, 1);
    deploy("s", "v2", 0.0, 2);
  }
  static RolloutWish wish(const std::string& sentinel = "s-sentinel") {
    return {.sentinel = graph::SentinelId(sentinel), .steps = kSteps};
  }
  Result<RolloutOutcome> begin(RolloutWish wanted, int number = 1, GatePolicy gate = {},
                               std::vector<RowId> queues = {}) {
    std::string deploy;
    const auto versions = rollouts_.versions(wanted.sentinel);
    EXPECT_TRUE(succeeded(versions));
    for (const SentinelRecord& one : *versions) {
      const bool fits = wanted.version.empty() || one.version == wanted.version;
      if (fits && (!wanted.world || one.world == *wanted.world)) deploy = one.deploy_key;
    }
    return rollouts_.begin(
        {.wish = std::move(wanted),
         .start = {.id = kId + std::to_string(number), .actor = "somebody", .at = at(100)},
         .gate = gate,
         .deploy = deploy,
         .queues = std::move(queues)});
  }
  Result<RolloutOutcome> order(RolloutAction action, int second = 200, int number = 1,
                               std::optional<RolloutState> expect = {}) {
    return rollouts_.change({.id = kId + std::to_string(number),
                             .action = action,
                             .expect = expect,
                             .actor = "somebody",
                             .at = at(second)});
  }
  /// One judgement of the step that is set.
  Result<RolloutOutcome> judge(int second, std::optional<bool> holds, int number = 1) {
    const std::string id = kId + std::to_string(number);
    const auto known = rollouts_.find(id);
    EXPECT_TRUE(succeeded(known));
    return rollouts_.judge(fence_,
                           {.id = id,
                            .step = *known ? (*known)->rollout.step : 0,
                            .checks = {{"lag", holds, "it says so"}},
                            .policy = {.failure_limit = 3, .interval = seconds(kJudgeEvery)},
                            .at = at(second)});
  }
  void open_a_hit() {
    const std::vector<HitSighting> seen = {{graph::NodeId("a"), "w1", "w2"}};
    ASSERT_TRUE(succeeded(engine_->hits().record(seen, at(3))));
  }
  Result<WeightOutcome> set_weight(const std::string& sentinel, double weight) {
    return engine_->traffic().set_weight(
        {.request = {.sentinel = graph::SentinelId(sentinel), .weight = weight},
         .actor = "somebody",
         .at = at(300)});
  }
  using Weights = std::map<std::string, std::optional<double>>;
  Weights weights(const std::string& sentinel = "s-sentinel") {
    Weights found;
    const auto versions = rollouts_.versions(graph::SentinelId(sentinel));
    EXPECT_TRUE(succeeded(versions));
    for (const SentinelRecord& one : *versions) found[one.version.text()] = one.traffic_weight;
    return found;
  }
  bool is_taken_back(const std::string& version) {
    const auto history = engine_->redo().history(graph::SentinelId("s-sentinel"));
    EXPECT_TRUE(succeeded(history));
    const auto found =
        std::ranges::find(history->deploys, graph::VersionLabel(version), &DeployHead::version);
    return found != history->deploys.end() && found->taken_back;
  }
  using Told = std::vector<std::pair<std::string, double>>;
  Told told() {
    Told told;
    const auto pending = engine_->bus().pending(1000);
    EXPECT_TRUE(succeeded(pending));
    for (const PendingEvent& event : *pending) {
      const auto data = nlohmann::json::parse(event.event.envelope)["data"];
      if (data["type"] != "SentinelWeightUpdated") continue;
      told.emplace_back(data["sentinel_version"], data["weight"]);
    }
    return told;
  }
  std::vector<std::string> audit() {
    std::vector<std::string> lines;
    const auto rows = engine_->traffic().audit(0, 1000);
    EXPECT_TRUE(succeeded(rows));
    for (const auto& [seq, row] : *rows) {
      if (row.action == "diff") continue;  // the weights that deploys came with
      lines.push_back(row.actor + " " + row.version.text() + " " +
                      (row.from ? std::to_string(*row.from).substr(0, 4) : "none") + " " +
                      std::to_string(row.to).substr(0, 4) + " " + row.note);
    }
    return lines;
  }
  Rollout stored(int number = 1) {
    const auto known = rollouts_.find(kId + std::to_string(number));
    EXPECT_TRUE(succeeded(known));
    EXPECT_TRUE(known->has_value());
    return *known ? (*known)->rollout : Rollout{};
  }

  std::unique_ptr<test::GraphEngine> engine_;
  RolloutStore& rollouts_;
  LoopFence fence_;
};

TEST_P(RolloutStoreTest, BeginsWithBothWeightsTheirRowsAndOneEvent) {
  deploy_both();
  const auto begun = begin(wish());
  ASSERT_TRUE(succeeded(begun));
  const RolloutRecord& record = begun->record;
  EXPECT_EQ(record.id, std::string(kId) + "1");
  EXPECT_EQ(record.world.text(), "w1");
  EXPECT_EQ(record.candidate.version.text(), "v2");
  EXPECT_EQ(record.baseline.version.text(), "v1") << "the live one before it";
  EXPECT_EQ(record.rollout.baseline_before, 0.75);
  EXPECT_EQ(record.started_by, "somebody");
  EXPECT_EQ(record.started_at, at(100));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.9}, {"v2", 0.1}}));
  EXPECT_THAT(told(), testing::Contains(std::pair<std::string, double>("v2", 0.1)));
  EXPECT_THAT(audit(),
              ElementsAre("somebody v2 none 0.00 started, step 1 of 3",
                          testing::StartsWith("somebody v"), testing::StartsWith("somebody v")));
  const auto found = rollouts_.find(record.id);
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ(**found, record);
  EXPECT_THAT(*rollouts_.list({}), ElementsAre(record));
  EXPECT_THAT(*rollouts_.unfinished(), ElementsAre(record));
}

TEST_P(RolloutStoreTest, KeepsEverythingThatARolloutCarries) {
  deploy_both();
  RolloutWish wanted = wish();
  wanted.steps = {{1.0 / 3, Duration(7)}, {1, hours(720)}};
  wanted.evidence = GateEvidence{.node_set = "set-of-v2",
                                 .lint_errors = 0,
                                 .lint_warnings = 7,
                                 .backtests = {{"a \"quoted\" name", true, "abc"}}};
  ASSERT_TRUE(succeeded(begin(wanted, 1, {.required = true, .backtests_min = 1})));
  ASSERT_TRUE(succeeded(judge(110, false)));
  ASSERT_TRUE(succeeded(judge(140, std::nullopt)));
  const auto found = rollouts_.find(std::string(kId) + "1");
  ASSERT_TRUE(succeeded(found));
  EXPECT_EQ((*found)->evidence, wanted.evidence);
  const Rollout& rollout = (*found)->rollout;
  EXPECT_EQ(rollout.steps, wanted.steps);
  EXPECT_EQ(rollout.verdict, Verdict::Unknown);
  EXPECT_EQ(rollout.reason, "lag: it says so");
  EXPECT_EQ(rollout.failures, (std::map<std::string, int>{{"lag", 1}}));
  EXPECT_EQ(rollout.unknown_since, at(140));
  EXPECT_EQ(rollout.step_since, at(100));
  EXPECT_EQ(rollout.judged_at, at(140));
  EXPECT_FALSE(rollout.ended_at);
}

TEST_P(RolloutStoreTest, GoesUpStepByStepWithBothWeightsAtOnce) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  ASSERT_TRUE(succeeded(judge(130, true)));
  EXPECT_EQ(stored().held, seconds(30));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.9}, {"v2", 0.1}}));
  const auto second = judge(160, true);
  ASSERT_TRUE(succeeded(second));
  EXPECT_EQ(second->weights.size(), 2U);
  EXPECT_EQ(weights(), (Weights{{"v1", 0.5}, {"v2", 0.5}}));
  ASSERT_TRUE(succeeded(judge(190, true)));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.0}, {"v2", 1.0}}));
  EXPECT_EQ(stored().state, RolloutState::Running);
  const auto last = judge(220, true);
  ASSERT_TRUE(succeeded(last));
  EXPECT_TRUE(last->weights.empty()) << "they are those of the end already";
  EXPECT_EQ(stored().state, RolloutState::Done);
  EXPECT_EQ(stored().ended_at, at(220));
  Told heard = told();
  heard.erase(heard.begin(), heard.begin() + 2);  // of the deploys
  EXPECT_EQ(heard, (Told{{"v2", 0.1}, {"v2", 0.5}, {"v2", 1.0}})) << "one id: the gaining side";
  EXPECT_THAT(audit(), testing::Contains("canary v2 none 0.00 done"));
  EXPECT_THAT(audit(), testing::Contains("canary v1 0.90 0.50 step 2 of 3"));
  EXPECT_TRUE(rollouts_.unfinished()->empty());
  EXPECT_FALSE(judge(250, false)->judged) << "an end stays";
  EXPECT_EQ(stored().state, RolloutState::Done);
}

TEST_P(RolloutStoreTest, GoesBackToTheFormerWeights) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  for (const int second : {130, 160}) ASSERT_TRUE(succeeded(judge(second, false)));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.9}, {"v2", 0.1}}));
  const auto back = judge(190, false);
  ASSERT_TRUE(succeeded(back));
  EXPECT_TRUE(back->rolled_back);
  EXPECT_EQ(weights(), (Weights{{"v1", 0.75}, {"v2", 0.0}}));
  EXPECT_EQ(told().back(), (std::pair<std::string, double>{"v1", 0.75}))
      << "where both fall, the later of one id's two";
  EXPECT_EQ(stored().state, RolloutState::RolledBack);
  EXPECT_EQ(stored().reason, "lag: it says so");
  const auto book = engine_->alerts().read();
  ASSERT_TRUE(succeeded(book));
  ASSERT_EQ(book->conditions.size(), 1U) << "it is told with the step";
  EXPECT_EQ(book->conditions[0].key, (AlertKey{"RolloutRolledBack", "s-sentinel@v2 in w1"}));
  EXPECT_EQ(book->conditions[0].detail, std::string("rollout ") + kId + "1: lag: it says so");
  EXPECT_EQ(reason_of(order(RolloutAction::Advance)), "state_changed");
  EXPECT_EQ(reason_of(order(RolloutAction::Abort)), "state_changed");
}

/// Found by simulation: of one id only the side that loses was told, as if nobody had traffic.
TEST_P(RolloutStoreTest, TellsTheSideThatStaysWhereOnlyTheOtherMoves) {
  deploy_both();
  RolloutWish wanted = wish();
  wanted.steps = {{0.25, seconds(60)}, {1, {}}};
  ASSERT_TRUE(succeeded(begin(wanted)));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.75}, {"v2", 0.25}}));
  ASSERT_TRUE(succeeded(order(RolloutAction::Abort)));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.75}, {"v2", 0.0}}));
  EXPECT_EQ(told().back(), (std::pair<std::string, double>{"v1", 0.75}));
}

/// What failed is nobody's predecessor: rolling the next version back passes it over.
TEST_P(RolloutStoreTest, ARolledBackCandidateIsTakenBack) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  EXPECT_FALSE(is_taken_back("v2"));
  for (const int second : {110, 140, 170}) ASSERT_TRUE(succeeded(judge(second, false)));
  ASSERT_EQ(stored().state, RolloutState::RolledBack);
  EXPECT_TRUE(is_taken_back("v2"));
  EXPECT_FALSE(is_taken_back("v1"));
  deploy("s", "v3", 1.0, 180);
  const auto plan = plan_rollback(*engine_->redo().history(graph::SentinelId("s-sentinel")));
  ASSERT_TRUE(succeeded(plan));
  EXPECT_EQ(plan->taken.version.text(), "v3");
  EXPECT_EQ(plan->predecessor.version.text(), "v1") << "not v2, with its last weight";
}

TEST_P(RolloutStoreTest, WhatGetsTrafficAgainIsTakenBackNoLonger) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  ASSERT_TRUE(succeeded(order(RolloutAction::Abort)));
  EXPECT_TRUE(is_taken_back("v2")) << "by an operator's word too";
  ASSERT_TRUE(succeeded(begin(wish(), 2)));
  EXPECT_FALSE(is_taken_back("v2")) << "by another rollout";
  ASSERT_TRUE(succeeded(order(RolloutAction::Abort, 210, 2)));
  EXPECT_TRUE(is_taken_back("v2"));
  ASSERT_TRUE(succeeded(set_weight("s-sentinel", 0)));
  EXPECT_TRUE(is_taken_back("v2"));
  ASSERT_TRUE(succeeded(set_weight("s-sentinel", 0.5)));
  EXPECT_FALSE(is_taken_back("v2")) << "by hand";
}

TEST_P(RolloutStoreTest, TwoSentinelsBothHearOfTheirWeights) {
  deploy("a", "v1", 1, 1);
  deploy("b", "v1", std::nullopt, 2);
  RolloutWish wanted = wish("b-sentinel");
  wanted.baseline = {graph::SentinelId("a-sentinel"), {}};
  ASSERT_TRUE(succeeded(begin(wanted)));
  EXPECT_EQ(weights("a-sentinel"), (Weights{{"v1", 0.9}}));
  EXPECT_EQ(weights("b-sentinel"), (Weights{{"v1", 0.1}}));
  EXPECT_EQ(told(), (Told{{"v1", 1}, {"v1", 0.9}, {"v1", 0.1}})) << "the losing side first";
  ASSERT_TRUE(succeeded(order(RolloutAction::Abort)));
  EXPECT_EQ(weights("a-sentinel"), (Weights{{"v1", 1.0}}));
  EXPECT_EQ(weights("b-sentinel"), (Weights{{"v1", 0.0}}));
}

TEST_P(RolloutStoreTest, MovesTheCandidateAloneWhereNothingIsLive) {
  deploy("s", "v1", std::nullopt, 1);
  const auto begun = begin(wish());
  ASSERT_TRUE(succeeded(begun));
  EXPECT_TRUE(begun->record.baseline.empty());
  EXPECT_EQ(weights(), (Weights{{"v1", 0.1}}));
}

TEST_P(RolloutStoreTest, IsTheOnlyOneThatMovesItsSides) {
  deploy_both();
  deploy("s", "v3", std::nullopt, 3);
  deploy("other", "v1", 0.5, 4);
  ASSERT_TRUE(succeeded(begin({.sentinel = graph::SentinelId("s-sentinel"),
                               .version = graph::VersionLabel("v2"),
                               .steps = kSteps})));
  EXPECT_EQ(reason_of(set_weight("s-sentinel", 0.3)), "rollout_running");
  EXPECT_EQ(reason_of(begin(wish(), 2)), "rollout_running");
  RolloutWish beside = wish("other-sentinel");
  beside.baseline = {graph::SentinelId("s-sentinel"), graph::VersionLabel("v3")};
  EXPECT_EQ(reason_of(begin(beside, 2)), "rollout_running");
  ASSERT_TRUE(succeeded(set_weight("other-sentinel", 0.3)));
  deploy("s", "v2", 0.7, 5);  // a diff states a weight: it is left out
  EXPECT_EQ(weights()["v2"], 0.1);
  ASSERT_TRUE(succeeded(order(RolloutAction::Abort)));
  ASSERT_TRUE(succeeded(set_weight("s-sentinel", 0.3)));
  EXPECT_EQ(reason_of(begin(beside, 2)), "ok");
}

TEST_P(RolloutStoreTest, TwoOfTwoWorldsGoSideBySide) {
  deploy("s", "v1", 0.5, 1, "w1");
  deploy("s", "v2", 0.0, 2, "w1");
  deploy("s", "v1", 0.5, 3, "w2");
  EXPECT_EQ(reason_of(begin(wish())), "world_required");
  RolloutWish first = wish();
  first.world = graph::WorldId("w1");
  RolloutWish second = wish();
  second.world = graph::WorldId("w2");
  ASSERT_TRUE(succeeded(begin(first, 1)));
  ASSERT_TRUE(succeeded(begin(second, 2)));
  EXPECT_EQ(rollouts_.list({.world = graph::WorldId("w2")})->size(), 1U);
  EXPECT_EQ(rollouts_.list({})->front().world.text(), "w2") << "the newest first";
  ASSERT_TRUE(succeeded(order(RolloutAction::Pause, 200, 2)));
  EXPECT_EQ(rollouts_.list({.state = RolloutState::Paused})->size(), 1U);
  ASSERT_TRUE(succeeded(judge(130, true, 1)));
  EXPECT_EQ(rollouts_.unfinished()->front().id, std::string(kId) + "2")
      << "the one that waits longest";
}

TEST_P(RolloutStoreTest, RefusesWhatCannotBegin) {
  EXPECT_EQ(reason_of(begin(wish())), "unknown_sentinel");
  deploy_both();
  RolloutWish unknown = wish();
  unknown.version = graph::VersionLabel("v9");
  EXPECT_EQ(reason_of(begin(unknown)), "unknown_sentinel");
  RolloutWish no_baseline = wish();
  no_baseline.baseline = {graph::SentinelId("nobody-sentinel"), {}};
  EXPECT_EQ(reason_of(begin(no_baseline)), "unknown_sentinel");
  RolloutWish itself = wish();
  itself.baseline = {graph::SentinelId("s-sentinel"), graph::VersionLabel("v2")};
  EXPECT_EQ(reason_of(begin(itself)), "baseline_invalid");
  EXPECT_EQ(reason_of(begin(wish(), 1, {.required = true})), "gate_not_passed");
  EXPECT_EQ(reason_of(begin(wish(), 1, {}, {1'000'000})), "queues_collected");
  EXPECT_EQ(reason_of(rollouts_.begin({.wish = wish(),
                                       .start = {std::string(kId) + "1", "somebody", at(100)},
                                       .gate = {},
                                       .deploy = "another by now",
                                       .queues = {}})),
            "graph_moved");
  const auto candidate = rollouts_.versions(graph::SentinelId("s-sentinel"));
  ASSERT_TRUE(succeeded(candidate));
  EXPECT_EQ(reason_of(rollouts_.begin({.wish = wish(),
                                       .start = {std::string(kId) + "1", "somebody", at(100)},
                                       .gate = {},
                                       .deploy = candidate->back().deploy_key,
                                       .queues = {},
                                       .baseline_deploy = "another by now"})),
            "graph_moved");
  open_a_hit();
  EXPECT_EQ(reason_of(begin(wish())), "cross_context_hit_open");
  EXPECT_EQ(weights(), (Weights{{"v1", 0.75}, {"v2", 0.0}}));
  EXPECT_TRUE(rollouts_.list({})->empty());
  EXPECT_TRUE(audit().empty());
  EXPECT_EQ(reason_of(order(RolloutAction::Pause)), "unknown_rollout");
  EXPECT_EQ(reason_of(rollouts_.change({.id = "no uuid", .actor = "somebody"})), "unknown_rollout");
  EXPECT_FALSE(rollouts_.find("no uuid")->has_value());
}

TEST_P(RolloutStoreTest, StandsWhileAHitIsOpenAndGoesBackAllTheSame) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  open_a_hit();
  for (int second = 130; second < 1000; second += kJudgeEvery) {
    ASSERT_TRUE(succeeded(judge(second, second % 20 == 0)));
  }
  EXPECT_EQ(weights(), (Weights{{"v1", 0.9}, {"v2", 0.1}}));
  EXPECT_EQ(stored().verdict, Verdict::Unknown);
  EXPECT_EQ(stored().held, Duration::zero());
  EXPECT_EQ(reason_of(order(RolloutAction::Advance)), "cross_context_hit_open");
  ASSERT_TRUE(succeeded(order(RolloutAction::Abort)));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.75}, {"v2", 0.0}}));
}

TEST_P(RolloutStoreTest, DoesWhatOperatorsSay) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  ASSERT_TRUE(succeeded(order(RolloutAction::Pause)));
  EXPECT_FALSE(judge(230, true)->judged);
  EXPECT_EQ(reason_of(order(RolloutAction::Pause)), "state_changed");
  EXPECT_EQ(reason_of(order(RolloutAction::Resume, 240, 1, RolloutState::Running)),
            "state_changed");
  ASSERT_TRUE(succeeded(order(RolloutAction::Resume, 240, 1, RolloutState::Paused)));
  ASSERT_TRUE(succeeded(order(RolloutAction::Advance, 241)));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.5}, {"v2", 0.5}}));
  EXPECT_EQ(stored().step_since, at(241));
  std::vector<std::string> words;
  for (const std::string& line : audit()) words.push_back(line);
  EXPECT_THAT(words, testing::Contains("somebody v2 none 0.00 paused, paused"));
  EXPECT_THAT(words, testing::Contains("somebody v2 none 0.00 advanced, step 2 of 3"));
}

TEST_P(RolloutStoreTest, JudgesNothingForWhoLostTheLoopOrCheckedAnotherStep) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  const RolloutJudgement judgement{.id = std::string(kId) + "1",
                                   .step = 0,
                                   .checks = {{"lag", true, ""}},
                                   .policy = {},
                                   .at = at(130)};
  EXPECT_EQ(reason_of(rollouts_.judge({"canary", fence_.fence + 1}, judgement)), kLoopLost);
  ASSERT_TRUE(succeeded(order(RolloutAction::Advance)));
  const Rollout before = stored();
  EXPECT_FALSE(rollouts_.judge(fence_, judgement)->judged);
  EXPECT_EQ(stored(), before);
  ASSERT_TRUE(succeeded(engine_->loops().give_back(kInstance)));
  EXPECT_EQ(reason_of(rollouts_.judge(fence_, judgement)), kLoopLost);
  EXPECT_EQ(stored(), before);
}

TEST_P(RolloutStoreTest, CountsDeploysWithoutTheirSentinel) {
  deploy_both();
  EXPECT_EQ(*rollouts_.sentinel_gaps(), 0U);
  const auto binding = make_binding("t", "w1");
  Diff diff(engine_->store(), binding, {}, at(5));
  diff.view().change().deploy = make_deploy(*binding, "v1", {}, at(5));
  diff.change().deploy->sentinel_due = true;
  ASSERT_TRUE(succeeded(diff.commit()));
  EXPECT_EQ(*rollouts_.sentinel_gaps(), 1U);
}

TEST_P(RolloutStoreTest, OneOfManyThatBeginAtOnceDoes) {
  deploy_both();
  std::atomic<int> begun = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&, caller] {
      const auto outcome = begin(wish(), caller);
      if (outcome.ok()) {
        ++begun;
      } else {
        EXPECT_EQ(outcome.error().reason(), "rollout_running");
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(weights(), (Weights{{"v1", 0.9}, {"v2", 0.1}}));
}

/// What a rollback by sentinel does beside a rollout.
class RolloutRollbackTest : public RolloutStoreTest {
 protected:
  Result<TakenBack> take_back(const std::string& sentinel = "s-sentinel") {
    auto all = engine_->redo().history(graph::SentinelId(sentinel));
    EXPECT_TRUE(succeeded(all));
    const auto history = in_world(*std::move(all), graph::WorldId("w1"));
    if (!history.ok()) return history.error();
    const auto plan = plan_rollback(*history);
    if (!plan.ok()) return plan.error();
    return engine_->redo().take_back({.sentinel = graph::SentinelId(sentinel),
                                      .world = graph::WorldId("w1"),
                                      .taken = plan->taken.key,
                                      .predecessor = plan->predecessor.key,
                                      .queues = {},
                                      .actor = "somebody",
                                      .at = at(500)});
  }
};

TEST_P(RolloutRollbackTest, OfTheCandidateEndsTheRollout) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  ASSERT_TRUE(succeeded(order(RolloutAction::Advance)));
  open_a_hit();
  const auto back = take_back();
  ASSERT_TRUE(succeeded(back));
  EXPECT_TRUE(back->changed);
  EXPECT_EQ(weights(), (Weights{{"v1", 0.75}, {"v2", 0.0}})) << "the former weight, not half";
  EXPECT_EQ(stored().state, RolloutState::RolledBack);
  EXPECT_EQ(stored().ended_at, at(500));
  EXPECT_FALSE(take_back()->changed);
  EXPECT_FALSE(judge(530, true)->judged);
}

TEST_P(RolloutRollbackTest, AfterTheEndGivesTheFormerWeightToo) {
  deploy_both();
  ASSERT_TRUE(succeeded(begin(wish())));
  for (int step = 0; step < 3; ++step) ASSERT_TRUE(succeeded(order(RolloutAction::Advance)));
  EXPECT_EQ(stored().state, RolloutState::Done);
  ASSERT_TRUE(succeeded(take_back()));
  EXPECT_EQ(weights(), (Weights{{"v1", 0.75}, {"v2", 0.0}}));
  EXPECT_EQ(stored().state, RolloutState::Done) << "an end stays";
}

TEST_P(RolloutRollbackTest, ReturnsToTheBaselineOfAnotherSentinel) {
  deploy("a", "v1", 0.5, 1);
  deploy("b", "v1", std::nullopt, 2);
  EXPECT_EQ(reason_of(take_back("b-sentinel")), "no_predecessor");
  RolloutWish wanted = wish("b-sentinel");
  wanted.baseline = {graph::SentinelId("a-sentinel"), {}};
  ASSERT_TRUE(succeeded(begin(wanted)));
  EXPECT_EQ(reason_of(take_back("a-sentinel")), "no_predecessor");
  ASSERT_TRUE(succeeded(take_back("b-sentinel")));
  EXPECT_EQ(weights("a-sentinel"), (Weights{{"v1", 0.5}}));
  EXPECT_EQ(weights("b-sentinel"), (Weights{{"v1", 0.0}}));
  EXPECT_EQ(stored().state, RolloutState::RolledBack);
}

TEST_P(RolloutRollbackTest, IsRefusedWhereItWouldMoveAnothersRollout) {
  deploy("a", "v1", 0.5, 1);
  deploy("a", "v2", 0.5, 2);
  deploy("b", "v1", std::nullopt, 3);
  RolloutWish wanted = wish("b-sentinel");
  wanted.baseline = {graph::SentinelId("a-sentinel"), {}};
  ASSERT_TRUE(succeeded(begin(wanted)));
  EXPECT_EQ(reason_of(take_back("a-sentinel")), "rollout_running");
  EXPECT_EQ(weights("a-sentinel"), (Weights{{"v1", 0.5}, {"v2", 0.9}}));
  EXPECT_EQ(stored().state, RolloutState::Running);
}

INSTANTIATE_TEST_SUITE_P(Adapters, RolloutStoreTest, test::all_adapters(), test::adapter_name);
INSTANTIATE_TEST_SUITE_P(Adapters, RolloutRollbackTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
