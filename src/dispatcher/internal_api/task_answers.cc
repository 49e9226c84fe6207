// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/internal_api/task_answers.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "base/json.h"
#include "base/json_dump.h"
#include "base/rfc3339.h"
#include "dispatcher/wire/problems.h"

namespace weir::dispatcher {
namespace {

/// A JSON object or array that is written from front to back.
class JsonText {
 public:
  explicit JsonText(std::string& out, char open = '{')
      : out_(out), close_(open == '{' ? '}' : ']') {
    out_ += open;
  }
  ~JsonText() { out_ += close_; }
  JsonText(const JsonText&) = delete;
  JsonText& operator=(const JsonText&) = delete;

  /// Where the value of the next member, or the next element, is to be written.
  std::string& member(std::string_view name) {
    element();
    base::append_json_text(out_, name);
    out_ += ':';
    return out_;
  }
  std::string& element() {
    if (!first_) out_ += ',';
    first_ = false;
    return out_;
  }

  void text(std::string_view name, std::string_view value) {
    base::append_json_text(member(name), value);
  }
  void number(std::string_view name, std::int64_t value) { member(name) += std::to_string(value); }
  void flag(std::string_view name, bool value) { member(name) += value ? "true" : "false"; }
  void instant(std::string_view name, Instant value) { text(name, base::rfc3339(value)); }

