// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/internal_api/internal_routes.h"

#include <atomic>
#include <memory>
#include <utility>

#include "dispatcher/internal_api/task_answers.h"
#include "dispatcher/wire/limits.h"
#include "dispatcher/wire/problems.h"
#include "dispatcher/wire/task_wire.h"

namespace weir::dispatcher {
namespace {

using server::HttpRequest;
using server::HttpResponse;
using Route = Result<HttpResponse> (*)(InternalApi&, const HttpRequest&);

constexpr std::string_view kWorkerTokenHeader = "X-Trace-Worker-Token";

Result<std::string> check_worker(InternalApi& api, const HttpRequest& request) {
  auto worker = api.worker_tokens.check(request.header(kWorkerTokenHeader).value_or(""));
  if (!worker.ok()) api.denied(request, worker.error());
  return worker;
}

/// A task whose operator this worker does not run stays queued, and its wake-up out: it goes to
/// others at once. What is lost here is rung again after a minute (6.4).
void ring_for_others(InternalApi& api, const ClaimRequest& claim, const Assignments& assignments) {
  std::vector<TaskId> left;
  for (const Assignment& assignment : assignments.tasks) {
    const auto& refused = assignment.answer.refused;
    if (refused && refused->reason == NotClaimedReason::UnsupportedOperator) {
      left.push_back(assignment.task_id);
    }
  }
  if (!left.empty()) api.desk.pass_on(claim.worker_id, left);
}

Result<HttpResponse> claim(InternalApi& api, const HttpRequest& request) {
  WEIR_TRY(const ClaimRequest claim, read_claim(request.body));
  WEIR_TRY(const Assignments assignments, api.tasks.claim(claim, WithCapability::Yes));
  ring_for_others(api, claim, assignments);
  return json_response(write_claim(assignments, request.request_id));
}

Result<HttpResponse> fetch(InternalApi& api, const HttpRequest& request) {
  const auto id = Uuid::parse(request.query_value("task_id").value_or(""));
  if (!id) return base::invalid_argument("invalid_request", "the query has no UUID task_id");
  WEIR_TRY(const TaskService::Look look, api.tasks.look(TaskId(*id)));
  return json_response(write_look(look));
}

Result<HttpResponse> heartbeat(InternalApi& api, const HttpRequest& request) {
  WEIR_TRY(const auto items, read_heartbeats(request.body, BodyForm::Batch));
  const auto answers = api.tasks.heartbeat(items);
  std::vector<Renewed> renewed(items.size());
  for (std::size_t at = 0; at < items.size(); ++at) {
    if (!answers[at].ok() || !api.mint.due(items[at].task_id, items[at].command.fence.attempt)) {
      continue;
    }
    if (auto token = api.tasks.renew(items[at].task_id); token.ok()) {
      renewed[at].capability = *std::move(token);
    }
  }
  return json_response(write_heartbeats(items, answers, renewed, request.request_id));
}

Result<HttpResponse> complete(InternalApi& api, const HttpRequest& request) {
  WEIR_TRY(const auto items, read_completions(request.body, BodyForm::Batch));
  const auto answers = api.tasks.complete(items);
  return json_response(write_completions(items, answers, request.request_id));
}

Result<HttpResponse> events(InternalApi& api, const HttpRequest& request) {
  WEIR_TRY(const AcceptDraft draft, read_events(request.body));
  WEIR_TRY(const Answer<AcceptReply> answer, api.tasks.accept(draft));
  return answer_accepted(answer, request.request_id);
}

Result<HttpResponse> operator_state(InternalApi& api, const HttpRequest& request) {
  WEIR_TRY(const StateRead read, read_state_read(request.body));
  WEIR_TRY(const Answer<StateRow> answer, api.tasks.read_state(read));
  return answer_state(answer, request.request_id);
}

Result<HttpResponse> jwks(InternalApi& api, const HttpRequest&) {
  HttpResponse response = json_response(api.mint.jwks());
  response.headers.push_back({"Cache-Control", "max-age=300"});
  return response;
}

Result<HttpResponse> metrics(InternalApi& api, const HttpRequest&) {
  HttpResponse response;
  response.content_type = server::kMetricsContentType;
  response.body = api.metrics.text();
  return response;
}

/// A route behind the worker token; every error of it is a problem of section 3.7.
server::HttpHandler behind_worker_token(InternalApi& api, Route route) {
  return [&api, route](const HttpRequest& request) -> Result<HttpResponse> {
    if (const auto worker = check_worker(api, request); !worker.ok()) {
      return problem_response(worker.error(), request.request_id);
    }
    auto response = route(api, request);
    if (!response.ok()) return problem_response(response.error(), request.request_id);
    return response;
  };
}

/// A poll that waits. Once it is at the desk, its responder belongs to who answers it.
struct Poll {
  WakeupRequest request;
  std::size_t acked = 0;
  std::string request_id;
  server::Responder responder;
};
/// The end of its wait before its time: its caller may hurry before the desk has named it.
struct Hurry {
  std::atomic<bool> asked = false;
  std::atomic<WakeupDesk::Ticket> parked = 0;  // 0: not yet
};
using PollPtr = std::shared_ptr<Poll>;
using Messages = std::vector<ReceivedWakeup>;

/// Nobody was told of these leases, and none of their attempts counts.
void give_back(InternalApi& api, const Assignments& assignments) {
  std::vector<TaskItem<CompleteCommand>> items;
  for (const Assignment& assignment : assignments.tasks) {
    if (!assignment.answer.ok()) continue;
    const ClaimReply& lease = assignment.answer.reply;
    TaskItem<CompleteCommand>& item = items.emplace_back();
    item.task_id = assignment.task_id;
    item.command.fence = {lease.attempt, lease.lease_token};
    item.command.outcome = Outcome::Released;
  }
  if (!items.empty()) api.tasks.complete(std::move(items));
}

/// What the worker would ask for next; the way to it and back is saved. Where it fails, the worker
/// asks itself, under the same claim_id.
void claim_and_answer(InternalApi& api, Poll& poll, const Messages& messages) {
  std::string claimed;
  if (!poll.responder.is_peer_gone()) {
    ClaimRequest claim = *poll.request.claim;
    for (const ReceivedWakeup& message : messages) claim.task_ids.push_back(message.task_id);
    // Fewer messages than were asked for are all there are: others are not looked for.
    claim.max = messages.size() < poll.request.max ? 0 : poll.request.max;
    const auto assignments = api.tasks.claim(claim, WithCapability::Yes);
    if (assignments.ok()) {
      ring_for_others(api, claim, *assignments);
      if (poll.responder.is_peer_gone()) give_back(api, *assignments);
      claimed = write_claim(*assignments, poll.request_id);
    }
  }
  poll.responder.answer(json_response(write_wakeups(messages, poll.acked, claimed)));
}

void answer_poll(InternalApi& api, const PollPtr& poll, Result<Messages> messages) {
  if (!messages.ok()) {
    return poll->responder.answer(problem_response(messages.error(), poll->request_id));
  }
  if (poll->request.claim && !messages->empty()) {
    auto found = std::make_shared<Messages>(*std::move(messages));
    const auto taken =
        api.claimers.submit(0, [&api, poll, found] { claim_and_answer(api, *poll, *found); });
    if (taken.ok()) return;
    messages = std::move(*found);
  }
  poll->responder.answer(json_response(write_wakeups(*messages, poll->acked, "")));
}

/// What the transaction that made the tasks claimed for it, each with a message, as of any claim of
/// a poll: nothing is to be acknowledged with these. Where its answer fails, the worker asks again
/// under the same claim_id.
void assign_and_answer(InternalApi& api, Poll& poll, ClaimAnswer claims) {
  Messages messages;
  for (const ClaimedTask& task : claims.tasks) {
    messages.push_back({.queue = task.context->task.queue,
                        .message_id = std::string(kToldMessage),
                        .receipt = task.task_id.text(),
                        .task_id = task.task_id});
  }
  const auto assignments = api.tasks.assign(std::move(claims));
  if (!assignments.ok()) {
    return poll.responder.answer(problem_response(assignments.error(), poll.request_id));
  }
  if (poll.responder.is_peer_gone()) give_back(api, *assignments);
  poll.responder.answer(json_response(
      write_wakeups(messages, poll.acked, write_claim(*assignments, poll.request_id))));
}

/// On another thread: the transaction's has others to answer.
void answer_claimed(InternalApi& api, const PollPtr& poll, Result<ClaimAnswer> claims) {
  if (claims.ok()) {
    auto claimed = std::make_shared<ClaimAnswer>(*std::move(claims));
    const auto taken = api.claimers.submit(
        0, [&api, poll, claimed] { assign_and_answer(api, *poll, std::move(*claimed)); });
    if (taken.ok()) return;
    claims = taken.error();
  }
  poll->responder.answer(problem_response(claims.error(), poll->request_id));
}

/// POST /internal/wakeups: removes what is acknowledged, then answers with messages, or when the
/// wait is over; holds no thread meanwhile.
void wait_for_wakeups(InternalApi& api, const HttpRequest& request, server::Responder responder) {
  const auto fail = [&](const Error& error) {
    responder.answer(problem_response(error, request.request_id));
  };
  if (const auto worker = check_worker(api, request); !worker.ok()) return fail(worker.error());
  auto wanted = read_wakeups(request.body);
  if (!wanted.ok()) return fail(wanted.error());
  std::size_t acked = 0;
  if (!wanted->acknowledged.empty()) {
    const auto removed = api.desk.acknowledge(wanted->acknowledged);
    if (!removed.ok()) return fail(removed.error());
    acked = *removed;
  }
  const auto poll = std::make_shared<Poll>(
      Poll{*std::move(wanted), acked, request.request_id, std::move(responder)});
  const auto hurry = std::make_shared<Hurry>();
  poll->responder.when_hurried([&desk = api.desk, hurry] {
    hurry->asked = true;
    if (const WakeupDesk::Ticket parked = hurry->parked; parked != 0) desk.give_up(parked);
  });
  WakeupDesk::Claimed claimed;
  if (poll->request.claim) {
    claimed = [&api, poll](Result<ClaimAnswer> claims) {
      answer_claimed(api, poll, std::move(claims));
    };
  }
  const auto ticket = api.desk.wait(
      poll->request,
      [&api, poll](Result<Messages> messages) { answer_poll(api, poll, std::move(messages)); },
      std::move(claimed));
  if (!ticket) return;
  hurry->parked = *ticket;
  if (hurry->asked) api.desk.give_up(*ticket);
}

}  // namespace

Result<HttpResponse> answer_accepted(const Answer<AcceptReply>& answer, std::string_view id) {
  if (answer.refused) return problem_response(*answer.refused, id);
  if (answer.fault) return problem_response(*answer.fault, id);
  return json_response(write_accepted(answer.reply));
}

Result<HttpResponse> answer_state(const Answer<StateRow>& answer, std::string_view id) {
  if (answer.refused) return problem_response(*answer.refused, id);
  if (answer.fault) return problem_response(*answer.fault, id);
  return json_response("{\"state\":" + answer.reply.state_json +
                       ",\"revision\":" + std::to_string(answer.reply.revision) + "}");
}

void add_internal_routes(server::Router& router, InternalApi& api) {
  const auto add = [&](const char* method, const char* path, Route route, std::size_t bytes_max) {
    router.add({.method = method,
                .path = path,
                .handler = behind_worker_token(api, route),
                .body_bytes_max = bytes_max});
  };
  add("POST", "/internal/task-claim", claim, kBatchBodyBytes);
  add("GET", "/internal/task-fetch", fetch, 0);
  add("POST", "/internal/heartbeat", heartbeat, kBatchBodyBytes);
  add("POST", "/internal/task-complete", complete, kBatchBodyBytes);
  add("POST", "/internal/events", events, kEventsBodyBytes);
  add("POST", "/internal/operator-state", operator_state, kBatchBodyBytes);
  add("GET", "/internal/jwks/task", jwks, 0);
  add("GET", "/metrics", metrics, 0);
  router.add({.method = "POST",
              .path = "/internal/wakeups",
              .handler = server::DeferredHandler(
                  [&api](const HttpRequest& request, server::Responder responder) {
                    wait_for_wakeups(api, request, std::move(responder));
                  }),
              .body_bytes_max = kBatchBodyBytes});
}

}  // namespace weir::dispatcher
