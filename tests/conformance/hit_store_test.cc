// SPDX-License-Identifier: Apache-2.0
#include "dagmanager/ports/rollouts/hit_store.h"

#include <gmock/gmock.h>

#include <string>
#include <thread>
#include <vector>

#include "tests/conformance/graph_cases.h"

namespace weir::dagmanager {
namespace {

using test::at;
using test::Diff;
using test::make_binding;
using test::make_deploy;
using test::make_sentinel;
using test::reason_of;
using test::succeeded;

class HitStoreTest : public testing::TestWithParam<test::Adapter> {
 protected:
  HitStoreTest() : engine_(test::make_graph_engine(GetParam())), hits_(engine_->hits()) {}

  static HitSighting sighting(const std::string& node, const std::string& wanted = "w1") {
    return {graph::NodeId(node), wanted, "w2"};
  }
  void see(const std::vector<HitSighting>& seen, int second) {
    ASSERT_TRUE(succeeded(hits_.record(seen, at(second))));
  }
  std::vector<CrossContextHit> list(std::optional<HitState> state = std::nullopt) {
    const auto hits = hits_.list(state);
    EXPECT_TRUE(succeeded(hits));
    return hits.ok() ? *hits : std::vector<CrossContextHit>();
  }
  Result<CrossContextHit> acknowledge(const std::string& id, const std::string& note = "mended") {
    return hits_.acknowledge({.id = id, .note = note, .actor = "somebody", .at = at(90)});
  }
  std::size_t open() {
    const auto count = hits_.open_count();
    EXPECT_TRUE(succeeded(count));
    return count.ok() ? *count : 0;
  }
  Result<WeightOutcome> set(double weight) {
    return engine_->traffic().set_weight(
        {.request = {.sentinel = graph::SentinelId("s-sentinel"), .weight = weight},
         .actor = "somebody",
         .at = at(50)});
  }
  Result<Committed> deploy(const char* version, std::optional<double> weight, int second) {
    const auto binding = make_binding("s", "w1");
    Diff diff(engine_->store(), binding, {}, at(second));
    diff.view().change().deploy = make_deploy(*binding, version, {}, at(second));
    diff.change().sentinel = make_sentinel(*diff.change().deploy, weight);
    return diff.commit();
  }
  std::optional<double> weight_of(const std::string& version) {
    const auto newest =
        engine_->store().newest_sentinel(graph::SentinelId("s-sentinel"), graph::WorldId("w1"));
    EXPECT_TRUE(succeeded(newest));
    EXPECT_EQ((*newest)->version.text(), version);
    return (*newest)->traffic_weight;
  }

  std::unique_ptr<test::GraphEngine> engine_;
  HitStore& hits_;
};

TEST_P(HitStoreTest, CountsUpWhatIsOpenAndTellsTheNewestFirst) {
  see({sighting("a"), sighting("b")}, 1);
  see({sighting("a")}, 2);
  see({sighting("a", "w3")}, 3);
  const auto all = list();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[0].what, sighting("a", "w3"));
  EXPECT_EQ(all[1].what, sighting("b"));
  const CrossContextHit wanted{.id = all[2].id,
                               .state = HitState::Open,
                               .what = sighting("a"),
                               .seen = 2,
                               .first_seen = at(1),
                               .last_seen = at(2),
                               .acked_by = "",
                               .note = ""};
  EXPECT_EQ(all[2], wanted);
  EXPECT_EQ(open(), 3U);
}

TEST_P(HitStoreTest, ClearsAHitOnceWithAnAuditRow) {
  see({sighting("a")}, 1);
  const std::string id = list().front().id;
  for (const char* note : {"mended", "again"}) {
    const auto acked = acknowledge(id, note);
    ASSERT_TRUE(succeeded(acked));
    EXPECT_EQ(acked->state, HitState::Acked);
    EXPECT_EQ(acked->acked_by, "somebody");
    EXPECT_EQ(acked->note, "mended") << "the first word stands";
  }
  EXPECT_EQ(open(), 0U);
  EXPECT_TRUE(list(HitState::Open).empty());
  EXPECT_EQ(list(HitState::Acked).size(), 1U);
  const auto audit = engine_->traffic().audit(0, 10);
  ASSERT_TRUE(succeeded(audit));
  ASSERT_EQ(audit->size(), 1U);
  const AuditRow row{.at = at(90),
                     .actor = "somebody",
                     .action = "ack_cross_context",
                     .subject = id,
                     .note = "mended"};
  EXPECT_EQ(audit->front().second, row);
}

TEST_P(HitStoreTest, OpensAnewWhatIsSeenAfterItWasCleared) {
  see({sighting("a")}, 1);
  ASSERT_TRUE(succeeded(acknowledge(list().front().id)));
  see({sighting("a")}, 5);
  const auto all = list();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].state, HitState::Open);
  EXPECT_EQ(all[0].seen, 1);
  EXPECT_EQ(all[1].state, HitState::Acked);
  EXPECT_NE(all[0].id, all[1].id);
}

