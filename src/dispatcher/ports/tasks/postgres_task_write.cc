// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_write.h"

#include <algorithm>
#include <ranges>

#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "drivers/postgres/params.h"
#include "drivers/postgres/pipeline.h"
#include "drivers/postgres/statement.h"

namespace weir::dispatcher {
namespace {

using postgres::Params;
using postgres::Pipeline;
using postgres::Statement;

constexpr Statement kInsertTasks = {
    "task_insert",
    "INSERT INTO state.tasks (task_id, org_id, build_id, dag_version_id, kind, queue, state, class,"
    " effects, attempt, max_attempts, priority, trigger_event_id, root_event_id, input_index,"
    " invalidation_id, order_seq, scope, available_at, rank_at, next_retry_at, deadline_at,"
    " last_error, result, woken_at, wakeups, created_at, started_at, finished_at)"
    " SELECT a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r::jsonb, s, t, u, v, w::jsonb,"
    " x::jsonb, y, z, aa, ab, ac FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[],"
    " $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::int[], $11::int[],"
    " $12::int[], $13::uuid[], $14::uuid[], $15::int[], $16::uuid[], $17::bigint[], $18::text[],"
    " $19::timestamptz[], $20::timestamptz[], $21::timestamptz[], $22::timestamptz[], $23::text[],"
    " $24::text[], $25::timestamptz[], $26::int[], $27::timestamptz[], $28::timestamptz[],"
    " $29::timestamptz[]) AS u (a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v,"
    " w, x, y, z, aa, ab, ac)"};

constexpr Statement kUpdateTasks = {
    "task_update",
    "UPDATE state.tasks AS t SET state = u.state, class = u.class, effects = u.effects,"
    " attempt = u.attempt, max_attempts = u.max_attempts, scope = u.scope::jsonb,"
    " available_at = u.available_at, rank_at = u.rank_at, next_retry_at = u.next_retry_at,"
    " deadline_at = u.deadline_at, cancel_requested_at = u.cancel_requested_at,"
    " cancel_reason = u.cancel_reason, last_error = u.last_error::jsonb,"
    " result = u.result::jsonb, woken_at = u.woken_at, wakeups = u.wakeups,"
    " started_at = u.started_at, finished_at = u.finished_at"
    " FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::int[], $6::int[],"
    " $7::text[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::timestamptz[],"
    " $12::timestamptz[], $13::text[], $14::text[], $15::text[], $16::timestamptz[], $17::int[],"
    " $18::timestamptz[], $19::timestamptz[]) AS u (task_id, state, class, effects, attempt,"
    " max_attempts, scope, available_at, rank_at, next_retry_at, deadline_at,"
    " cancel_requested_at, cancel_reason, last_error, result, woken_at, wakeups, started_at,"
    " finished_at) WHERE t.task_id = u.task_id"};

constexpr Statement kInsertAttempts = {
    "task_insert_attempts",
    "INSERT INTO state.attempts (task_id, attempt, lease_token, worker_id, claim_id, state,"
    " outcome, error, started_at, ended_at) SELECT a, b, c, d, e, f, g, h::jsonb, i, j"
    " FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::uuid[], $6::text[],"
    " $7::text[], $8::text[], $9::timestamptz[], $10::timestamptz[])"
    " AS u (a, b, c, d, e, f, g, h, i, j) RETURNING task_id, fence_no"};

constexpr Statement kUpdateAttempts = {
    "task_update_attempts",
    "UPDATE state.attempts AS a SET state = u.state, outcome = u.outcome, error = u.error::jsonb,"
    " ended_at = u.ended_at FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[],"
    " $5::text[], $6::timestamptz[]) AS u (task_id, attempt, state, outcome, error, ended_at)"
    " WHERE a.task_id = u.task_id AND a.attempt = u.attempt"};

constexpr Statement kDeleteLeases = {"task_delete_leases",
                                     "DELETE FROM state.leases WHERE task_id = ANY($1::uuid[])"};

constexpr Statement kInsertLeases = {
    "task_insert_leases",
    "INSERT INTO state.leases (task_id, attempt, worker_id, expires_at, last_heartbeat_at)"
    " SELECT a, b, c, d, e FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[],"
    " $5::timestamptz[]) AS u (a, b, c, d, e)"};

constexpr Statement kUpdateLeases = {
    "task_update_leases",
    "UPDATE state.leases AS l SET expires_at = u.d, last_heartbeat_at = u.e"
    " FROM unnest($1::uuid[], $2::int[], $3::text[], $4::timestamptz[], $5::timestamptz[])"
    " AS u (a, b, c, d, e) WHERE l.task_id = u.a"};

constexpr Statement kInsertOutbox = {
    "task_insert_outbox",
    "INSERT INTO state.outbox (outbox_id, kind, topic, order_key, payload, available_at,"
    " created_at) SELECT a, b, c, d, e::jsonb, f, g FROM unnest($1::uuid[], $2::text[], $3::text[],"
    " $4::text[], $5::text[], $6::timestamptz[], $7::timestamptz[]) AS u (a, b, c, d, e, f, g)"
    " ON CONFLICT (outbox_id) DO NOTHING"};

// A consumer's cursor never goes back.
#define WEIR_ADVANCE_CURSORS                                                                    \
  "INSERT INTO state.dataset_cursors AS c (build_id, input_index, dataset_version, cursor_int," \
  " cursor_text, updated_at) "
#define WEIR_CURSORS_ADVANCED                                                                 \
  " ON CONFLICT (build_id, input_index, dataset_version) DO UPDATE SET"                       \
  " cursor_int = greatest(c.cursor_int, excluded.cursor_int),"                                \
  " cursor_text = greatest(c.cursor_text COLLATE \"C\", excluded.cursor_text COLLATE \"C\")," \
  " updated_at = excluded.updated_at"

// Several tasks of a batch may move one row.
constexpr Statement kAdvanceCursors = {
    "task_advance_cursors", WEIR_ADVANCE_CURSORS
    "SELECT t.build_id, t.input_index, e.dataset_version, max(u.number),"
    " max(u.label COLLATE \"C\"), clock_timestamp()"
    " FROM unnest($1::uuid[], $2::bigint[], $3::text[]) AS u (task_id, number, label)"
    " JOIN state.tasks t ON t.task_id = u.task_id JOIN state.events e"
    " ON e.event_id = t.trigger_event_id WHERE t.input_index IS NOT NULL"
    " GROUP BY 1, 2, 3 ORDER BY 1, 2, 3" WEIR_CURSORS_ADVANCED};

constexpr Statement kReachCursors = {
    "task_reach_cursors", WEIR_ADVANCE_CURSORS
    "SELECT a, b, c, d, e, clock_timestamp() FROM unnest($1::uuid[], $2::int[], $3::uuid[],"
    " $4::bigint[], $5::text[]) AS u (a, b, c, d, e)" WEIR_CURSORS_ADVANCED};

// The invalidation's row first, so that of two last tasks one sees the other (6.16).
constexpr Statement kLockInvalidations = {
    "task_lock_invalidations",
    "SELECT count(*) FROM (SELECT FROM state.invalidations WHERE invalidation_id IN"
    " (SELECT t.invalidation_id FROM state.tasks t WHERE t.task_id = ANY($1::uuid[]))"
    " ORDER BY invalidation_id FOR UPDATE) AS locked"};

constexpr Statement kCloseTargets = {
    "task_close_targets",
    "UPDATE state.invalidation_targets AS g SET processed_at = clock_timestamp()"
    " FROM (SELECT DISTINCT t.invalidation_id, t.build_id, t.input_index FROM state.tasks t"
    " WHERE t.task_id = ANY($1::uuid[])) AS d WHERE g.invalidation_id = d.invalidation_id"
    " AND g.consumer_build_id = d.build_id AND g.input_index = d.input_index"
    " AND g.processed_at IS NULL AND NOT EXISTS (SELECT FROM state.tasks o"
    " WHERE o.build_id = d.build_id AND o.input_index = d.input_index"
    " AND o.invalidation_id = d.invalidation_id AND o.state <> 'completed')"};

constexpr Statement kCloseInvalidations = {
    "task_close_invalidations",
    "UPDATE state.invalidations AS i SET processed_at = clock_timestamp()"
    " WHERE i.invalidation_id IN"
    " (SELECT t.invalidation_id FROM state.tasks t WHERE t.task_id = ANY($1::uuid[]))"
    " AND i.processed_at IS NULL AND NOT EXISTS (SELECT FROM state.invalidation_targets g"
    " WHERE g.invalidation_id = i.invalidation_id AND g.processed_at IS NULL)"};

constexpr Statement kUpdatePublishes = {
    "task_update_publishes",
    "UPDATE state.buffered_publishes AS p SET state = u.state, last_error = t.last_error,"
    " finished_at = t.finished_at FROM unnest($1::uuid[], $2::text[]) AS u (publish_id, state)"
    " JOIN state.tasks t ON t.task_id = u.publish_id WHERE p.publish_id = u.publish_id"};

constexpr Statement kUpdateChecks = {
    "task_update_checks",
    "UPDATE state.deploy_checks AS k SET state = CASE WHEN u.state <> 'measured' THEN u.state"
    " WHEN t.result->>'passed' = 'true' THEN 'passed' ELSE 'failed' END,"
    " measured = t.result->'measured', baseline = t.result->'baseline',"
    " finished_at = t.finished_at FROM unnest($1::uuid[], $2::text[]) AS u (task_id, state)"
    " JOIN state.tasks t ON t.task_id = u.task_id WHERE k.task_id = u.task_id"};

constexpr Statement kAddCounts = {
    "task_add_counts",
    "INSERT INTO state.task_counts AS c (build_id, queue, slot, queued, running, retry_wait,"
    " completed, failed, canceled) SELECT * FROM unnest($1::uuid[], $2::text[], $3::int[],"
    " $4::int[], $5::int[], $6::int[], $7::int[], $8::int[], $9::int[])"
    " ON CONFLICT (build_id, queue, slot) DO UPDATE SET queued = c.queued + excluded.queued,"
    " running = c.running + excluded.running, retry_wait = c.retry_wait + excluded.retry_wait,"
    " completed = c.completed + excluded.completed, failed = c.failed + excluded.failed,"
    " canceled = c.canceled + excluded.canceled"};

constexpr Statement kAddMeters = {
    "task_add_meters",
    "INSERT INTO state.wakeup_meters AS m (queue_name, slot, outstanding, owed)"
    " SELECT a, $2::int, b, c FROM unnest($1::text[], $3::int[], $4::bool[]) AS u (a, b, c)"
    " ON CONFLICT (queue_name, slot) DO UPDATE SET"
    " outstanding = m.outstanding + excluded.outstanding, owed = m.owed OR excluded.owed"};

constexpr Statement kOweFreedSlots = {
    "task_owe_freed_slots",
    "INSERT INTO state.wakeup_meters AS m (queue_name, slot, owed)"
    " SELECT queue, $2::int, true FROM (SELECT DISTINCT queue FROM (SELECT build_id, queue"
    " FROM state.task_counts WHERE build_id = ANY($1::uuid[]) GROUP BY build_id, queue"
    " HAVING sum(queued) > 0) AS b ORDER BY queue) AS q"
    " ON CONFLICT (queue_name, slot) DO UPDATE SET owed = true"};

constexpr Statement kPromiseMore = {
    "task_promise_more",
    "INSERT INTO state.wakeup_meters AS m (queue_name, slot, more_until)"
    " SELECT a, $2::int, b FROM unnest($1::text[], $3::timestamptz[]) AS u (a, b)"
    " ON CONFLICT (queue_name, slot) DO UPDATE SET more_until = excluded.more_until"};

constexpr Statement kForgetMore = {
    "task_forget_more",
    "UPDATE state.wakeup_meters SET more_until = NULL"
    " WHERE queue_name = ANY($1::text[]) AND more_until IS NOT NULL"};

template <class Id>
std::optional<Uuid> uuid_if(const std::optional<Id>& id) {
  return id ? std::optional(id->uuid()) : std::nullopt;
}

template <class Word>
std::optional<std::string_view> word_if(const std::optional<Word>& value) {
  return value ? std::optional(word(*value)) : std::nullopt;
}

std::optional<std::string> error_text(const std::optional<TaskError>& error) {
  return error ? std::optional(error_json(*error)) : std::nullopt;
}

std::optional<std::string_view> text_if(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional<std::string_view>(text);
}

std::string_view check_word(CheckMove move) {
  if (move == CheckMove::Running) return "running";
  return move == CheckMove::Measured ? "measured" : "error";
}

}  // namespace

void TaskWrites::add(const TaskRecord& task, const Beside& beside, const Change& change) {
  if (change.empty()) return;
  const TaskRecord& row = change.created ? *change.created : task;
  if (change.created) created_.push_back(*change.created);
  if (change.life) lives_.insert_or_assign(row.task_id, *change.life);
  const TaskLife& life = change.life ? *change.life : row.life;
  if ((change.created || change.life) && life.state == TaskState::Queued) {
    const auto [first, fresh] = queued_.try_emplace({row.build_id, row.queue.text()}, life.rank_at);
    if (!fresh) first->second = std::min(first->second, life.rank_at);
  }
  if (change.opened) {
    opened_at_.insert_or_assign(row.task_id, opened_.size());
    opened_.push_back(*change.opened);
  }
  if (change.ended) add_end(row.task_id, *change.ended);
  if (change.lease_change == LeaseChange::Put) {
    auto& put = beside.had_lease ? leases_moved_ : leases_new_;
    put.insert_or_assign(row.task_id, *change.lease);
  }
  // A lease that nobody saw is not written at all.
  if (change.lease_change == LeaseChange::Deleted && leases_new_.erase(row.task_id) == 0) {
    leases_moved_.erase(row.task_id);
    leases_gone_.insert(row.task_id);
  }
  for (const OutboxRecord& wakeup : change.outbox) {
    outbox_.push_back(wakeup);
    if (wakeup.kind != OutboxKind::TaskWakeup) continue;
    rung_.push_back({wakeup.outbox_id, {row.queue, row.task_id}});
  }
  if (change.counts != CountDelta{}) {
    counts_[{row.build_id, row.queue.text(), beside.limited ? 0 : slot_}] += change.counts;
  }
  if (change.meter != MeterDelta{}) {
    MeterDelta& meter = meters_[row.queue.text()];
    meter.outstanding += change.meter.outstanding;
    meter.owed = meter.owed || change.meter.owed;
  }
  if (change.cursor_to && row.trigger_event_id) add_cursor(row, beside.read, *change.cursor_to);
  if (change.invalidation_done) invalidated_.push_back(row.task_id);
  if (change.slot_freed) slots_freed_.insert(row.build_id);
  if (change.publish) publishes_.insert_or_assign(row.task_id, *change.publish);
  if (change.check) checks_.insert_or_assign(row.task_id, *change.check);
}

void TaskWrites::add_cursor(const TaskRecord& task, const std::optional<DatasetVersionId>& read,
                            const Cursor& cursor) {
  if (!task.input_index) return;
  if (!read) {
    cursors_.push_back({task.task_id, cursor});
    return;
  }
  Reached& reached = cursors_reached_[{task.build_id, *task.input_index, *read}];
  const auto* number = std::get_if<std::int64_t>(&cursor);
  if (number != nullptr) reached.number = std::max(reached.number.value_or(*number), *number);
  const auto* text = std::get_if<std::string>(&cursor);
  if (text != nullptr) reached.text = std::max(reached.text.value_or(*text), *text);
}

/// An attempt that this transaction opened is written as it ends.
void TaskWrites::add_end(const TaskId& task, const AttemptEnd& end) {
  const auto found = opened_at_.find(task);
  if (found == opened_at_.end() || opened_[found->second].attempt != end.attempt) {
    ended_.push_back({task, end});
    return;
  }
  AttemptRecord& attempt = opened_[found->second];
  attempt.state = end.state;
  attempt.outcome = end.outcome;
  attempt.error = end.error;
  attempt.ended_at = end.ended_at;
}

void TaskWrites::promise(const std::vector<QueueName>& queues, std::optional<Instant> until) {
  for (const QueueName& queue : queues) promises_.insert_or_assign(queue.text(), until);
}

bool TaskWrites::empty() const {
  return created_.empty() && lives_.empty() && opened_.empty() && ended_.empty() &&
         leases_new_.empty() && leases_moved_.empty() && leases_gone_.empty() && outbox_.empty() &&
         counts_.empty() && meters_.empty() && promises_.empty() && slots_freed_.empty();
}

std::optional<std::size_t> TaskWrites::queue(Pipeline& pipeline) const {
  std::optional<std::size_t> fences;
  queue_tasks(pipeline);
  if (!opened_.empty()) fences = queue_opened(pipeline);
  queue_attempts(pipeline);
  queue_leases(pipeline);
  queue_beside(pipeline);
  queue_outbox(pipeline);
  queue_counts(pipeline);
  queue_cursors(pipeline);
  return fences;
}

void TaskWrites::queue_tasks(Pipeline& pipeline) const {
  using Task = TaskRecord;
  if (!created_.empty()) {
    const auto life = [](auto read) {
      return [read](const Task& task) { return read(task.life); };
    };
    Params params;
    params.uuid_array(created_, [](const Task& t) { return t.task_id.uuid(); })
        .uuid_array(created_, [](const Task& t) { return t.org_id.uuid(); })
        .uuid_array(created_, [](const Task& t) { return t.build_id.uuid(); })
        .uuid_array(created_, [](const Task& t) { return t.dag_version_id.uuid(); })
        .text_array(created_, [](const Task& t) { return word(t.kind); })
        .text_array(created_, [](const Task& t) { return t.queue.text(); })
        .text_array(created_, life([](const TaskLife& l) { return word(l.state); }))
        .text_array(created_, life([](const TaskLife& l) { return word(l.task_class); }))
        .text_array(created_, life([](const TaskLife& l) { return word_if(l.effects); }))
        .int32_array(created_, life([](const TaskLife& l) { return l.attempt; }))
        .int32_array(created_, life([](const TaskLife& l) { return l.max_attempts; }))
        .int32_array(created_, &Task::priority)
        .uuid_array(created_, [](const Task& t) { return uuid_if(t.trigger_event_id); })
        .uuid_array(created_, [](const Task& t) { return uuid_if(t.root_event_id); })
        .int32_array(created_, &Task::input_index)
        .uuid_array(created_, [](const Task& t) { return uuid_if(t.invalidation_id); })
        .int64_array(created_, &Task::order_seq)
        .text_array(created_, life([](const TaskLife& l) { return scope_json(l.scope); }))
        .instant_array(created_, life([](const TaskLife& l) { return l.available_at; }))
        .instant_array(created_, life([](const TaskLife& l) { return l.rank_at; }))
        .instant_array(created_, life([](const TaskLife& l) { return l.next_retry_at; }))
        .instant_array(created_, life([](const TaskLife& l) { return l.deadline_at; }))
        .text_array(created_, life([](const TaskLife& l) { return error_text(l.last_error); }))
        .text_array(created_, life([](const TaskLife& l) { return text_if(l.result); }))
        .instant_array(created_, life([](const TaskLife& l) { return l.woken_at; }))
        .int32_array(created_, life([](const TaskLife& l) { return l.wakeups; }))
        .instant_array(created_, &Task::created_at)
        .instant_array(created_, life([](const TaskLife& l) { return l.started_at; }))
        .instant_array(created_, life([](const TaskLife& l) { return l.finished_at; }));
    pipeline.add(kInsertTasks, std::move(params));
  }
  if (lives_.empty()) return;
  const auto life = [](auto read) { return [read](const auto& row) { return read(row.second); }; };
  Params params;
  params.uuid_array(lives_, [](const auto& row) { return row.first.uuid(); })
      .text_array(lives_, life([](const TaskLife& l) { return word(l.state); }))
      .text_array(lives_, life([](const TaskLife& l) { return word(l.task_class); }))
      .text_array(lives_, life([](const TaskLife& l) { return word_if(l.effects); }))
      .int32_array(lives_, life([](const TaskLife& l) { return l.attempt; }))
      .int32_array(lives_, life([](const TaskLife& l) { return l.max_attempts; }))
      .text_array(lives_, life([](const TaskLife& l) { return scope_json(l.scope); }))
      .instant_array(lives_, life([](const TaskLife& l) { return l.available_at; }))
      .instant_array(lives_, life([](const TaskLife& l) { return l.rank_at; }))
      .instant_array(lives_, life([](const TaskLife& l) { return l.next_retry_at; }))
      .instant_array(lives_, life([](const TaskLife& l) { return l.deadline_at; }))
      .instant_array(lives_, life([](const TaskLife& l) { return l.cancel_requested_at; }))
      .text_array(lives_, life([](const TaskLife& l) { return word_if(l.cancel_reason); }))
      .text_array(lives_, life([](const TaskLife& l) { return error_text(l.last_error); }))
      .text_array(lives_, life([](const TaskLife& l) { return text_if(l.result); }))
      .instant_array(lives_, life([](const TaskLife& l) { return l.woken_at; }))
      .int32_array(lives_, life([](const TaskLife& l) { return l.wakeups; }))
      .instant_array(lives_, life([](const TaskLife& l) { return l.started_at; }))
      .instant_array(lives_, life([](const TaskLife& l) { return l.finished_at; }));
  pipeline.add(kUpdateTasks, std::move(params));
}

std::size_t TaskWrites::queue_opened(Pipeline& pipeline) const {
  using Attempt = AttemptRecord;
  Params params;
  params.uuid_array(opened_, [](const Attempt& a) { return a.task_id.uuid(); })
      .int32_array(opened_, &Attempt::attempt)
      .uuid_array(opened_, [](const Attempt& a) { return a.lease_token.uuid(); })
      .text_array(opened_, &Attempt::worker_id)
      .uuid_array(opened_, [](const Attempt& a) { return uuid_if(a.claim_id); })
      .text_array(opened_, [](const Attempt& a) { return word(a.state); })
      .text_array(opened_, [](const Attempt& a) { return word_if(a.outcome); })
      .text_array(opened_, [](const Attempt& a) { return error_text(a.error); })
      .instant_array(opened_, &Attempt::started_at)
      .instant_array(opened_, &Attempt::ended_at);
  return pipeline.add(kInsertAttempts, std::move(params));
}

void TaskWrites::queue_attempts(Pipeline& pipeline) const {
  if (ended_.empty()) return;
  const auto end = [](auto read) {
    return [read](const EndedAttempt& ended) { return read(ended.end); };
  };
  Params params;
  params.uuid_array(ended_, [](const EndedAttempt& e) { return e.task.uuid(); })
      .int32_array(ended_, end([](const AttemptEnd& e) { return e.attempt; }))
      .text_array(ended_, end([](const AttemptEnd& e) { return word(e.state); }))
      .text_array(ended_, end([](const AttemptEnd& e) { return word_if(e.outcome); }))
      .text_array(ended_, end([](const AttemptEnd& e) { return error_text(e.error); }))
      .instant_array(ended_, end([](const AttemptEnd& e) { return e.ended_at; }));
  pipeline.add(kUpdateAttempts, std::move(params));
}

void TaskWrites::queue_leases(Pipeline& pipeline) const {
  if (!leases_gone_.empty()) {
    pipeline.add(kDeleteLeases, std::move(Params().uuid_array(
                                    leases_gone_, [](const TaskId& id) { return id.uuid(); })));
  }
  const auto put = [&](const Statement& statement, const std::map<TaskId, LeaseRecord>& leases) {
    if (leases.empty()) return;
    const auto rows = std::views::values(leases);
    Params params;
    params.uuid_array(rows, [](const LeaseRecord& l) { return l.task_id.uuid(); })
        .int32_array(rows, &LeaseRecord::attempt)
        .text_array(rows, &LeaseRecord::worker_id)
        .instant_array(rows, &LeaseRecord::expires_at)
        .instant_array(rows, &LeaseRecord::last_heartbeat_at);
    pipeline.add(statement, std::move(params));
  };
  put(kInsertLeases, leases_new_);
  put(kUpdateLeases, leases_moved_);
}

void TaskWrites::queue_outbox(Pipeline& pipeline) const {
  if (outbox_.empty()) return;
  Params params;
  params.uuid_array(outbox_, [](const OutboxRecord& r) { return r.outbox_id.uuid(); })
      .text_array(outbox_, [](const OutboxRecord& r) { return word(r.kind); })
      .text_array(outbox_, &OutboxRecord::topic)
      .text_array(outbox_, &OutboxRecord::order_key)
      .text_array(outbox_, &OutboxRecord::payload)
      .instant_array(outbox_, &OutboxRecord::available_at)
      .instant_array(outbox_, &OutboxRecord::created_at);
  pipeline.add(kInsertOutbox, std::move(params));
}

void TaskWrites::queue_beside(Pipeline& pipeline) const {
  if (!invalidated_.empty()) {
    for (const Statement* statement : {&kLockInvalidations, &kCloseTargets, &kCloseInvalidations}) {
      Params params;
      params.uuid_array(invalidated_, [](const TaskId& id) { return id.uuid(); });
      pipeline.add(*statement, std::move(params));
    }
  }
  const auto moved = [&](const Statement& statement, const auto& rows, auto name) {
    if (rows.empty()) return;
    Params params;
    params.uuid_array(rows, [](const auto& row) { return row.first.uuid(); })
        .text_array(rows, [name](const auto& row) { return name(row.second); });
    pipeline.add(statement, std::move(params));
  };
  moved(kUpdatePublishes, publishes_, [](PublishState state) { return word(state); });
  moved(kUpdateChecks, checks_, [](CheckMove move) { return check_word(move); });
}

// Last of all: everyone who reads an input moves the same row, and holds it until the commit.
void TaskWrites::queue_cursors(Pipeline& pipeline) const {
  if (!cursors_reached_.empty()) {
    const auto& reached = cursors_reached_;
    Params params;
    params.uuid_array(reached, [](const auto& row) { return std::get<0>(row.first).uuid(); })
        .int32_array(reached, [](const auto& row) { return std::get<1>(row.first); })
        .uuid_array(reached, [](const auto& row) { return std::get<2>(row.first).uuid(); })
        .int64_array(reached, [](const auto& row) { return row.second.number; })
        .text_array(reached, [](const auto& row) { return row.second.text; });
    pipeline.add(kReachCursors, std::move(params));
  }
  if (cursors_.empty()) return;
  Params params;
  params.uuid_array(cursors_, [](const TaskCursor& c) { return c.task.uuid(); })
      .int64_array(cursors_,
                   [](const TaskCursor& c) {
                     const auto* number = std::get_if<std::int64_t>(&c.cursor);
                     return number ? std::optional(*number) : std::nullopt;
                   })
      .text_array(cursors_, [](const TaskCursor& c) {
        const auto* text = std::get_if<std::string>(&c.cursor);
        return text ? std::optional<std::string_view>(*text) : std::nullopt;
      });
  pipeline.add(kAdvanceCursors, std::move(params));
}

// Sorted by their keys, as everyone locks them.
void TaskWrites::queue_counts(Pipeline& pipeline) const {
  if (!counts_.empty()) {
    const auto delta = [](auto field) {
      return [field](const auto& row) { return row.second.*field; };
    };
    Params params;
    params.uuid_array(counts_, [](const auto& row) { return row.first.build.uuid(); })
        .text_array(counts_, [](const auto& row) { return std::string_view(row.first.queue); })
        .int32_array(counts_, [](const auto& row) { return row.first.slot; })
        .int32_array(counts_, delta(&CountDelta::queued))
        .int32_array(counts_, delta(&CountDelta::running))
        .int32_array(counts_, delta(&CountDelta::retry_wait))
        .int32_array(counts_, delta(&CountDelta::completed))
        .int32_array(counts_, delta(&CountDelta::failed))
        .int32_array(counts_, delta(&CountDelta::canceled));
    pipeline.add(kAddCounts, std::move(params));
  }
  if (!meters_.empty()) {
    Params params;
    params.text_array(meters_, [](const auto& row) { return std::string_view(row.first); })
        .int32(slot_)
        .int32_array(meters_, [](const auto& row) { return row.second.outstanding; })
        .boolean_array(meters_, [](const auto& row) { return row.second.owed; });
    pipeline.add(kAddMeters, std::move(params));
  }
  if (!slots_freed_.empty()) {
    Params params;
    params.uuid_array(slots_freed_, [](const BuildId& id) { return id.uuid(); }).int32(slot_);
    pipeline.add(kOweFreedSlots, std::move(params));
  }
  std::map<std::string, std::optional<Instant>> promised;
  std::vector<std::string> forgotten;
  for (const auto& [queue, until] : promises_) {
    if (until) promised.emplace(queue, until);
    if (!until) forgotten.push_back(queue);
  }
  if (!promised.empty()) {
    Params params;
    params.text_array(promised, [](const auto& row) { return std::string_view(row.first); })
        .int32(slot_)
        .instant_array(promised, [](const auto& row) { return row.second; });
    pipeline.add(kPromiseMore, std::move(params));
  }
  if (!forgotten.empty()) {
    Params params;
    params.text_array(forgotten);
    pipeline.add(kForgetMore, std::move(params));
  }
}

}  // namespace weir::dispatcher
