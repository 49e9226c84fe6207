// SPDX-License-Identifier: Apache-2.0
// bench_capacity: what 50,000 nodes and 100,000 queues cost: memory, diffs, queries, the passes of
// the loops that look at all of them, and a diff beside such a pass. bench/README.md says how.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "bench/capacity/plane.h"
#include "bench/support/options.h"
#include "bench/support/report.h"
#include "bench/support/rig.h"
#include "bench/support/run_bench.h"

namespace weir::bench {
namespace {

constexpr std::array<std::string_view, 2> kSections = {"memory", "postgresql"};

/// How much of everything a run does.
struct Effort {
  double nodes;   // at least that many are stored
  double queues;  // likewise
  std::size_t rounds;
  std::size_t diffs;   // a round, at 50 a second
  std::size_t tags;    // tag queries
  bool judged = true;  // whether the goals speak of it
};
const Effort kFull{50'000, 100'000, 5, 300, 300, true};
const Effort kQuick{3'000, 6'000, 2, 40, 50, false};

constexpr double kPassGoalSeconds = 2;
constexpr double kBesideGoal = 1.2;
constexpr double kFilledGoal = 1.2;
constexpr double kSpecMilliseconds = 80;
/// The server's own counts are so old at most.
constexpr auto kCountsEvery = std::chrono::milliseconds(1100);
/// From pass to pass beside diffs, sixty times as often as a server makes them: a round ends before
/// its candidates do, and well over one diff in twenty meets a pass.
constexpr auto kPassEvery = std::chrono::seconds(1);

/// Queues of ended deploys are candidates at once; only this run makes the collector pass.
constexpr const char* kSettings =
    "gc_interval_seconds: 86400\n"
    "reconciler_interval_seconds: 10\n"
    "gc_policies:\n"
    "  raw: {ttl_days: 0, grace_days: 0}\n"
    "  indicator: {ttl_days: 0, grace_days: 0}\n";

constexpr auto kLook = std::chrono::milliseconds(10);

class Bench {
 public:
  Bench(Options options, Rig& rig)
      : options_(options), effort_(options.quick ? kQuick : kFull), rig_(rig) {}

  Result<void> run() {
    rig_.configure(kSettings);
    for (const std::string_view store : kSections) {
      if (!options_.only.empty() && options_.only != store) continue;
      engine_ = store;
      WEIR_CHECK(measure());
    }
    return {};
  }

  const std::vector<Figure>& figures() const { return figures_; }

 private:
  std::string named(const std::string& what) const { return what + ", " + engine_; }
  void add(const std::string& what, double value, const std::string& unit) {
    figures_.push_back(plain(named(what), value, unit));
  }
  void say(const std::string& text) const {
    std::fprintf(stderr, "bench capacity, %s: %s\n", engine_.c_str(), text.c_str());
  }

  Result<void> measure() {
    const bool durable = engine_ == "postgresql";
    WEIR_TRY(Server server, rig_.start_weir(engine_, durable ? "capacity" : ""));
    WEIR_TRY(plane_, Plane::on(std::move(server)));
    const double empty = plane_->server().resident();
    WEIR_CHECK(plane_->submit("fill0", 0, "w0"));
    WEIR_CHECK(fill());
    WEIR_CHECK(full_store(empty));
    WEIR_CHECK(beside_one_graph());
    WEIR_CHECK(reconciler());
    WEIR_CHECK(collector());
    WEIR_CHECK(diffs_beside());
    if (durable) WEIR_CHECK(start_up());
    plane_.reset();
    return {};
  }

  template <class Measure>
  Result<double> median_of(Measure measure) {
    std::vector<double> values;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      WEIR_TRY(const double value, measure());
      values.push_back(value);
    }
    return median(std::move(values));
  }

  Result<double> counted(const std::string& series) {
    std::this_thread::sleep_for(kCountsEvery);
    WEIR_CHECK(plane_->figure(series));  // asks for a count; the next page has it
    std::this_thread::sleep_for(kCountsEvery);
    return plane_->figure(series);
  }

