// SPDX-License-Identifier: Apache-2.0
#include "bench/tasks/live.h"

#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <thread>
#include <utility>

#include "bench/support/report.h"
#include "dispatcher/dagfile/validate.h"

namespace weir::bench {
namespace {

using postgres::Connection;

constexpr std::size_t kFan = 100;      // jobs that read the one source, a task an event each
constexpr std::size_t kChunks = 1000;  // tasks of the one job, of a range that an event tells
constexpr std::size_t kValidations = 5;
constexpr double kSettleSeconds = 600;
constexpr auto kPoll = std::chrono::milliseconds(10);
// While tens of thousands of tasks run: nobody asks about the bare children either. Their own times
// are measured.
constexpr auto kLook = std::chrono::milliseconds(100);
constexpr const char* kTrue = "/bin/true";

std::string source_job(const std::string& name) {
  return "  - name: " + name +
         "\n    activation: source\n    runtime: dispatcher\n    operator: trigger_manual\n"
         "    outputs: 1\n    source: { kind: manual }\n";
}

std::string reader_job(const std::string& name, const std::string& from,
                       const std::string& operator_name, const std::string& runtime,
                       const std::string& strategy = "PerUpdate") {
  return "  - name: " + name + "\n    activation: reactive\n    runtime: " + runtime +
         "\n    operator: " + operator_name +
         "\n    outputs: 1\n    inputs:\n      - from: { job: " + from +
         ", output: 0 }\n    execution_strategy: " + strategy + "\n    update_strategy: replace\n";
}

/// Waits until no task of the DAG is unfinished, looking once a pause.
Result<void> settle(Connection& session, const std::string& dag, std::chrono::milliseconds pause) {
  // Counters, not tasks: to look through these would be work beside the measured one.
  const std::string sql =
      "SELECT coalesce(sum(c.queued + c.running + c.retry_wait), 0) > 0"
      " FROM state.task_counts c JOIN state.builds b USING (build_id) WHERE b.dag_name = '" +
      dag + "'";
  for (const double until = seconds_now() + kSettleSeconds; seconds_now() < until;) {
    WEIR_TRY(const auto rows, session.execute(sql));
    if (!rows.boolean(0, 0)) return {};
    std::this_thread::sleep_for(pause);
  }
  return base::unavailable("bench_failed", "tasks of " + dag + " do not end");
}

/// Waits until the DAG's events have made so many tasks of children. A few are claimed already, for
/// the poll of the worker that sleeps.
Result<void> await_made(Connection& session, const std::string& dag, std::size_t tasks) {
  const std::string sql =
      "SELECT count(*) FROM state.tasks t JOIN state.builds b USING (build_id) WHERE b.dag_name = "
      "'" +
      dag + "' AND b.job_name LIKE 'child%'";
  for (const double until = seconds_now() + kSettleSeconds; seconds_now() < until;) {
    WEIR_TRY(const auto rows, session.execute(sql));
    if (rows.int64(0, 0) == static_cast<std::int64_t>(tasks)) return {};
    std::this_thread::sleep_for(kPoll);
  }
  return base::unavailable("bench_failed", "tasks of " + dag + " are not made");
}

/// Seconds from the instant to the end of the DAG's last task.
Result<double> seconds_until_finished(Connection& session, const std::string& dag,
                                      std::int64_t since) {
  WEIR_TRY(
      const auto rows,
      session.execute("SELECT extract(epoch FROM max(t.finished_at) - ('epoch'::timestamptz + " +
                      std::to_string(since) +
                      " * interval '1 microsecond'))::float8 FROM state.tasks t"
                      " JOIN state.builds b USING (build_id) WHERE b.dag_name = '" +
                      dag + "' AND t.state = 'completed'"));
  return rows.number(0, 0);
}

/// How a backlog comes about: a DAG, and a command that makes the next `each` of its tasks.
struct Feed {
  std::string dag;
  std::string jobs;
  std::size_t each = 0;
  std::function<std::vector<std::string>(std::size_t made)> run;
};

Feed feed_of_one_job() {
  return {.dag = "chunks",
          .jobs = source_job("go") +
                  reader_job("split", "go", "range_splitter", "dispatcher", "PerPartition") +
                  "    config: { chunk_size: 1 }\n" +
                  reader_job("child", "split", "nothing", "ecs_platform", "PerPartition"),
          .each = kChunks,
          .run = [](std::size_t made) -> std::vector<std::string> {
            const std::string first = std::to_string(made);
            const std::string last = std::to_string(made + kChunks - 1);
            return {"run",     "chunks", "go",    "--partition", first + "-" + last,
                    "--start", first,    "--end", last};
          }};
}

Feed feed_of_hundred_jobs() {
  std::string jobs = source_job("go");
  for (std::size_t at = 0; at < kFan; ++at) {
    jobs += reader_job("child_" + std::to_string(at), "go", "nothing", "ecs_platform");
  }
  return {.dag = "fan",
          .jobs = std::move(jobs),
          .each = kFan,
          .run = [](std::size_t made) -> std::vector<std::string> {
            return {"run", "fan", "go", "--cursor", std::to_string(made)};
          }};
}

Feed feed_of(Backlog backlog) {
  return backlog == Backlog::OneJob ? feed_of_one_job() : feed_of_hundred_jobs();
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

/// Waits until so many children have written when they began. Looks at their file alone: questions
/// to the dispatcher or its database would be no idle plane.
Result<void> await_started(const Plane& plane, std::size_t children) {
  for (const double until = seconds_now() + kSettleSeconds; seconds_now() < until;) {
    const std::string lines = text_of(plane.path("clock"));
    if (static_cast<std::size_t>(std::ranges::count(lines, '\n')) >= children) return {};
    std::this_thread::sleep_for(kPoll);
  }
  return base::unavailable("bench_failed", "a child did not start");
}

/// Processes that are stopped as long as this stands.
class Stopped {
 public:
  explicit Stopped(std::vector<pid_t> processes) : processes_(std::move(processes)) {
    for (const pid_t process : processes_) ::kill(process, SIGSTOP);
  }
  ~Stopped() {
    for (const pid_t process : processes_) ::kill(process, SIGCONT);
  }
  Stopped(const Stopped&) = delete;
  Stopped& operator=(const Stopped&) = delete;

 private:
  std::vector<pid_t> processes_;
};

double resident(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  double total = 0;
  double pages = 0;
  file >> total >> pages;
  return pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::string operators_json(const std::string& clock_file) {
  const auto entry = [](const std::string& name, const std::string& command) {
    return R"({"name":")" + name +
           R"(","version":"1","runtimes":["ecs_platform"],)"
           R"("execution_strategies":["PerUpdate","PerPartition"],"update_strategies":["replace"],)"
           R"("scope":"trigger","command":[)" +
           command + "]}";
  };
  return R"({"operators":[)" + entry("nothing", "\"" + std::string(kTrue) + "\"") + "," +
         entry("clock", "\"" WEIR_CLOCK_CHILD R"(",")" + clock_file + "\"") + "]}";
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

Result<double> child_task_rate(Plane& plane, Backlog backlog, std::size_t tasks) {
  const Feed feed = feed_of(backlog);
  // What is claimed for the poll of the worker that sleeps is to be its own when it wakes.
  const std::string dag =
      "name: " + feed.dag + "\ndefaults: { heartbeat_timeout_seconds: 600 }\njobs:\n" + feed.jobs;
  WEIR_CHECK(plane.weir({"dag", "deploy", plane.write(feed.dag + ".yaml", dag), "--wait"}));
  WEIR_TRY(const auto session, plane.superuser());
  // The worker sleeps until all tasks are there: the commands that make them are no part of this.
  std::optional<Stopped> sleeping(std::in_place, plane.processes("worker"));
  for (std::size_t made = 0; made < tasks; made += feed.each) {
    WEIR_CHECK(plane.weir(feed.run(made)));
  }
  WEIR_CHECK(await_made(*session, feed.dag, tasks));
  WEIR_TRY(const std::int64_t since, database_now(*session));
  sleeping.reset();
  WEIR_CHECK(settle(*session, feed.dag, kLook));
  WEIR_TRY(const double seconds, seconds_until_finished(*session, feed.dag, since));
  return static_cast<double>(tasks) / seconds;
}

Result<StartTimes> start_times(Plane& plane, std::size_t runs) {
  const std::string dag = "name: start\njobs:\n" + source_job("go") +
                          reader_job("child", "go", "clock", "ecs_platform");
  WEIR_CHECK(plane.weir({"dag", "deploy", plane.write("start.yaml", dag), "--wait"}));
  WEIR_TRY(const auto session, plane.superuser());
  for (std::size_t at = 0; at < runs; ++at) {
    WEIR_CHECK(plane.weir({"run", "start", "go", "--cursor", std::to_string(at)}));
    WEIR_CHECK(await_started(plane, at + 1));
    WEIR_CHECK(settle(*session, "start", kPoll));
  }
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
  double dispatcher = 0;
  double worker = 0;
  for (std::string line; std::getline(lines, line);) {
    const bool statement = line.find("LOG:  execute ") != std::string::npos ||
                           line.find("LOG:  statement: ") != std::string::npos;
    if (!statement) continue;
    // The search of an idle worker's claim is carried out by the dispatcher, on its behalf.
    const bool claim = line.find("execute claim_nothing_ready") != std::string::npos;
    if (claim || line.starts_with("weir_worker|")) {
      ++worker;
    } else if (line.starts_with("weir_dispatcher|")) {
      ++dispatcher;
    }
  }
  Idle figures{.dispatcher_statements = dispatcher / seconds,
               .worker_statements = worker / seconds};
  WEIR_CHECK(session->execute("ALTER SYSTEM RESET ALL"));
  WEIR_CHECK(session->execute("SELECT pg_reload_conf()"));
  for (const char* role : {"dispatcher", "worker"}) {
    for (const pid_t process : plane.processes(role)) figures.memory += resident(process);
  }
  return figures;
}

/// Milliseconds that the statements of a deploy took in PostgreSQL, by its log.
Result<double> deploy_statements(Plane& plane, const std::string& file) {
  WEIR_TRY(const auto session, plane.superuser());
  WEIR_CHECK(session->execute("ALTER SYSTEM SET log_min_duration_statement = 0"));
  WEIR_CHECK(session->execute("SELECT pg_reload_conf()"));
  std::this_thread::sleep_for(std::chrono::seconds(1));
  const std::filesystem::path log = plane.path("state") / "pg" / "log";
  const std::size_t skipped = text_of(log).size();
  WEIR_CHECK(plane.weir({"dag", "deploy", file}));
  std::istringstream lines(text_of(log).substr(skipped));
  static constexpr std::string_view kDuration = "duration: ";
  double total = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t at = line.find(kDuration);
    const bool ours = line.find(" dag_store_") != std::string::npos ||
                      line.find(">: COMMIT") != std::string::npos;
    if (at != std::string::npos && ours) total += std::stod(line.substr(at + kDuration.size()));
  }
  WEIR_CHECK(session->execute("ALTER SYSTEM RESET ALL"));
  WEIR_CHECK(session->execute("SELECT pg_reload_conf()"));
  return total;
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
  WEIR_CHECK(plane.weir({"dag", "deploy", file}));
  figures.deploy = (seconds_now() - began) * 1000;
  dag.replace(0, dag.find('\n'), "name: big_again");
  WEIR_TRY(figures.statements, deploy_statements(plane, plane.write("big_again.yaml", dag)));
  return figures;
}

}  // namespace weir::bench
