// SPDX-License-Identifier: Apache-2.0
// What the loops do, a page at a time (contract sections 6.4 and 6.5).
#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "base/json.h"
#include "dispatcher/core/derived_ids.h"
#include "dispatcher/core/source_run.h"
#include "dispatcher/dagfile/schedule.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_port_error.h"
#include "dispatcher/ports/task_limits.h"
#include "dispatcher/ports/tasks/postgres_task_ready.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "dispatcher/ports/tasks/postgres_task_runs.h"
#include "dispatcher/ports/tasks/postgres_task_sql.h"
#include "dispatcher/ports/tasks/postgres_task_store.h"
#include "dispatcher/ports/tasks/postgres_task_transaction.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;
using postgres::Statement;

#define WEIR_NOW "(SELECT clock_timestamp())"
// The first $1 tasks of a list become weir.tasks, in their order.
#define WEIR_DUE(list)                                                                             \
  "SELECT set_config('weir.tasks', (SELECT coalesce(array_agg(d.task_id), '{}')::text FROM (" list \
  " LIMIT $1::bigint) AS d), true)"

constexpr Statement kDueLeases = {
    "chore_due_leases",
    WEIR_DUE("SELECT l.task_id FROM state.leases l WHERE l.expires_at <= " WEIR_NOW
             " ORDER BY l.expires_at, l.task_id")};
constexpr Statement kDueRetries = {
    "chore_due_retries",
    WEIR_DUE("SELECT t.task_id FROM state.tasks t WHERE t.state = 'retry_wait'"
             " AND t.next_retry_at <= " WEIR_NOW " ORDER BY t.next_retry_at, t.task_id")};
constexpr Statement kDueDeadlines = {
    "chore_due_deadlines",
    WEIR_DUE("SELECT t.task_id FROM state.tasks t WHERE t.state = 'running'"
             " AND t.deadline_at <= " WEIR_NOW
             " AND t.cancel_reason IS NULL ORDER BY t.deadline_at, t.task_id")};
constexpr Statement kLostWakeups = {
    "chore_lost_wakeups",
    WEIR_DUE("SELECT t.task_id FROM state.tasks t WHERE t.woken_at <= " WEIR_NOW
             " - interval '60 seconds' ORDER BY t.woken_at, t.task_id")};
static_assert(kWakeupLost == std::chrono::seconds(60));

// In this order, whatever plan the tables suggested when they were empty.
#define WEIR_STOPPED_WORK                                                           \
  " FROM (SELECT c.build_id FROM state.task_counts c GROUP BY c.build_id"           \
  " HAVING sum(c.queued + c.running + c.retry_wait) > 0) AS c"                      \
  " CROSS JOIN LATERAL (SELECT FROM state.builds f WHERE f.build_id = c.build_id"   \
  " AND f.dispatch = 'stopped' OFFSET 0) AS b CROSS JOIN LATERAL (SELECT f.task_id" \
  " FROM state.tasks f WHERE f.build_id = c.build_id AND f.state " WEIR_UNFINISHED  \
  " AND f.kind NOT IN ('sink', 'check') AND (f.state <> 'running'"                  \
  " OR coalesce(f.cancel_reason, 'timeout') = 'timeout') OFFSET 0) AS t"
constexpr Statement kStoppedWork = {
    "chore_stopped_work", WEIR_DUE("SELECT t.task_id" WEIR_STOPPED_WORK " ORDER BY t.task_id")};

// Queues that owe and have room. One refiller a queue.
constexpr Statement kOwingQueues = {
    "chore_owing_queues",
    "SELECT q.queue_name, q.outstanding, q.pulled FROM (SELECT queue_name,"
    " sum(outstanding)::bigint AS outstanding,"
    " coalesce(max(more_until) > clock_timestamp(), false) AS pulled FROM state.wakeup_meters"
    " GROUP BY queue_name HAVING bool_or(owed) AND sum(outstanding) < $1::bigint) AS q"
    " WHERE pg_try_advisory_xact_lock(hashtextextended('weir meter ' || q.queue_name, 0))"
    " ORDER BY q.queue_name"};
