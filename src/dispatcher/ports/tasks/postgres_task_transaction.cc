// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_transaction.h"

#include <algorithm>

#include "base/assert.h"
#include "base/crash_point.h"
#include "dispatcher/core/claim_gate.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "dispatcher/ports/tasks/postgres_task_sql.h"
#include "drivers/postgres/connection.h"
#include "drivers/postgres/errors.h"

namespace weir::dispatcher {

using postgres::Params;
using postgres::Pipeline;
using postgres::Rows;

namespace {

// Claims of a build with a limit take turns at its counters.
constexpr postgres::Statement kLockTurns = {
    "task_lock_turns",
    "SELECT count(*) FROM (SELECT FROM state.task_counts c WHERE c.slot = 0 AND c.build_id IN"
    " (SELECT t.build_id FROM " WEIR_NOTED_JOBS
    " AS t JOIN state.builds b ON b.build_id = t.build_id"
    " JOIN state.jobs j ON j.dag_version_id = t.dag_version_id AND j.name = b.job_name"
    " WHERE j.max_concurrency IS NOT NULL) ORDER BY c.build_id, c.queue FOR UPDATE) AS locked"};

// In the place of the jobs that were noted.
constexpr postgres::Statement kNoteJobs = {
    "task_note_jobs",
    "SELECT set_config('weir.job_builds', $1::uuid[]::text, true),"
    " set_config('weir.job_versions', $2::uuid[]::text, true)"};

Params named_params(const std::vector<TaskId>& tasks) {
  Params params;
  params.uuid_array(tasks, [](const TaskId& id) { return id.uuid(); });
  return params;
}

}  // namespace

int slot_of(const postgres::Connection& connection) {
  return connection.backend_pid() % kCounterSlots;
}

void queue_open(Pipeline& pipeline) {
  pipeline.begin();
  pipeline.add(sql::kOpen);
}

TaskTransaction::TaskTransaction(postgres::Connection& connection, const TaskStorePorts& ports,
                                 JobCache& jobs)
    : TaskTransaction(connection, ports, jobs, Opened{}) {
  queue_open(pipeline_);
}

TaskTransaction::TaskTransaction(postgres::Connection& connection, const TaskStorePorts& ports,
                                 JobCache& jobs, Opened /*opened*/)
    : connection_(connection),
      ports_(ports),
      job_cache_(jobs),
      open_(jobs.transactions()),
      pipeline_(connection),
      writes_(slot_of(connection)),
      immediate_(ports.waiting) {}

void TaskTransaction::name(std::span<const TaskId> tasks, std::span<const ClaimKey> claims) {
  named_.assign(tasks.begin(), tasks.end());
  Params params;
  params.uuid_array(tasks, [](const TaskId& id) { return id.uuid(); })
      .int32(kOrderHeadsLocked)
      .text_array(claims, &ClaimKey::worker_id)
      .uuid_array(claims, [](const ClaimKey& claim) { return claim.claim_id.uuid(); });
  pipeline_.add(sql::kNameTasks, std::move(params));
}

void TaskTransaction::lock_switches() { pipeline_.add(sql::kLockSwitches); }

void TaskTransaction::lock_tasks(bool skip) {
  task_results_.push_back(pipeline_.add(skip ? sql::kLockFreeTasks : sql::kLockTasks));
}

void TaskTransaction::read_tasks() { task_results_.push_back(pipeline_.add(sql::kReadTasks)); }

void TaskTransaction::read_attempts() { attempts_at_ = pipeline_.add(sql::kReadAttempts); }

void TaskTransaction::read_triggers() { triggers_at_ = pipeline_.add(sql::kReadTriggers); }

void TaskTransaction::pick(const ReadySearch& search, bool triggers) {
  picked_at_.push_back(queue_pick(pipeline_, search, triggers));
}

void TaskTransaction::read(const Reads& reads) {
  read_attempts();
  if (!reads.tokens.empty()) {
    Params params;
    params.uuid_array(reads.tokens, [](const LeaseToken& token) { return token.uuid(); });
    earlier_at_ = pipeline_.add(sql::kReadByToken, std::move(params));
  }
  if (reads.contexts) read_triggers();
  if (reads.fresh) archived_at_ = pipeline_.add(sql::kFindArchived, named_params(named_));
  read_jobs(reads.contexts);
}

void TaskTransaction::read_jobs(bool contexts) {
  facts_at_ = pipeline_.add(sql::kReadFacts);
  heads_at_ = pipeline_.add(sql::kReadHeads, std::move(Params().int32(kOrderHeads)));
  contexts_ = contexts;
  if (contexts_) {
    cursors_at_ = pipeline_.add(sql::kReadCursors);
    inputs_at_ = pipeline_.add(kReadInputs);
  }
  meters_at_ = pipeline_.add(sql::kReadMeters);
  now_at_ = pipeline_.add(sql::kReadNow);
}

void TaskTransaction::lock_turns() {
  turns_due_ = !job_cache_.has_limits();
  if (!turns_due_) pipeline_.add(kLockTurns);
}

/// Where a limit was met, the counts are read again under the lock.
Result<void> TaskTransaction::take_turns() {
  const bool limited = std::ranges::any_of(
      facts_, [](const auto& entry) { return entry.second.max_concurrency.has_value(); });
  if (!limited) return {};
  job_cache_.note_limits();
  Pipeline pipeline(connection_);
  pipeline.add(kLockTurns);
  const std::size_t facts_at = pipeline.add(sql::kReadFacts);
  const std::size_t now_at = pipeline.add(sql::kReadNow);
  WEIR_TRY(const std::vector<Rows> results, pipeline.run());
  take_facts(results[facts_at]);
  now_ = results[now_at].instant(0, 0);
  return {};
}

Result<std::vector<Rows>> TaskTransaction::load() {
  WEIR_TRY(std::vector<Rows> results, pipeline_.run());
  if (now_at_) now_ = results[*now_at_].instant(0, 0);
  for (const std::size_t at : task_results_) take_tasks(results[at]);
  for (const std::size_t at : picked_at_) take_picked(results[at]);
  if (attempts_at_) take_attempts(results[*attempts_at_]);
  if (earlier_at_) take_earlier(results[*earlier_at_]);
  if (facts_at_) take_facts(results[*facts_at_]);
  if (turns_due_) WEIR_CHECK(take_turns());
  if (heads_at_) take_heads(results[*heads_at_]);
  if (triggers_at_) take_triggers(results[*triggers_at_]);
  if (cursors_at_) take_cursors(results[*cursors_at_]);
  if (inputs_at_) take_inputs(results[*inputs_at_]);
  if (meters_at_) take_meters(results[*meters_at_]);
  if (archived_at_) take_archived(results[*archived_at_]);
  WEIR_CHECK(find_archived());
  if (contexts_) {
    std::set<JobKey> keys;
    for (const auto& [key, facts] : facts_) keys.insert(key);
    WEIR_CHECK(job_cache_.fetch(connection_, keys));
  }
  return results;
}

Result<void> TaskTransaction::read_contexts(const std::set<JobKey>& jobs) {
  Params params;
  params.uuid_array(jobs, [](const JobKey& job) { return job.second.uuid(); })
      .uuid_array(jobs, [](const JobKey& job) { return job.first.uuid(); });
  Pipeline pipeline(connection_);
  pipeline.add(kNoteJobs, std::move(params));
  const std::size_t facts_at = pipeline.add(sql::kReadFacts);
  const std::size_t cursors_at = pipeline.add(sql::kReadCursors);
  const std::size_t inputs_at = pipeline.add(kReadInputs);
  const std::size_t now_at = pipeline.add(sql::kReadNow);
  WEIR_TRY(const std::vector<Rows> results, pipeline.run());
  take_facts(results[facts_at]);
  take_cursors(results[cursors_at]);
  for (const JobKey& job : jobs) inputs_[job].clear();
  take_inputs(results[inputs_at]);
  now_ = results[now_at].instant(0, 0);
  WEIR_CHECK(job_cache_.fetch(connection_, jobs));
  contexts_of_ = jobs;
  return {};
}

void TaskTransaction::take_tasks(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    TaskRecord task = task_of(rows, at);
    Row& row = rows_[task.task_id];
    row.view.task = std::move(task);
  }
}