TEST_P(HitStoreTest, RefusesAnAcknowledgementWithoutNoteOrOfNothing) {
  see({sighting("a")}, 1);
  const std::string id = list().front().id;
  EXPECT_EQ(reason_of(acknowledge(id, "")), "note_missing");
  EXPECT_EQ(reason_of(acknowledge(id, "  ")), "note_missing");
  EXPECT_EQ(reason_of(acknowledge(id, std::string(kHitNoteBytesMax + 1, 'x'))), "missing_field");
  EXPECT_EQ(reason_of(acknowledge("nothing")), "unknown_hit");
  EXPECT_EQ(reason_of(acknowledge("00000000-0000-4000-8000-000000000000")), "unknown_hit");
  EXPECT_EQ(open(), 1U);
}

TEST_P(HitStoreTest, KeepsNoMoreOpenThanItsBound) {
  std::vector<HitSighting> many;
  for (std::size_t i = 0; i < kOpenHitsMax - 1; ++i) many.push_back(sighting(std::to_string(i)));
  see(many, 1);
  see({sighting("x"), sighting("y"), sighting("z")}, 2);
  EXPECT_EQ(open(), kOpenHitsMax);
  see({sighting("0"), sighting("u")}, 3);
  EXPECT_EQ(open(), kOpenHitsMax);
  EXPECT_EQ(list().size(), kHitsListedMax);
  ASSERT_TRUE(succeeded(acknowledge(list().front().id)));
  see({sighting("v")}, 4);
  EXPECT_EQ(open(), kOpenHitsMax);
  EXPECT_EQ(list().front().what, sighting("v"));
}

TEST_P(HitStoreTest, HaltsEveryRiseOfAWeightUntilItIsCleared) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5, 1)));
  see({sighting("a"), sighting("b")}, 2);
  EXPECT_EQ(reason_of(set(0.6)), "cross_context_hit_open");
  EXPECT_EQ(reason_of(set(0.5)), "ok") << "as it is";
  EXPECT_EQ(reason_of(set(0.4)), "ok") << "weights may fall";
  EXPECT_EQ(reason_of(set(0.5)), "cross_context_hit_open");
  for (const CrossContextHit& hit : list()) {
    EXPECT_EQ(reason_of(set(0.5)), "cross_context_hit_open");
    ASSERT_TRUE(succeeded(acknowledge(hit.id)));
  }
  EXPECT_EQ(reason_of(set(0.5)), "ok");
}

TEST_P(HitStoreTest, LeavesARisingWeightOutOfADiff) {
  ASSERT_TRUE(succeeded(deploy("v1", 0.5, 1)));
  see({sighting("a")}, 2);
  const std::size_t told = test::describe(engine_->bus()).size();
  const auto risen = deploy("v1", 0.75, 3);
  ASSERT_TRUE(succeeded(risen));
  ASSERT_TRUE(risen->weight_refused.has_value());
  EXPECT_EQ(risen->weight_refused->reason(), "cross_context_hit_open");
  EXPECT_EQ(weight_of("v1"), 0.5);
  const auto fresh = deploy("v2", 0.25, 4);
  ASSERT_TRUE(succeeded(fresh));
  EXPECT_TRUE(fresh->weight_refused.has_value()) << "a new version's share rises from nothing";
  EXPECT_EQ(weight_of("v2"), std::nullopt);
  EXPECT_EQ(test::describe(engine_->bus()).size(), told) << "nobody is told";
  const auto fallen = deploy("v1", 0.25, 5);
  ASSERT_TRUE(succeeded(fallen));
  EXPECT_FALSE(fallen->weight_refused.has_value());
  EXPECT_EQ(weight_of("v1"), 0.25);
  ASSERT_TRUE(succeeded(acknowledge(list().front().id)));
  ASSERT_TRUE(succeeded(deploy("v2", 0.25, 6)));
  EXPECT_EQ(weight_of("v2"), 0.25);
}

TEST_P(HitStoreTest, NoWeightRisesOnceAHitIsOnRecord) {
  ASSERT_TRUE(succeeded(deploy("v1", 0, 1)));
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(succeeded(set(0)));
    std::thread recorder([&] { see({sighting("a")}, 10 + round); });
    double risen = 0;
    for (int step = 1; step <= 20; ++step) {
      const auto outcome = set(0.01 * step);
      if (outcome.ok()) risen = 0.01 * step;
    }
    recorder.join();
    EXPECT_EQ(weight_of("v1"), risen);
    EXPECT_EQ(reason_of(set(1)), "cross_context_hit_open");
    for (const CrossContextHit& hit : list(HitState::Open)) {
      ASSERT_TRUE(succeeded(acknowledge(hit.id)));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Adapters, HitStoreTest, test::all_adapters(), test::adapter_name);

}  // namespace
}  // namespace weir::dagmanager