constexpr Statement kClearOwed = {
    "chore_clear_owed",
    "UPDATE state.wakeup_meters m SET owed = false FROM (SELECT queue_name, slot"
    " FROM state.wakeup_meters WHERE queue_name = ANY($1::text[]) AND owed"
    " ORDER BY queue_name, slot FOR UPDATE) AS o"
    " WHERE m.queue_name = o.queue_name AND m.slot = o.slot"};

// A source of kind always_on has at most one run an epoch, and its build no other tasks: fewer than
// epochs means that the last one's may be missing. It is not if an earlier epoch was passed over;
// who found that out says so: $2 builds, $3 their epochs.
#define WEIR_RUN_MISSING                                                               \
  "s.kind = 'always_on' AND s.enabled AND b.dispatch = 'open' AND s.run_epoch >"       \
  " (SELECT coalesce(sum(c.queued + c.running + c.retry_wait + c.completed + c.failed" \
  " + c.canceled), 0) FROM state.task_counts c WHERE c.build_id = s.build_id)"         \
  " AND NOT EXISTS (SELECT FROM unnest($2::uuid[], $3::bigint[]) AS k (build, epoch)"  \
  " WHERE k.build = s.build_id AND k.epoch = s.run_epoch)"
// A source whose schedule could not be read is not due again before it has another one; who found
// that out says so: of the parameters `builds` and `schedules`.
#define WEIR_UNREADABLE(builds, schedules)                             \
  " AND NOT EXISTS (SELECT FROM unnest(" builds "::uuid[], " schedules \
  "::text[]) AS k (build, schedule) WHERE k.build = s.build_id"        \
  " AND k.schedule = coalesce(b.definition->'source'->>'schedule', ''))"
#define WEIR_SOURCES \
  "FROM state.source_state s JOIN state.builds b ON b.build_id = s.build_id WHERE "

constexpr Statement kDueSources = {
    "chore_due_sources",
    "(SELECT s.build_id, s.kind, s.next_fire_at, s.last_fire_at, s.run_epoch, b.org_id, b.dag_name,"
    " b.job_name, b.world::text, b.definition->'source'->>'schedule', b.opened_at,"
    " clock_timestamp() " WEIR_SOURCES
    "s.kind = 'cron' AND s.enabled AND s.next_fire_at <= " WEIR_NOW
    " AND b.dispatch = 'open'" WEIR_UNREADABLE(
        "$4", "$5") " ORDER BY s.next_fire_at, s.build_id LIMIT $1::bigint)"
    " UNION ALL (SELECT s.build_id, s.kind, s.next_fire_at, s.last_fire_at, s.run_epoch, b.org_id,"
    " b.dag_name, b.job_name, b.world::text, NULL, b.opened_at, "
    "clock_timestamp() " WEIR_SOURCES WEIR_RUN_MISSING " ORDER BY s.build_id LIMIT $1::bigint)"};
constexpr Statement kLockSources = {
    "chore_lock_sources",
    "SELECT s.build_id, s.next_fire_at, s.run_epoch FROM state.source_state s"
    " WHERE s.build_id = ANY($1::uuid[]) AND s.enabled ORDER BY s.build_id FOR UPDATE SKIP LOCKED"};
constexpr Statement kUpdateSources = {
    "chore_update_sources",
    "UPDATE state.source_state AS s SET next_fire_at = u.b, last_fire_at = u.c"
    " FROM unnest($1::uuid[], $2::timestamptz[], $3::timestamptz[]) AS u (a, b, c)"
    " WHERE s.build_id = u.a"};