void TaskTransaction::take_attempts(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const auto found = rows_.find(id_of<TaskId>(rows, at, kAttemptColumns));
    if (found == rows_.end()) continue;
    Row& row = found->second;
    if (!rows.is_null(at, 0)) row.view.attempt = attempt_of(rows, at);
    if (!rows.is_null(at, kAttemptColumns + 1)) {
      row.view.lease = lease_of(rows, at, kAttemptColumns + 1);
      row.had_lease = true;
    }
    row.handed_over = rows.boolean(at, kAttemptColumns + 6);
  }
}

void TaskTransaction::take_earlier(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    AttemptRecord attempt = attempt_of(rows, at);
    const auto found = rows_.find(attempt.task_id);
    if (found == rows_.end() || found->second.view.task.life.attempt == attempt.attempt) continue;
    earlier_.insert_or_assign(attempt.task_id, std::move(attempt));
  }
}

void TaskTransaction::take_facts(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const JobKey key{id_of<DagVersionId>(rows, at, 0), id_of<BuildId>(rows, at, 1)};
    facts_[key] = sql::facts_of(rows, at);
    worlds_[key] = std::string(rows.text(at, 3));
  }
}

void TaskTransaction::take_heads(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const OrderKey key{id_of<BuildId>(rows, at, 0), static_cast<int>(rows.int64(at, 1))};
    heads_[key].push_back({rows.int64(at, 3), id_of<TaskId>(rows, at, 2)});
  }
}

