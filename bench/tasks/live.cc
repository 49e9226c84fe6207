// SPDX-License-Identifier: Apache-2.0
#include "bench/tasks/live.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <thread>

#include "bench/diff/report.h"
#include "dispatcher/dagfile/validate.h"
#include "drivers/duckdb/engine.h"

namespace weir::bench {
namespace {

using postgres::Connection;

constexpr std::size_t kFan = 100;  // tasks an event of the child measure makes
constexpr std::size_t kValidations = 5;
constexpr double kSettleSeconds = 600;
constexpr auto kPoll = std::chrono::milliseconds(10);
constexpr const char* kTrue = "/bin/true";

std::string source_job(const std::string& name) {
  return "  - name: " + name +
         "\n    activation: source\n    runtime: dispatcher\n    operator: trigger_manual\n"
         "    outputs: 1\n    source: { kind: manual }\n";
}

std::string reader_job(const std::string& name, const std::string& from,
                       const std::string& operator_name, const std::string& runtime) {
  return "  - name: " + name + "\n    activation: reactive\n    runtime: " + runtime +
         "\n    operator: " + operator_name +
         "\n    outputs: 1\n    inputs:\n      - from: { job: " + from +
         ", output: 0 }\n    execution_strategy: PerUpdate\n    update_strategy: replace\n";
}

/// Waits until no task of the DAG is unfinished.
Result<void> settle(Connection& session, const std::string& dag) {
  const std::string sql =
      "SELECT count(*) FROM state.tasks t JOIN state.builds b USING (build_id) WHERE b.dag_name = "
      "'" +
      dag + "' AND t.state IN ('queued', 'running', 'retry_wait')";
  for (const double until = seconds_now() + kSettleSeconds; seconds_now() < until;) {
    WEIR_TRY(const auto rows, session.execute(sql));
    if (rows.int64(0, 0) == 0) return {};
    std::this_thread::sleep_for(kPoll);
  }
  return base::unavailable("bench_failed", "tasks of " + dag + " do not end");
}

/// Seconds from the first task of the DAG after the instant to the end of the last; how many.
struct Span {
  double seconds = 0;
  std::int64_t tasks = 0;
};
Result<Span> span_of(Connection& session, const std::string& dag, std::int64_t since) {
  WEIR_TRY(
      const auto rows,
      session.execute("SELECT extract(epoch FROM max(t.finished_at) - min(t.created_at))::float8,"
                      " count(*) FROM state.tasks t JOIN state.builds b USING (build_id)"
                      " WHERE b.dag_name = '" +
                      dag +
                      "' AND t.state = 'completed'"
                      " AND t.created_at > 'epoch'::timestamptz + " +
                      std::to_string(since) + " * interval '1 microsecond'"));
  if (rows.int64(0, 1) == 0) return base::unavailable("bench_failed", dag + ": no task completed");
  return Span{rows.number(0, 0), rows.int64(0, 1)};
}

Result<std::int64_t> database_now(Connection& session) {
  WEIR_TRY(const auto rows, session.execute("SELECT (extract(epoch FROM clock_timestamp())"
                                            " * 1000000)::bigint"));
  return rows.int64(0, 0);
}

double percentile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  std::ranges::sort(values);
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  return values[at];
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

double resident(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  double total = 0;
  double pages = 0;
  file >> total >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

int run_clock_child(const std::string& file) {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const int fd = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  const std::string line = std::to_string(now.tv_sec * 1'000'000 + now.tv_nsec / 1000) + "\n";
  return fd >= 0 && ::write(fd, line.data(), line.size()) > 0 ? 0 : 1;
}

std::string operators_json(const std::string& clock_file) {
  const auto entry = [](const std::string& name, const std::string& command) {
    return R"({"name":")" + name +
           R"(","version":"1","runtimes":["ecs_platform"],"execution_strategies":["PerUpdate"],)"
           R"("update_strategies":["replace"],"scope":"trigger","command":[)" +
           command + "]}";
  };
  const std::string own = std::filesystem::read_symlink("/proc/self/exe").string();
  return R"({"operators":[)" + entry("nothing", "\"" + std::string(kTrue) + "\"") + "," +
         entry("clock", "\"" + own + R"(","--child",")" + clock_file + "\"") + "]}";
}

Result<double> bare_spawn_rate(std::size_t children, std::size_t threads) {
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  const double began = seconds_now();
  {
    std::vector<std::jthread> running;
    for (std::size_t at = 0; at < threads; ++at) {
      running.emplace_back([&] {
        while (next.fetch_add(1) < children) {
          pid_t child = 0;
          char name[] = "/bin/true";
          char* const words[] = {name, nullptr};
          if (::posix_spawn(&child, kTrue, nullptr, nullptr, words, environ) != 0) {
            failed = true;
            return;
          }
          ::waitpid(child, nullptr, 0);
        }
      });
    }
  }
  if (failed) return base::unavailable("bench_failed", "posix_spawn failed");
  return static_cast<double>(children) / (seconds_now() - began);
}

Result<double> child_task_rate(Plane& plane, std::size_t runs) {
  std::string dag = "name: spawn\njobs:\n" + source_job("go");
  for (std::size_t at = 0; at < kFan; ++at) {
    dag += reader_job("child_" + std::to_string(at), "go", "nothing", "ecs_platform");
  }
  WEIR_CHECK(plane.weir({"dag", "deploy", plane.write("spawn.yaml", dag), "--wait"}));
  WEIR_TRY(const auto session, plane.superuser());
  WEIR_TRY(const std::int64_t since, database_now(*session));
  for (std::size_t at = 0; at < runs; ++at) {
    WEIR_CHECK(plane.weir({"run", "spawn", "go", "--cursor", std::to_string(at)}));
  }
  WEIR_CHECK(settle(*session, "spawn"));
  WEIR_TRY(const Span span, span_of(*session, "spawn", since));
  const auto children = static_cast<double>(span.tasks) - static_cast<double>(runs);
  return children / span.seconds;
}

Result<StartTimes> start_times(Plane& plane, std::size_t runs) {
  const std::string dag = "name: start\njobs:\n" + source_job("go") +
                          reader_job("child", "go", "clock", "ecs_platform");
  WEIR_CHECK(plane.weir({"dag", "deploy", plane.write("start.yaml", dag), "--wait"}));
  for (std::size_t at = 0; at < runs; ++at) {
    WEIR_CHECK(plane.weir({"run", "start", "go", "--cursor", std::to_string(at), "--wait"}));
  }
  WEIR_TRY(const auto session, plane.superuser());
  WEIR_TRY(const auto rows,
           session->execute("SELECT (extract(epoch FROM e.accepted_at) * 1000000)::bigint"
                            " FROM state.events e JOIN state.tasks t ON t.task_id ="
                            " e.producer_task_id JOIN state.builds b ON b.build_id = t.build_id"
                            " WHERE b.dag_name = 'start' AND b.job_name = 'go' ORDER BY e.seq"));
  std::istringstream started(text_of(plane.path("clock")));
  std::vector<double> waited;
  std::int64_t at = 0;
  for (std::size_t row = 0; row < rows.size() && started >> at; ++row) {
    waited.push_back(static_cast<double>(at - rows.int64(row, 0)) / 1000);
  }
  if (waited.size() != runs) return base::unavailable("bench_failed", "a child did not start");
  return StartTimes{percentile(waited, 0.5), percentile(waited, 0.99)};
}

Result<Idle> idle(Plane& plane, double seconds) {
  WEIR_TRY(const auto session, plane.superuser());
  WEIR_CHECK(session->execute("ALTER SYSTEM SET log_line_prefix = '%a|'"));
  WEIR_CHECK(session->execute("ALTER SYSTEM SET log_statement = 'all'"));
  WEIR_CHECK(session->execute("SELECT pg_reload_conf()"));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const std::filesystem::path log = plane.path("state") / "pg" / "log";
  const std::size_t skipped = text_of(log).size();
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  std::istringstream lines(text_of(log).substr(skipped));
  Idle figures;
  for (std::string line; std::getline(lines, line);) {
    const bool statement = line.find("LOG:  execute ") != std::string::npos ||
                           line.find("LOG:  statement: ") != std::string::npos;
    if (!statement) continue;
    if (line.starts_with("weir_dispatcher|")) figures.dispatcher_statements += 1 / seconds;
    if (line.starts_with("weir_worker|")) figures.worker_statements += 1 / seconds;
  }
  WEIR_CHECK(session->execute("ALTER SYSTEM RESET ALL"));
  WEIR_CHECK(session->execute("SELECT pg_reload_conf()"));
  for (const char* role : {"dispatcher", "worker"}) {
    for (const pid_t process : plane.processes(role)) figures.memory += resident(process);
  }
  return figures;
}

Result<BigDag> big_dag(Plane& plane, std::size_t jobs) {
  std::string dag = "name: big\njobs:\n" + source_job("go");
  for (std::size_t at = 1; at < jobs; ++at) {
    const std::string from = at < 10 ? "go" : "job_" + std::to_string(at / 10);
    dag += reader_job("job_" + std::to_string(at), from, "noop", "dispatcher");
  }
  const dispatcher::OperatorRegistry operators;
  BigDag figures;
  std::vector<double> took;
  for (std::size_t at = 0; at < kValidations; ++at) {
    const double began = seconds_now();
    const auto report = dispatcher::validate_dag(dag, {.operators = operators});
    took.push_back((seconds_now() - began) * 1000);
    if (!report.valid()) {
      return base::unavailable("bench_failed", "big.yaml: " + report.errors.front().detail);
    }
  }
  figures.validate = median(took);
  const std::string file = plane.write("big.yaml", dag);
  const double began = seconds_now();
  WEIR_CHECK(plane.weir({"dag", "deploy", file, "--wait"}));
  figures.deploy = (seconds_now() - began) * 1000;
  return figures;
}

Result<SpyDay> spy_day(Plane& plane, std::size_t rounds) {
  const std::string examples = WEIR_SOURCE_DIR "/examples";
  WEIR_CHECK(plane.weir({"dag", "deploy", examples + "/dags/market.yaml", "--wait"}));
  WEIR_TRY(const auto session, plane.superuser());
  WEIR_TRY(const std::string path, duckdb::find_library(""));
  WEIR_TRY(const auto library, duckdb::Library::load(path));
  const std::string csv = examples + "/market/ticks/SPY/2013-10-07.csv";
  const std::string parquet = plane.path("spy.parquet").string();
  std::vector<double> ours;
  std::vector<double> theirs;
  for (std::size_t round = 0; round < rounds; ++round) {
    WEIR_TRY(const std::int64_t since, database_now(*session));
    WEIR_CHECK(plane.weir({"run", "market", "tick_day", "--partition", "2013-10-07", "--start",
                           "1381104000000", "--end", "1381190400000", "--wait"}));
    WEIR_TRY(const Span span, span_of(*session, "market", since));
    ours.push_back(span.seconds);
    const double began = seconds_now();
    WEIR_TRY(const auto engine,
             duckdb::Engine::open(library, {.spill_folder = plane.path("").string(),
                                            .folders = {examples, plane.path("").string()}}));
    WEIR_CHECK(
        engine->run("COPY (SELECT ts_ms, price::DECIMAL(18, 4) AS price, size, exchange"
                    " FROM read_csv(" +
                    duckdb::quote_text(csv) + ") ORDER BY ts_ms) TO " +
                    duckdb::quote_text(parquet) + " (FORMAT parquet, COMPRESSION zstd)"));
    theirs.push_back(seconds_now() - began);
  }
  return SpyDay{median(ours), median(theirs)};
}

}  // namespace weir::bench