// $1 how many may be out of a queue that is filled up; $4 when this store last filled one up.
// What is due at once is due at the instant that the first column gives, at which its reader
// compares: the clock is read once. $5 the queues whose messages are looked for. $6 and $7 as in
// WEIR_UNREADABLE.
constexpr Statement kDue = {
    "chore_due",
    "SELECT n.at,"
    " (SELECT min(expires_at) FROM state.leases),"
    " (SELECT min(next_retry_at) FROM state.tasks WHERE state = 'retry_wait'),"
    " (SELECT min(deadline_at) FROM state.tasks WHERE state = 'running'"
    " AND cancel_reason IS NULL),"
    " (SELECT n.at WHERE EXISTS (SELECT" WEIR_STOPPED_WORK
    ")),"
    " (SELECT min(CASE WHEN q.pulled THEN coalesce($4::timestamptz"
    " + interval '100 milliseconds', n.at) ELSE n.at END) FROM"
    " (SELECT coalesce(max(more_until) > (SELECT clock_timestamp()), false)"
    " AS pulled FROM state.wakeup_meters GROUP BY queue_name HAVING bool_or(owed)"
    " AND sum(outstanding) < $1::bigint) AS q),"
    " (SELECT min(woken_at) + interval '60 seconds' FROM state.tasks WHERE woken_at IS NOT NULL),"
    " least((SELECT min(s.next_fire_at) " WEIR_SOURCES
    "s.kind = 'cron' AND s.enabled AND b.dispatch = 'open'" WEIR_UNREADABLE("$6", "$7")
    "),"
    " (SELECT n.at WHERE EXISTS (SELECT " WEIR_SOURCES WEIR_RUN_MISSING
    "))),"
    " (SELECT min(available_at) FROM state.outbox WHERE state IN ('pending', 'sending')),"
    " (SELECT min(m.visible_at) FROM unnest($5::text[]) AS q (name) CROSS JOIN LATERAL"
    " (SELECT visible_at FROM state.queue_messages WHERE queue_name = q.name"
    " ORDER BY visible_at LIMIT 1) AS m),"
    " (SELECT md5(string_agg(w::text, ',' ORDER BY w.token_id)) FROM state.worker_tokens w)"
    " FROM (SELECT clock_timestamp() AS at OFFSET 0) AS n"};
static_assert(kPulledRing == std::chrono::milliseconds(100));

// Whether claims that name no task would get none: no task is queued in the queues $1, no claim of
// $2 and $3 was answered before, and none of the queues is promised a puller.
constexpr Statement kNothingReady = {
    "claim_nothing_ready",
    "SELECT NOT EXISTS (SELECT FROM state.task_counts c WHERE c.queue = ANY($1::text[])"
    " GROUP BY c.build_id, c.queue HAVING sum(c.queued) > 0)"
    " AND NOT EXISTS (SELECT FROM unnest($2::text[], $3::uuid[]) AS k (worker_id, claim_id)"
    " JOIN state.attempts a ON a.worker_id = k.worker_id AND a.claim_id = k.claim_id"
    " AND a.state = 'active')"
    " AND NOT EXISTS (SELECT FROM state.wakeup_meters m WHERE m.queue_name = ANY($1::text[])"
    " AND m.more_until > clock_timestamp())"};

std::vector<QueueName> all_queues() {
  std::vector<QueueName> queues;
  for (const QueueRuntime runtime : sql::kRuntimes) {
    for (const QueueLevel level : sql::kLevels) queues.push_back({runtime, level});
  }
  return queues;
}

const Statement& finder_of(Chore chore) {
  switch (chore) {
    case Chore::ExpireLeases:
      return kDueLeases;
    case Chore::QueueRetries:
      return kDueRetries;
    case Chore::TimeOut:
      return kDueDeadlines;
    case Chore::RingLost:
      return kLostWakeups;
    case Chore::SweepStopped:
    case Chore::RefillWakeups:
    case Chore::FireSources:
      return kStoppedWork;
  }
  return kStoppedWork;
}

/// Carries the chore out on one task; true if anything changed.
bool run_on(TaskTransaction& transaction, const TaskView& view, Chore chore) {
  switch (chore) {
    case Chore::ExpireLeases:
      return !transaction.run(view, ExpireCommand{.draw = transaction.draw()}).change.empty();
    case Chore::QueueRetries:
      return !transaction.run(view, RetryDueCommand{}).change.empty();
    case Chore::TimeOut:
      return !transaction.run(view, DeadlineCommand{}).change.empty();
    case Chore::RingLost:
      return !transaction.run(view, RingCommand{}).change.empty();
    case Chore::SweepStopped:
    case Chore::RefillWakeups:
    case Chore::FireSources:
      break;
  }
  const BuildFacts facts = transaction.facts(view);
  if (facts.dispatch != Dispatch::Stopped) return false;
  const CancelCommand cancel{.cause = CancelCause::BuildStopped, .reason = facts.stop_reason};
  return !transaction.run(view, cancel).change.empty();
}

