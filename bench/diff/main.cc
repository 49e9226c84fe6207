// SPDX-License-Identifier: Apache-2.0
// bench_diff: how long a diff takes, beside a server on the same library that does no work.
// README of this folder: what is measured and how the goals are meant.
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bench/diff/documents.h"
#include "bench/diff/floor_server.h"
#include "bench/diff/load.h"
#include "bench/diff/pool.h"
#include "bench/support/options.h"
#include "bench/support/report.h"
#include "bench/support/rig.h"
#include "bench/support/run_bench.h"

namespace weir::bench {
namespace {

constexpr std::array<std::string_view, 5> kSections = {"known", "new", "sizes", "filled", "pool"};

/// How much of everything a run does.
struct Effort {
  std::size_t rounds;
  std::size_t open_calls;     // a round, at 50 a second
  std::size_t closed_calls;   // a round
  std::size_t new_graphs;     // all-new graphs of 1,000 nodes, a store
  std::size_t stored_graphs;  // of 1,000 nodes, in the filled store
  std::vector<std::size_t> sizes;
};

const Effort kFull{5, 300, 300, 40, 49, {10, 100, 1000, 10000}};
const Effort kQuick{3, 40, 60, 10, 8, {100, 1000}};

constexpr double kRate = 50;
constexpr std::size_t kOpenClients = 8;
constexpr double kSpecMilliseconds = 80;
constexpr double kStoredNodes = 50'000;  // what the goals of the filled store speak of
constexpr auto kCountsEvery = std::chrono::milliseconds(1100);

class Bench {
 public:
  Bench(Options options, Rig& rig)
      : options_(options), effort_(options.quick ? kQuick : kFull), rig_(rig) {}

  Result<void> run() {
    WEIR_TRY(floor_, rig_.start_floor());
    WEIR_TRY(memory_, rig_.start_weir("memory", ""));
    WEIR_TRY(postgres_, rig_.start_weir("postgres", "bench"));
    const double empty = memory_.resident();
    WEIR_CHECK(teach("known", make_request("known", document(1000, 0))));
    if (wanted("known")) WEIR_CHECK(reused());
    if (wanted("new")) WEIR_CHECK(all_new());
    if (wanted("sizes")) WEIR_CHECK(sizes());
    if (wanted("filled")) WEIR_CHECK(filled(empty));
    if (wanted("pool")) WEIR_CHECK(pool());
    return {};
  }

  const std::vector<Figure>& figures() const { return figures_; }

 private:
  struct Target {
    std::string name;
    const std::string* address;
  };

  std::vector<Target> targets() const {
    return {{"floor", &floor_.address},
            {"memory", &memory_.address},
            {"postgresql", &postgres_.address}};
  }

  bool wanted(const char* section) const {
    return options_.only.empty() || options_.only == section;
  }

  void say(const char* text) const { std::fprintf(stderr, "bench diff: %s\n", text); }

  /// Submits once everywhere, and hands the answer's chunks to the floor.
  Result<void> teach(const std::string& strategy, const std::string& request) {
    for (const std::string* address : {&memory_.address, &postgres_.address}) {
      Client client(*address);
      const DiffReply reply = client.diff(request, strategy + "-sentinel", true);
      if (!reply.fault.empty()) return base::internal(strategy + ": " + reply.fault);
      keep_chunks(rig_.chunks_folder(), strategy, reply.chunks);
    }
    return {};
  }

  Result<LoadResult> good(LoadResult result) const {
    if (result.faults == 0) return result;
    std::string which;
    for (const Target& target : targets()) {
      if (result.first_fault.starts_with(*target.address)) which = " of " + target.name;
    }
    return base::internal(std::to_string(result.faults) + " calls" + which +
                          " failed: " + result.first_fault);
  }

  /// Interleaved rounds over the targets: a measure a round and target.
  template <class Run, class Measure>
  Result<std::map<std::string, std::vector<double>>> rounds(Run run, Measure measure) {
    std::map<std::string, std::vector<double>> measured;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      for (const Target& target : targets()) {
        WEIR_TRY(const LoadResult result, good(run(*target.address)));
        measured[target.name].push_back(measure(result));
      }
    }
    return measured;
  }

