// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "base/error.h"
#include "bench/support/options.h"
#include "bench/support/report.h"

namespace weir::bench {

/// The course of a benchmark: reads its options, makes the `Ground` that it measures on, runs it,
/// prints its figures, and of one that failed on its way those that it had. What main() returns.
template <class Bench, class Ground>
int run_bench(const OptionsTaken& taken, const std::vector<std::string>& arguments) {
  const auto options = read_options(taken, arguments);
  if (!options) return 2;
  const auto say = [&](const base::Error& error) {
    std::fprintf(stderr, "%s: %s\n", std::string(taken.program).c_str(), error.describe().c_str());
    return 1;
  };
  auto ground = Ground::create();
  if (!ground.ok()) return say(ground.error());
  Bench bench(*options, **ground);
  const auto done = bench.run();
  print(bench.figures(), options->json);
  return done.ok() ? 0 : say(done.error());
}

}  // namespace weir::bench
