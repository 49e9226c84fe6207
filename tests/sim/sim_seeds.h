// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "tests/sim/sim_checks.h"

/// Which seeds a simulation plays: WEIR_SIM_SEEDS says how many there are, WEIR_SIM_SHARD which
/// part of them this process has ("2/4" is every fourth from the second on), WEIR_TEST_SEED names
/// one, and WEIR_SIM_FIRST begins later.
namespace weir::sim {

/// Plays them until one fails; gives how many.
std::uint64_t play_seeds(std::uint64_t usual, const std::function<void(std::uint64_t seed)>& play);

/// So many seeds, and how often each mark must come about in a thousand of them, if they are that
/// many.
struct MarkedSeeds {
  std::uint64_t seeds = 0;
  std::uint64_t hits_min = 0;
};
void expect_marks(const SimMarks& marks, std::span<const std::string_view> wanted,
                  MarkedSeeds played);

}  // namespace weir::sim
