// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "graph/dag.h"
#include "tests/unit/base/test_seed.h"

namespace weir::graph {
namespace {

using Edges = std::vector<std::vector<std::uint32_t>>;
using Order = std::vector<std::uint32_t>;

TEST(TopologicalOrder, LeavesAnOrderedSubmissionAsItIs) {
  const Ordering ordering = topological_order({{}, {0}, {}, {1, 0, 1}, {3}});
  EXPECT_EQ(ordering.order, (Order{0, 1, 2, 3, 4}));
  EXPECT_TRUE(ordering.cycle.empty());
}

TEST(TopologicalOrder, TakesTheLowestReadyNodeFirst) {
  EXPECT_EQ(topological_order({{3}, {}, {4}, {}, {}}).order, (Order{1, 3, 0, 4, 2}));
  EXPECT_EQ(topological_order({}).order, Order{});
}

TEST(TopologicalOrder, GivesOneCycleInTheDirectionOfTheStream) {
  // 1 → 2 → 4 → 1; 3 reads the cycle and is not in it, 0 is before it.
  const Ordering ordering = topological_order({{}, {0, 4}, {1}, {4}, {2}});
  EXPECT_EQ(ordering.cycle, (Order{1, 2, 4}));
  EXPECT_TRUE(ordering.order.empty());
  EXPECT_EQ(topological_order({{0}}).cycle, Order{0});
  EXPECT_EQ(topological_order({{1}, {2}, {2}}).cycle, Order{2});
}

TEST(TopologicalOrder, HoldsOnRandomGraphs) {
  base::SeededRandom random(base::test_seed(35));
  for (int round = 0; round < 2'000; ++round) {
    const auto count = static_cast<std::uint32_t>(1 + random.below(12));
    Edges inputs(count);
    const std::uint64_t edges = random.below(2 * count);
    for (std::uint64_t edge = 0; edge < edges; ++edge) {
      inputs[random.below(count)].push_back(static_cast<std::uint32_t>(random.below(count)));
    }
    const Ordering ordering = topological_order(inputs);
    if (ordering.cycle.empty()) {
      std::vector<std::size_t> place(count);
      ASSERT_EQ(ordering.order.size(), count);
      for (std::size_t at = 0; at < count; ++at) place[ordering.order[at]] = at;
      for (std::uint32_t node = 0; node < count; ++node) {
        for (const std::uint32_t input : inputs[node]) ASSERT_LT(place[input], place[node]);
      }
    } else {
      for (std::size_t at = 0; at < ordering.cycle.size(); ++at) {
        const std::uint32_t reader = ordering.cycle[(at + 1) % ordering.cycle.size()];
        ASSERT_NE(std::ranges::find(inputs[reader], ordering.cycle[at]), inputs[reader].end());
      }
    }
  }
}

TEST(TopologicalOrder, TakesLongChainsWithoutRecursion) {
  constexpr std::uint32_t kCount = 100'000;
  Edges inputs(kCount);
  for (std::uint32_t node = 0; node + 1 < kCount; ++node) inputs[node].push_back(node + 1);
  EXPECT_EQ(topological_order(inputs).order.front(), kCount - 1);
  inputs[kCount - 1].push_back(0);
  EXPECT_EQ(topological_order(inputs).cycle.size(), kCount);
}

}  // namespace
}  // namespace weir::graph
