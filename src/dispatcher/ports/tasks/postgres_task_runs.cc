// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/tasks/postgres_task_runs.h"

#include <utility>

#include "dispatcher/core/fence.h"
#include "dispatcher/ports/database/postgres_limits.h"
#include "dispatcher/ports/tasks/postgres_task_store.h"
#include "drivers/postgres/connection.h"

namespace weir::dispatcher {

using postgres::Connection;
using postgres::Pipeline;

namespace {

Error too_many_tries() {
  return {Code::Aborted, "transaction_conflict", "DAGs subscribe faster than locks are taken"};
}

CreateCommand command_of(const RunRequest& request, const Acceptance::Source& source) {
  CreateCommand create;
  create.task_id = request.run_id;
  create.org_id = source.org_id;
  create.dag_version_id = source.dag_version_id;
  create.kind = TaskKind::SourceRun;
  create.runtime = source.runtime;
  create.level = source.level;
  create.task_class = request.task_class;
  return create;
}

}  // namespace

SourceRuns::SourceRuns(TaskTransaction& transaction, std::span<const RunRequest> requests)
    : transaction_(transaction),
      requests_(with_outputs(requests)),
      producers_(producers_of(requests_)),
      acceptance_((name_runs(), transaction), producers_) {}

std::vector<RunRequest> SourceRuns::with_outputs(std::span<const RunRequest> requests) {
  std::vector<RunRequest> copies(requests.begin(), requests.end());
  for (RunRequest& request : copies) {
    if (!request.event.output && !request.event.dataset) request.event.output = 0;
  }
  return copies;
}

std::vector<Acceptance::Producer> SourceRuns::producers_of(std::span<const RunRequest> requests) {
  std::vector<Acceptance::Producer> producers;
  for (const RunRequest& request : requests) {
    producers.push_back({.task = request.run_id,
                         .build = request.build_id,
                         .events = std::span(&request.event, 1),
                         .state = nullptr});
  }
  return producers;
}

void SourceRuns::name_runs() {
  std::vector<TaskId> runs;
  runs.reserve(requests_.size());
  for (const RunRequest& request : requests_) runs.push_back(request.run_id);
  transaction_.name(runs);
}

Result<std::optional<std::vector<postgres::Rows>>> SourceRuns::load() {
  transaction_.lock_tasks();
  acceptance_.queue_reads();
  transaction_.read({.tokens = {}, .contexts = false, .fresh = true});
  WEIR_TRY(std::vector<postgres::Rows> results, transaction_.load());
  acceptance_.take(results);
  if (acceptance_.must_start_over()) return std::optional<std::vector<postgres::Rows>>();
  WEIR_CHECK(acceptance_.meet_claims());
  return std::optional(std::move(results));
}

Answer<RunReply> SourceRuns::start(std::size_t index) {
  const RunRequest& request = requests_[index];
  Answer<RunReply> answer;
  answer.reply.task_id = request.run_id;
  const Acceptance::Source* source = acceptance_.source(request.build_id);
  if (source == nullptr) {
    answer.fault = base::not_found("not_found", "no such source");
    return answer;
  }
  if (transaction_.view(request.run_id).presence != Presence::Unknown) {
    answer.reply.duplicate = true;
    answer.reply.event_id = acceptance_.event_of(request.run_id);
    return answer;
  }
  const BuildFacts facts = transaction_.facts({source->dag_version_id, request.build_id});
  InlineRun run;
  run.create = command_of(request, *source);
  run.create.scope.partition_key = request.event.partition_key;
  run.create.scope.start = request.event.start;
  run.create.scope.end = request.event.end;
  run.create.scope.cursor_to = request.event.cursor;
  run.create.may_ring = false;  // Nobody is woken for what runs here; a held run is owed.
  run.claim.worker_id = std::string(kInlineWorker);
  run.claim.lease_token = transaction_.fresh<LeaseToken>();
  const auto decision = decide(facts, run, transaction_.now());
  if (decision.refused) {
    answer.refused = decision.refused;
    return answer;
  }
  const TaskRecord task = *decision.change.created;
  const auto checked = acceptance_.check(task, producers_[index]);
  if (!checked.ok()) {
    answer.fault = checked.error();
    return answer;
  }
  transaction_.create(decision.change);
  if (decision.reply.state != TaskState::Completed) return answer;  // the gate holds it
  const auto accepted = acceptance_.accept(task, task.life.attempt, producers_[index]);
  answer.reply.event_id = accepted->events.front().event_id;
  acceptance_.note_run(request.run_id, *answer.reply.event_id);
  return answer;
}

bool SourceRuns::start_always_on(std::size_t index) {
  const RunRequest& request = requests_[index];
  const Acceptance::Source* source = acceptance_.source(request.build_id);
  if (source == nullptr) return false;
  if (transaction_.view(request.run_id).presence != Presence::Unknown) return false;
  const BuildFacts facts = transaction_.facts({source->dag_version_id, request.build_id});
  CreateCommand create = command_of(request, *source);
  create.unlimited_attempts = true;
  const QueueLevel level =
      facts.live_world ? create.level : std::min(create.level, QueueLevel::Low);
  create.may_ring = transaction_.budget().may_ring({create.runtime, level});
  const auto decision = decide(facts, create, transaction_.now());
  if (!decision.change.created) return false;
  transaction_.create(decision.change);
  return true;
}

Result<void> SourceRuns::commit(const std::function<void(Pipeline&)>& more) {
  return transaction_.commit([&](Pipeline& pipeline) {
    acceptance_.write(pipeline);
    if (more) more(pipeline);
  });
}

Result<std::vector<Answer<RunReply>>> PostgresTaskStore::start_runs(
    std::span<const RunRequest> requests) {
  std::vector<Answer<RunReply>> answers;
  const auto done = with_session([&](Connection& connection) -> Result<void> {
    for (int tries = 0; tries < kAcceptTriesMax; ++tries) {
      TaskTransaction transaction(connection, ports_, jobs_);
      SourceRuns runs(transaction, requests);
      WEIR_TRY(const auto loaded, runs.load());
      if (!loaded) {
        WEIR_CHECK(connection.rollback());
        continue;
      }
      for (std::size_t at = 0; at < requests.size(); ++at) answers.push_back(runs.start(at));
      return runs.commit();
    }
    return too_many_tries();
  });
  if (!done.ok()) return done.error();
  return answers;
}

Result<std::vector<Answer<AcceptReply>>> PostgresTaskStore::accept(
    std::span<const AcceptRequest> requests) {
  std::vector<Answer<AcceptReply>> answers(requests.size());
  std::vector<Acceptance::Producer> producers;
  std::vector<TaskId> tasks;
  TaskTransaction::Reads reads;
  for (const AcceptRequest& request : requests) {
    tasks.push_back(request.task_id);
    reads.tokens.push_back(request.fence.lease_token);
    producers.push_back({.task = request.task_id,
                         .build = {},
                         .events = request.events,
                         .state = request.state ? &*request.state : nullptr});
    for (const NewEvent& event : request.events) reads.contexts |= event.batch_no.has_value();
  }
  const auto done = with_session([&](Connection& connection) -> Result<void> {
    for (int tries = 0; tries < kAcceptTriesMax; ++tries) {
      TaskTransaction transaction(connection, ports_, jobs_);
      transaction.name(tasks);
      Acceptance acceptance(transaction, producers);
      transaction.lock_tasks();
      acceptance.queue_reads();
      transaction.read(reads);
      WEIR_TRY(const std::vector<postgres::Rows> results, transaction.load());
      acceptance.take(results);
      if (acceptance.must_start_over()) {
        WEIR_CHECK(connection.rollback());
        continue;
      }
      WEIR_CHECK(acceptance.meet_claims());
      for (std::size_t at = 0; at < requests.size(); ++at) {
        const AcceptRequest& request = requests[at];
        const TaskView view = transaction.view(request.task_id, request.fence.lease_token);
        answers[at].refused =
            check_fence(view, transaction.facts(view), request.fence, FencedCall::Events);
        if (answers[at].refused) continue;
        auto accepted = acceptance.accept(view.task, request.fence.attempt, producers[at]);
        if (accepted.ok()) {
          answers[at].reply = *std::move(accepted);
        } else {
          answers[at].fault = std::move(accepted).error();
        }
      }
      return transaction.commit([&](Pipeline& pipeline) { acceptance.write(pipeline); });
    }
    return too_many_tries();
  });
  if (!done.ok()) return done.error();
  return answers;
}

}  // namespace weir::dispatcher
