// SPDX-License-Identifier: Apache-2.0
#include "bench/diff/pool.h"

#include <future>
#include <span>
#include <utility>

#include "bench/diff/load.h"

namespace weir::bench {
namespace {

constexpr std::size_t kInstances = 3;
constexpr std::size_t kCallers = 2;  // an instance
constexpr double kGoal = 0.8;        // of one instance's rate a core

double processor_seconds(std::span<const Server> servers) {
  double total = 0;
  for (const Server& server : servers) total += server.processor_seconds();
  return total;
}

/// So many callers of each instance, all at once; calls for a second of the instances' processor.
Result<double> calls_a_core(std::span<const Server> servers, const PoolRun& run,
                            std::size_t callers) {
  const auto same = [&](std::size_t) -> const std::string& { return run.request; };
  const double before = processor_seconds(servers);
  std::vector<std::future<LoadResult>> loads;
  for (const Server& server : servers) {
    loads.push_back(std::async(std::launch::async, [&, callers] {
      return closed_loop(server.address, run.sentinel, same,
                         run.calls * callers / (kCallers * kInstances), callers);
    }));
  }
  double calls = 0;
  std::string fault;
  for (auto& load : loads) {
    const LoadResult result = load.get();
    calls += static_cast<double>(result.milliseconds.size());
    if (result.faults > 0) fault = result.first_fault;
  }
  if (!fault.empty()) return base::internal("a call of the pool failed: " + fault);
  return calls / (processor_seconds(servers) - before);
}

}  // namespace

Result<std::vector<Figure>> pool_figures(Rig& rig, const PoolRun& run) {
  std::vector<Server> servers;
  WEIR_TRY(Server first, rig.start_weir("pool0", "pool"));
  servers.push_back(std::move(first));
  for (std::size_t i = 1; i < kInstances; ++i) {
    WEIR_TRY(Server next, rig.join_weir("pool" + std::to_string(i), "pool"));
    servers.push_back(std::move(next));
  }
  const std::span<const Server> all = servers;
  for (std::size_t i = 0; i < kInstances; ++i) {  // so that each has the graph at hand
    WEIR_CHECK(calls_a_core(all.subspan(i, 1),
                            {.rounds = 1,
                             .calls = kCallers * kInstances,
                             .request = run.request,
                             .sentinel = run.sentinel},
                            kCallers));
  }
  std::vector<double> one;
  std::vector<double> three;
  std::vector<double> one_for_all;
  for (std::size_t round = 0; round < run.rounds; ++round) {
    WEIR_TRY(const double alone, calls_a_core(all.first(1), run, kCallers));
    WEIR_TRY(const double together, calls_a_core(all, run, kCallers));
    WEIR_TRY(const double crowded, calls_a_core(all.first(1), run, kCallers * kInstances));
    one.push_back(alone);
    three.push_back(together);
    one_for_all.push_back(crowded);
  }
  // The goal is what instances cost each other, so each has in both the same callers. One that
  // serves the callers of three answers more in a turn of its threads; that is shown beside.
  const Figure figure = plain(
      "1,000 nodes all reused, three instances, diffs a second of processor", median(three), "1/s");
  Figure beside_all = beside(figure, "one instance, three times the callers", median(one_for_all));
  beside_all.name = "  the same";
  return std::vector<Figure>{at_least(beside(figure, "one instance", median(one)), kGoal),
                             beside_all};
}

}  // namespace weir::bench
