// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <string>
#include <string_view>

#include "server/log.h"
#include "tests/sim/life_world.h"
#include "tests/sim/sim_seeds.h"

namespace weir::sim {
namespace {

constexpr std::uint64_t kUsualSeeds = 100'000;
/// A mistake is found by one of this many seeds.
constexpr std::uint64_t kMistakeSeeds = 2'000;
constexpr std::array<std::string_view, 31> kMarks = {"a batch that was cut",
                                                     "a collection that was cut off",
                                                     "a collector died",
                                                     "a judge died",
                                                     "a judge lost the loop",
                                                     "a pass of the reconciler",
                                                     "a reader began anew",
                                                     "a relay that was cut off",
                                                     "a rollback: queues_collected",
                                                     "a rollout began",
                                                     "a rollout took an order",
                                                     "a topic lost",
                                                     "a weight: cross_context_hit_open",
                                                     "a weight: queues_collected",
                                                     "a weight: rollout_running",
                                                     "cleanup",
                                                     "collected",
                                                     "decided anew",
                                                     "diff across a removal",
                                                     "hits acknowledged",
                                                     "hotfix",
                                                     "judged: fail",
                                                     "judged: pass",
                                                     "judged: unknown",
                                                     "left for the next pass",
                                                     "no rollout: queues_collected",
                                                     "nothing left",
                                                     "overtaken",
                                                     "referenced again",
                                                     "rolled back",
                                                     "rolled back by the loop"};

class LifeSimulation : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    server::configure_log(server::LogLevel::Off, server::LogForm::Json);
  }
};

class LifeMistakes : public LifeSimulation, public testing::WithParamInterface<NamedMistake> {};

const GraphFamilies& life_families() {
  static const GraphFamilies kFamilies;
  return kFamilies;
}

std::string story_of(std::uint64_t seed) {
  SimMarks marks;
  LifeWorld world(seed, life_families(), marks);
  const Violation violation = world.run();
  return "WEIR_TEST_SEED=" + std::to_string(seed) + "\n" + world.trace() + violation;
}

TEST_F(LifeSimulation, HoldsItsInvariantsForEverySeed) {
  SimMarks marks;
  const auto played = play_seeds(kUsualSeeds, [&](std::uint64_t seed) {
    EXPECT_EQ(LifeWorld(seed, life_families(), marks).run(), "") << story_of(seed);
  });
  expect_marks(marks, kMarks, {.seeds = played, .hits_min = 2});
}

TEST_F(LifeSimulation, IsTheSameForTheSameSeed) {
  SimMarks marks;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    LifeWorld first(seed, life_families(), marks);
    LifeWorld second(seed, life_families(), marks);
    EXPECT_EQ(first.run(), second.run());
    EXPECT_EQ(first.trace(), second.trace());
    EXPECT_FALSE(first.trace().empty());
  }
}

TEST_P(LifeMistakes, IsFound) {
  SimMarks marks;
  for (std::uint64_t seed = 1; seed <= kMistakeSeeds; ++seed) {
    const Violation found = LifeWorld(seed, life_families(), marks, GetParam().mistake).run();
    if (found.empty()) continue;
    std::cout << GetParam().name << " is found by seed " << seed << ": " << found << '\n';
    return;
  }
  FAIL() << GetParam().name << " lives";
}

INSTANTIATE_TEST_SUITE_P(Every, LifeMistakes, testing::ValuesIn(kLifeMistakes),
                         [](const auto& named) { return std::string(named.param.name); });

}  // namespace
}  // namespace weir::sim
