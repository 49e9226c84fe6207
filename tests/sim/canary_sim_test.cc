// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <string>
#include <vector>

#include "dagmanager/ports/monitors/memory_alert_store.h"
#include "dagmanager/ports/rollouts/memory_hit_store.h"
#include "dagmanager/ports/rollouts/memory_rollout_store.h"
#include "dagmanager/rollouts/canary_executor.h"
#include "server/log.h"
#include "tests/sim/life_ports.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_seeds.h"

// The canary loop alone, in virtual time (contract section 3.22): figures that come as they like,
// instances that die in the middle of a judgement or lose the loop, operators and hits between
// them. What each judgement comes to is what the oracle says.
namespace weir::sim {
namespace {

using dagmanager::CanaryExecutor;
using dagmanager::LoopFence;
using dagmanager::RolloutAction;
using dagmanager::RolloutRecord;
using dagmanager::RolloutState;

constexpr std::uint64_t kCanarySeeds = 10'000;
constexpr int kTurnsMax = 60;
constexpr Duration kEvery = std::chrono::seconds(30);

class Unheard final : public dagmanager::CanaryObserver {
 public:
  void judged(dagmanager::Verdict) override {}
  void rolled_back(const RolloutRecord&) override {}
  void undecided(const RolloutRecord&) override {}
};

class CanaryWorld {
 public:
  explicit CanaryWorld(std::uint64_t seed) : random_(seed) {
    for (const auto& [version, weight] : std::map<std::string, double>{{"v1", 0.75}, {"v2", 0}}) {
      add_version(version, weight);
    }
    watch_.look();
    take_loop();
  }

  Violation run() {
    const unsigned bad = random_.chance(50) ? 0 : 1 + static_cast<unsigned>(random_.below(40));
    const unsigned silent = random_.chance(50) ? 0 : 1 + static_cast<unsigned>(random_.below(20));
    begin();
    for (int turn = 0; turn < kTurnsMax && violation_.empty(); ++turn) {
      clock_.sleep_for(std::chrono::seconds(random_.below(80)));
      const auto kind = random_.below(100);
      if (kind < 5) {
        toggle_hit();
      } else if (kind < 15) {
        order();
      } else {
        judge(bad, silent);
      }
    }
    return violation_;
  }
  RolloutState end() { return (*rollouts_.find("r"))->rollout.state; }

 private:
  void add_version(const std::string& version, double weight) {
    dagmanager::DeployRecord deploy;
    deploy.key = {graph::StrategyId("s"), {}, graph::VersionLabel(version), version};
    deploy.key.context.world_id = "w1";
    deploy.sentinel_due = true;
    dagmanager::SentinelRecord sentinel;
    sentinel.id = graph::SentinelId("s-sentinel");
    sentinel.world = graph::WorldId("w1");
    sentinel.version = graph::VersionLabel(version);
    sentinel.deploy_key = candidate_ = deploy.key.text();
    dagmanager::give_weight(sentinel, weight);
    (void)store_
        ->alter([&](dagmanager::MemoryGraph& graph, const auto&) -> Result<bool> {
          graph.deploys.add(candidate_, deploy);
          graph.sentinels.push_back(sentinel);
          return true;
        })
        .ok();
  }

  void begin() {
    CallFate fate(random_, {}, {}, nullptr);
    SimRollouts rollouts = ports(fate);
    const auto hold = [&] { return std::chrono::seconds(30 * random_.below(6)); };
    const auto begun =
        rollouts.begin({.wish = {.sentinel = graph::SentinelId("s-sentinel"),
                                 .version = graph::VersionLabel("v2"),
                                 .steps = {{0.1, hold()}, {0.5, hold()}, {1, hold()}}},
                        .start = {"r", "sim", clock_.now()},
                        .gate = {},
                        .deploy = candidate_,
                        .queues = {}});
    if (!begun.ok()) violated(begun.error().describe());
  }

