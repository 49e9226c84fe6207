// SPDX-License-Identifier: Apache-2.0
#include "bench/tasks/spy.h"

#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <vector>

#include "bench/support/report.h"
#include "drivers/duckdb/engine.h"
#include "drivers/process/spawn.h"

namespace weir::bench {
namespace {

constexpr const char* kDay = WEIR_SOURCE_DIR "/examples/market/ticks/SPY/2013-10-07.csv";
constexpr std::int64_t kTicks = 250'601;

// The ticks of examples/dags/market.yaml, from files to files, a window of a day.
constexpr const char* kDag = R"(name: spy
jobs:
  - name: tick_day
    activation: source
    runtime: dispatcher
    operator: trigger_manual
    outputs: 1
    source: { kind: manual }
  - name: load
    activation: reactive
    runtime: ecs_platform
    operator: table_ingest
    outputs: 1
    inputs:
      - from: { job: tick_day, output: 0 }
    execution_strategy: PerPartition
    update_strategy: replace
    config:
      root: market
      path: ticks/SPY/{partition_key}.csv
      format: csv
      columns: { ts_ms: bigint, price: numeric, size: bigint, exchange: text }
  - name: windows
    activation: reactive
    runtime: dispatcher
    operator: range_splitter
    outputs: 1
    inputs:
      - from: { job: load, output: 0 }
    execution_strategy: PerPartition
    update_strategy: replace
    config: { chunk_size: 86400000 }
  - name: compact
    activation: reactive
    runtime: ecs_platform
    operator: parquet_compact
    outputs: 1
    inputs:
      - from: { job: windows, output: 0 }
    execution_strategy: PerPartition
    update_strategy: replace
    config: { source: bench_ticks_by_day, cursor_column: ts_ms }
publish:
  bench_ticks_by_day:
    from: { job: load, output: 0 }
  bench_ticks:
    from: { job: compact, output: 0 }
)";

Result<double> duckdb_alone(const std::string& folder) {
  const std::string own = std::filesystem::read_symlink("/proc/self/exe").string();
  const double began = seconds_now();
  WEIR_TRY(const pid_t child,
           process::spawn_process({.argv = {own, "--duckdb", kDay, folder}, .death_signal = 0}));
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) return base::unavailable("bench_failed", "DuckDB alone failed");
  return seconds_now() - began;
}

/// Seconds of the last run, from its event to its last completion; all of its rows are there.
Result<double> last_run(postgres::Connection& session) {
  WEIR_TRY(
      const auto rows,
      session.execute(
          "SELECT extract(epoch FROM max(t.finished_at) - min(t.created_at))::float8, count(*)"
          " FROM state.tasks t JOIN state.events e ON e.event_id = coalesce(t.root_event_id,"
          " t.trigger_event_id) WHERE t.state = 'completed' AND e.event_id = (SELECT e.event_id"
          " FROM state.events e JOIN state.tasks t ON t.task_id = e.producer_task_id"
          " JOIN state.builds b USING (build_id) WHERE b.dag_name = 'spy'"
          " AND b.job_name = 'tick_day' ORDER BY e.accepted_at DESC LIMIT 1)"));
  WEIR_TRY(const auto counted,
           session.execute("SELECT coalesce(sum(v.row_count), 0)::bigint FROM"
                           " state.dataset_versions v JOIN state.builds b USING (build_id)"
                           " WHERE b.dag_name = 'spy' AND b.job_name = 'compact'"));
  if (rows.int64(0, 1) != 3 || counted.int64(0, 0) != kTicks) {
    return base::unavailable("bench_failed", "the day was not compacted whole");
  }
  return rows.number(0, 0);
}

}  // namespace

int run_duckdb_alone(const std::string& csv, const std::string& folder) {
  const auto done = [&]() -> Result<void> {
    WEIR_TRY(const std::string path, duckdb::find_library(""));
    WEIR_TRY(const auto library, duckdb::Library::load(path));
    const std::string from = std::filesystem::path(csv).parent_path().string();
    WEIR_TRY(const auto engine,
             duckdb::Engine::open(library, {.spill_folder = folder, .folders = {from, folder}}));
    return engine->run(
        "COPY (SELECT ts_ms, price::DECIMAL(18, 4) AS price, size, exchange FROM read_csv(" +
        duckdb::quote_text(csv) + ") ORDER BY ts_ms) TO " +
        duckdb::quote_text(folder + "/spy.parquet") + " (FORMAT parquet)");
  }();
  if (done.ok()) return 0;
  std::fprintf(stderr, "DuckDB alone: %s\n", done.error().describe().c_str());
  return 1;
}

Result<SpyDay> spy_day(Plane& plane, std::size_t rounds) {
  WEIR_CHECK(plane.weir({"dag", "deploy", plane.write("spy.yaml", kDag), "--wait"}));
  WEIR_TRY(const auto session, plane.superuser());
  std::vector<double> ours;
  std::vector<double> theirs;
  for (std::size_t round = 0; round < rounds; ++round) {
    WEIR_CHECK(plane.weir({"run", "spy", "tick_day", "--partition", "2013-10-07", "--start",
                           "1381104000000", "--end", "1381190399999", "--wait"}));
    WEIR_TRY(const double took, last_run(*session));
    ours.push_back(took);
    WEIR_TRY(const double alone, duckdb_alone(plane.path("").string()));
    theirs.push_back(alone);
  }
  return SpyDay{median(ours), median(theirs)};
}

}  // namespace weir::bench
