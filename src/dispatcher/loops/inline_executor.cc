// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/loops/inline_executor.h"

#include <latch>
#include <utility>

#include "dispatcher/loops/limits.h"
#include "operators/failure.h"
#include "operators/inline_operator.h"

namespace weir::dispatcher {
namespace {

/// Of these queues, the urgent first (6.4).
const std::vector<QueueName> kQueues = {{QueueRuntime::Dispatcher, QueueLevel::High},
                                        {QueueRuntime::Dispatcher, QueueLevel::Normal},
                                        {QueueRuntime::Dispatcher, QueueLevel::Low},
                                        {QueueRuntime::Dispatcher, QueueLevel::Backfill}};

Fence fence_of(const Assignment& assignment) {
  return {assignment.answer.reply.attempt, assignment.answer.reply.lease_token};
}

NewEvent new_event(const operators::EmittedEvent& from) {
  NewEvent event;
  event.output = from.output;
  event.partition_key = from.partition_key;
  event.cursor = from.cursor;
  if (from.range) {
    event.start = from.range->start;
    event.end = from.range->end;
  }
  if (!from.payload.empty()) event.payload_json = from.payload;
  event.batch_no = from.batch_no;
  return event;
}

AcceptDraft draft_of(const Assignment& assignment, const operators::EmitCall& call) {
  AcceptDraft draft{
      .task_id = assignment.task_id, .fence = fence_of(assignment), .events = {}, .state = {}};
  for (const operators::EmittedEvent& event : call.events) {
    draft.events.push_back({.event = new_event(event), .commit = event.commit});
  }
  if (call.state) {
    draft.state = StateWrite{call.state->state_key, call.state->expect_revision, call.state->state};
  }
  return draft;
}

/// The end of a task whose operator succeeded, or failed with an error.
CompleteCommand end_of(const Result<void>& ran, Random& random) {
  CompleteCommand command;
  command.draw = random.next();
  if (ran.ok()) return command;
  const Error& error = ran.error();
  command.outcome = operators::is_retryable(error) ? Outcome::RetryableError : Outcome::FatalError;
  command.error = TaskError{error.reason(), {}, error.message()};
  return command;
}

/// A run of one page, which goes into the transaction of its claim; nothing of any other.
std::optional<InProcessWork> work_of(const operators::TaskPayload& payload, const StateRow& state,
                                     Random& random) {
  const auto run = operators::start_inline(payload, {state.state_json, state.revision});
  if (!run.ok()) return InProcessWork{.end = end_of(run.error(), random)};
  InProcessWork work{.end = end_of({}, random)};
  const auto call = (*run)->next();
  if (!call) return work;
  for (const operators::EmittedEvent& event : call->events) {
    if (event.commit) return std::nullopt;
    work.events.push_back(new_event(event));
  }
  if (call->state) {
    work.state =
        StateWrite{call->state->state_key, call->state->expect_revision, call->state->state};
  }
  if ((*run)->next()) return std::nullopt;
  return work;
}

/// What ended a call that was not carried out, as an operator's failure.
template <class Reply>
Result<void> carried_out(const Answer<Reply>& answer) {
  if (answer.refused) return refusal_error(*answer.refused);
  if (answer.fault) return *answer.fault;
  return {};
}

}  // namespace

Result<std::unique_ptr<InlineExecutor>> InlineExecutor::create(InlineExecutorParts parts) {
  WEIR_TRY(auto pool,
           server::WorkerPool::create(
               {.name = "inline", .concurrency = kInlineThreads, .queue_max = kInlineClaim}));
  return std::unique_ptr<InlineExecutor>(new InlineExecutor(std::move(parts), std::move(pool)));
}

InlineExecutor::InlineExecutor(InlineExecutorParts parts, std::unique_ptr<server::WorkerPool> pool)
    : parts_(std::move(parts)), pool_(std::move(pool)) {
  InProcess in_process;
  in_process.wants_state = [](const TaskContext& context) {
    return operators::needs_state(context.job->operator_name);
  };
  in_process.run = [this](const TaskContext& context, const StateRow& state) {
    const auto payload = parts_.tasks.payload_within(context);
    return payload ? work_of(*payload, state, parts_.random) : std::nullopt;
  };
  in_process_ = std::make_shared<const InProcess>(std::move(in_process));
}

InlineExecutor::~InlineExecutor() { stop(); }

Result<void> InlineExecutor::start() {
  WEIR_CHECK(pool_->start());
  thread_ = std::jthread([this] { run(); });
  return {};
}

void InlineExecutor::stop() {
  {
    const base::MutexLock lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  pool_->stop();
}

/// Messages of the queues, or nothing when the wait is over or the process stops.
std::vector<ReceivedWakeup> InlineExecutor::wait(std::chrono::seconds span) {
  WakeupRequest request;
  request.worker_id = parts_.worker_id;
  request.queues = kQueues;
  request.max = kInlineClaim;
  request.wait = span;
  {
    const base::MutexLock lock(mutex_);
    received_.reset();
  }
  const auto ticket = parts_.desk.wait(request, [this](auto messages) {
    const base::MutexLock lock(mutex_);
    received_ = std::move(messages);
    changed_.notify_all();
  });
  bool stopping = false;
  {
    const base::MutexLock lock(mutex_);
    while (!received_ && !stopping_) changed_.wait(mutex_);
    stopping = !received_;
  }
  // The desk answers exactly once, so the answer is waited for before the next request.
  if (stopping && ticket) parts_.desk.give_up(*ticket);
  const base::MutexLock lock(mutex_);
  while (!received_) changed_.wait(mutex_);
  if (!received_->ok()) {
    parts_.log.warning("the inline executor waits for the queue",
                       {{"reason", received_->error().reason()}});
    if (!stopping_) changed_.wait_for(mutex_, kLoopRetry);
    return {};
  }
  return *std::move(*received_);
}

void InlineExecutor::run() {
  const auto stopping = [this] {
    const base::MutexLock lock(mutex_);
    return stopping_;
  };
  // While claims find work, bells are looked at now and then: their tasks are claimed without them.
  bool more = false;
  Duration look_at{};
  while (!stopping()) {
    std::vector<ReceivedWakeup> messages;
    if (!more || parts_.clock.monotonic() >= look_at) {
      messages = wait(more ? std::chrono::seconds(0) : kInlineWait);
      if (stopping()) return;
      if (messages.size() < kInlineClaim) look_at = parts_.clock.monotonic() + kInlineLook;
    }
    std::vector<TaskId> named;
    std::vector<WakeupReceipt> receipts;
    for (const ReceivedWakeup& message : messages) {
      named.push_back(message.task_id);
      receipts.push_back({message.message_id, message.receipt});
    }
    more = run_claim(std::move(named));
    // Answered or not, the wake-ups go: what can be claimed is rung again (3.3.1).
    if (receipts.empty()) continue;
    if (const auto removed = parts_.desk.acknowledge(receipts); !removed.ok()) {
      parts_.log.warning("wake-ups stay in the queue", {{"reason", removed.error().reason()}});
    }
  }
}

bool InlineExecutor::run_claim(std::vector<TaskId> named) {
  ClaimRequest request;
  request.worker_id = parts_.worker_id;
  request.claim_id = ClaimId(base::uuid_v7(parts_.clock.now(), parts_.random));
  request.task_ids = std::move(named);
  request.max = std::max(kInlineClaim, request.task_ids.size());
  request.runtime = QueueRuntime::Dispatcher;
  request.in_process = in_process_;
  const auto claimed = parts_.tasks.claim(request, WithCapability::No);
  if (!claimed.ok()) {
    parts_.log.warning("the inline executor could not claim",
                       {{"reason", claimed.error().reason()}});
    return false;
  }
  bool ran = false;
  std::vector<const Assignment*> granted;
  for (const Assignment& assignment : claimed->tasks) {
    if (assignment.answer.ok() && !assignment.completed) granted.push_back(&assignment);
    ran = ran || assignment.completed;
  }
  if (granted.empty()) return ran;
  std::vector<TaskItem<CompleteCommand>> completions(granted.size());
  std::latch done(static_cast<std::ptrdiff_t>(granted.size()));
  for (std::size_t at = 0; at < granted.size(); ++at) {
    const auto job = [this, &completions, &granted, &done, at] {
      completions[at] = {granted[at]->task_id, execute(*granted[at])};
      done.count_down();
    };
    if (!pool_->submit(0, job).ok()) job();
  }
  done.wait();
  for (const auto& answer : parts_.tasks.complete(std::move(completions))) {
    if (!answer.fault) continue;
    parts_.log.warning("an inline task was not completed; its lease will expire",
                       {{"reason", answer.fault->reason()}, {"message", answer.fault->message()}});
  }
  return true;
}

Result<void> InlineExecutor::emit_all(const Assignment& assignment) {
  operators::OperatorState state;
  if (operators::needs_state(assignment.payload.op)) {
    WEIR_TRY(const Answer<StateRow> found,
             parts_.tasks.read_state({assignment.task_id, fence_of(assignment), "default"}));
    WEIR_CHECK(carried_out(found));
    state = {found.reply.state_json, found.reply.revision};
  }
  WEIR_TRY(const auto run, operators::start_inline(assignment.payload, state));
  while (const auto call = run->next()) {
    WEIR_TRY(const Answer<AcceptReply> answer, parts_.tasks.accept(draft_of(assignment, *call)));
    WEIR_CHECK(carried_out(answer));
  }
  return {};
}

CompleteCommand InlineExecutor::execute(const Assignment& assignment) {
  CompleteCommand command = end_of(emit_all(assignment), parts_.random);
  command.fence = fence_of(assignment);
  return command;
}

}  // namespace weir::dispatcher