  void judge(unsigned bad, unsigned silent) {
    const LoopFence before = fence_;
    if (random_.chance(15)) take_loop();
    const bool stale = random_.chance(10);  // the former holder has not noticed
    CallFate fate(
        random_, {.lost_before = 4, .lost_after = 4, .crash_before = 4, .crash_after = 4},
        [this] {
          if (random_.chance(5)) take_loop();
        },
        nullptr);
    SimRollouts rollouts = ports(fate);
    SimMetrics metrics(
        random_, fate,
        [this](const std::string&) {
          return weights_of((*rollouts_.find("r"))->rollout).candidate;
        },
        bad, silent);
    Unheard nobody;
    CanaryExecutor executor(
        {.policy = {.failure_limit = 3, .interval = kEvery},
         .checks = {{.name = "errors", .query = "errors", .min = 0, .max = 1}}},
        {.rollouts = rollouts, .clock = clock_, .observer = nobody, .metrics = &metrics});
    (void)executor.run_once(stale ? before : LoopFence(fence_)).ok();
  }

  void order() {
    static constexpr std::array<RolloutAction, 5> kActions = {
        RolloutAction::Pause, RolloutAction::Resume, RolloutAction::Resume, RolloutAction::Advance,
        RolloutAction::Abort};
    CallFate fate(random_, {}, {}, nullptr);
    const auto action = kActions[random_.below(random_.chance(20) ? 5 : 4)];
    (void)ports(fate)
        .change({.id = "r", .action = action, .actor = "sim", .at = clock_.now()})
        .ok();
  }

  void toggle_hit() {
    const auto open = hits_.list(dagmanager::HitState::Open);
    if (open->empty()) {
      const std::vector<dagmanager::HitSighting> seen = {{graph::NodeId("n"), "one", "other"}};
      (void)hits_.record(seen, clock_.now()).ok();
    } else {
      (void)hits_
          .acknowledge({.id = open->front().id, .note = "n", .actor = "sim", .at = clock_.now()})
          .ok();
    }
    watch_.look();
  }

  SimRollouts ports(CallFate& fate) {
    SimRollouts rollouts(rollouts_, {fate, LifeMistake::None, *store_, watch_}, fence_);
    rollouts.found = [this](const Violation& what) { violated(what); };
    return rollouts;
  }
  void take_loop() {
    (void)loops_.give_back("instance " + std::to_string(instances_)).ok();
    const std::vector<dagmanager::LoopClaim> claims = {{"canary", {}}};
    fence_ = {"canary",
              loops_.renew("instance " + std::to_string(++instances_), claims)->front().fence};
  }
  void violated(const Violation& what) {
    if (violation_.empty()) violation_ = what;
  }

  base::SeededRandom random_;
  SimClock clock_;
  std::unique_ptr<dagmanager::MemoryGraphStore> store_ =
      *dagmanager::MemoryGraphStore::open({.path = ""}, random_);
  dagmanager::MemoryLoopLeases loops_{clock_};
  dagmanager::MemoryAlertStore alerts_{loops_};
  dagmanager::MemoryRolloutStore rollouts_{*store_, loops_, alerts_};
  dagmanager::MemoryHitStore hits_{*store_, random_};
  TrafficWatch watch_{*store_, [this](const Violation& what) { violated(what); }};
  std::string candidate_;  // key of the newest deploy
  LoopFence fence_;
  int instances_ = 0;
  Violation violation_;
};

TEST(CanarySimulation, DoesWhatTheOracleSaysForEverySeed) {
  server::configure_log(server::LogLevel::Off, server::LogForm::Json);
  SimMarks ends;
  const auto played = play_seeds(kCanarySeeds, [&](std::uint64_t seed) {
    CanaryWorld world(seed);
    EXPECT_EQ(world.run(), "") << "WEIR_TEST_SEED=" << seed;
    ++ends[std::string(rollout_state_text(world.end()))];
  });
  static constexpr std::array<std::string_view, 4> kEnds = {"done", "paused", "rolled_back",
                                                            "running"};
  expect_marks(ends, kEnds, {.seeds = played, .hits_min = 10});
}

}  // namespace
}  // namespace weir::sim