  static double p95(const LoadResult& result) { return result.percentile(0.95); }

  /// A known graph of 1,000 nodes, again and again.
  Result<void> reused() {
    say("a known graph of 1,000 nodes");
    const std::string request = make_request("known", document(1000, 0));
    const auto same = [&](std::size_t) -> const std::string& { return request; };
    WEIR_TRY(auto open, rounds(
                            [&](const std::string& address) {
                              return open_loop(address, "known-sentinel", same, kRate,
                                               effort_.open_calls, kOpenClients);
                            },
                            p95));
    known_floor_ = median(open["floor"]);
    known_memory_ = median(open["memory"]);
    known_postgres_ = median(open["postgresql"]);
    figures_.push_back(plain("floor, 1,000 nodes, 50/s, p95", known_floor_, "ms"));
    const std::string what = "1,000 nodes all reused, 50/s, p95, ";
    figures_.push_back(
        at_most(beside(plain(what + "memory", known_memory_, "ms"), "floor", known_floor_), 2.0));
    figures_.push_back(at_most(
        beside(plain(what + "postgresql", known_postgres_, "ms"), "floor", known_floor_), 2.5));
    figures_.push_back(value_at_most(
        beside(plain(what + "postgresql, beside the specification", known_postgres_, "ms"),
               "80 ms of the specification", kSpecMilliseconds),
        kSpecMilliseconds));
    for (const std::size_t clients : {std::size_t{1}, std::size_t{4}}) {
      WEIR_CHECK(closed("known", same, clients));
    }
    return reworded();
  }

  Result<void> closed(const std::string& strategy, const RequestAt& requests, std::size_t clients) {
    WEIR_TRY(auto rate, rounds(
                            [&](const std::string& address) {
                              return closed_loop(address, strategy + "-sentinel", requests,
                                                 effort_.closed_calls, clients);
                            },
                            [](const LoadResult& result) { return result.rate(); }));
    for (const char* store : {"memory", "postgresql"}) {
      Figure figure = beside(
          plain("1,000 nodes all reused, " + std::to_string(clients) + " callers, rate, " + store,
                median(rate[store]), "1/s"),
          "floor", median(rate["floor"]));
      figures_.push_back(clients == 4 ? at_least(figure, 0.5) : figure);
    }
    return {};
  }

  /// The same nodes in documents never seen before: nothing can be remembered of the bytes.
  Result<void> reworded() {
    say("known nodes in documents never seen");
    const std::string base = document(1000, 0);
    std::vector<std::string> requests;
    for (std::size_t i = 0; i < effort_.closed_calls / 2; ++i) {
      requests.push_back(make_request(
          "known", base.substr(0, base.size() - 1) + ",\"note\":" + std::to_string(i) + "}"));
    }
    std::size_t round = 0;
    const auto next = [&](std::size_t call) -> const std::string& {
      return requests[(call + round) % requests.size()];
    };
    const std::size_t a_round = requests.size() / effort_.rounds;
    std::map<std::string, std::vector<double>> measured;
    for (std::size_t i = 0; i < effort_.rounds; ++i, round += a_round) {
      for (const Target& target : targets()) {
        WEIR_TRY(const LoadResult result,
                 good(closed_loop(*target.address, "known-sentinel", next, a_round, 1)));
        measured[target.name].push_back(p95(result));
      }
    }
    for (const char* store : {"memory", "postgresql"}) {
      figures_.push_back(
          beside(plain(std::string("1,000 known nodes in an unknown document, p95, ") + store,
                       median(measured[store]), "ms"),
                 "floor", median(measured["floor"])));
    }
    return {};
  }

