// SPDX-License-Identifier: Apache-2.0
// bench_tasks: what the task plane costs, beside bare row writes, bare children, an engine alone,
// and other queues on PostgreSQL. README of bench: what is measured and how the goals are meant.
#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/support/options.h"
#include "bench/support/report.h"
#include "bench/support/run_bench.h"
#include "bench/tasks/live.h"
#include "bench/tasks/peers.h"
#include "bench/tasks/plane.h"
#include "bench/tasks/queue.h"
#include "bench/tasks/spy.h"

namespace weir::bench {
namespace {

constexpr std::array<std::string_view, 7> kSections = {"dag", "start", "idle", "child",
                                                       "spy", "queue", "peers"};

/// How much of everything a run does.
struct Effort {
  std::size_t tasks;     // a drain of the queue
  std::size_t rounds;    // of the queue and of the peers
  std::size_t children;  // of the child measure, and bare ones beside them
  std::size_t starts;
  double idle_seconds;
  std::size_t spy_rounds;
};
constexpr Effort kFull{200'000, 3, 20'000, 200, 60, 3};
constexpr Effort kQuick{5'000, 1, 10'000, 20, 5, 3};

Effort effort_of(const Options& options) {
  Effort effort = options.quick ? kQuick : kFull;
  if (options.tasks > 0) effort.tasks = options.tasks;
  return effort;
}

constexpr std::size_t kBigDagJobs = 1000;
constexpr std::size_t kSlots = 4;  // of the worker
// Of the child measure, and so many bare children at once: enough to keep four cores busy.
constexpr std::size_t kChildSlots = 8;
constexpr double kMiB = 1024.0 * 1024;

class Bench {
 public:
  Bench(Options options, Plane& plane)
      : options_(std::move(options)), effort_(effort_of(options_)), plane_(plane) {}

  Result<void> run() {
    plane_.write("operators.json", operators_json(plane_.path("clock").string()));
    WEIR_CHECK(plane_.up(kSlots));
    WEIR_CHECK(plane_.weir({"dag", "deploy", plane_.write("queue.yaml", QueueBench::dag())}));
    WEIR_CHECK(section("start", &Bench::start));
    WEIR_CHECK(section("idle", &Bench::idle_cost));
    WEIR_CHECK(section("spy", &Bench::spy));
    WEIR_CHECK(section("dag", &Bench::dag));
    WEIR_CHECK(section("child", &Bench::children));
    WEIR_CHECK(plane_.down());
    WEIR_CHECK(plane_.start_database());
    WEIR_CHECK(section("idle", &Bench::readiness));
    WEIR_CHECK(section("queue", &Bench::queue));
    if (options_.only == "peers") WEIR_CHECK(own_rates());
    WEIR_CHECK(plane_.stop_database());
    const bool peers_wanted = !options_.quick || options_.only == "peers";
    if (peers_wanted) WEIR_CHECK(section("peers", &Bench::peers));
    return {};
  }

  const std::vector<Figure>& figures() const { return figures_; }

 private:
  Result<void> section(std::string_view name, Result<void> (Bench::*measure)()) {
    if (!options_.only.empty() && options_.only != name) return {};
    std::fprintf(stderr, "bench tasks: %.*s\n", static_cast<int>(name.size()), name.data());
    return (this->*measure)();
  }
  void add(Figure figure) { figures_.push_back(std::move(figure)); }

  Result<void> start() {
    WEIR_TRY(const StartTimes times, start_times(plane_, effort_.starts));
    add(value_at_most(plain("event accepted to child started, idle, p50", times.p50, "ms"), 5));
    add(value_at_most(plain("event accepted to child started, idle, p99", times.p99, "ms"), 20));
    return {};
  }

  Result<void> idle_cost() {
    WEIR_TRY(const Idle figures, idle(plane_, effort_.idle_seconds));
    add(value_at_most(plain("idle, dispatcher", figures.dispatcher_statements, "stmt/s"), 0.2));
    add(value_at_most(plain("idle, worker", figures.worker_statements, "stmt/s"), 0.2));
    add(value_at_most(plain("resident memory, dispatcher and worker", figures.memory / kMiB, "MiB"),
                      60));
    return {};
  }

  Result<void> readiness() {
    WEIR_TRY(const double seconds, plane_.start_dispatcher());
    add(value_at_most(plain("PostgreSQL answers to dispatcher serves", seconds * 1000, "ms"), 200));
    return {};
  }

  Result<void> children() {
    WEIR_CHECK(plane_.down());
    WEIR_CHECK(plane_.up(kChildSlots));
    const std::string slots = std::to_string(kChildSlots) + " slots";
    WEIR_TRY(Figure one_job, children_of(Backlog::OneJob, "child process per task, " + slots));
    add(at_least(std::move(one_job), 0.6));
    WEIR_TRY(Figure many, children_of(Backlog::HundredJobs, "  the same, of a hundred jobs"));
    add(std::move(many));
    return {};
  }

  /// Bare children before and after the backlog: a machine that others use as well is not as fast
  /// all the time.
  Result<Figure> children_of(Backlog backlog, const std::string& name) {
    const std::size_t count = effort_.children;
    WEIR_TRY(const double before, bare_spawn_rate(count, kChildSlots));
    WEIR_TRY(const double ours, child_task_rate(plane_, backlog, count));
    WEIR_TRY(const double after, bare_spawn_rate(count, kChildSlots));
    return beside(plain(name, ours, "tasks/s"),
                  "posix_spawn, " + std::to_string(kChildSlots) + " at once", (before + after) / 2);
  }