  /// Other editions until there are nodes enough, then these in other worlds until there are
  /// queues.
  Result<void> fill() {
    WEIR_TRY(const double a_graph, counted("queues_total"));
    if (a_graph <= 0) return base::internal("the first graph has no queues");
    const auto editions = static_cast<std::uint64_t>((effort_.nodes + 999) / 1000);
    const auto graphs = static_cast<std::uint64_t>(effort_.queues / a_graph) + 1;
    for (std::uint64_t i = 1; i < std::max(editions, graphs); ++i) {
      if (i % 10 == 1) say("filling, graph " + std::to_string(i));
      const std::string world = "w" + std::to_string(i / editions);
      WEIR_CHECK(plane_->submit("fill" + std::to_string(i), i % editions, world));
    }
    return {};
  }

  Result<void> full_store(double empty) {
    say("what a full store costs");
    WEIR_TRY(const double nodes, counted("compute_nodes_total"));
    WEIR_TRY(const double queues, plane_->figure("queues_total"));
    add("nodes stored", nodes, "");
    add("queues stored", queues, "");
    constexpr double kMebibyte = 1 << 20;
    const double resident = plane_->server().resident();
    add("resident memory", resident / kMebibyte, "MiB");
    add("resident memory of the empty server", empty / kMebibyte, "MiB");
    WEIR_TRY(const double tags, median_of([this] { return plane_->tag_queries(effort_.tags); }));
    add("tag query, p95", tags, "ms");
    add("topics that the tag query finds", static_cast<double>(plane_->topics_found()), "");
    return {};
  }

  /// Diffs on the full store and on one that has their graph alone take turns.
  Result<void> beside_one_graph() {
    const bool durable = engine_ == "postgresql";
    const std::string name = engine_ + "-one";
    WEIR_TRY(Server server, rig_.start_weir(name, durable ? "capacity_one" : ""));
    WEIR_TRY(const auto one, Plane::on(std::move(server)));
    WEIR_CHECK(one->submit("fill0", 0, "w0"));
    std::vector<double> full;
    std::vector<double> alone;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      WEIR_TRY(const DiffTimes without, one->known_diffs(effort_.diffs));
      WEIR_TRY(const DiffTimes with, plane_->known_diffs(effort_.diffs));
      alone.push_back(without.p95);
      full.push_back(with.p95);
    }
    const double diffs = median(std::move(full));
    const Figure figure = beside(plain(named("diff of 1,000 known nodes, 50/s, p95"), diffs, "ms"),
                                 "one graph stored", median(std::move(alone)));
    figures_.push_back(effort_.judged ? at_most(figure, kFilledGoal) : figure);
    figures_.push_back(value_at_most(
        plain(named("diff of 1,000 known nodes, beside the specification"), diffs, "ms"),
        kSpecMilliseconds));
    return {};
  }

  /// A pass that began when the store was full.
  Result<void> reconciler() {
    say("a pass of the reconciler");
    const std::string ran = "loop_last_run_timestamp{loop=\"reconciler\"}";
    for (int pass = 0; pass < 2; ++pass) {
      WEIR_TRY(const double before, plane_->figure(ran));
      WEIR_CHECK(plane_->figure_after(ran, before));
    }
    WEIR_TRY(const double seconds, plane_->figure("loop_pass_seconds{loop=\"reconciler\"}"));
    add("pass of the reconciler", seconds, "s");
    return {};
  }

  /// A graph in a world of its own, whose queues nothing else holds, is committed and ended.
  Result<Pass> leave() {
    const std::string name = "leaving" + std::to_string(left_++);
    WEIR_CHECK(plane_->submit(name, 0, name));
    return plane_->end(name);
  }