  /// Every graph another, durable before the answer.
  Result<void> all_new() {
    say("graphs of 1,000 new nodes");
    std::vector<std::string> requests;
    for (std::size_t i = 0; i < effort_.new_graphs; ++i) {
      requests.push_back(make_request("new", document(1000, ++edition_)));
    }
    WEIR_CHECK(teach("new", requests.front()));
    std::map<std::string, std::vector<double>> measured;
    WEIR_TRY(const double before, count_fsyncs());
    const std::size_t a_round = (requests.size() - 1) / effort_.rounds;
    for (std::size_t i = 0; i < effort_.rounds; ++i) {
      const auto next = [&](std::size_t call) -> const std::string& {
        return requests[1 + i * a_round + call];
      };
      for (const Target& target : targets()) {
        WEIR_TRY(const LoadResult result,
                 good(closed_loop(*target.address, "new-sentinel", next, a_round, 1)));
        measured[target.name].push_back(p95(result));
      }
    }
    WEIR_TRY(const double after, count_fsyncs());
    const double floor = median(measured["floor"]);
    figures_.push_back(
        beside(plain("1,000 nodes all new, p95, memory", median(measured["memory"]), "ms"), "floor",
               floor));
    figures_.push_back(at_most(
        beside(plain("1,000 nodes all new, p95, postgresql", median(measured["postgresql"]), "ms"),
               "floor", floor),
        12.0));
    const auto diffs = static_cast<double>(a_round * effort_.rounds + 1);
    figures_.push_back(value_at_most(
        plain("fsyncs a diff of 1,000 new nodes", (after - before) / diffs, ""), 3.0));
    return part_new();
  }

  /// The fsyncs of PostgreSQL so far, but for those of the graph that this stores itself: a server
  /// process tells its counts at the end of a transaction, and not twice within a second.
  Result<double> count_fsyncs() {
    std::this_thread::sleep_for(kCountsEvery);
    const std::string request = make_request("new", document(1000, ++edition_));
    const auto one = [&](std::size_t) -> const std::string& { return request; };
    WEIR_CHECK(good(closed_loop(postgres_.address, "new-sentinel", one, 1, 1)));
    return rig_.fsyncs();
  }

  Result<void> part_new() {
    const std::size_t count = effort_.new_graphs;
    std::vector<std::string> requests;
    for (std::size_t i = 0; i < count; ++i) {
      requests.push_back(make_request("known", part_new_document(1000, 100, ++edition_)));
    }
    const auto next = [&](std::size_t call) -> const std::string& { return requests[call]; };
    std::map<std::string, double> measured;
    for (const Target& target : targets()) {
      WEIR_TRY(const LoadResult result,
               good(closed_loop(*target.address, "known-sentinel", next, count, 1)));
      measured[target.name] = p95(result);
    }
    for (const char* store : {"memory", "postgresql"}) {
      figures_.push_back(beside(
          plain(std::string("1,000 nodes, one in ten new, p95, ") + store, measured[store], "ms"),
          "floor", measured["floor"]));
    }
    return {};
  }

  /// How the time grows with the graph: new first, then known.
  Result<void> sizes() {
    say("graphs of other sizes");
    std::map<std::size_t, double> known;
    for (const std::size_t nodes : effort_.sizes) {
      const std::string strategy = "size-" + std::to_string(nodes);
      const std::string request = make_request(strategy, document(nodes, ++edition_));
      const auto same = [&](std::size_t) -> const std::string& { return request; };
      WEIR_TRY(const LoadResult fresh,
               good(closed_loop(postgres_.address, strategy + "-sentinel", same, 1, 1)));
      WEIR_CHECK(teach(strategy, request));
      const std::size_t calls = nodes > 1000 ? effort_.closed_calls / 10 : effort_.closed_calls / 3;
      std::map<std::string, double> measured;
      for (const Target& target : targets()) {
        WEIR_TRY(const LoadResult result,
                 good(closed_loop(*target.address, strategy + "-sentinel", same, calls, 1)));
        measured[target.name] = p95(result);
      }
      known[nodes] = measured["postgresql"];
      figures_.push_back(plain(std::to_string(nodes) + " nodes all new, postgresql",
                               fresh.percentile(0.95), "ms"));
      for (const char* store : {"memory", "postgresql"}) {
        figures_.push_back(beside(plain(std::to_string(nodes) + " nodes all reused, p95, " + store,
                                        measured[store], "ms"),
                                  "floor", measured["floor"]));
      }
    }
    if (known.contains(10000)) {
      figures_.push_back(
          at_most(beside(plain("10,000 nodes all reused, p95, postgresql", known[10000], "ms"),
                         "1,000 nodes", known[1000]),
                  12.0));
    }
    return {};
  }