  Result<void> spy() {
    WEIR_TRY(const SpyDay day, spy_day(plane_, effort_.spy_rounds));
    add(at_most(beside(plain("SPY day ingested, split, compacted", day.weir * 1000, "ms"),
                       "DuckDB alone, a process: CSV to Parquet", day.duckdb * 1000),
                3));
    return {};
  }

  Result<void> dag() {
    WEIR_TRY(const BigDag figures, big_dag(plane_, kBigDagJobs));
    add(value_at_most(plain("1,000 jobs, validate", figures.validate, "ms"), 150));
    add(value_at_most(plain("1,000 jobs, deploy, in PostgreSQL", figures.statements, "ms"), 500));
    add(plain("  the whole command", figures.deploy, "ms"));
    return {};
  }

  /// One way of running tasks: the bare writes of its rows, without and under a snapshot.
  struct Rates {
    std::vector<double> bare, free, held, processor;  // tasks a second; microseconds a task
  };

  Result<void> queue_round(QueueBench& bench, Way way, Rates& rates) {
    const auto tasks = static_cast<double>(effort_.tasks);
    for (auto [drain, into] : {std::pair(&QueueBench::write_rows, &rates.bare),
                               std::pair(&QueueBench::drain, &rates.free),
                               std::pair(&QueueBench::drain_held, &rates.held)}) {
      WEIR_TRY(const double filled, bench.fill(effort_.tasks));
      fills_.push_back(tasks / filled);
      WEIR_TRY(const Drained drained, (bench.*drain)(effort_.tasks, way));
      into->push_back(tasks / drained.seconds);
      if (into == &rates.free) rates.processor.push_back(drained.processor / tasks * 1e6);
    }
    return {};
  }

  void add_rates(const std::string& name, const Rates& rates) {
    add(at_least(beside(plain(name, median(rates.free), "tasks/s"),
                        "the same row writes, bare libpq", median(rates.bare)),
                 0.5));
    add(plain("  processor time of all", median(rates.processor), "us/task"));
    add(plain("  with a snapshot held open, loss",
              (1 - median(rates.held) / median(rates.free)) * 100, "%"));
  }

  Result<void> queue() {
    WEIR_TRY(const auto bench, QueueBench::open(plane_));
    Rates in_process;
    Rates two_calls;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      WEIR_CHECK(queue_round(*bench, Way::InProcess, in_process));
      WEIR_CHECK(queue_round(*bench, Way::TwoCalls, two_calls));
    }
    take_rates(in_process);
    add(plain("events accepted, a task each", median(fills_), "tasks/s"));
    add_rates("no-op tasks in process, claims of 100", in_process);
    add_rates("no-op tasks, a claim and a completion", two_calls);
    return {};
  }

  Result<void> peers() {
    WEIR_TRY(const auto rates, run_peers(effort_.tasks, effort_.rounds));
    const std::map<std::string, double> goals = {{"river", 1.5}, {"pg-boss", 1}};
    for (const std::string name : {"river", "pg-boss", "graphile-worker"}) {
      const auto found = rates.find(name);
      if (found == rates.end()) {
        std::fprintf(stderr, "bench tasks: SKIPPED %s: it could not be set up\n", name.c_str());
        continue;
      }
      const auto goal = goals.find(name);
      Figure figure =
          beside(plain("no-op tasks in process", rate_, "tasks/s"), name, found->second.free);
      add(goal == goals.end() ? figure : at_least(figure, goal->second));
      const double loss = 1 - found->second.held / found->second.free;
      Figure lost = plain("  snapshot held, loss of " + name, loss * 100, "%");
      if (name == "river") {
        lost.goal = "ours no larger";
        lost.holds = loss_ <= std::max(loss, 0.0) + kLossNoise;
      }
      add(std::move(lost));
    }
    return {};
  }

  /// What peers are compared with, where they are measured alone.
  Result<void> own_rates() {
    WEIR_TRY(const auto bench, QueueBench::open(plane_));
    Rates rates;
    for (std::size_t round = 0; round < effort_.rounds; ++round) {
      WEIR_CHECK(queue_round(*bench, Way::InProcess, rates));
    }
    take_rates(rates);
    add_rates("no-op tasks in process, claims of 100", rates);
    return {};
  }
  void take_rates(const Rates& in_process) {
    rate_ = median(in_process.free);
    loss_ = 1 - median(in_process.held) / rate_;
  }

  static constexpr double kLossNoise = 0.05;  // rates of equal runs differ by so much

  const Options options_;
  const Effort effort_;
  Plane& plane_;
  std::vector<double> fills_;
  double rate_ = 0;  // in process
  double loss_ = 0;
  std::vector<Figure> figures_;
};

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  if (arguments.size() == 3 && arguments[0] == "--duckdb") {
    return weir::bench::run_duckdb_alone(arguments[1], arguments[2]);
  }
  return weir::bench::run_bench<weir::bench::Bench, weir::bench::Plane>(
      {.program = "bench_tasks", .sections = weir::bench::kSections, .tasks = true}, arguments);
}