std::int64_t seconds_of(Instant at) {
  return std::chrono::floor<std::chrono::seconds>(at.time_since_epoch()).count();
}

/// A source that is due: its row, and what it is to do.
struct DueSource {
  RunRequest run;
  SourceRecord before;
  SourceRecord after;
  bool always_on = false;
  std::string note = {};
};

std::string note_of(std::string_view dag, std::string_view job, const CronFiring& firing) {
  std::string note = std::string(dag) + "/" + std::string(job) + " skipped";
  for (const Instant& at : firing.skipped) note += " " + std::to_string(seconds_of(at));
  if (firing.skipped_more) note += " …";
  return note;
}

/// Reads a row of kDueSources; nothing if there is nothing to do.
Result<std::optional<DueSource>> due_source(const Rows& rows, std::size_t row) {
  DueSource due;
  due.before = {.build_id = id_of<BuildId>(rows, row, 0),
                .enabled = true,
                .next_fire_at = rows.instant_if(row, 2),
                .last_fire_at = rows.instant_if(row, 3),
                .run_epoch = rows.int64(row, 4)};
  due.after = due.before;
  due.run.build_id = due.before.build_id;
  BuildFacts facts;
  facts.build_id = due.before.build_id;
  due.run.task_class = run_class(facts);
  if (rows.text(row, 1) == "always_on") {
    due.always_on = true;
    due.run.run_id = always_on_run_id(due.before.build_id, due.before.run_epoch);
    return std::optional(std::move(due));
  }
  WEIR_TRY(const Schedule schedule, parse_schedule(rows.text_if(row, 9).value_or("")));
  const Instant anchor = rows.instant_if(row, 10).value_or(Instant{});
  const NextDue next = [&](Instant after) { return next_due(schedule, after, anchor); };
  const CronFiring firing = decide_cron(due.before, facts, next, rows.instant(row, 11));
  if (!firing.due) return std::optional<DueSource>();
  const std::string dag(rows.text(row, 6));
  const std::string job(rows.text(row, 7));
  due.after = firing.source;
  due.run.run_id =
      cron_run_id({id_of<OrgId>(rows, row, 5), dag, job}, rows.text(row, 8), *firing.due);
  due.run.event.output = 0;
  due.run.event.cursor = seconds_of(*firing.due);
  if (!firing.skipped.empty()) due.note = note_of(dag, job, firing);
  return std::optional(std::move(due));
}

void queue_sources(Pipeline& pipeline, const std::vector<const DueSource*>& fired) {
  if (fired.empty()) return;
  Params params;
  params.uuid_array(fired, [](const DueSource* s) { return s->after.build_id.uuid(); })
      .instant_array(fired, [](const DueSource* s) { return s->after.next_fire_at; })
      .instant_array(fired, [](const DueSource* s) { return s->after.last_fire_at; });
  pipeline.add(kUpdateSources, std::move(params));
}

// What a page of refilling does for one queue.
struct Refill {
  QueueName queue;
  std::size_t most = 0;  // Tasks that it may ring.
  ReadySearch search;
  std::size_t window_at = 0;  // Where the window is among the transaction's results.
  std::size_t rung = 0;
};