 private:
  std::string& out_;
  const char close_;
  bool first_ = true;
};

std::string problem_text(const std::optional<Refusal>& refused, const std::optional<Error>& fault,
                         std::string_view request_id) {
  return base::dump_json(refused ? problem_json(*refused, request_id)
                                 : problem_json(*fault, request_id));
}

/// One entry of `results`: whose it is, and its result or its problem. Attempt 0 is not told.
template <class Reply, class Write>
void append_item(std::string& out, const TaskId& task, int attempt, const Answer<Reply>& answer,
                 std::string_view request_id, Write write) {
  JsonText item(out);
  item.text("task_id", task.text());
  if (attempt > 0) item.number("attempt", attempt);
  if (answer.ok()) {
    write(item.member("result"));
  } else {
    item.member("problem") += problem_text(answer.refused, answer.fault, request_id);
  }
}

void append_capability(JsonText& object, const Capability& capability) {
  object.text("capability_token", capability.token.reveal());
  object.instant("capability_expires_at", capability.expires_at);
}

void append_assignment(std::string& out, const Assignment& assignment) {
  const ClaimReply& reply = assignment.answer.reply;
  JsonText result(out);
  result.text("lease_token", reply.lease_token.text());
  result.number("fence_no", reply.fence_no);
  result.instant("lease_expires_at", reply.lease_expires_at);
  result.number("heartbeat_interval_seconds", assignment.payload.heartbeat_interval_seconds);
  if (assignment.capability) append_capability(result, *assignment.capability);
  result.flag("duplicate", reply.duplicate);
  operators::append_task_payload(result.member("task"), assignment.payload);
}

void append_heartbeat(std::string& out, const HeartbeatReply& reply, const Renewed& renewed) {
  JsonText result(out);
  result.text("status", word(reply.status));
  if (reply.cancel_reason) result.text("cancel_reason", word(*reply.cancel_reason));
  result.instant("lease_expires_at", reply.lease_expires_at);
  result.flag("paused", reply.paused);
  if (renewed.capability) append_capability(result, *renewed.capability);
}

void append_completion(std::string& out, const CompleteReply& reply) {
  JsonText result(out);
  result.text("status", word(reply.status));
  result.number("attempt", reply.attempt);
  result.flag("duplicate", reply.duplicate);
  if (reply.next_retry_at) result.instant("next_retry_at", *reply.next_retry_at);
}

/// What task-fetch shows: a running task that is to stop reads `canceled` (3.3.2).
std::string_view shown_status(const TaskRecord& task) {
  const bool stopping =
      task.life.state == TaskState::Running && task.life.cancel_requested_at.has_value();
  return word(stopping ? TaskState::Canceled : task.life.state);
}

}  // namespace

server::HttpResponse json_response(std::string body) {
  server::HttpResponse response;
  response.body = std::move(body);
  return response;
}

std::string write_claim(const Assignments& assignments, std::string_view request_id) {
  std::string out;
  {
    JsonText answer(out);
    {
      JsonText results(answer.member("results"), '[');
      for (const Assignment& assignment : assignments.tasks) {
        const int attempt = assignment.answer.ok() ? assignment.answer.reply.attempt : 0;
        append_item(results.element(), assignment.task_id, attempt, assignment.answer, request_id,
                    [&](std::string& to) { append_assignment(to, assignment); });
      }
    }
    answer.flag("more", assignments.more);
  }
  return out;
}

std::string write_heartbeats(std::span<const TaskItem<HeartbeatCommand>> items,
                             std::span<const Answer<HeartbeatReply>> answers,
                             std::span<const Renewed> renewed, std::string_view request_id) {
  std::string out;
  {
    JsonText answer(out);
    JsonText results(answer.member("results"), '[');
    for (std::size_t at = 0; at < items.size(); ++at) {
      append_item(results.element(), items[at].task_id, items[at].command.fence.attempt,
                  answers[at], request_id,
                  [&](std::string& to) { append_heartbeat(to, answers[at].reply, renewed[at]); });
    }
  }
  return out;
}

std::string write_completions(std::span<const TaskItem<CompleteCommand>> items,
                              std::span<const Answer<CompleteReply>> answers,
                              std::string_view request_id) {
  std::string out;
  {
    JsonText answer(out);
    JsonText results(answer.member("results"), '[');
    for (std::size_t at = 0; at < items.size(); ++at) {
      append_item(results.element(), items[at].task_id, items[at].command.fence.attempt,
                  answers[at], request_id,
                  [&](std::string& to) { append_completion(to, answers[at].reply); });
    }
  }
  return out;
}

std::string write_heartbeat(const HeartbeatReply& reply, const Renewed& renewed) {
  std::string out;
  append_heartbeat(out, reply, renewed);
  return out;
}

std::string write_completion(const CompleteReply& reply) {
  std::string out;
  append_completion(out, reply);
  return out;
}

std::string write_accepted(const AcceptReply& reply) {
  std::string out;
  {
    JsonText answer(out);
    {
      JsonText results(answer.member("results"), '[');
      for (std::size_t at = 0; at < reply.events.size(); ++at) {
        const AcceptedEvent& event = reply.events[at];
        JsonText entry(results.element());
        entry.number("index", static_cast<std::int64_t>(at));
        entry.text("event_id", event.event_id.text());
        entry.text("dataset_uuid", event.dataset.text());
        entry.text("dataset_version", event.version.text());
        entry.number("seq", event.seq);
        entry.flag("duplicate", event.duplicate);
      }
    }
    if (reply.state_revision) answer.number("state_revision", *reply.state_revision);
  }
  return out;
}

std::string write_look(const TaskService::Look& look) {
  const TaskRecord& task = look.context.task;
  std::string out;
  {
    JsonText answer(out);
    answer.text("task_id", task.task_id.text());
    answer.text("status", shown_status(task));
    answer.number("attempt", task.life.attempt);
    if (task.life.max_attempts) {
      answer.number("max_attempts", *task.life.max_attempts);
    } else {
      answer.member("max_attempts") += "null";
    }
    answer.flag("cancel_requested", task.life.cancel_requested_at.has_value());
    if (task.life.cancel_reason) answer.text("cancel_reason", word(*task.life.cancel_reason));
    if (look.context.lease) answer.instant("lease_expires_at", look.context.lease->expires_at);
    operators::append_task_payload(answer.member("task"), look.payload);
  }
  return out;
}

std::string write_wakeups(std::span<const ReceivedWakeup> messages, std::size_t acked,
                          std::string_view claim) {
  std::string out;
  {
    JsonText answer(out);
    {
      JsonText list(answer.member("messages"), '[');
      for (const ReceivedWakeup& message : messages) {
        JsonText entry(list.element());
        entry.text("queue", message.queue.text());
        entry.text("message_id", message.message_id);
        entry.text("receipt", message.receipt);
        JsonText payload(entry.member("payload"));
        payload.text("task_id", message.task_id.text());
      }
    }
    answer.number("acked", static_cast<std::int64_t>(acked));
    if (!claim.empty()) answer.member("claim") += claim;
  }
  return out;
}

}  // namespace weir::dispatcher
