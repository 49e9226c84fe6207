// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/result.h"
#include "bench/support/report.h"
#include "bench/support/rig.h"

namespace weir::bench {

struct PoolRun {
  std::size_t rounds;
  std::size_t calls;    ///< a round of three instances, over all callers
  std::string request;  ///< a serialised DiffRequest of a graph that is known by then
  std::string sentinel;
};

/// What instances that share one store cost each other: diffs of a known graph for a second of
/// processor that the instances use, three beside one, in interleaved rounds.
Result<std::vector<Figure>> pool_figures(Rig& rig, const PoolRun& run);

}  // namespace weir::bench