// The refills of the rows of kOwingQueues: at most one whole queue a page, for another the page
// says that there is more; of a pulled queue one task.
std::vector<Refill> refills_of(const Rows& owing, std::size_t limit, ChorePage& page) {
  std::vector<Refill> refills;
  bool whole = false;
  for (std::size_t row = 0; row < owing.size(); ++row) {
    const auto queue = parse_queue_name(owing.text(row, 0));
    const bool pulled = owing.boolean(row, 2);
    if (!queue) continue;
    if (!pulled && std::exchange(whole, true)) {
      page.more = true;
      continue;
    }
    const auto room = static_cast<std::size_t>(kWakeupsOutstandingMax - owing.int64(row, 1));
    const std::size_t most =
        pulled ? 1 : std::min({limit, room, static_cast<std::size_t>(kWakeupsPageMax)});
    Refill refill{.queue = *queue, .most = most, .search = {}};
    refill.search.queues = {queue->text()};
    refill.search.limit = most + 1;
    refill.search.unrung_only = true;
    refill.search.window = "weir.window_" + std::to_string(refills.size());
    refills.push_back(std::move(refill));
  }
  return refills;
}

}  // namespace

Result<ChorePage> PostgresTaskStore::sweep(Connection& connection, Chore chore, std::size_t limit) {
  ChorePage page;
  TaskTransaction transaction(connection, ports_, jobs_);
  const std::size_t found = transaction.pipeline().add(
      finder_of(chore), std::move(Params().int64(static_cast<std::int64_t>(limit) + 1)));
  transaction.lock_switches();
  transaction.lock_tasks(true);
  transaction.read();
  WEIR_TRY(const std::vector<Rows> results, transaction.load());
  std::vector<TaskId> tasks = window_of(results[found]);
  page.more = tasks.size() > limit;
  tasks.resize(std::min(tasks.size(), limit));
  for (const TaskId& task : tasks) {
    const TaskView view = transaction.view(task);
    if (view.presence != Presence::Live) continue;  // Another holds it.
    if (run_on(transaction, view, chore)) ++page.done;
  }
  page.more = page.more && page.done > 0;
  if (page.done == 0) {
    WEIR_CHECK(connection.rollback());
    return page;
  }
  WEIR_CHECK(transaction.commit());
  return page;
}

Result<ChorePage> PostgresTaskStore::refill(Connection& connection, std::size_t limit) {
  ChorePage page;
  // Which queues owe is read by itself; the rest of the transaction is about them.
  Pipeline first(connection);
  queue_open(first);
  const std::size_t owing = first.add(kOwingQueues, std::move(Params().int64(kRefillBelow)));
  WEIR_TRY(const std::vector<Rows> found, first.run());
  std::vector<Refill> refills = refills_of(found[owing], limit, page);
  if (refills.empty()) {
    WEIR_CHECK(connection.rollback());
    return page;
  }
  TaskTransaction transaction(connection, ports_, jobs_, TaskTransaction::Opened{});
  Pipeline& pipeline = transaction.pipeline();
  for (Refill& refill : refills) refill.window_at = queue_window(pipeline, refill.search);
  queue_window_switches(pipeline);
  Params cleared;
  cleared.text_array(refills, [](const Refill& refill) { return refill.queue.text(); });
  pipeline.add(kClearOwed, std::move(cleared));
  for (const Refill& refill : refills) transaction.pick(refill.search, false);
  transaction.read_jobs(false);
  WEIR_TRY(const std::vector<Rows> results, transaction.load());
  std::set<std::pair<Instant, TaskId>> picked;
  for (const TaskId& task : transaction.loaded()) {
    picked.emplace(transaction.view(task).task.life.rank_at, task);
  }
  for (Refill& refill : refills) {
    for (const auto& [rank, task] : picked) {
      TaskView view = transaction.view(task);
      if (view.task.queue != refill.queue || refill.rung == refill.most) continue;
      view.may_ring = true;  // The page's size has asked for the room.
      transaction.run(view, RingCommand{});
      ++refill.rung;
    }
    page.done += refill.rung;
    // Some are left, or another holds them.
    const bool left = window_of(results[refill.window_at]).size() > refill.rung;
    if (left) transaction.writes().owe(refill.queue);
    page.more = page.more || (left && refill.most > 1 && refill.rung == refill.most);
  }
  WEIR_CHECK(transaction.commit());
  const base::MutexLock lock(mutex_);
  refilled_at_ = transaction.now();
  return page;
}

