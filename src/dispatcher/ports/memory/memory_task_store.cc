// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/ports/memory/memory_task_store.h"

#include <utility>

#include "dispatcher/core/fence.h"
#include "dispatcher/ports/memory/memory_task_chores.h"
#include "dispatcher/ports/memory/memory_task_claim.h"
#include "dispatcher/ports/memory/memory_task_transaction.h"
#include "dispatcher/ports/task_limits.h"

namespace weir::dispatcher {
namespace {

/// A decision as the answer to an item.
template <class Reply>
Answer<Reply> answer_of(Decision<Reply>&& decision) {
  Answer<Reply> answer;
  answer.refused = std::move(decision.refused);
  if (!answer.refused) answer.reply = std::move(decision.reply);
  return answer;
}

/// Fenced commands, one after the other.
template <class Reply, class Command>
std::vector<Answer<Reply>> run_items(MemoryTransaction& transaction,
                                     std::span<const TaskItem<Command>> items) {
  std::vector<Answer<Reply>> answers;
  answers.reserve(items.size());
  for (const TaskItem<Command>& item : items) {
    const TaskView view = transaction.view(item.task_id, item.command.fence.lease_token);
    answers.push_back(answer_of(transaction.run(view, item.command)));
  }
  transaction.finish();
  return answers;
}

}  // namespace

Result<std::vector<ClaimAnswer>> MemoryTaskStore::claim(std::span<const ClaimRequest> requests) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now());
  std::vector<ClaimAnswer> answers;
  answers.reserve(requests.size());
  for (const ClaimRequest& request : requests) {
    answers.push_back(MemoryClaim(transaction, request).run());
  }
  std::size_t events = kInProcessEventsMax;
  for (std::size_t at = 0; at < requests.size(); ++at) {
    MemoryClaim(transaction, requests[at]).run_claimed(answers[at], events);
  }
  transaction.finish();
  return answers;
}

Result<std::vector<Answer<HeartbeatReply>>> MemoryTaskStore::heartbeat(
    std::span<const TaskItem<HeartbeatCommand>> items) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now());
  auto answers = run_items<HeartbeatReply>(transaction, items);
  for (std::size_t at = 0; at < items.size(); ++at) {
    const TaskRecord* task = plane_.state_.find_task(items[at].task_id);
    if (task == nullptr || task->kind != TaskKind::SourceRun) answers[at].reply.paused = false;
  }
  return answers;
}

Result<std::vector<Answer<CompleteReply>>> MemoryTaskStore::complete(
    std::span<const TaskItem<CompleteCommand>> items) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now());
  return run_items<CompleteReply>(transaction, items);
}

Result<std::vector<Answer<AcceptReply>>> MemoryTaskStore::accept(
    std::span<const AcceptRequest> requests) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now(), waiting_);
  std::vector<Answer<AcceptReply>> answers(requests.size());
  for (std::size_t at = 0; at < requests.size(); ++at) {
    const AcceptRequest& request = requests[at];
    const TaskView view = transaction.view(request.task_id, request.fence.lease_token);
    answers[at].refused =
        check_fence(view, transaction.facts(view), request.fence, FencedCall::Events);
    if (answers[at].refused) continue;
    auto accepted = transaction.accept(view.task, request.fence.attempt, request);
    if (accepted.ok()) {
      answers[at].reply = *std::move(accepted);
    } else {
      answers[at].fault = std::move(accepted).error();
    }
  }
  transaction.finish();
  return answers;
}

Result<std::vector<Answer<RunReply>>> MemoryTaskStore::start_runs(
    std::span<const RunRequest> requests) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now(), waiting_);
  std::vector<Answer<RunReply>> answers;
  answers.reserve(requests.size());
  for (const RunRequest& request : requests) answers.push_back(transaction.start_run(request));
  transaction.finish();
  return answers;
}

Result<Answer<StateReply>> MemoryTaskStore::command(const UserRequest& request) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now());
  TaskView view = transaction.view(request.task_id);
  if (view.presence != Presence::Unknown && view.task.org_id != request.org_id) view = TaskView{};
  if (view.task.org_id != request.org_id) view.presence = Presence::Unknown;
  auto answer = request.command == UserCommand::Cancel
                    ? answer_of(transaction.run(view, CancelCommand{}))
                    : answer_of(transaction.run(view, RetryCommand{}));
  transaction.finish();
  return answer;
}

Result<TaskContext> MemoryTaskStore::fetch(const TaskId& task) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now());
  const TaskView view = transaction.view(task);
  if (view.presence == Presence::Unknown) {
    return base::not_found("task_not_found", "no such task");
  }
  return transaction.context(view.task);
}

Result<Answer<StateRow>> MemoryTaskStore::read_state(const StateRead& request) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now());
  const TaskView view = transaction.view(request.task_id, request.fence.lease_token);
  Answer<StateRow> answer;
  answer.refused = check_fence(view, transaction.facts(view), request.fence, FencedCall::ReadState);
  if (answer.refused) return answer;
  const auto& rows = plane_.state_.tables.operator_state;
  const auto row = rows.find({view.task.build_id, request.state_key});
  if (row != rows.end()) {
    answer.reply = {.state_json = row->second.state_json, .revision = row->second.revision};
  }
  return answer;
}

Result<ChorePage> MemoryTaskStore::run_chore(Chore chore, std::size_t limit) {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now(), waiting_);
  ChorePage page = MemoryChores(transaction).run(chore, limit);
  transaction.finish();
  return page;
}

Result<DueInstants> MemoryTaskStore::due() {
  const base::MutexLock lock(plane_.mutex_);
  MemoryTransaction transaction(plane_.state_, plane_.random_, plane_.clock_.now());
  return MemoryChores(transaction).due();
}

}  // namespace weir::dispatcher