  Result<void> collector() {
    say("passes of the garbage collector");
    const double before = plane_->server().processor_seconds();
    WEIR_TRY(const Pass first, leave());
    add("candidates of the first pass of gc", static_cast<double>(first.candidates), "");
    add("first pass of gc, which marks them", first.seconds, "s");
    if (first.collected == 0) return base::internal("the first pass collected nothing");
    std::vector<double> seconds;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      WEIR_TRY(const Pass pass, plane_->pass());
      if (pass.collected == 0) return base::internal("a pass collected nothing");
      seconds.push_back(pass.seconds);
    }
    const double passes = static_cast<double>(effort_.rounds) + 1;
    add("processor time a pass of gc, with the graph and its end",
        (plane_->server().processor_seconds() - before) / passes, "s");
    const Figure pass = plain(named("pass of gc"), *std::ranges::min_element(seconds), "s");
    figures_.push_back(effort_.judged ? value_at_most(pass, kPassGoalSeconds) : pass);
    return {};
  }

  /// Rounds without and with passes, one after the other, take turns. A pass a second is 60 times
  /// as many as run by default: more than one diff in twenty meets one, and is all that p95 shows;
  /// what passes cost the diffs beside them is in the mean.
  Result<void> diffs_beside() {
    say("diffs beside passes of the garbage collector");
    std::vector<DiffTimes> quiet;
    std::vector<DiffTimes> busy;
    double passes = 0;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      WEIR_TRY(const DiffTimes without, plane_->known_diffs(effort_.diffs));
      quiet.push_back(without);
      WEIR_CHECK(leave());
      std::atomic<bool> over = false;
      Result<void> swept;
      std::jthread sweeper([&] { swept = sweep(over, passes); });
      const auto with = plane_->known_diffs(effort_.diffs);
      over = true;
      sweeper.join();
      WEIR_CHECK(std::move(swept));
      if (!with.ok()) return with.error();
      busy.push_back(*with);
    }
    add("passes of gc a round of diffs", passes / static_cast<double>(effort_.rounds), "");
    const auto of = [](const std::vector<DiffTimes>& rounds, double DiffTimes::* which) {
      std::vector<double> values;
      for (const DiffTimes& round : rounds) values.push_back(round.*which);
      return median(std::move(values));
    };
    const auto figure = [&](const char* name, double DiffTimes::* which) {
      return beside(plain(named(name), of(busy, which), "ms"), "no pass", of(quiet, which));
    };
    const Figure mean =
        figure("diff of 1,000 known nodes beside passes of gc, mean", &DiffTimes::mean);
    figures_.push_back(effort_.judged ? at_most(mean, kBesideGoal) : mean);
    figures_.push_back(
        figure("diff of 1,000 known nodes beside passes of gc, p95", &DiffTimes::p95));
    return {};
  }

  Result<void> sweep(const std::atomic<bool>& over, double& passes) {
    auto due = std::chrono::steady_clock::now();
    while (!over) {
      WEIR_CHECK(plane_->pass());
      ++passes;
      due += kPassEvery;
      while (!over && std::chrono::steady_clock::now() < due) std::this_thread::sleep_for(kLook);
    }
    return {};
  }

  /// From the start of the program until it is ready and has answered its first diff.
  Result<void> start_up() {
    say("start-up");
    plane_.reset();
    const auto begun = std::chrono::steady_clock::now();
    WEIR_TRY(Server server, rig_.join_weir("again", "capacity"));
    WEIR_TRY(plane_, Plane::on(std::move(server)));
    const std::chrono::duration<double> ready = std::chrono::steady_clock::now() - begun;
    WEIR_CHECK(plane_->known_diffs(1));
    const std::chrono::duration<double> answered = std::chrono::steady_clock::now() - begun;
    add("start-up until ready", ready.count(), "s");
    add("start-up until the first diff is answered", answered.count(), "s");
    return {};
  }

  const Options options_;
  const Effort& effort_;
  Rig& rig_;
  std::string engine_;
  std::unique_ptr<Plane> plane_;
  std::size_t left_ = 0;
  std::vector<Figure> figures_;
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  return weir::bench::run_bench<weir::bench::Bench, weir::bench::Rig>(
      {.program = "bench_capacity", .sections = weir::bench::kSections}, arguments);
}
