// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

#include "tests/sim/sim_world.h"

namespace weir::sim {
namespace {

constexpr std::uint64_t kUsualSeeds = 20'000;
/// A mark is hit at least this often in this many seeds.
constexpr std::uint64_t kMarkedSeeds = 1'000;
constexpr std::uint64_t kMarkHitsMin = 5;
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

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr || *given == '\0' ? otherwise : std::strtoull(given, nullptr, 10);
}

/// The part of the seeds that this process plays: "2/4" is every fourth from the second on.
struct Shard {
  std::uint64_t number = 1;
  std::uint64_t of = 1;
};
Shard shard() {
  const char* given = std::getenv("WEIR_SIM_SHARD");
  if (given == nullptr) return {};
  const std::string text(given);
  return {std::stoull(text), std::stoull(text.substr(text.find('/') + 1))};
}

/// Plays a seed again and tells every call.
std::string story_of(std::uint64_t seed) {
  SimMarks marks;
  SimWorld world(seed, families(), marks);
  world.trace_calls();
  const Violation violation = world.run();
  return "WEIR_TEST_SEED=" + std::to_string(seed) + "\n" + world.trace() + violation;
}

void expect_marks(const SimMarks& marks, std::uint64_t seeds) {
  for (const auto& [mark, count] : marks) std::cout << count << " x " << mark << '\n';
  if (seeds < kMarkedSeeds) return;
  for (const std::string_view mark : kMarks) {
    const auto found = marks.find(std::string(mark));
    EXPECT_TRUE(found != marks.end() && found->second >= kMarkHitsMin * seeds / kMarkedSeeds)
        << "seen too seldom: " << mark;
  }
}

TEST(DiffSimulation, HoldsItsInvariantsForEverySeed) {
  SimMarks marks;
  if (const std::uint64_t only = number_from("WEIR_TEST_SEED", 0); only != 0) {
    EXPECT_EQ(SimWorld(only, families(), marks).run(), "") << story_of(only);
    return;
  }
  const std::uint64_t seeds = number_from("WEIR_SIM_SEEDS", kUsualSeeds);
  const Shard part = shard();
  std::uint64_t played = 0;
  for (std::uint64_t seed = part.number; seed <= seeds; seed += part.of, ++played) {
    ASSERT_EQ(SimWorld(seed, families(), marks).run(), "") << story_of(seed);
  }
  std::cout << played << " seeds\n";
  expect_marks(marks, played);
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
