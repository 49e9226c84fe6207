// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_store.h"

#include <array>
#include <utility>

#include "dispatcher/core/fence.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/database/postgres_port_error.h"
#include "dispatcher/ports/tasks/postgres_task_rows.h"
#include "dispatcher/ports/tasks/postgres_task_sql.h"
#include "dispatcher/ports/tasks/postgres_task_transaction.h"
#include "drivers/postgres/pool.h"

namespace weir::dispatcher {
namespace {

using postgres::Connection;
using postgres::Params;
using postgres::Rows;
using postgres::Statement;

constexpr Statement kReadState = {
    "task_read_state",
    "SELECT s.state, s.revision FROM state.operator_state s JOIN state.tasks t"
    " ON t.build_id = s.build_id WHERE t.task_id = ANY(current_setting('weir.tasks')::uuid[])"
    " AND s.state_key = $1"};

constexpr Statement kReadArchivedTrigger = {"task_read_archived_trigger",
                                            "SELECT " WEIR_EVENT_COLUMNS
                                            " FROM state.events e WHERE e.event_id = $1::uuid"};

constexpr Statement kReadArchivedFacts = {
    "task_read_archived_facts", "SELECT j.dag_version_id, " WEIR_FACT_COLUMNS
                                " FROM state.builds b JOIN state.jobs j ON j.name = b.job_name"
                                " WHERE b.build_id = $1::uuid AND j.dag_version_id = $2::uuid"};

template <class Reply>
Answer<Reply> answer_of(Decision<Reply>&& decision) {
  Answer<Reply> answer;
  answer.refused = std::move(decision.refused);
  if (!answer.refused) answer.reply = std::move(decision.reply);
  return answer;
}

template <class Items>
std::vector<TaskId> ids_of(const Items& items) {
  std::vector<TaskId> ids;
  ids.reserve(items.size());
  for (const auto& item : items) ids.push_back(item.task_id);
  return ids;
}

/// Fenced commands, one after the other.
template <class Reply, class Command>
Result<std::vector<Answer<Reply>>> run_items(TaskTransaction& transaction,
                                             std::span<const TaskItem<Command>> items) {
  transaction.name(ids_of(items));
  transaction.lock_switches();
  transaction.lock_tasks();
  TaskTransaction::Reads reads;
  for (const auto& item : items) reads.tokens.push_back(item.command.fence.lease_token);
  transaction.read(reads);
  WEIR_CHECK(transaction.load());
  std::vector<Answer<Reply>> answers;
  answers.reserve(items.size());
  for (const auto& item : items) {
    const TaskView view = transaction.view(item.task_id, item.command.fence.lease_token);
    answers.push_back(answer_of(transaction.run(view, item.command)));
  }
  WEIR_CHECK(transaction.commit());
  return answers;
}

}  // namespace

Result<void> PostgresTaskStore::with_session(const std::function<Result<void>(Connection&)>& work) {
  auto lease = pool_.acquire(kTaskSessionWait);
  if (!lease.ok()) return as_port_error(std::move(lease).error());
  auto done = work(**lease);
  if (!done.ok()) return as_port_error(std::move(done).error());
  return {};
}

Result<std::vector<Answer<HeartbeatReply>>> PostgresTaskStore::heartbeat(
    std::span<const TaskItem<HeartbeatCommand>> items) {
  std::vector<Answer<HeartbeatReply>> answers;
  const auto done = with_session([&](Connection& connection) -> Result<void> {
    TaskTransaction transaction(connection, ports_, jobs_);
    WEIR_TRY(answers, (run_items<HeartbeatReply>(transaction, items)));
    for (std::size_t at = 0; at < items.size(); ++at) {
      const TaskView view = transaction.view(items[at].task_id);
      const bool source = view.presence == Presence::Live && view.task.kind == TaskKind::SourceRun;
      if (!source) answers[at].reply.paused = false;
    }
    return {};
  });
  if (!done.ok()) return done.error();
  return answers;
}

Result<std::vector<Answer<CompleteReply>>> PostgresTaskStore::complete(
    std::span<const TaskItem<CompleteCommand>> items) {
  std::vector<Answer<CompleteReply>> answers;
  const auto done = with_session([&](Connection& connection) -> Result<void> {
    TaskTransaction transaction(connection, ports_, jobs_);
    WEIR_TRY(answers, (run_items<CompleteReply>(transaction, items)));
    return {};
  });
  if (!done.ok()) return done.error();
  return answers;
}

Result<Answer<StateReply>> PostgresTaskStore::command(const UserRequest& request) {
  Answer<StateReply> answer;
  const auto done = with_session([&](Connection& connection) -> Result<void> {
    TaskTransaction transaction(connection, ports_, jobs_);
    transaction.name(std::array{request.task_id});
    transaction.lock_switches();
    transaction.lock_tasks();
    transaction.read();
    WEIR_CHECK(transaction.load());
    TaskView view = transaction.view(request.task_id);
    if (view.presence != Presence::Unknown && view.task.org_id != request.org_id) {
      view = TaskView{};
      view.presence = Presence::Unknown;
    }
    answer = request.command == UserCommand::Cancel
                 ? answer_of(transaction.run(view, CancelCommand{}))
                 : answer_of(transaction.run(view, RetryCommand{}));
    return transaction.commit();
  });
  if (!done.ok()) return done.error();
  return answer;
}

Result<TaskContext> PostgresTaskStore::fetch(const TaskId& task) {
  std::optional<TaskContext> context;
  const auto done = with_session([&](Connection& connection) -> Result<void> {
    TaskTransaction transaction(connection, ports_, jobs_);
    transaction.name(std::array{task});
    transaction.read_tasks();
    transaction.read({.tokens = {}, .contexts = true});
    WEIR_CHECK(transaction.load());
    const TaskView view = transaction.view(task);
    if (view.presence == Presence::Unknown) {
      return base::not_found("task_not_found", "no such task");
    }
    if (view.presence == Presence::Live) {
      context = transaction.context(task);
      return connection.rollback();
    }
    const JobKey key{view.task.dag_version_id, view.task.build_id};
    Params params;
    params.uuid(key.second.uuid()).uuid(key.first.uuid());
    WEIR_TRY(const Rows facts, connection.execute(kReadArchivedFacts, params));
    WEIR_CHECK(jobs_.fetch(connection, {key}));
    context = TaskContext{.task = view.task,
                          .build = sql::facts_of(facts, 0),
                          .job = transaction.job(key),
                          .trigger = {},
                          .lease = {}};
    if (view.task.trigger_event_id) {
      Params event;
      event.uuid(view.task.trigger_event_id->uuid());
      WEIR_TRY(const Rows rows, connection.execute(kReadArchivedTrigger, event));
      if (!rows.empty()) context->trigger = sql::event_of(rows, 0, 0);
    }
    return connection.rollback();
  });
  if (!done.ok()) return done.error();
  return *std::move(context);
}

Result<Answer<StateRow>> PostgresTaskStore::read_state(const StateRead& request) {
  Answer<StateRow> answer;
  const auto done = with_session([&](Connection& connection) -> Result<void> {
    TaskTransaction transaction(connection, ports_, jobs_);
    transaction.name(std::array{request.task_id});
    transaction.read_tasks();
    const std::size_t state =
        transaction.pipeline().add(kReadState, std::move(Params().text(request.state_key)));
    transaction.read({.tokens = {request.fence.lease_token}, .contexts = false});
    WEIR_TRY(const std::vector<Rows> rows, transaction.load());
    const TaskView view = transaction.view(request.task_id, request.fence.lease_token);
    answer.refused =
        check_fence(view, transaction.facts(view), request.fence, FencedCall::ReadState);
    if (!answer.refused && !rows[state].empty()) {
      answer.reply = {.state_json = canonical(rows[state].text(0, 0)),
                      .revision = rows[state].int64(0, 1)};
    }
    return connection.rollback();
  });
  if (!done.ok()) return done.error();
  return answer;
}

}  // namespace weir::dispatcher