void TaskTransaction::take_triggers(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const auto found = rows_.find(id_of<TaskId>(rows, at, 0));
    if (found == rows_.end()) continue;
    found->second.trigger = sql::event_of(rows, at, 1);
  }
}

void TaskTransaction::take_picked(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    TaskRecord task = task_of(rows, at);
    Row& row = rows_[task.task_id];
    row.view.task = std::move(task);
    row.handed_over = rows.boolean(at, kTaskColumns);
    const std::size_t event = kTaskColumns + 1;
    if (!rows.is_null(at, event)) row.trigger = sql::event_of(rows, at, event);
  }
}

void TaskTransaction::take_cursors(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const CursorKey key{id_of<BuildId>(rows, at, 0), static_cast<int>(rows.int64(at, 1)),
                        id_of<DatasetVersionId>(rows, at, 2)};
    if (const auto cursor = cursor_of(rows, at, 3, 4)) consumed_.insert_or_assign(key, *cursor);
  }
}

void TaskTransaction::take_inputs(const Rows& rows) {
  for (auto& [key, input] : inputs_of(rows)) inputs_[key].push_back(std::move(input));
}

void TaskTransaction::take_meters(const Rows& rows) {
  for (const auto runtime : sql::kRuntimes) {
    for (const auto level : sql::kLevels) budget_.read({runtime, level}, 0, false);
  }
  for (std::size_t at = 0; at < rows.size(); ++at) {
    const auto queue = parse_queue_name(rows.text(at, 0));
    if (queue) budget_.read(*queue, rows.int64(at, 1), rows.boolean(at, 2));
  }
}

// History is looked at only for what `tasks` does not have: it has an index a week.
Result<void> TaskTransaction::find_archived() {
  if (archived_at_) return {};
  std::vector<TaskId> missing;
  for (const TaskId& task : named_) {
    if (!rows_.contains(task)) missing.push_back(task);
  }
  if (missing.empty()) return {};
  WEIR_TRY(const Rows rows, connection_.execute(sql::kFindArchived, named_params(missing)));
  take_archived(rows);
  return {};
}

void TaskTransaction::take_archived(const Rows& rows) {
  for (std::size_t at = 0; at < rows.size(); ++at) {
    TaskRecord task = task_of(rows, at);
    if (!rows_.contains(task.task_id)) archived_.insert_or_assign(task.task_id, std::move(task));
  }
}

bool TaskTransaction::order_blocked(const TaskRecord& task) const {
  if (!task.order_seq) return false;
  const auto found = heads_.find({task.build_id, task.input_index.value_or(0)});
  if (found == heads_.end()) return false;
  for (const Head& head : found->second) {
    if (head.order_seq >= *task.order_seq) return false;
    const auto row = rows_.find(head.task);
    if (row == rows_.end() || !is_terminal(row->second.view.task.life.state)) return true;
  }
  // All that were looked at are over; there may be more.
  return found->second.size() == std::size_t{kOrderHeads};
}

const TaskRecord* TaskTransaction::record(const TaskId& task) const {
  const auto found = rows_.find(task);
  return found == rows_.end() ? nullptr : &found->second.view.task;
}

