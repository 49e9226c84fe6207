// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/sim_seeds.h"

#include <cstdlib>
#include <iostream>

namespace weir::sim {
namespace {

constexpr std::uint64_t kMarkedSeeds = 1'000;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* given = std::getenv(name);
  return given == nullptr || *given == '\0' ? otherwise : std::strtoull(given, nullptr, 10);
}

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

}  // namespace

std::uint64_t play_seeds(std::uint64_t usual, const std::function<void(std::uint64_t)>& play) {
  if (const std::uint64_t only = number_from("WEIR_TEST_SEED", 0); only != 0) {
    play(only);
    return 1;
  }
  const std::uint64_t first = number_from("WEIR_SIM_FIRST", 1);
  const std::uint64_t end = first + number_from("WEIR_SIM_SEEDS", usual);
  const Shard part = shard();
  std::uint64_t played = 0;
  for (std::uint64_t seed = first + part.number - 1; seed < end; seed += part.of, ++played) {
    play(seed);
    if (testing::Test::HasFailure()) return played;
  }
  std::cout << played << " seeds\n";
  return played;
}

void expect_marks(const SimMarks& marks, std::span<const std::string_view> wanted,
                  MarkedSeeds played) {
  for (const auto& [mark, count] : marks) std::cout << count << " x " << mark << '\n';
  if (played.seeds < kMarkedSeeds) return;
  for (const std::string_view mark : wanted) {
    const auto found = marks.find(std::string(mark));
    EXPECT_TRUE(found != marks.end() &&
                found->second >= played.hits_min * played.seeds / kMarkedSeeds)
        << "seen too seldom: " << mark;
  }
}

}  // namespace weir::sim
