// SPDX-License-Identifier: Apache-2.0
#include "bench/tasks/queue.h"

#include <sys/resource.h>

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "dispatcher/core/derived_ids.h"
#include "dispatcher/ports/database/postgres_schema.h"
#include "dispatcher/tasks/shared_calls.h"
#include "drivers/postgres/pipeline.h"

namespace weir::bench {
namespace {

using dispatcher::ClaimAnswer;
using dispatcher::ClaimRequest;
using dispatcher::CompleteCommand;
using dispatcher::RunRequest;
using dispatcher::TaskItem;
using postgres::Connection;
using postgres::Params;
using postgres::Pipeline;
using postgres::Statement;

constexpr std::size_t kClaim = 100;  // tasks a claim
constexpr std::size_t kFillBatch = 250;
constexpr std::size_t kFillThreads = 2;
constexpr std::size_t kCallers = 32;   // of claim and complete
constexpr std::size_t kSessions = 16;  // of the store, as a dispatcher's by default
constexpr std::size_t kWriters = 8;    // of the bare loop, which is quickest with so many

// Each drain begins with tables of its own tasks alone, as each of the peers' does with a database
// of its own: what an earlier one left would scatter the rows of the next over its free space.
constexpr const char* kEmptyTables =
    "TRUNCATE state.tasks, state.attempts, state.leases, state.events, state.outbox,"
    " state.task_counts, state.dataset_cursors CASCADE";

// What a claim of these tasks changes.
constexpr Statement kStart = {
    "bench_start",
    "UPDATE state.tasks t SET state = 'running', effects = 'fire', started_at = now(),"
    " deadline_at = now() + interval '1 hour', woken_at = NULL FROM unnest($1::uuid[]) AS u (id)"
    " WHERE t.task_id = u.id"};
constexpr Statement kOpenAttempts = {
    "bench_open",
    "INSERT INTO state.attempts (task_id, attempt, lease_token, worker_id, state, started_at)"
    " SELECT id, 1, gen_random_uuid(), 'bench', 'active', now() FROM unnest($1::uuid[]) AS u (id)"
    " RETURNING task_id, fence_no"};
constexpr Statement kLease = {
    "bench_lease",
    "INSERT INTO state.leases (task_id, attempt, worker_id, expires_at) SELECT id, 1, 'bench',"
    " now() + interval '2 minutes' FROM unnest($1::uuid[]) AS u (id)"};
constexpr Statement kCount = {
    "bench_count",
    "INSERT INTO state.task_counts AS c (build_id, queue, slot, queued, running, completed)"
    " SELECT t.build_id, t.queue, $2::int, $3::int, $4::int, $5::int FROM state.tasks t"
    " WHERE t.task_id = $1::uuid ON CONFLICT (build_id, queue, slot) DO UPDATE SET"
    " queued = c.queued + excluded.queued, running = c.running + excluded.running,"
    " completed = c.completed + excluded.completed"};
constexpr Statement kMeter = {
    "bench_meter",
    "INSERT INTO state.wakeup_meters AS m (queue_name, slot, outstanding)"
    " VALUES ('tasks.ecs_platform.normal', $1::int, 0) ON CONFLICT (queue_name, slot)"
    " DO UPDATE SET outstanding = m.outstanding + excluded.outstanding"};
constexpr Statement kCursor = {
    "bench_cursor",
    "INSERT INTO state.dataset_cursors AS c (build_id, input_index, dataset_version, cursor_int)"
    " SELECT t.build_id, t.input_index, e.dataset_version, e.cursor_int FROM state.tasks t"
    " JOIN state.events e ON e.event_id = t.trigger_event_id WHERE t.task_id = $1::uuid"
    " ON CONFLICT (build_id, input_index, dataset_version) DO UPDATE SET"
    " cursor_int = greatest(c.cursor_int, excluded.cursor_int), updated_at = clock_timestamp()"};
// What their completions change.
constexpr Statement kFinish = {
    "bench_finish",
    "UPDATE state.tasks t SET state = 'completed', finished_at = now(), deadline_at = NULL"
    " FROM unnest($1::uuid[]) AS u (id) WHERE t.task_id = u.id"};
constexpr Statement kCloseAttempts = {
    "bench_close",
    "UPDATE state.attempts a SET state = 'closed', outcome = 'success', ended_at = now()"
    " FROM unnest($1::uuid[]) AS u (id) WHERE a.task_id = u.id AND a.attempt = 1"};
constexpr Statement kUnlease = {"bench_unlease",
                                "DELETE FROM state.leases WHERE task_id = ANY($1::uuid[])"};

// What is left of both where one transaction claims, runs and completes.
constexpr Statement kRun = {
    "bench_run",
    "UPDATE state.tasks t SET state = 'completed', effects = 'fire', started_at = now(),"
    " finished_at = now(), woken_at = NULL FROM unnest($1::uuid[]) AS u (id)"
    " WHERE t.task_id = u.id"};
constexpr Statement kAttempts = {
    "bench_attempts",
    "INSERT INTO state.attempts (task_id, attempt, lease_token, worker_id, state, outcome,"
    " started_at, ended_at) SELECT id, 1, gen_random_uuid(), 'bench', 'closed', 'success', now(),"
    " now() FROM unnest($1::uuid[]) AS u (id) RETURNING task_id, fence_no"};

Params ids_of(std::span<const Uuid> ids) {
  Params params;
  params.uuid_array(ids);
  return params;
}

Params counts_of(const Uuid& id, int slot, int queued, int running, int completed) {
  Params params;
  params.uuid(id).int32(slot).int32(queued).int32(running).int32(completed);
  return params;
}

Params last_of(std::span<const Uuid> ids) { return std::move(Params().uuid(ids.back())); }

Result<void> write_run(Connection& connection, std::span<const Uuid> ids, int slot) {
  const int n = static_cast<int>(ids.size());
  Pipeline run(connection);
  run.begin();
  run.add(kRun, ids_of(ids));
  run.add(kAttempts, ids_of(ids));
  run.add(kCount, counts_of(ids.front(), slot, -n, 0, n));
  run.add(kMeter, std::move(Params().int32(slot)));
  run.add(kCursor, last_of(ids));
  run.commit();
  WEIR_CHECK(run.run());
  return {};
}

Result<void> write_batch(Connection& connection, std::span<const Uuid> ids, int slot) {
  const int n = static_cast<int>(ids.size());
  Pipeline claim(connection);
  claim.begin();
  claim.add(kStart, ids_of(ids));
  claim.add(kOpenAttempts, ids_of(ids));
  claim.add(kLease, ids_of(ids));
  claim.add(kCount, counts_of(ids.front(), slot, -n, n, 0));
  claim.add(kMeter, std::move(Params().int32(slot)));
  claim.commit();
  WEIR_CHECK(claim.run());
  Pipeline complete(connection);
  complete.begin();
  complete.add(kFinish, ids_of(ids));
  complete.add(kCloseAttempts, ids_of(ids));
  complete.add(kUnlease, ids_of(ids));
  complete.add(kCount, counts_of(ids.front(), slot, 0, -n, n));
  complete.add(kCursor, last_of(ids));
  complete.commit();
  WEIR_CHECK(complete.run());
  return {};
}

/// Runs `work` in so many threads; seconds, or the first fault.
Result<double> timed(std::size_t threads, const std::function<Result<void>(int)>& work) {
  std::mutex mutex;
  std::optional<Error> fault;
  const double began = seconds_now();
  std::vector<std::jthread> running;
  for (std::size_t at = 0; at < threads; ++at) {
    running.emplace_back([&, at] {
      const auto done = work(static_cast<int>(at));
      const std::scoped_lock lock(mutex);
      if (!done.ok() && !fault) fault = done.error();
    });
  }
  running.clear();
  const double took = seconds_now() - began;
  if (fault) return *std::move(fault);
  return took;
}

/// Processor time of this process.
double own_seconds() {
  rusage used{};
  ::getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

Error unexpected(const std::string& what) { return base::internal("bench tasks: " + what); }

}  // namespace

std::string QueueBench::dag() {
  return R"(name: queue
jobs:
  - name: go
    activation: source
    runtime: dispatcher
    operator: trigger_manual
    outputs: 1
    source: { kind: manual }
  - name: work
    activation: reactive
    runtime: ecs_platform
    operator: nothing
    outputs: 1
    inputs:
      - from: { job: go, output: 0 }
    execution_strategy: PerUpdate
    update_strategy: replace
)";
}

Result<Drained> QueueBench::measured(std::size_t threads,
                                     const std::function<Result<void>(int)>& work) {
  const double before = own_seconds() + plane_.database_seconds();
  WEIR_TRY(const double took, timed(threads, work));
  return Drained{.seconds = took, .processor = own_seconds() + plane_.database_seconds() - before};
}

Result<std::unique_ptr<QueueBench>> QueueBench::open(Plane& plane) {
  std::unique_ptr<QueueBench> bench(new QueueBench(plane));
  WEIR_TRY(const auto login, Connection::connect({.dsn = plane.dsn()}));
  WEIR_TRY(const auto report, dispatcher::prepare_state_schema(*login));
  postgres::PoolOptions options;
  options.connect =
      dispatcher::service_connect_options(plane.dsn(), dispatcher::ServiceRole::Dispatcher, report);
  options.connections_max = kSessions;
  bench->pool_ = std::make_unique<postgres::Pool>(std::move(options), bench->clock_);
  bench->store_ = std::make_unique<dispatcher::PostgresTaskStore>(
      *bench->pool_, dispatcher::TaskStorePorts{bench->random_});
  WEIR_TRY(const auto session, plane.superuser());
  WEIR_TRY(const auto rows, session->execute("SELECT build_id FROM state.builds WHERE dag_name ="
                                             " 'queue' AND job_name = 'go'"));
  if (rows.size() != 1) return unexpected("the DAG is not deployed");
  bench->source_ = dispatcher::BuildId(rows.uuid(0, 0));
  return bench;
}

Result<double> QueueBench::fill(std::size_t tasks) {
  WEIR_TRY(const auto session, plane_.superuser());
  WEIR_CHECK(session->execute(kEmptyTables));
  std::atomic<std::size_t> next = runs_;
  const std::size_t end = runs_ + tasks;
  runs_ = end;
  WEIR_TRY(const double took, timed(kFillThreads, [&](int) -> Result<void> {
             for (;;) {
               const std::size_t first = next.fetch_add(kFillBatch);
               if (first >= end) return {};
               std::vector<RunRequest> requests;
               for (std::size_t at = first; at < std::min(end, first + kFillBatch); ++at) {
                 RunRequest request{
                     .build_id = source_,
                     .run_id = dispatcher::manual_run_id(source_, std::to_string(at)),
                     .event = {}};
                 request.event.cursor = static_cast<std::int64_t>(at);
                 requests.push_back(std::move(request));
               }
               WEIR_TRY(const auto answers, store_->start_runs(requests));
               for (const auto& answer : answers) {
                 if (!answer.ok()) return unexpected("a run was refused");
               }
             }
           }));
  WEIR_CHECK(session->execute("VACUUM (ANALYZE) state.tasks"));
  WEIR_CHECK(session->execute("VACUUM (ANALYZE) state.attempts"));
  WEIR_CHECK(session->execute("VACUUM (ANALYZE) state.leases"));
  WEIR_CHECK(session->execute("VACUUM (ANALYZE) state.events"));
  WEIR_CHECK(session->execute("CHECKPOINT"));
  return took;
}

Result<Drained> QueueBench::drain(std::size_t tasks, Way way) {
  std::atomic<std::size_t> finished = 0;
  std::shared_ptr<const dispatcher::InProcess> in_process;
  if (way == Way::InProcess) {
    in_process = std::make_shared<dispatcher::InProcess>(
        dispatcher::InProcess{.wants_state = [](const dispatcher::TaskContext&) { return false; },
                              .run =
                                  [](const dispatcher::TaskContext&, const dispatcher::StateRow&) {
                                    return std::optional(dispatcher::InProcessWork{});
                                  }});
  }
  dispatcher::SharedCalls calls(*store_, kSessions);
  return measured(kCallers, [&](int number) -> Result<void> {
    ClaimRequest request;
    request.worker_id = "bench-" + std::to_string(number);
    request.max = kClaim;
    request.runtime = dispatcher::QueueRuntime::EcsPlatform;
    request.in_process = in_process;
    while (finished < tasks) {
      WEIR_TRY(const ClaimAnswer claim, calls.claims.run(request));
      if (claim.tasks.empty()) {
        if (!claim.more) return {};
        std::this_thread::yield();  // Others hold what is left.
        continue;
      }
      std::vector<TaskItem<CompleteCommand>> items;
      for (const auto& task : claim.tasks) {
        if (task.completed) continue;
        items.push_back({task.task_id, {}});
        items.back().command.fence = {task.answer.reply.attempt, task.answer.reply.lease_token};
      }
      finished += claim.tasks.size();
      if (items.empty()) continue;
      if (in_process) return unexpected("a task did not run in its claim");
      for (const auto& answer : calls.completions.run_all(std::move(items))) {
        if (!answer.ok() || !answer->ok()) return unexpected("a completion was refused");
      }
    }
    return {};
  });
}

Result<Drained> QueueBench::drain_held(std::size_t tasks, Way way) {
  WEIR_TRY(const auto holder, plane_.superuser());
  WEIR_CHECK(holder->begin());
  WEIR_CHECK(holder->execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"));
  WEIR_CHECK(holder->execute("SELECT count(*) FROM state.builds"));
  auto took = drain(tasks, way);
  WEIR_CHECK(holder->rollback());
  return took;
}

Result<Drained> QueueBench::write_rows(std::size_t tasks, Way way) {
  WEIR_TRY(const auto session, plane_.superuser());
  WEIR_TRY(const auto rows, session->execute("SELECT task_id FROM state.tasks WHERE state ="
                                             " 'queued' ORDER BY rank_at, task_id"));
  if (rows.size() != tasks) return unexpected("not as many tasks as were made");
  std::vector<Uuid> ids;
  for (std::size_t at = 0; at < rows.size(); ++at) ids.push_back(rows.uuid(at, 0));
  std::vector<std::unique_ptr<Connection>> connections(kWriters);
  for (auto& connection : connections) {
    WEIR_TRY(connection, plane_.superuser());
  }
  std::atomic<std::size_t> next = 0;
  const auto write = way == Way::InProcess ? write_run : write_batch;
  return measured(kWriters, [&](int number) -> Result<void> {
    for (;;) {
      const std::size_t first = next.fetch_add(kClaim);
      if (first >= ids.size()) return {};
      const auto batch = std::span(ids).subspan(first, std::min(kClaim, ids.size() - first));
      WEIR_CHECK(write(*connections[static_cast<std::size_t>(number)], batch, number));
    }
  });
}

}  // namespace weir::bench