TaskView TaskTransaction::view(const TaskId& task, const std::optional<LeaseToken>& token) const {
  const auto found = rows_.find(task);
  if (found == rows_.end()) {
    TaskView view;
    const auto archived = archived_.find(task);
    view.presence = archived == archived_.end() ? Presence::Unknown : Presence::Archived;
    if (archived != archived_.end()) view.task = archived->second;
    return view;
  }
  TaskView view = found->second.view;
  const auto earlier = earlier_.find(task);
  if (token && earlier != earlier_.end() && earlier->second.lease_token == *token) {
    view.earlier = earlier->second;
  }
  view.order_blocked = order_blocked(view.task);
  view.root_in_handoff = found->second.handed_over;
  view.may_ring = budget_.may_ring(view.task.queue);
  return view;
}

BuildFacts TaskTransaction::facts(const TaskView& view) const {
  const auto found = facts_.find({view.task.dag_version_id, view.task.build_id});
  return found == facts_.end() ? BuildFacts{} : found->second;
}

void TaskTransaction::write(const TaskView& view, const Change& change) {
  if (change.empty()) return;
  Row& row = rows_[view.task.task_id];
  const bool limited = facts(view).max_concurrency.has_value();
  std::optional<DatasetVersionId> read;
  if (row.trigger) read = row.trigger->version;
  writes_.add(view.task, {.had_lease = row.had_lease, .limited = limited, .read = read}, change);
  apply(row.view, change);
  for (auto& [key, facts] : facts_) {
    if (key.second == view.task.build_id) apply(facts, change);
  }
  budget_.note(view.task.queue, change);
  if (!change.next_in_order) return;
  next_in_order_.insert_or_assign({view.task.build_id, view.task.input_index.value_or(0)},
                                  view.task.queue);
}

void TaskTransaction::create(const Change& change) {
  WEIR_ASSERT(change.created);
  TaskView view;
  view.task = *change.created;
  const OrderKey key{view.task.build_id, view.task.input_index.value_or(0)};
  if (view.task.order_seq) heads_[key].push_back({*view.task.order_seq, view.task.task_id});
  write(view, change);
}

bool TaskTransaction::create_claimed(const JobKey& key, const CreateCommand& command,
                                     const EventContext& trigger) {
  const auto read = job(key);
  if (!read) return false;
  const BuildFacts& build = facts_.at(key);
  const auto created = decide(build, command, now_).change.created;
  if (!created || !may_be_claimed_at_once(*created, build)) return false;
  const ClaimRequest* waiting =
      immediate_.find(created->queue, read->operator_name, read->operator_version);
  if (waiting == nullptr) return false;
  const ClaimCommand claim{.worker_id = waiting->worker_id,
                           .claim_id = waiting->claim_id,
                           .lease_token = fresh<LeaseToken>(),
                           .frozen_scope = frozen_scope(*created, &trigger),
                           .draw = draw()};
  const auto decision = decide(build, ClaimedAtOnce{command, claim}, now_);
  if (!decision.reply.claimed) return false;
  create(decision.change);
  rows_.at(command.task_id).trigger = trigger;
  immediate_.took(command.task_id, *decision.reply.claimed);
  return true;
}

TaskScope TaskTransaction::frozen_scope(const TaskRecord& task) const {
  return frozen_scope(task, trigger(task.task_id));
}

TaskScope TaskTransaction::frozen_scope(const TaskRecord& task, const EventContext* trigger) const {
  TaskScope scope;
  const auto inputs = inputs_.find({task.dag_version_id, task.build_id});
  if (inputs != inputs_.end()) {
    for (const InputContext& input : inputs->second) {
      scope.pinned.push_back({.input_index = input.index, .version = input.version});
    }
  }
  if (!task.life.scope.cursor_to || trigger == nullptr || !task.input_index) return scope;
  const auto consumed = consumed_.find({task.build_id, *task.input_index, trigger->version});
  if (consumed != consumed_.end()) scope.cursor_from = consumed->second;
  return scope;
}

std::shared_ptr<const JobContext> TaskTransaction::job(const JobKey& key) {
  auto& kept = jobs_[key];
  if (kept) return kept;
  const auto known = job_cache_.find(key);
  if (!known) return nullptr;
  JobContext job = *known;
  job.world = worlds_[key];
  job.inputs = inputs_[key];
  kept = std::make_shared<const JobContext>(std::move(job));
  return kept;
}