  /// The same again with many nodes stored, and what they cost in memory. The goals are those of
  /// 50,000: what a store takes by itself weighs more on each of a few.
  Result<void> filled(double resident_empty) {
    say("stores with many nodes");
    double nodes = 1000;
    WEIR_TRY(Server memory, rig_.start_weir("filled", ""));
    WEIR_TRY(Server empty, rig_.start_weir("unfilled", ""));
    WEIR_TRY(Server durable, rig_.start_weir("filled_durable", "filled"));
    const std::string known = make_request("known", document(1000, 0));
    const auto same = [&](std::size_t) -> const std::string& { return known; };
    WEIR_CHECK(good(closed_loop(empty.address, "known-sentinel", same, 1, 1)));
    const auto fill = [&](const std::string& request) -> Result<void> {
      const auto one = [&](std::size_t) -> const std::string& { return request; };
      for (const Server* server : {&memory, &durable}) {
        WEIR_CHECK(good(closed_loop(server->address, "filler-sentinel", one, 1, 1)));
      }
      return {};
    };
    std::vector<std::string> documents = {document(1000, 0)};
    WEIR_CHECK(fill(known));
    for (std::size_t i = 0; i < effort_.stored_graphs; ++i, nodes += 1000) {
      documents.push_back(document(1000, ++edition_));
      WEIR_CHECK(fill(make_request("filler-" + std::to_string(i), documents.back())));
    }
    const double resident = memory.resident();
    for (const std::string& again : documents) {  // a second queue for each of these nodes
      WEIR_CHECK(fill(make_request("second", again, "bench-second")));
    }
    WEIR_CHECK(fill(make_request("third", documents[0], "bench-third")));
    std::map<std::string, std::vector<double>> measured;
    const std::vector<Target> filled = {
        {"empty", &empty.address}, {"memory", &memory.address}, {"postgresql", &durable.address}};
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      for (const Target& target : filled) {
        WEIR_TRY(const LoadResult result, good(open_loop(*target.address, "known-sentinel", same,
                                                         kRate, effort_.open_calls, kOpenClients)));
        measured[target.name].push_back(p95(result));
      }
    }
    const std::string stored = std::to_string(static_cast<std::size_t>(nodes)) + " stored";
    const std::string what = "1,000 nodes all reused, " + stored + ", 50/s, p95, ";
    const bool full = nodes >= kStoredNodes;
    const Figure beside_empty = beside(plain(what + "memory", median(measured["memory"]), "ms"),
                                       "empty store", median(measured["empty"]));
    figures_.push_back(full ? at_most(beside_empty, 1.2) : beside_empty);
    figures_.push_back(
        value_at_most(beside(plain(what + "postgresql", median(measured["postgresql"]), "ms"),
                             "80 ms of the specification", kSpecMilliseconds),
                      kSpecMilliseconds));
    const Figure memory_a_node = plain("resident memory a node, " + stored + " in the memory store",
                                       (resident - resident_empty) / nodes / 1024, "KiB");
    figures_.push_back(full ? value_at_most(memory_a_node, 2.0) : memory_a_node);
    return {};
  }

  Result<void> pool() {
    say("three instances on one store");
    WEIR_TRY(const std::vector<Figure> figures,
             pool_figures(rig_, {.rounds = effort_.rounds,
                                 .calls = 10 * effort_.closed_calls,
                                 .request = make_request("known", document(1000, 0)),
                                 .sentinel = "known-sentinel"}));
    figures_.insert(figures_.end(), figures.begin(), figures.end());
    return {};
  }

  const Options options_;
  const Effort& effort_;
  Rig& rig_;
  Server floor_;
  Server memory_;
  Server postgres_;
  std::uint64_t edition_ = 0;
  double known_floor_ = 0;
  double known_memory_ = 0;
  double known_postgres_ = 0;
  std::vector<Figure> figures_;
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "--floor") {
    return weir::bench::run_floor_server(std::atoi(arguments[1].c_str()), arguments[2]);
  }
  return weir::bench::run_bench<weir::bench::Bench, weir::bench::Rig>(
      {.program = "bench_diff", .sections = weir::bench::kSections}, arguments);
}