void PostgresTaskStore::name_known_runs(Params& params) const {
  const base::MutexLock lock(mutex_);
  params.uuid_array(known_runs_, [](const auto& run) { return run.first.uuid(); })
      .int64_array(known_runs_, [](const auto& run) { return run.second; });
}

void PostgresTaskStore::name_unreadable(Params& params) const {
  const base::MutexLock lock(mutex_);
  params.uuid_array(unreadable_, [](const auto& source) { return source.first.uuid(); })
      .text_array(unreadable_, [](const auto& source) { return source.second; });
}

/// Leaves a row of kDueSources out from now on, so that the others have their turn.
std::string PostgresTaskStore::note_unreadable(const Rows& rows, std::size_t row,
                                               const Error& error) {
  const std::string schedule(rows.text_if(row, 9).value_or(""));
  const base::MutexLock lock(mutex_);
  unreadable_[id_of<BuildId>(rows, row, 0)] = schedule;
  return std::string(rows.text(row, 6)) + "/" + std::string(rows.text(row, 7)) +
         " does not fire: its schedule \"" + schedule + "\" cannot be read, " + error.message();
}

Result<ChorePage> PostgresTaskStore::fire_sources(Connection& connection, std::size_t limit) {
  ChorePage page;
  Pipeline first(connection);
  queue_open(first);
  Params wanted;
  wanted.int64(static_cast<std::int64_t>(limit) + 1);
  name_known_runs(wanted);
  name_unreadable(wanted);
  const std::size_t at = first.add(kDueSources, std::move(wanted));
  first.commit();
  WEIR_TRY(const std::vector<Rows> found, first.run());
  std::vector<DueSource> due;
  for (std::size_t row = 0; row < found[at].size(); ++row) {
    auto source = due_source(found[at], row);
    if (!source.ok()) {
      page.notes.push_back(note_unreadable(found[at], row, source.error()));
    } else if (*source) {
      due.push_back(**std::move(source));
    }
  }
  page.more = due.size() > limit;
  due.resize(std::min(due.size(), limit));
  if (due.empty()) return page;
  std::vector<RunRequest> requests;
  requests.reserve(due.size());
  for (const DueSource& source : due) requests.push_back(source.run);
  TaskTransaction transaction(connection, ports_, jobs_);
  SourceRuns runs(transaction, requests);
  Params builds;
  builds.uuid_array(due, [](const DueSource& source) { return source.before.build_id.uuid(); });
  const std::size_t locked_at = transaction.pipeline().add(kLockSources, std::move(builds));
  WEIR_TRY(const auto loaded, runs.load());
  if (!loaded) {
    page.more = true;  // A DAG subscribed meanwhile; nothing was done yet.
    WEIR_CHECK(connection.rollback());
    return page;
  }
  std::map<BuildId, std::pair<std::optional<Instant>, std::int64_t>> locked;
  const Rows& rows = (*loaded)[locked_at];
  for (std::size_t row = 0; row < rows.size(); ++row) {
    locked[id_of<BuildId>(rows, row, 0)] = {rows.instant_if(row, 1), rows.int64(row, 2)};
  }
  std::vector<const DueSource*> fired;
  for (std::size_t index = 0; index < due.size(); ++index) {
    const DueSource& source = due[index];
    const auto row = locked.find(source.before.build_id);
    // Another replica has it, or was there first.
    if (row == locked.end() || row->second.first != source.before.next_fire_at ||
        row->second.second != source.before.run_epoch) {
      continue;
    }
    if (source.always_on) {
      if (transaction.view(source.run.run_id).presence != Presence::Unknown) {
        const base::MutexLock lock(mutex_);
        known_runs_[source.before.build_id] = source.before.run_epoch;
      } else if (runs.start_always_on(index)) {
        ++page.done;
      }
      continue;
    }
    const auto answer = runs.start(index);
    if (!answer.ok()) page.notes.push_back("a run could not be made: " + source.run.run_id.text());
    fired.push_back(&source);
    ++page.done;
    if (!source.note.empty()) page.notes.push_back(source.note);
  }
  WEIR_CHECK(runs.commit([&](Pipeline& pipeline) { queue_sources(pipeline, fired); }));
  return page;
}