std::vector<TaskId> TaskTransaction::loaded() const {
  std::vector<TaskId> tasks;
  tasks.reserve(rows_.size());
  for (const auto& [task, row] : rows_) tasks.push_back(task);
  return tasks;
}

const EventContext* TaskTransaction::trigger(const TaskId& task) const {
  const auto found = rows_.find(task);
  const bool known = found != rows_.end() && found->second.trigger;
  return known ? &*found->second.trigger : nullptr;
}

TaskContext TaskTransaction::context(const TaskId& task) {
  const Row& row = rows_.at(task);
  const JobKey key{row.view.task.dag_version_id, row.view.task.build_id};
  return {.task = row.view.task,
          .build = facts_.at(key),
          .job = job(key),
          .trigger = row.trigger,
          .lease = row.view.lease};
}

// The first unfinished task is rung, as far as it was locked; of the others the queue is owed.
void TaskTransaction::ring_next(const OrderKey& key, const QueueName& queue) {
  const auto found = heads_.find(key);
  if (found == heads_.end()) return;
  for (const Head& head : found->second) {
    const auto row = rows_.find(head.task);
    if (row == rows_.end()) {
      writes_.owe(queue);
      return;
    }
    if (is_terminal(row->second.view.task.life.state)) continue;
    run(view(head.task), RingCommand{});
    return;
  }
  if (found->second.size() == std::size_t{kOrderHeads}) writes_.owe(queue);
}

// A commit that does not wait lets go of its rows at once. So it is where other transactions are
// open: who reads an input moves one row of cursors, and would wait for the disk of everyone
// before. And where tasks are rung: who was told claims them while the disk works. Nobody is
// answered before the log is on the disk as far as a commit behind this one; what others have built
// on it comes later there, so that a claim that was answered stands on tasks that are there.
Result<void> TaskTransaction::flush() {
  const auto flushed = connection_.execute(sql::kWriteMark);
  if (flushed.ok()) return {};
  return base::unavailable(std::string(postgres::kCommitUnknown), flushed.error().message());
}

Result<void> TaskTransaction::commit(const std::function<void(Pipeline&)>& first,
                                     const std::function<void()>& meanwhile) {
  auto done = write_all(first, meanwhile);
  if (done.ok()) {
    immediate_.answer([&](ClaimedTask& claimed) {
      claimed.answer.reply.fence_no = fence_no(claimed.task_id);
      claimed.context = context(claimed.task_id);
    });
  } else if (done.error().reason() == postgres::kCommitUnknown) {
    immediate_.fail(done.error());
  }
  return done;
}

Result<void> TaskTransaction::write_all(const std::function<void(Pipeline&)>& first,
                                        const std::function<void()>& meanwhile) {
  const auto next = next_in_order_;
  for (const auto& [key, queue] : next) ring_next(key, queue);
  Pipeline pipeline(connection_);
  if (first) first(pipeline);
  const auto fences = writes_.queue(pipeline);
  // A repeat is answered from rows that another may have written and not yet flushed.
  const bool flushes = pipeline.size() > 0 || !rows_.empty();
  const bool rings = ports_.rung && !writes_.rung().empty();
  const bool waits = flushes && !rings && open_.alone();
  pipeline.add(waits ? sql::kWriteMark : postgres::kCommitAtOnce);
  pipeline.commit();
  WEIR_CRASH_POINT("tasks_before_commit");
  WEIR_TRY(const std::vector<Rows> results, pipeline.run(meanwhile));
  WEIR_CRASH_POINT("tasks_after_commit");
  for (const auto& [key, rank] : writes_.queued()) {
    job_cache_.marks().lower({.build = key.first, .queue = key.second, .place = {.rank = rank}});
  }
  open_.end();
  if (rings) ports_.rung(writes_.rung());
  if (flushes && !waits) WEIR_CHECK(flush());
  if (!fences) return {};
  const Rows& rows = results[*fences];
  for (std::size_t at = 0; at < rows.size(); ++at) {
    fences_[id_of<TaskId>(rows, at, 0)] = rows.int64(at, 1);
  }
  return {};
}

}  // namespace weir::dispatcher
