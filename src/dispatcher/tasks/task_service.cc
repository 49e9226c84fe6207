// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/tasks/task_service.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "dispatcher/core/claim_gate.h"
#include "dispatcher/tasks/shared_calls.h"
#include "dispatcher/tasks/task_documents.h"
#include "storage/commit_verifier.h"

namespace weir::dispatcher {
namespace {

using HeartbeatItem = TaskItem<HeartbeatCommand>;
using CompleteItem = TaskItem<CompleteCommand>;

/// The output that an event names, by number or by dataset.
const OutputContext* output_of(const JobContext& job, const NewEvent& event) {
  const auto named = [&](const OutputContext& output) {
    return event.output ? output.output == *event.output : output.dataset == *event.dataset;
  };
  const auto found = std::ranges::find_if(job.outputs, named);
  return found == job.outputs.end() ? nullptr : &*found;
}

/// Items of a batch are independent: what became of one call is the answer of its own items.
template <class Reply>
std::vector<Answer<Reply>> answers_of(std::vector<Result<Answer<Reply>>> results) {
  std::vector<Answer<Reply>> answers;
  answers.reserve(results.size());
  for (Result<Answer<Reply>>& result : results) {
    if (result.ok()) {
      answers.push_back(*std::move(result));
    } else {
      answers.push_back({.refused = {}, .fault = std::move(result).error(), .reply = {}});
    }
  }
  return answers;
}

}  // namespace

TaskService::TaskService(TaskServiceParts parts)
    : parts_(parts), calls_(std::make_unique<SharedCalls>(parts.store, parts.sessions)) {}

TaskService::~TaskService() = default;

void TaskService::stop() { calls_->stop(); }

Result<operators::TaskPayload> TaskService::payload_of(const TaskContext& context,
                                                       std::int64_t fence_no) {
  std::vector<ExtraGrant> extra;
  if (const auto wanted = wanted_versions(context); !wanted.empty()) {
    std::vector<VersionAsk> asked;
    asked.reserve(wanted.size());
    for (const WantedVersion& version : wanted) asked.push_back(version.ask);
    WEIR_TRY(auto found, parts_.datasets.versions(context.job->org_id, asked));
    for (std::size_t at = 0; at < wanted.size(); ++at) {
      if (found[at]) extra.push_back({wanted[at].relation, *std::move(found[at])});
    }
  }
  return make_payload(context, fence_no, extra, parts_.objects.root());
}

std::optional<operators::TaskPayload> TaskService::payload_within(
    const TaskContext& context) const {
  if (!wanted_versions(context).empty()) return std::nullopt;
  return make_payload(context, 0, {}, parts_.objects.root());
}

void TaskService::note_end(const CompleteReply& reply) {
  if (reply.status == TaskState::RetryWait) parts_.nudges.chore(Chore::QueueRetries, {});
}

/// Payload and token, while the claim is written; where more must be looked up, that waits.
void TaskService::prepare(const TaskContext& context, Prepared& prepared) {
  auto payload = payload_within(context);
  if (!payload) return;
  auto capability = parts_.mint.issue(*payload, parts_.objects.root());
  if (!capability.ok()) return;
  prepared.insert_or_assign(context.task.task_id,
                            std::pair(*std::move(payload), *std::move(capability)));
}

Result<Assignments> TaskService::claim(const ClaimRequest& request, WithCapability with) {
  Prepared prepared;
  ClaimRequest asked = request;
  if (with == WithCapability::Yes) {
    asked.granted = [&](const TaskContext& context) { prepare(context, prepared); };
  }
  WEIR_TRY(ClaimAnswer claims, calls_->claims.run(std::move(asked)));
  return assign(std::move(claims), with, std::move(prepared));
}

Result<Assignments> TaskService::assign(ClaimAnswer claims) {
  return assign(std::move(claims), WithCapability::Yes, {});
}

Result<Assignments> TaskService::assign(ClaimAnswer claims, WithCapability with,
                                        Prepared prepared) {
  Assignments assignments;
  assignments.more = claims.more;
  Duration shortest = Duration::max();
  bool emitted = false;
  for (ClaimedTask& claimed : claims.tasks) {
    Assignment& assignment = assignments.tasks.emplace_back();
    assignment.task_id = claimed.task_id;
    assignment.answer = std::move(claimed.answer);
    assignment.completed = claimed.completed;
    if (claimed.completed) {
      note_end(*claimed.completed);
      emitted = true;
      continue;
    }
    if (!assignment.answer.ok() || !claimed.context) continue;
    shortest =
        std::min(shortest, lease_terms(claimed.context->task.kind, claimed.context->build).lease);
    const std::int64_t fence_no = assignment.answer.reply.fence_no;
    if (const auto ready = prepared.find(claimed.task_id); ready != prepared.end()) {
      std::tie(assignment.payload, assignment.capability) = std::move(ready->second);
      assignment.payload.fence_no = fence_no;
      continue;
    }
    WEIR_TRY(assignment.payload, payload_of(*claimed.context, fence_no));
    if (with == WithCapability::No) continue;
    WEIR_TRY(assignment.capability, parts_.mint.issue(assignment.payload, parts_.objects.root()));
  }
  if (emitted) parts_.nudges.outbox();
  if (shortest != Duration::max()) parts_.nudges.chore(Chore::ExpireLeases, shortest);
  return assignments;
}

std::vector<Answer<HeartbeatReply>> TaskService::heartbeat(std::vector<HeartbeatItem> items) {
  return answers_of(calls_->heartbeats.run_all(std::move(items)));
}

std::vector<Answer<CompleteReply>> TaskService::complete(std::vector<CompleteItem> items) {
  auto answers = answers_of(calls_->completions.run_all(std::move(items)));
  for (const Answer<CompleteReply>& answer : answers) {
    if (answer.ok()) note_end(answer.reply);
  }
  // A completion may ring the next task in order, and a release its own.
  parts_.nudges.outbox();
  return answers;
}

/// Commits are verified before the transaction (6.7): what is named must be there. A parquet
/// output without a commit, and one with another kind, the store refuses.
Result<std::vector<NewEvent>> TaskService::verified(const AcceptDraft& draft) {
  std::vector<NewEvent> events;
  std::optional<TaskContext> context;
  for (const EventDraft& event : draft.events) {
    NewEvent& added = events.emplace_back(event.event);
    if (!event.commit) continue;
    if (!context) {
      WEIR_TRY(context, parts_.store.fetch(draft.task_id));
    }
    const OutputContext* output = output_of(*context->job, event.event);
    if (output == nullptr) continue;
    WEIR_TRY(added.commit,
             storage::verify_commit(parts_.objects,
                                    {.place = {.dataset = output->dataset,
                                               .version = output->version,
                                               .task = draft.task_id,
                                               .attempt = draft.fence.attempt},
                                     .partition_key = event.event.partition_key.value_or(""),
                                     .named = *event.commit}));
  }
  return events;
}

Result<Answer<AcceptReply>> TaskService::accept(const AcceptDraft& draft) {
  AcceptRequest request{
      .task_id = draft.task_id, .fence = draft.fence, .events = {}, .state = draft.state};
  WEIR_TRY(request.events, verified(draft));
  WEIR_TRY(auto answer, calls_->acceptances.run(std::move(request)));
  if (answer.ok()) parts_.nudges.outbox();
  return answer;
}

Result<Answer<RunReply>> TaskService::start_run(const RunRequest& request) {
  WEIR_TRY(auto answers, parts_.store.start_runs({&request, 1}));
  parts_.nudges.outbox();
  return std::move(answers.front());
}

Result<Answer<StateReply>> TaskService::command(const UserRequest& request) {
  WEIR_TRY(auto answer, parts_.store.command(request));
  parts_.nudges.outbox();
  return answer;
}

Result<Answer<StateRow>> TaskService::read_state(const StateRead& request) {
  return parts_.store.read_state(request);
}

Result<TaskService::Look> TaskService::look(const TaskId& task) {
  Look look;
  WEIR_TRY(look.context, parts_.store.fetch(task));
  WEIR_TRY(look.payload, payload_of(look.context, 0));
  return look;
}

Result<Capability> TaskService::renew(const TaskId& task) {
  WEIR_TRY(const Look found, look(task));
  return parts_.mint.issue(found.payload, parts_.objects.root());
}

}  // namespace weir::dispatcher