Result<ChorePage> PostgresTaskStore::run_chore(Chore chore, std::size_t limit) {
  ChorePage page;
  const auto done = with_session([&](Connection& connection) -> Result<void> {
    if (chore == Chore::RefillWakeups) {
      WEIR_TRY(page, refill(connection, limit));
    } else if (chore == Chore::FireSources) {
      WEIR_TRY(page, fire_sources(connection, limit));
    } else {
      WEIR_TRY(page, sweep(connection, chore, limit));
    }
    return {};
  });
  if (!done.ok()) return done.error();
  return page;
}

std::vector<std::pair<std::string, std::string>> PostgresTaskStore::look_settings() {
  return {{"weir.org", "*"},          {"plan_cache_mode", "force_generic_plan"},
          {"enable_seqscan", "off"},  {"enable_bitmapscan", "off"},
          {"enable_hashjoin", "off"}, {"enable_mergejoin", "off"}};
}

/// One statement: alone where the session is as looks need it, else in a transaction.
Result<Rows> PostgresTaskStore::look(Connection& connection, const Statement& statement,
                                     Params params) const {
  if (looks_ != nullptr) return connection.execute(statement, params);
  Pipeline pipeline(connection);
  queue_open(pipeline);
  const std::size_t at = pipeline.add(statement, std::move(params));
  pipeline.commit();
  WEIR_TRY(std::vector<Rows> results, pipeline.run());
  return std::move(results[at]);
}

Result<void> PostgresTaskStore::with_look(const std::function<Result<void>(Connection&)>& work) {
  auto lease = (looks_ == nullptr ? pool_ : *looks_).acquire(kTaskSessionWait);
  if (!lease.ok()) return as_port_error(std::move(lease).error());
  auto done = work(**lease);
  if (!done.ok()) return as_port_error(std::move(done).error());
  return {};
}

Result<bool> PostgresTaskStore::nothing_ready(std::span<const ClaimRequest> requests) {
  std::vector<QueueName> queues;
  std::vector<const ClaimRequest*> repeatable;
  for (const ClaimRequest& request : requests) {
    if (!request.task_ids.empty() || request.max == 0) return false;
    for (const QueueLevel level : sql::kLevels) queues.push_back({*request.runtime, level});
    if (request.claim_id) repeatable.push_back(&request);
  }
  bool nothing = false;
  const auto done = with_look([&](Connection& connection) -> Result<void> {
    Params params;
    params.text_array(queues, [](const QueueName& queue) { return queue.text(); })
        .text_array(repeatable, [](const ClaimRequest* request) { return request->worker_id; })
        .uuid_array(repeatable,
                    [](const ClaimRequest* request) { return request->claim_id->uuid(); });
    WEIR_TRY(const Rows row, look(connection, kNothingReady, std::move(params)));
    nothing = row.boolean(0, 0);
    return {};
  });
  if (!done.ok()) return done.error();
  return nothing;
}

Result<DueInstants> PostgresTaskStore::due() {
  DueInstants due;
  const auto done = with_look([&](Connection& connection) -> Result<void> {
    Params params;
    params.int64(kRefillBelow);
    name_known_runs(params);
    {
      const base::MutexLock lock(mutex_);
      if (refilled_at_) {
        params.instant(*refilled_at_);
      } else {
        params.null(postgres::Type::Timestamptz);
      }
    }
    params.text_array(all_queues(), [](const QueueName& queue) { return queue.text(); });
    name_unreadable(params);
    WEIR_TRY(const Rows row, look(connection, kDue, std::move(params)));
    due.now = row.instant(0, 0);
    for (std::size_t chore = 0; chore < due.chores.size(); ++chore) {
      due.chores[chore] = row.instant_if(0, 1 + chore);
    }
    due.outbox = row.instant_if(0, 1 + due.chores.size());
    due.wakeups = row.instant_if(0, 2 + due.chores.size());
    due.worker_tokens = row.text_if(0, 3 + due.chores.size()).value_or("");
    return {};
  });
  if (!done.ok()) return done.error();
  return due;
}

}  // namespace weir::dispatcher
