// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <iostream>
#include <string>
#include <string_view>

#include "tests/sim/sim_seeds.h"
#include "tests/sim/sim_world.h"

namespace weir::sim {
namespace {

constexpr std::uint64_t kUsualSeeds = 20'000;
constexpr std::array<std::string_view, 25> kMarks = {"crash after intents",
                                                     "crash after the commit",
                                                     "joined an intent",
                                                     "decided anew",
                                                     "decided anew, then done",
                                                     "name taken under the diff",
                                                     "longer name",
                                                     "buffering",
                                                     "sentinel stored",
                                                     "safe mode",
                                                     "overtaken",
                                                     "planned, then committed",
                                                     "refused under block",
                                                     "renamed beside a foreign topic",
                                                     "adopted another shape",
                                                     "id conflict",
                                                     "commit found again",
                                                     "an answer that holds",
                                                     "took over at the end",
                                                     "mended: dropped",
                                                     "mended: recreated",
                                                     "a reconciler died",
                                                     "a pass that was cut off",
                                                     "unowned topics counted",
                                                     "nothing left after ten minutes"};

const GraphFamilies& families() {
  static const GraphFamilies kFamilies;
  return kFamilies;
}

/// Plays a seed again and tells every call.
std::string story_of(std::uint64_t seed) {
  SimMarks marks;
  SimWorld world(seed, families(), marks);
  world.trace_calls();
  const Violation violation = world.run();
  return "WEIR_TEST_SEED=" + std::to_string(seed) + "\n" + world.trace() + violation;
}

TEST(DiffSimulation, HoldsItsInvariantsForEverySeed) {
  SimMarks marks;
  const auto played = play_seeds(kUsualSeeds, [&](std::uint64_t seed) {
    EXPECT_EQ(SimWorld(seed, families(), marks).run(), "") << story_of(seed);
  });
  expect_marks(marks, kMarks, {.seeds = played, .hits_min = 5});
}

TEST(DiffSimulation, FindsEveryMistakeOfTheReconciler) {
  for (const UpkeepMistake mistake :
       {UpkeepMistake::RemovesNothing, UpkeepMistake::MakesAnotherShape,
        UpkeepMistake::TrustsItsList, UpkeepMistake::KeepsTheName, UpkeepMistake::LooksAway,
        UpkeepMistake::LogsNoLoss, UpkeepMistake::TouchesTheUnowned}) {
    SimMarks marks;
    std::uint64_t seed = 1;
    for (; seed <= 10'000; ++seed) {
      if (!SimWorld(seed, families(), marks, SimMistake::None, mistake).run().empty()) break;
    }
    EXPECT_LE(seed, 10'000U) << "mistake " << static_cast<int>(mistake) << " lives";
    std::cout << "mistake " << static_cast<int>(mistake) << " found by seed " << seed << '\n';
  }
}

TEST(DiffSimulation, IsTheSameForTheSameSeed) {
  SimMarks marks;
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    SimWorld first(seed, families(), marks);
    SimWorld second(seed, families(), marks);
    EXPECT_EQ(first.run(), second.run());
    EXPECT_EQ(first.trace(), second.trace());
    EXPECT_FALSE(first.trace().empty());
  }
}

TEST(DiffSimulation, FindsEveryMistakeThatIsBuiltIn) {
  for (const SimMistake mistake :
       {SimMistake::ForgetsATopic, SimMistake::LeavesOutAQueue, SimMistake::SharesATakenName}) {
    SimMarks marks;
    std::uint64_t seed = 1;
    for (; seed <= 10'000; ++seed) {
      if (!SimWorld(seed, families(), marks, mistake).run().empty()) break;
    }
    EXPECT_LE(seed, 10'000U) << "mistake " << static_cast<int>(mistake) << " lives";
    std::cout << "mistake " << static_cast<int>(mistake) << " found by seed " << seed << '\n';
  }
}

}  // namespace
}  // namespace weir::sim
